/** Verifies the audit's chain over the database and the file outside of it (domain/audit/verify.ts has the rules). Reads only, a page at a time. */
import { createHash } from "node:crypto";
import type { StoredEntry } from "../../domain/audit/entry.ts";
import type { Head } from "../../domain/audit/heads.ts";
import type { AboutBreak } from "../../domain/audit/restore.ts";
import { acceptedTexts, findingTexts } from "../../domain/audit/texts.ts";
import { createVerifier, type Link } from "../../domain/audit/verify.ts";
import { type Answered, answered } from "../../domain/operations/refusals.ts";
import type { AuditVerification } from "../../domain/operations/views-audit.ts";
import { chinaDateTimeMsOf } from "../../domain/access/moments.ts";
import { chinaDateTimeOf } from "../../domain/time.ts";
import type { HeadsFile } from "../audit/heads-file.ts";
import type { AuditKeys } from "../audit/keys.ts";
import { LAST_LINK } from "./audit-seal.ts";
import { reading } from "./operations-sql.ts";
import type { Pool } from "./pool.ts";

const PAGE_ROWS = 2_000;
/** Each page has this long. */
const PAGE_TIMEOUT_MS = 15_000;
/** Entries without a link that are looked at. */
const LOOSE_MAX = 200;
/** Heads read of the database. */
const HEADS_MAX = 1_000_000;

const ENTRY = `o.id::text as id, (extract(epoch from o.at) * 1000000)::bigint::text as micros, o.who, o.action, o.target_kind as "targetKind",
  o.target_id as "targetId", o.reason, o.approved_by as "approvedBy", o.before::text as before, o.after::text as after, o.mark`;
const PAGE = `select l.n::text as n, l.action_id::text as "actionId", l.hash, ${ENTRY} from audit_link l left join operator_action o on o.id = l.action_id
  where l.n > $1::bigint and l.n <= $2::bigint order by l.n limit ${PAGE_ROWS}`;
const LOOSE = `select ${ENTRY} from operator_action o where not exists (select 1 from audit_link l where l.action_id = o.id) order by o.id limit ${LOOSE_MAX}`;
const HEADS = `select h.n::text as n, h.hash, h.at, h.since::text as since, h.key, h.signature from audit_head h order by h.seq limit ${HEADS_MAX}`;

type PageRow = Omit<Link, "entry"> & { readonly [K in keyof StoredEntry]: StoredEntry[K] | null };

export interface VerifyDeps {
  readonly reads: Pool;
  readonly keys: AuditKeys;
  readonly file: HeadsFile;
  readonly nowMs: () => number;
}

/** Verifies everything; whoever asks while it is being verified gets that answer. */
export function createAuditVerification(deps: VerifyDeps): () => Promise<Answered<AuditVerification>> {
  let underWay: Promise<Answered<AuditVerification>> | undefined;
  return () => {
    underWay ??= verifyAll(deps).finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

const aboutOf = ({ entry, n, by, reason, atMs }: AboutBreak) => ({ entry, n, by, reason, at: chinaDateTimeMsOf(atMs) });

async function verifyAll({ reads, keys, file, nowMs }: VerifyDeps): Promise<Answered<AuditVerification>> {
  const begun = performance.now();
  const rows = <R extends object>(text: string, values: readonly unknown[] = []): Promise<Answered<readonly R[]>> =>
    reading(reads, PAGE_TIMEOUT_MS, async (client) => answered((await client.query<R>(text, [...values])).rows as readonly R[]));
  // The heads before the chain: what is signed meanwhile is not missing in it.
  const written = await file.heads();
  const heads = await rows<Head>(HEADS);
  if (!heads.ok) return heads;
  const outside = (written ?? []).filter(keys.verifies);
  const stored = heads.value.filter(keys.verifies);
  const forged = heads.value.filter((head) => !keys.verifies(head));
  const last = await rows<{ n: string }>(LAST_LINK);
  if (!last.ok) return last;
  const upTo = last.value[0]?.n ?? "0";
  const needed = new Set([...stored, ...outside].map((head) => head.n));
  // The oldest head said since when entries are marked; without any, nothing was sealed yet and everything counts as old.
  const since = BigInt((outside[0] ?? stored[0])?.since ?? upTo);
  const verifier = createVerifier({ hash: sha256, mac: keys.mac }, { needed, since });
  let entries = 0;
  for (let after = "0"; ; ) {
    const page = await rows<PageRow>(PAGE, [after, upTo]);
    if (!page.ok) return page;
    for (const { n, actionId, hash, ...entry } of page.value) {
      verifier.link({ n, actionId, hash, entry: entry.id === null ? null : (entry as StoredEntry) });
      entries += entry.id === null ? 0 : 1;
    }
    after = page.value.at(-1)?.n ?? upTo;
    if (page.value.length < PAGE_ROWS) break;
  }
  const loose = await rows<StoredEntry>(LOOSE);
  if (!loose.ok) return loose;
  const told = verifier.end({ stored, outside, forged, loose: loose.value });
  const head = stored.at(-1);
  return answered({
    intact: told.findings.length === 0,
    entries,
    upTo: told.last.n,
    ...(head === undefined ? {} : { head: { n: head.n, hash: head.hash, at: head.at, key: head.key } }),
    outside: written === undefined ? "missing" : outside.length > 0 ? "read" : "empty",
    findings: told.findings.map((finding) => ({ ...finding, ...findingTexts(finding) })),
    more: told.more,
    accepted: told.accepted.map((one) => {
      const { accepted, ...broken } = one;
      return { ...broken, ...aboutOf(accepted), approvedBy: accepted.approvedBy ?? "", ...acceptedTexts(one) };
    }),
    breaks: told.open.map(({ asked, ...broken }) => ({
      ...broken,
      ...(asked === undefined ? {} : { asked: { ...aboutOf(asked), ...(asked.account === null ? {} : { account: asked.account }) } }),
    })),
    checkedAt: chinaDateTimeOf(nowMs()),
    tookMs: Math.round(performance.now() - begun),
  });
}
