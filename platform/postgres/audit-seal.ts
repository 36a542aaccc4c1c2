/**
 * Seals the audit: one worker at a time signs the chain's head as soon as it has moved, first into the file outside of the database, then into the database. Says
 * whether deeds may be done now: what could not be sealed is not done (reliability.md A64). Money does not come here: its flow goes on.
 */
import type { Head } from "../../domain/audit/heads.ts";
import type { Log } from "../../domain/log.ts";
import { chinaDateTimeOf } from "../../domain/time.ts";
import type { HeadsFile } from "../audit/heads-file.ts";
import type { AuditKeys } from "../audit/keys.ts";
import { failureOf } from "./failures.ts";
import { type Lead, STILL_LEADS } from "./lead.ts";
import type { Pool } from "./pool.ts";
import { run } from "./sql.ts";

const SEAL_TASK = "audit-heads";
const LEASE_MS = 10_000;
const SEAL_EVERY_MS = 500;
/** An entry that has no signed head after this long: nobody seals, and no deed is done until somebody does. */
const SEAL_LATE_MS = 10_000;

export const LAST_LINK = "select l.n::text as n, l.hash from audit_link l order by l.n desc limit 1";
const LAST_HEAD = "select h.n::text as n, h.hash, h.since::text as since from audit_head h order by h.seq desc limit 1";
/** Entries that nobody of us marked, at the chain's beginning. */
const UNMARKED = `select coalesce(max(l.n), 0)::text as n from audit_link l join operator_action o on o.id = l.action_id
  where o.mark is null and l.n <= coalesce((select min(m.n) from audit_link m join operator_action p on p.id = m.action_id where p.mark is not null), l.n)`;
const INSERT_HEAD = "insert into audit_head (n, hash, at, since, key, signature) values ($1::bigint, $2, $3, $4::bigint, $5, $6)";
/** The oldest entry without a head, if it is older than $1 ms. */
const LATE = `select 1 as late from (select o.at from audit_link l join operator_action o on o.id = l.action_id
  where l.n > coalesce((select h.n from audit_head h order by h.seq desc limit 1), 0) order by l.n limit 1) as first
  where first.at < (select huiliu_now()) - $1::double precision * interval '1 millisecond'`;

export interface SealDeps {
  readonly pool: Pool;
  readonly lead: Lead;
  readonly workerId: number;
  readonly keys: AuditKeys;
  readonly file: HeadsFile;
  readonly nowMs: () => number;
  readonly log: Log;
  readonly everyMs?: number;
}

export interface Seal {
  /** Whether a deed may be done: its entry can be sealed. Never rejects. */
  ready(): Promise<boolean>;
  /** One look, as the timer makes it; the head that was signed. Rejects when the database is away or the file cannot be written. */
  look(): Promise<Head | undefined>;
  start(): void;
  /** Seals what is there and ends. */
  stop(): Promise<void>;
}

interface Place {
  readonly n: string;
  readonly hash: string;
}

export function createSeal({ pool, lead, workerId, keys, file, nowMs, log, everyMs = SEAL_EVERY_MS }: SealDeps): Seal {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let looking: Promise<unknown> = Promise.resolve();
  let failing = false;

  const look = async (): Promise<Head | undefined> => {
    const [link] = await run<Place>(pool, "audit_last_link", LAST_LINK, []);
    const [head] = await run<Place & { since: string }>(pool, "audit_last_head", LAST_HEAD, []);
    if (link === undefined || (head?.n === link.n && head.hash === link.hash)) return undefined;
    const token = await lead.take(SEAL_TASK, LEASE_MS);
    if (token === undefined) return undefined;
    const first = head === undefined ? (await file.heads())?.[0] : undefined;
    const [unmarked] = head === undefined && first === undefined ? await run<{ n: string }>(pool, "audit_unmarked", UNMARKED, []) : [];
    const since = head?.since ?? first?.since ?? unmarked?.n ?? "0";
    const signed = keys.sign({ n: link.n, hash: link.hash, at: chinaDateTimeOf(nowMs()), since });
    const [ours] = await run(pool, "audit_still_leads", STILL_LEADS, [SEAL_TASK, workerId, token]);
    if (ours === undefined) return undefined;
    // The file first: a head that is in the database alone would prove nothing against whoever restores the database.
    await file.append(signed);
    await run(pool, "audit_insert_head", INSERT_HEAD, [signed.n, signed.hash, signed.at, signed.since, signed.key, signed.signature]);
    return signed;
  };

  const told = async (): Promise<void> => {
    try {
      await look();
      if (failing) log.info({}, "the audit is sealed again");
      failing = false;
    } catch (error) {
      // A database that is away takes no deeds either; whoever looks after it is told elsewhere.
      const ofFile = error instanceof Error && "path" in error;
      if (!ofFile && failureOf(error) === "gone") return;
      if (!failing) log.error({ alarm: "audit-unsealed", err: error }, "the audit cannot be sealed; no deed is done until it can");
      failing = true;
    }
  };
  const turn = (): void => {
    looking = told().finally(() => {
      if (!stopped) timer = setTimeout(turn, everyMs).unref();
    });
  };

  return {
    look,
    ready: async () => {
      const [writable, late] = await Promise.all([
        file.writable(),
        run(pool, "audit_late", LATE, [SEAL_LATE_MS]).then(
          (rows) => rows.length > 0,
          // A database that is away refuses the deed by itself, with its own reason.
          () => false,
        ),
      ]);
      return writable && !late;
    },
    start: () => {
      if (timer === undefined) turn();
    },
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await looking;
      await told();
      await lead
        .give(SEAL_TASK)
        .catch((error: unknown) => log.warn({ error: String(error) }, "the lead of the audit's seal runs out by itself"));
    },
  };
}
