/**
 * A day's totals: owed = acknowledged + waiting + parked + resolved, per partner and kind, counted twice and held against the proofs
 * (receipts, the audit, the bodies that were committed with each debt). A difference is an alarm.
 */
import { type TotalsFilter, TOTALS_TIMEOUT_MS } from "../../domain/operations/ports.ts";
import { type Answered, answered } from "../../domain/operations/refusals.ts";
import type { InboundTotalsRow, Totals, TotalsRow } from "../../domain/operations/views.ts";
import { businessDate, chinaDateTimeOf } from "../../domain/time.ts";
import type { OperationsDeps } from "./operations-deps.ts";
import { reading } from "./operations-sql.ts";
import { dayBounds } from "./partitions.ts";
import type { Client } from "./pool.ts";

type Difference = TotalsRow["differences"][number];
type Sum = TotalsRow["owed"];

interface StateRow {
  readonly destination: string;
  readonly kind: string;
  readonly state: string;
  readonly resolution: string | null;
  readonly n: number;
  readonly fen: string;
  readonly without: number;
}
interface CheckRow {
  readonly destination: string;
  readonly kind: string;
  readonly n: number;
  readonly fen: string;
  readonly unproved: number;
  readonly told_less: string;
  readonly told_differs: number;
  readonly unaudited: number;
}

const STATES = `select w.destination, w.kind, w.state, w.resolution, count(*)::integer as n, coalesce(sum(w.amount_fen), 0)::text as fen,
    (count(*) filter (where w.amount_fen is null))::integer as without
  from write_back w where w.business_date = $1::date group by w.destination, w.kind, w.state, w.resolution`;
/** Counted without looking at the states, and the proofs that closed ones must have. */
const CHECKS = `select w.destination, w.kind, count(*)::integer as n, coalesce(sum(w.amount_fen), 0)::text as fen,
    (count(*) filter (where w.state = 'acknowledged' and (w.receipt is null or w.closed_at is null)))::integer as unproved,
    coalesce(sum(w.amount_fen - (w.receipt->>'amountFen')::bigint)
      filter (where w.state = 'acknowledged' and w.receipt ? 'amountFen' and w.amount_fen is not null), 0)::text as told_less,
    (count(*) filter (where w.state = 'acknowledged' and w.amount_fen is not null and w.receipt ? 'amountFen'
      and (w.receipt->>'amountFen')::bigint <> w.amount_fen))::integer as told_differs,
    (count(*) filter (where w.state = 'resolved' and not exists (select 1 from operator_action o
      where o.target_kind = 'write-back' and o.target_id = w.id::text and o.action in ('resolve', 'supersede'))))::integer as unaudited
  from write_back w where w.business_date = $1::date group by w.destination, w.kind`;
/** Bodies are committed with their debt: one without its row is a debt that vanished. Looked for among the messages of the day. */
const RANGE = "select min(w.message_id::text) as first, max(w.message_id::text) as last from write_back w where w.business_date = $1::date";
const VANISHED = `select count(*)::integer as n from write_back_body b where b.message_id >= $1::uuid and b.message_id <= $2::uuid
  and not exists (select 1 from write_back w where w.id = b.write_back_id)`;
const INBOUND = `select m.partner, m.kind, m.state, count(*)::integer as n from message m where m.id >= $1::uuid and m.id < $2::uuid group by m.partner, m.kind, m.state`;
/** The journal notes every message's entry in its history: an entry without its message is one that vanished. */
const VANISHED_MESSAGES = `select count(distinct h.message_id)::integer as n from message_history h where h.message_id >= $1::uuid and h.message_id < $2::uuid
  and h.by = 'journal' and not exists (select 1 from message m where m.id = h.message_id and m.id >= $1::uuid and m.id < $2::uuid)`;
const UNDECIDED = `select (select count(*)::integer from message m where m.state = 'received') as messages,
  (select count(*)::integer from event_delivery d where d.state = 'received') as deliveries`;

/** States in which we still owe it, without a person being asked. */
const WAITING = ["held", "queued", "waiting", "sending", "deferred"] as const;
const ZERO: Sum = { count: 0, fen: "0" };
const plus = (a: Sum, b: Sum): Sum => ({ count: a.count + b.count, fen: (BigInt(a.fen) + BigInt(b.fen)).toString() });

