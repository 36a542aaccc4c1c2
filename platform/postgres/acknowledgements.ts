/** Acknowledgements that come on their own way, in PostgreSQL: correlated by indexes, applied in one transaction under row and lane locks (domain/acknowledgements). */
import type { AcknowledgementStore, Applied, Arrived, Candidate } from "../../domain/acknowledgements/ports.ts";
import { type AcknowledgementRuling, rule } from "../../domain/acknowledgements/ruling.ts";
import type { AfterSettle, ParkedEventOf } from "../../domain/delivery/ports.ts";
import type { Event } from "../../domain/events/event.ts";
import { failpoint } from "../../domain/failpoint.ts";
import { JournalGone, type ParkReason } from "../../domain/journal/ports.ts";
import { acknowledgedDraft, parkedDraft, type SealWriteBackEvent, type WriteBackEventDraft } from "../../domain/writeback/events.ts";
import { receiptOf } from "../../domain/writeback/judge.ts";
import { parkReason } from "../../domain/writeback/reasons.ts";
import { why } from "../../domain/writeback/why.ts";
import { failedEnd, type Locked, NAMED_MAX, reasonOf, standingOf } from "./acknowledgements-rows.ts";
import * as sql from "./acknowledgements-sql.ts";
import { eventNumbers, oweToFlows, storeEvents, storeHistory } from "./facts.ts";
import { noteFailedEnds, noteParkedMessages } from "./failure-groups.ts";
import { failureOf } from "./failures.ts";
import { createGroupCommit, type Tx, type Worked } from "./group-commit.ts";
import type { Log, Pool } from "./pool.ts";
import { fence, INSERT_KEYS_AGAIN, KEY_ROWS, OUTCOME_ROWS, updateMessages } from "./settle-sql.ts";
import { daysOf, lockTexts, orderLock, run } from "./sql.ts";
import type { Subscribers } from "./subscribers.ts";
import { LANES, PROMOTE } from "./write-back-sql.ts";
import { factsOf } from "./write-back-facts.ts";

/** Acknowledgements of one transaction; each takes its own statements under the locks of all. */
const ROWS_MAX = 64;
const BY = "acknowledgements";

export interface AcknowledgementStoreDeps {
  readonly pool: Pool;
  readonly log: Log;
  readonly hasDay: (day: string) => boolean;
  readonly parkedEvent: ParkedEventOf;
  readonly seal: SealWriteBackEvent;
  readonly subscribers?: Subscribers;
  /** Whether the policy of a destination lets the next of a lane go past a parked head. */
  readonly passesParked: (destination: string) => boolean;
  /** Called after each commit. Must not throw. */
  readonly after: (done: AfterSettle) => void;
  readonly goneAfterMs?: number;
}

interface Owing {
  readonly messageId: string;
  readonly event: Event;
  readonly publish: boolean;
}

/** What one transaction gathers. */
interface Gathered {
  readonly events: Owing[];
  readonly lanes: { one: string; two: string }[];
  readonly rows: Parameters<typeof sql.ROWS.params>[0][number][];
  readonly messages: { readonly arrived: Arrived; readonly park?: ParkReason }[];
}

const json = (value: unknown): string => JSON.stringify(value, (_name, part: unknown) => (typeof part === "bigint" ? String(part) : part));

