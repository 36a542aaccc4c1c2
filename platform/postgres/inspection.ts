/** Looking closely at one message and taking lists away (domain/operations/inspection.ts). */
import type { Door } from "../../domain/journal/ports.ts";
import { messagesCsv } from "../../domain/operations/export.ts";
import { EXPORT_ROWS_MAX, EXPORT_TIMEOUT_MS, type Inspection, type Scope } from "../../domain/operations/inspection.ts";
import { type Deed, type MessageFilter, PAGE_MAX, READ_TIMEOUT_MS } from "../../domain/operations/ports.ts";
import { rawWindow } from "../../domain/operations/raw-window.ts";
import { type Answered, answered, refused } from "../../domain/operations/refusals.ts";
import { signed } from "../../domain/operations/rules.ts";
import { type TraceExtras, traceOf } from "../../domain/operations/trace.ts";
import type { AcknowledgementView } from "../../domain/operations/views-acknowledgements.ts";
import type { Done, MessageDetail, MessagePage, MessageRow } from "../../domain/operations/views.ts";
import type { Legs, RawView } from "../../domain/operations/views-inspect.ts";
import { maskText } from "../../domain/operations/masking.ts";
import { isGone } from "./gone.ts";
import { rawOf } from "./journal-rows.ts";
import { acknowledgementsOf } from "./operations-acknowledgements.ts";
import { type AuditEntry, doing, note } from "./operations-deeds.ts";
import type { OperationsDeps } from "./operations-deps.ts";
import { AUDIT_COLUMNS, auditView, MASKED } from "./operations-rows.ts";
import { isUuid, moment, present, reading } from "./operations-sql.ts";
import type { Client } from "./pool.ts";

/** Write-backs of one message whose own acknowledgements are read. */
const WRITE_BACKS_MAX = 50;
const ROWS_MAX = 500;
type Row = Record<string, unknown>;

export interface InspectionReads {
  messages(filter: MessageFilter): Promise<Answered<MessagePage>>;
  /** Masked. */
  message(id: string): Promise<Answered<MessageDetail>>;
  unmasked(kind: AuditEntry["targetKind"], id: string, deed: Deed): Promise<Answered<Done>>;
}

const inScope = (scope: Scope, partner: string): boolean => scope === "*" || scope.includes(partner);
const NOBODY: Legs = {
  sender: "answered",
  partner: "not-owed",
  owed: 0,
  acknowledged: 0,
  waiting: 0,
  parked: 0,
  resolved: 0,
};

export function createInspection(deps: OperationsDeps, reads: InspectionReads): Inspection {
  const trace: Inspection["trace"] = async (id, scope) => {
    const detail = await reads.message(id);
    if (!detail.ok) return detail;
    if (!inScope(scope, detail.value.message.partner)) return refused("UNKNOWN_MESSAGE");
    const extras = await reading(deps.reads, READ_TIMEOUT_MS, async (client) => answered(await extrasOf(client, detail.value)));
    return extras.ok ? answered(traceOf(detail.value, extras.value)) : extras;
  };

  const raw: Inspection["raw"] = async (id, { part, from, length }, scope, unmask) => {
    if (unmask !== undefined) {
      const sign = signed(unmask);
      if (!sign.ok) return sign;
    }
    const stored = await reading(deps.reads, READ_TIMEOUT_MS, async (client) => {
      const found = isUuid(id) ? await client.query<StoredBytes>(BYTES, [id]) : undefined;
      const row = found?.rows[0];
      if (!row) return refused(isUuid(id) && (await isGone(client, id, "messages")) ? "CONTENT_GONE" : "UNKNOWN_MESSAGE");
      if (!inScope(scope, row.partner)) return refused("UNKNOWN_MESSAGE");
      return answered(row);
    });
    if (!stored.ok) return stored;
    const { partner, charset, raw: request, raw_bytes, reply } = stored.value;
    const bytes = part === "reply" ? reply : request === null ? null : rawOf({ raw: request, raw_bytes });
    if (bytes === null) return refused("NO_SUCH_PART");
    if (unmask !== undefined) {
      const noted = await reads.unmasked("message", id, unmask);
      if (!noted.ok) return noted;
    }
    const declared = charset ?? deps.charsetOf(partner);
    const window = rawWindow(bytes, {
      from,
      length,
      ...(declared === undefined ? {} : { declared }),
      ...(unmask === undefined ? { mask: maskText } : {}),
    });
    return answered({ messageId: id, part, ...window, masked: unmask === undefined } satisfies RawView);
  };

  /** Page by page, until the rows or the time are over. */
  const collected = async (filter: MessageFilter): Promise<Answered<{ readonly rows: readonly MessageRow[]; readonly cut: boolean }>> => {
    const endMs = performance.now() + EXPORT_TIMEOUT_MS;
    const rows: MessageRow[] = [];
    for (let after = filter.after; ; ) {
      const limit = Math.min(PAGE_MAX, EXPORT_ROWS_MAX - rows.length);
      const page = await reads.messages({ ...filter, limit, ...(after === undefined ? {} : { after }) });
      if (!page.ok) return page;
      rows.push(...page.value.items);
      after = page.value.after;
      if (after === undefined) return answered({ rows, cut: false });
      if (rows.length >= EXPORT_ROWS_MAX || performance.now() > endMs) return answered({ rows, cut: true });
    }
  };

  const takeAway: Inspection["export"] = async (filter, language, deed) => {
    const sign = signed(deed);
    if (!sign.ok) return sign;
    const found = await collected(filter);
    if (!found.ok) return found;
    const { rows, cut } = found.value;
    const { after: _, limit: __, ...asked } = filter;
    // On record before it leaves: what was asked for and how many rows, never the rows.
    const done = await doing(deps, async (tx) => {
      const entry = { who: sign.by, action: "export", targetKind: "search" as const, targetId: "messages", reason: sign.reason };
      const auditId = await note(tx, { ...entry, after: { asked, rows: rows.length, cut } });
      return { ok: true, done: { id: "messages", kind: "search", state: "exported", auditId } };
    });
    if (!done.ok) return done;
    const name = `huiliu-messages-${done.value.auditId}.csv`;
    return answered({ name, rows: rows.length, cut, csv: messagesCsv(rows, language), auditId: done.value.auditId });
  };

  return { trace, raw, export: takeAway };
}