const difference = (code: string, zh: string, en: string, count: number, fen?: string): Difference => ({
  code,
  zh,
  en,
  count,
  ...(fen === undefined ? {} : { fen }),
});

function differencesOf(check: CheckRow, added: Sum): Difference[] {
  const found: Difference[] = [];
  if (check.n !== added.count || check.fen !== added.fen) {
    const fen = (BigInt(check.fen) - BigInt(added.fen)).toString();
    found.push(
      difference(
        "STATES_DO_NOT_ADD_UP",
        "各状态之和与应回写不等",
        "The states do not add up to what is owed",
        Math.abs(check.n - added.count),
        fen,
      ),
    );
  }
  if (check.unproved > 0) {
    found.push(difference("NO_RECEIPT", "已确认但没有对方回执", "Acknowledged without the partner's receipt", check.unproved));
  }
  if (check.told_differs > 0) {
    found.push(
      difference(
        "RECEIPT_AMOUNT",
        "对方回执金额与回写金额不等",
        "Receipts tell other amounts than were sent",
        check.told_differs,
        check.told_less,
      ),
    );
  }
  if (check.unaudited > 0) {
    found.push(difference("NOT_AUDITED", "已了结但没有人工操作记录", "Resolved without a person's audited decision", check.unaudited));
  }
  return found;
}

function outboundRow(check: CheckRow, states: readonly StateRow[]): TotalsRow {
  const sumOf = (rows: readonly StateRow[]): Sum => rows.map((row) => ({ count: row.n, fen: row.fen })).reduce(plus, ZERO);
  const of = (state: string): Sum => sumOf(states.filter((one) => one.state === state));
  const waiting = WAITING.map((state) => [state, of(state)] as const).filter(([, sum]) => sum.count > 0);
  const waitingSum = waiting.reduce((sum, [, one]) => plus(sum, one), ZERO);
  const [acknowledged, parked, resolved] = [of("acknowledged"), of("parked"), of("resolved")];
  const differences = differencesOf(check, [acknowledged, waitingSum, parked, resolved].reduce(plus, ZERO));
  return {
    partner: check.destination,
    kind: check.kind,
    direction: "outbound",
    owed: { count: check.n, fen: check.fen },
    acknowledged,
    waiting: { ...waitingSum, states: Object.fromEntries(waiting) },
    parked,
    resolved,
    superseded: sumOf(states.filter((one) => one.state === "resolved" && one.resolution === "superseded")),
    withoutAmount: states.reduce((sum, row) => sum + row.without, 0),
    balanced: differences.length === 0,
    differences,
  };
}

const vanishedRow = (count: number): TotalsRow => ({
  partner: "unknown",
  kind: "unknown",
  direction: "outbound",
  owed: { count, fen: "0" },
  acknowledged: ZERO,
  waiting: { ...ZERO, states: {} },
  parked: ZERO,
  resolved: ZERO,
  superseded: ZERO,
  withoutAmount: count,
  balanced: false,
  differences: [difference("VANISHED", "报文体仍在，回写记录不见了", "Bodies are stored whose write-backs are gone", count)],
});

async function outbound(client: Client, day: string): Promise<TotalsRow[]> {
  const states = (await client.query<StateRow>(STATES, [day])).rows;
  const checks = (await client.query<CheckRow>(CHECKS, [day])).rows;
  const rows = checks.map((check) =>
    outboundRow(
      check,
      states.filter((row) => row.destination === check.destination && row.kind === check.kind),
    ),
  );
  const bounds = dayBounds(day);
  const range = (await client.query<{ first: string | null; last: string | null }>(RANGE, [day])).rows[0];
  const first = range?.first != null && range.first < bounds.from ? range.first : bounds.from;
  const last = range?.last != null && range.last > bounds.to ? range.last : bounds.to;
  const vanished = (await client.query<{ n: number }>(VANISHED, [first, last])).rows[0]?.n ?? 0;
  if (vanished > 0) rows.push(vanishedRow(vanished));
  return rows;
}