export function createAcknowledgementStore(deps: AcknowledgementStoreDeps): AcknowledgementStore {
  const sealed = (draft: WriteBackEventDraft, id: string): Event | undefined => {
    const one = deps.seal(draft);
    if (one.ok) return one.event;
    // A proof without its event is better than a write-back that is sent again.
    deps.log.warn({ writeBackId: id, problems: one.problems }, "the event of an acknowledgement could not be sealed");
    return undefined;
  };

  const words = ({ reading }: Arrived): [code: string | null, text: string | null] => {
    const { code, text } = receiptOf(reading, 0);
    return [reading.code === undefined ? null : code, text ?? null];
  };
  const wayOf = ({ message }: Arrived): string => why("on-its-own-way", `${message.door} ${message.kind}`);

  const finish = async (tx: Tx, arrived: Arrived, row: Locked, gathered: Gathered): Promise<void> => {
    const receipt = receiptOf(arrived.reading, 0);
    const event = sealed(acknowledgedDraft(factsOf(row), { receipt, how: "message", atMs: tx.nowMs }), row.id);
    const values = [row.id, tx.nowMs, "acknowledged", "acknowledged", ...words(arrived), wayOf(arrived), json(receipt), null, true, true];
    await run(tx.client, "acknowledgement_move", sql.MOVE, values);
    if (event) gathered.events.push({ messageId: row.message_id, event, publish: true });
    gathered.lanes.push({ one: row.destination, two: row.lane });
  };

  const park = async (tx: Tx, arrived: Arrived, row: Locked, move: AcknowledgementRuling["move"], gathered: Gathered): Promise<void> => {
    const rejected = move === "park-rejected" || move === "repark-rejected";
    const [code, text] = words(arrived);
    const reason = parkReason(rejected ? "REJECTED" : "RECEIPT_DIFFERS", [code, text].filter((one) => one !== null).join(" ") || undefined);
    const outcome = rejected ? "rejected" : "unclear";
    // The reply of a send in flight is never heard now.
    const may = !rejected || row.state === "sending";
    if (row.state === "parked") {
      await run(tx.client, "acknowledgement_repark", sql.REPARK, [
        row.id,
        tx.nowMs,
        outcome,
        code,
        text,
        wayOf(arrived),
        json(reason),
        may,
      ]);
      return;
    }
    const parking = {
      park: reason,
      outcome,
      mayHaveTakenEffect: may || row.may_have_taken_effect,
      atMs: tx.nowMs,
      laneBehind: row.lane_behind,
      ...(code === null ? {} : { code }),
      ...(text === null ? {} : { text }),
    } as const;
    const event = sealed(parkedDraft(factsOf(row), parking), row.id);
    const values = [
      row.id,
      tx.nowMs,
      "parked",
      outcome,
      code,
      text,
      wayOf(arrived),
      null,
      json(reason),
      may,
      // One that is queued again had been gone past before: another of its lane is its head, and stays it.
      // What may have taken effect holds its lane, whatever the destination's policy (decision 017).
      row.state !== "queued" && (may || !deps.passesParked(row.destination)),
    ];
    await run(tx.client, "acknowledgement_move", sql.MOVE, values);
    if (event) gathered.events.push({ messageId: row.message_id, event, publish: true });
    await noteFailedEnds(tx, [failedEnd(row, outcome, reason, wayOf(arrived))], () => row.destination);
    // Where the destination's policy lets a parked head be passed, the next one is looked for; elsewhere this finds the lane blocked.
    gathered.lanes.push({ one: row.destination, two: row.lane });
  };

  const one = async (tx: Tx, arrived: Arrived, row: Locked | undefined, gathered: Gathered): Promise<Applied> => {
    const { reading } = arrived;
    const receipt = receiptOf(reading, 0);
    const ruling: AcknowledgementRuling = arrived.unreadable
      ? { state: "unclear", move: "none" }
      : row === undefined
        ? { state: "unexpected", move: "none" }
        : rule(arrived.saying, standingOf(row), receipt);
    if (row && ruling.move === "finish") await finish(tx, arrived, row, gathered);
    else if (row && ruling.move !== "none") await park(tx, arrived, row, ruling.move, gathered);
    const reason = reasonOf(arrived, ruling);
    const { message, correlation } = arrived;
    gathered.messages.push({ arrived, ...(reason === undefined ? {} : { park: reason }) });
    const [code, text] = words(arrived);
    gathered.rows.push({
      message_id: message.id,
      destination: message.partner,
      kind: message.kind,
      door: message.door,
      write_back_id: row?.id ?? null,
      state: ruling.state,
      outcome: reading.outcome,
      named_by: correlation?.by ?? null,
      named: correlation?.value.slice(0, NAMED_MAX).toWellFormed().replaceAll("\0", " ") ?? null,
      code,
      text,
      receipt_no: receipt.partnerNo ?? null,
      amount_fen: reading.amountFen ?? null,
      serial: receipt.serial ?? null,
      why: reading.why,
      received_at: message.receivedAt,
    });
    const settled = reason === undefined ? { kind: "settled" as const, events: [], writeBacks: [] } : { kind: "parked" as const, reason };
    return { settled, state: ruling.state, move: ruling.move };
  };

  /** Closes the messages: their state, their history, what they can be found by, and the events of those that park. */
  const close = async (tx: Tx, { messages, events }: Gathered): Promise<void> => {
    const rows = messages.map(({ arrived, park: reason }) => ({
      id: arrived.message.id,
      state: reason === undefined ? "settled" : "parked",
      park: reason === undefined ? null : JSON.stringify(reason),
      duplicate_of: null,
      flow: null,
      mapping: null,
    }));
    const days = daysOf(
      rows.map((row) => row.id),
      deps.hasDay,
    );
    await run(tx.client, `update_messages${days.name}`, updateMessages(days), [...OUTCOME_ROWS.params(rows), tx.nowMs]);
    await storeHistory(
      tx,
      messages.map(({ arrived, park: reason }) => ({
        messageId: arrived.message.id,
        state: reason === undefined ? "settled" : "parked",
        by: BY,
        ...(reason === undefined ? {} : { note: reason.code }),
      })),
    );
    await noteParkedMessages(
      tx,
      messages.flatMap(({ arrived: { message }, park: reason }) =>
        reason === undefined ? [] : [{ id: message.id, partner: message.partner, kind: message.kind, reason }],
      ),
    );
    const keys = messages.flatMap(({ arrived: { message, keys: all } }) =>
      all.map((key) => ({ kind: key.kind, value: key.value, message_id: message.id, partner: message.partner })),
    );
    if (keys.length > 0) await run(tx.client, "insert_keys_again", INSERT_KEYS_AGAIN, KEY_ROWS.params(keys));
    for (const { arrived, park: reason } of messages) {
      if (reason === undefined) continue;
      const { event, publish } = deps.parkedEvent(arrived.message, reason, arrived.keys);
      const before = await run<{ id: string }>(tx.client, "acknowledgement_stored", sql.STORED, [arrived.message.id, event.id]);
      if (before.length === 0) events.push({ messageId: arrived.message.id, event, publish });
    }
  };

  const work = async (tx: Tx, arriveds: readonly Arrived[]): Promise<Worked<Applied>> => {
    failpoint("acknowledgement.before-apply");
    const ids = arriveds.map((one) => one.message.id);
    const days = daysOf(ids, deps.hasDay);
    const leased = await run<{ id: string; state: string; lease_token: bigint }>(tx.client, `settle_fence${days.name}`, fence(days), [ids]);
    const ours = new Map(leased.filter((row) => row.state === "received").map((row) => [row.id, row.lease_token]));
    const open = new Set(
      arriveds.filter(({ message }) => {
        const mine = ours.get(message.id) === BigInt(message.token);
        ours.delete(message.id);
        return mine;
      }),
    );
    const wanted = [...open].flatMap((one) => one.writeBackId ?? []);
    const rows = new Map(
      (wanted.length === 0 ? [] : await run<Locked>(tx.client, "acknowledgement_lock", sql.LOCK, [wanted])).map((row) => [row.id, row]),
    );
    await lockTexts(
      tx.client,
      [...rows.values()].map((row) => orderLock(row.lane)),
    );
    const gathered: Gathered = { events: [], lanes: [], rows: [], messages: [] };
    const answers: Applied[] = [];
    for (const arrived of arriveds) {
      if (!open.has(arrived)) {
        answers.push({ settled: { kind: "fenced" } });
        continue;
      }
      const id = arrived.writeBackId;
      const applied = await one(tx, arrived, id === undefined ? undefined : rows.get(id), gathered);
      answers.push(applied);
      // Two of one write-back in one batch: the second sees what the first did.
      if (id !== undefined && applied.move !== "none" && wanted.filter((each) => each === id).length > 1)
        for (const row of await run<Locked>(tx.client, "acknowledgement_lock", sql.LOCK, [[id]])) rows.set(row.id, row);
    }
    if (gathered.rows.length > 0) {
      await run(tx.client, "acknowledgement_insert", sql.INSERT, [...sql.ROWS.params(gathered.rows), tx.nowMs]);
      await close(tx, gathered);
    }
    return { answers, committed: await publish(tx, gathered) };
  };

  /** Stores the events and promotes the lanes. Answers what is to be told after the commit. */
  const publish = async (tx: Tx, { events, lanes }: Gathered): Promise<() => void> => {
    const seqs = await eventNumbers(tx, events.length);
    const rows = events.map((row, index) => ({ ...row, seq: seqs[index] ?? 0n, ordinal: 0 }));
    await storeEvents(tx, rows);
    await oweToFlows(tx, rows, deps.subscribers);
    const due =
      lanes.length === 0
        ? []
        : await run<{ destination: string }>(tx.client, "write_back_promote", PROMOTE, [...LANES.params(lanes), tx.nowMs]);
    failpoint("acknowledgement.before-commit");
    const outbox = rows.filter((row) => row.publish).map(({ seq, event }) => ({ seq, event }));
    return () => {
      failpoint("acknowledgement.after-commit");
      if (outbox.length + due.length > 0)
        deps.after({ outbox, destinations: [...new Set(due.map((row) => row.destination))], eventDeliveries: [] });
    };
  };

  const committer = createGroupCommit<Arrived, Applied>({
    pool: deps.pool,
    name: "acknowledgements",
    log: deps.log,
    work,
    rowsMax: ROWS_MAX,
    bytesOf: (arrived) => arrived.message.raw.byteLength,
    ...(deps.goneAfterMs === undefined ? {} : { goneAfterMs: deps.goneAfterMs }),
  });

  return {
    find: async (destination, { by, value }): Promise<readonly Candidate[]> => {
      // The store holds no NUL, and nothing that it holds has one.
      if (value.includes("\0") || !value.isWellFormed()) return [];
      try {
        const rows = await run<{ id: string; key: string; mapping: string; amount_fen: bigint | null; serial: string | null }>(
          deps.pool,
          `acknowledgement_find_${by}`,
          sql.FIND[by],
          [destination, value],
        );
        return rows.map((row) => ({
          id: row.id,
          key: row.key,
          mapping: row.mapping,
          ...(row.amount_fen === null ? {} : { amountFen: row.amount_fen }),
          ...(row.serial === null ? {} : { serial: row.serial }),
        }));
      } catch (error) {
        if (failureOf(error) === "row") throw error;
        throw new JournalGone("the database is not available");
      }
    },
    apply: (arrived) => committer.submit(arrived),
    close: () => committer.close(),
  };
}

/** Notes the partner's own numbers of what it took, in the transaction that books the reply as deferred. */
export async function noteReferences(
  tx: Tx,
  rows: readonly { readonly destination: string; readonly reference: string; readonly write_back_id: string }[],
): Promise<void> {
  if (rows.length > 0) await run(tx.client, "write_back_references", sql.INSERT_REFERENCES, sql.REFERENCE_ROWS.params(rows));
}