async function extrasOf(client: Client, detail: MessageDetail): Promise<TraceExtras> {
  const { id } = detail.message;
  const writeBackIds = detail.writeBacks.map((one) => one.writeBack.id);
  const rows = async (text: string, values: readonly unknown[]): Promise<Row[]> => (await client.query<Row>(text, [...values])).rows;
  const [answer] = await rows(ANSWER, [id]);
  const acknowledgements: AcknowledgementView[] = [];
  for (const one of writeBackIds.slice(0, WRITE_BACKS_MAX)) acknowledgements.push(...(await acknowledgementsOf(client, one, MASKED)));
  const outbox = await rows(OUTBOX, [id, detail.events.map((one) => one.seq)]);
  const subscribers = await rows(SUBSCRIBERS, []);
  const actions = await rows(ACTIONS, [writeBackIds]);
  const replays = await rows(REPLAYS, [[id, ...writeBackIds]]);
  const told = answer && present(answer);
  return {
    legs: detail.message.legs ?? NOBODY,
    ...(told === undefined
      ? {}
      : {
          answer: {
            verdict: String(told.verdict),
            at: String(told.at),
            ...(typeof told.text === "string" ? { text: maskText(told.text) } : {}),
          },
        }),
    unpublished: new Set(outbox.map((row) => String(row.event_id))),
    subscribers: subscribers.map((row) => ({
      name: String(row.name),
      patterns: row.patterns as string[],
      checkpoint: BigInt(String(row.checkpoint)),
    })),
    acknowledgements,
    actions: actions.map(auditView),
    replays: replays.map((row) => ({ job: String(row.job), target: String(row.target), state: String(row.state) })),
  };
}

interface StoredBytes {
  readonly partner: string;
  readonly door: Door;
  readonly charset: string | null;
  readonly raw: Uint8Array | null;
  readonly raw_bytes: number | null;
  readonly reply: Uint8Array | null;
}
const BYTES = "select m.partner, m.door, m.charset, m.raw, m.raw_bytes, m.reply from message m where m.id = $1";
const ANSWER = `select a.verdict, a.text, ${moment("a.at")} as at from sender_answer a where a.message_id = $1`;
const OUTBOX = "select o.event_id from outbox o where o.seq = any($2::bigint[]) and o.message_id = $1";
const SUBSCRIBERS =
  "select s.name, s.patterns, s.checkpoint::text as checkpoint from subscriber s where s.removed_at is null order by s.name";
const ACTIONS = `select ${AUDIT_COLUMNS} from operator_action o where o.target_kind = 'write-back' and o.target_id = any($1::text[]) order by o.id limit ${ROWS_MAX}`;
const REPLAYS = `select i.job, i.target, i.state from replay_item i where i.target = any($1::uuid[]) order by i.job desc, i.n limit ${ROWS_MAX}`;