/** Messages by the China day of their receipt. */
async function inbound(client: Client, day: string): Promise<InboundTotalsRow[]> {
  const bounds = dayBounds(day);
  const found = (await client.query<{ partner: string; kind: string; state: string; n: number }>(INBOUND, [bounds.from, bounds.to])).rows;
  const groups = Map.groupBy(found, (row) => JSON.stringify([row.partner, row.kind]));
  const rows = [...groups.values()].map((group): InboundTotalsRow => {
    const of = (...states: string[]): number => group.filter((row) => states.includes(row.state)).reduce((sum, row) => sum + row.n, 0);
    const received = group.reduce((sum, row) => sum + row.n, 0);
    const parts = {
      settled: of("settled"),
      duplicate: of("duplicate"),
      waiting: of("received", "awaiting-part"),
      parked: of("parked"),
      resolved: of("resolved"),
    };
    const missing = received - Object.values(parts).reduce((sum, n) => sum + n, 0);
    const differences =
      missing === 0 ? [] : [difference("STATES_DO_NOT_ADD_UP", "各状态之和与收到数不等", "The states do not add up", missing)];
    const { partner = "", kind = "" } = group[0] ?? {};
    return { partner, kind, direction: "inbound", received, ...parts, balanced: missing === 0, differences };
  });
  const vanished = (await client.query<{ n: number }>(VANISHED_MESSAGES, [bounds.from, bounds.to])).rows[0]?.n ?? 0;
  if (vanished > 0) {
    const differences = [difference("VANISHED", "接收记录仍在，报文不见了", "Their receipt is on record, the messages are gone", vanished)];
    const none = { settled: 0, duplicate: 0, waiting: 0, parked: 0, resolved: 0 };
    rows.push({ partner: "unknown", kind: "unknown", direction: "inbound", received: vanished, ...none, balanced: false, differences });
  }
  return rows;
}

const inOrder = (
  a: { partner: string; kind: string; direction: string },
  b: { partner: string; kind: string; direction: string },
): number => (`${a.direction} ${a.partner} ${a.kind}` < `${b.direction} ${b.partner} ${b.kind}` ? -1 : 1);

export function createTotals(deps: OperationsDeps) {
  /** Tells the alarm: a line and a measurement for each row that differs, and for each that agrees again. */
  const told = new Map<string, { partner: string; kind: string }>();
  const alarm = (day: string, rows: Totals["rows"]): void => {
    const wrong = rows.filter((row) => !row.balanced);
    for (const row of wrong) {
      told.set(`${day} ${row.partner} ${row.kind}`, { partner: row.partner, kind: row.kind });
      const codes = row.differences.map((one) => one.code);
      deps.log.error(
        { alarm: "totals", businessDate: day, partner: row.partner, kind: row.kind, direction: row.direction, differences: codes },
        "totals of the day do not agree",
      );
      deps.unbalanced(day, row, row.differences.length);
    }
    for (const [key, row] of told) {
      if (!key.startsWith(`${day} `) || wrong.some((one) => one.partner === row.partner && one.kind === row.kind)) continue;
      told.delete(key);
      deps.unbalanced(day, row, 0);
    }
  };

  return async (filter: TotalsFilter): Promise<Answered<Totals>> => {
    const answer = await reading<Totals & { readonly all: Totals["rows"] }>(deps.reads, TOTALS_TIMEOUT_MS, async (client) => {
      const day = filter.businessDate ?? (await today(client));
      const all = [...(await outbound(client, day)), ...(await inbound(client, day))];
      const rows = all
        .filter((row) => filter.partner === undefined || row.partner === filter.partner)
        .filter((row) => filter.kind === undefined || row.kind === filter.kind)
        .sort(inOrder);
      const open = (await client.query<{ messages: number; deliveries: number }>(UNDECIDED)).rows[0];
      const undecided = { messages: open?.messages ?? 0, eventDeliveries: open?.deliveries ?? 0 };
      return answered({ businessDate: day, balanced: rows.every((row) => row.balanced), rows, undecided, all });
    });
    if (!answer.ok) return answer;
    const { all, ...totals } = answer.value;
    alarm(totals.businessDate, all);
    return answered(totals);
  };
}

/** The business day of now (design.md decision 22). */
async function today(client: Client): Promise<string> {
  const ms = Number((await client.query<{ ms: string }>("select extract(epoch from huiliu_now()) * 1000 as ms")).rows[0]?.ms);
  const now = chinaDateTimeOf(Math.floor(ms));
  return businessDate(now) ?? now.slice(0, 10);
}
