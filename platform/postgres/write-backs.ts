/** Write-backs in PostgreSQL: claim, talk, settle (design.md decisions 6, 7, 8). No transaction is open while the partner thinks. */
import { failpoint } from "../../domain/failpoint.ts";
import { JournalGone } from "../../domain/journal/ports.ts";
import type { AttemptEnd, Claimed, WriteBackStore } from "../../domain/writeback/ports.ts";
import { parksInDoubt } from "../../domain/writeback/reasons.ts";
import { chinaDateTimeOf } from "../../domain/time.ts";
import type { Event } from "../../domain/events/event.ts";
import { noteReferences } from "./acknowledgements.ts";
import { oweToFlows, storeEvents } from "./facts.ts";
import { uuids } from "./binary.ts";
import { noteFailedEnds } from "./failure-groups.ts";
import { failureOf } from "./failures.ts";
import { commit, createGroupCommit, type Tx, type Worked } from "./group-commit.ts";
import type { Client, Log, Pool } from "./pool.ts";
import { dayOf, daysOf, lockTexts, orderLock, run, together } from "./sql.ts";
import type { Worker } from "./worker.ts";
import * as sql from "./write-back-sql.ts";
import { pack, unpack } from "./packed.ts";
import type { Subscribers } from "./subscribers.ts";

const QUEUE_ROWS_MAX = 16_384;
/** Lanes healed, or expired claims taken up, in one transaction. */
const HEAL_MAX = 1_000;
/** How often a destination's claims in flight are looked through for expired ones. */
const STRAY_CHECK_MS = 500;
/** What an attempt's end weighs beside the reply's bytes. */
const END_WEIGHT_BYTES = 1_024;
/** Reply bytes kept of an attempt (WriteBackStore's port). */
const REPLY_BYTES_MAX = 64 * 1024;

export interface WriteBackDeps {
  readonly pool: Pool;
  readonly worker: Worker;
  readonly log: Log;
  readonly hasDay: (day: string) => boolean;
  readonly subscribers?: Subscribers;
  /** Called after a commit that owes events to the broker, with what is owed. Must not throw. */
  readonly published?: (outbox: readonly { readonly seq: bigint; readonly event: Event }[]) => void;
  /** Called after a commit that made write-backs due. Must not throw. */
  readonly due?: (destinations: readonly string[]) => void;
  readonly strayCheckMs?: number;
  readonly goneAfterMs?: number;
}

interface ClaimRow {
  readonly id: string;
  readonly key: string;
  readonly message_id: string;
  readonly destination: string;
  readonly kind: string;
  readonly mapping: string;
  readonly lane: string;
  readonly lane_seq: bigint;
  readonly cause_event_id: string;
  readonly cause_type: string;
  readonly content_type: string;
  readonly charset: string;
  readonly amount_fen: bigint | null;
  readonly serial: string | null;
  readonly business_date: string;
  readonly token: bigint;
  readonly attempts: number;
  readonly action: Claimed["action"];
  readonly because: NonNullable<Claimed["because"]> | null;
  readonly lane_behind: number;
  readonly owed_ms: number;
  readonly first_sent_ms: number | null;
  readonly since_ms: number | null;
  readonly traceparent: string | null;
}

const moment = (ms: number): string => chinaDateTimeOf(Math.floor(ms));

const NOTHING = new Uint8Array(0);

/** Bodies are written with their write-back and never dropped before it: one without is of a damaged database. It is parked; its destination goes on. */
const claimedOf = (row: ClaimRow, body: Uint8Array | undefined, leaseMs: number): Claimed => ({
  id: row.id,
  key: row.key,
  messageId: row.message_id,
  destination: row.destination,
  kind: row.kind,
  mapping: row.mapping,
  lane: row.lane,
  laneSeq: row.lane_seq,
  cause: { eventId: row.cause_event_id, type: row.cause_type },
  body: body ?? NOTHING,
  contentType: row.content_type,
  charset: row.charset,
  ...(row.amount_fen === null ? {} : { amountFen: row.amount_fen }),
  ...(row.serial === null ? {} : { serial: row.serial }),
  businessDate: row.business_date,
  token: Number(row.token),
  attempt: row.attempts,
  owedAt: moment(row.owed_ms),
  ...(row.first_sent_ms === null ? {} : { firstSentAt: moment(row.first_sent_ms) }),
  action: body === undefined ? "park" : row.action,
  ...(body === undefined ? { because: "no-body" as const } : row.because === null ? {} : { because: row.because }),
  laneBehind: row.lane_behind,
  ...(row.since_ms === null ? {} : { sinceLastPossibleSendMs: Math.floor(row.since_ms) }),
  leaseMs,
  ...(row.traceparent === null ? {} : { traceparent: row.traceparent }),
});

/** Where an attempt's end leads. A deferred answer that does not come in the time given is asked for. */
function moveOf(
  end: AttemptEnd,
  nowMs: number,
): { readonly state: string; readonly next_action: "send" | "ask"; readonly next_ms: number | null } {
  switch (end.step) {
    case "finish":
      return { state: "acknowledged", next_action: end.action, next_ms: null };
    case "resend":
      return { state: "waiting", next_action: "send", next_ms: nowMs + (end.retryInMs ?? 0) };
    case "ask":
      return { state: "waiting", next_action: "ask", next_ms: nowMs + (end.retryInMs ?? 0) };
    case "wait":
      return { state: "deferred", next_action: "ask", next_ms: end.retryInMs === undefined ? null : nowMs + end.retryInMs };
    case "park":
      return { state: "parked", next_action: end.action, next_ms: null };
  }
}

const json = (value: unknown): string | null =>
  value === undefined ? null : JSON.stringify(value, (_name, part) => (typeof part === "bigint" ? String(part) : part));

const endRow = (end: AttemptEnd, nowMs: number): Parameters<typeof sql.END_ROWS.params>[0][number] => ({
  id: end.id,
  message_id: end.messageId,
  n: end.attempt,
  ...moveOf(end, nowMs),
  outcome: end.outcome,
  step: end.step,
  may: end.mayHaveTakenEffect,
  doubt: parksInDoubt(end.park),
  status: end.status ?? null,
  code: end.code ?? null,
  text: end.text ?? null,
  why: end.why,
  how: end.how ?? null,
  receipt: json(end.receipt),
  park: json(end.park),
  blocks: end.letsNextGo !== true,
  reply: end.reply === undefined ? null : pack(end.reply.subarray(0, REPLY_BYTES_MAX), "wire"),
});

interface FenceRow {
  readonly id: string;
  readonly state: string;
  readonly token: bigint;
  readonly destination: string;
  readonly lane: string;
  readonly seq: bigint;
}

type Owed = readonly { readonly seq: bigint; readonly event: Event }[];

/** Stores events that go with write-backs, all of them for subscribers; answers them as the relay takes them. */
async function publish(
  tx: Tx,
  subscribers: Subscribers | undefined,
  events: readonly { readonly messageId: string; readonly seq: bigint; readonly event: Event }[],
): Promise<Owed> {
  const rows = events.map((one) => ({ ...one, ordinal: 0, publish: true }));
  await storeEvents(tx, rows);
  await oweToFlows(tx, rows, subscribers);
  return rows;
}

/** Locks the lanes, then makes their oldest queued write-back the head. Answers the destinations that have something due. */
async function promote(tx: Tx, lanes: readonly { readonly one: string; readonly two: string }[]): Promise<string[]> {
  if (lanes.length === 0) return [];
  const [, rows] = await together([
    lockTexts(
      tx.client,
      lanes.map((lane) => orderLock(lane.two)),
    ),
    run<{ destination: string }>(tx.client, "write_back_promote", sql.PROMOTE, [...sql.LANES.params(lanes), tx.nowMs]),
  ]);
  return rows.map((row) => row.destination);
}

export function createWriteBackStore(deps: WriteBackDeps): WriteBackStore & { close(): Promise<void> } {
  const { pool, worker } = deps;
  const options = { pool, log: deps.log, ...(deps.goneAfterMs === undefined ? {} : { goneAfterMs: deps.goneAfterMs }) };
  const checked = new Map<string, number>();

  const tell = (outbox: Owed, destinations: readonly string[]): void => {
    if (outbox.length > 0) deps.published?.(outbox);
    if (destinations.length > 0) deps.due?.([...new Set(destinations)]);
  };

  const fenceOf = (client: Client, ends: readonly AttemptEnd[]): Promise<FenceRow[]> =>
    run<FenceRow>(client, "write_back_fence", sql.FENCE, [uuids(ends.map((end) => end.id))]);

  const settleBatch = async (
    tx: Tx,
    ends: readonly AttemptEnd[],
    fence: readonly FenceRow[],
  ): Promise<Worked<"settled" | "lease-lost">> => {
    const held = new Map(fence.map((row) => [row.id, row]));
    const ours = new Map<AttemptEnd, bigint>();
    const lanes: { one: string; two: string }[] = [];
    for (const end of ends) {
      const row = held.get(end.id);
      if (row?.state !== "sending" || row.token !== BigInt(end.token)) continue;
      // The same claim ended twice in one batch: the first counts.
      held.delete(end.id);
      ours.set(end, row.seq);
      if (end.step === "finish" || end.letsNextGo === true) lanes.push({ one: row.destination, two: row.lane });
    }
    const rows = [...ours.keys()];
    let destinations: string[] = [];
    let outbox: Owed = [];
    if (rows.length > 0) {
      const days = daysOf(
        rows.map((end) => end.messageId),
        deps.hasDay,
      );
      const values = [...sql.END_ROWS.params(rows.map((end) => endRow(end, tx.nowMs))), tx.nowMs];
      const events = [...ours].flatMap(([{ messageId, event }, seq]) => (event ? [{ messageId, seq, event }] : []));
      [, outbox, destinations] = await together([
        run(tx.client, `write_back_end${days.name}`, sql.endAttempts(days), values),
        publish(tx, deps.subscribers, events),
        promote(tx, lanes),
      ]);
      const to = new Map(fence.map((row) => [row.id, row.destination]));
      await noteReferences(
        tx,
        rows.flatMap(({ id, reference }) =>
          reference === undefined ? [] : [{ destination: to.get(id) ?? "", reference, write_back_id: id }],
        ),
      );
      await noteFailedEnds(tx, rows, (id) => to.get(id));
    }
    failpoint("attempt.before-commit");
    const committed = (): void => {
      failpoint("attempt.after-commit");
      tell(outbox, destinations);
    };
    return { answers: ends.map((end) => (ours.has(end) ? "settled" : "lease-lost")), committed };
  };

  const committer = createGroupCommit<AttemptEnd, "settled" | "lease-lost", FenceRow[]>({
    ...options,
    name: "write-backs",
    look: fenceOf,
    work: settleBatch,
    queueRowsMax: QUEUE_ROWS_MAX,
    bytesOf: (end) => END_WEIGHT_BYTES + (end.reply?.byteLength ?? 0),
  });

  /** Takes up what a dead worker, or a lease that ran out, left in flight (decision 6: unclear, never straight to resend). */
  const expire = async (destination: string, unclearAction: Claimed["action"]): Promise<void> => {
    const living = await worker.living();
    await commit({ ...options, name: "expired-claims" }, async (tx) => {
      failpoint("claim.before-expiring");
      await run(tx.client, "write_back_expire", sql.EXPIRE, [destination, living, HEAL_MAX, unclearAction, tx.nowMs]);
      return { answers: [] };
    });
  };

  const expireIfStray = async (destination: string, unclearAction: Claimed["action"]): Promise<void> => {
    const every = deps.strayCheckMs ?? STRAY_CHECK_MS;
    const now = performance.now();
    if (now - (checked.get(destination) ?? Number.NEGATIVE_INFINITY) < every) return;
    checked.set(destination, now);
    const [stray] = await run<{ any: boolean }>(pool, "write_back_strays", sql.STRAYS, [destination, worker.id]);
    if (stray?.any) await expire(destination, unclearAction);
  };

  const orGone = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (failureOf(error) === "gone") throw new JournalGone("the database is not available");
      throw error;
    }
  };

  const claim = async (
    destination: string,
    limit: number,
    leaseMs: number,
    unclearAction: Claimed["action"],
    freshMs: number | undefined,
  ): Promise<readonly Claimed[]> => {
    await expireIfStray(destination, unclearAction);
    const look = (client: Client): Promise<ClaimRow[]> =>
      run<ClaimRow>(client, "write_back_claim", sql.CLAIM, [destination, limit, worker.id, leaseMs, unclearAction, freshMs ?? null]);
    const claimed = await commit({ ...options, name: "claim", look }, async (tx, rows) => {
      const bodies = await bodiesOf(tx.client, rows);
      if (rows.length > 0) failpoint("claim.before-commit");
      return { answers: rows.map((row) => claimedOf(row, bodies.get(row.id), leaseMs)) };
    });
    if (claimed.answers.length > 0) failpoint("claim.after-commit");
    return claimed.answers;
  };

  /** One look-up a day: a backlog's bodies lie in few days' tables. */
  const bodiesOf = async (client: Client, rows: readonly ClaimRow[]): Promise<ReadonlyMap<string, Uint8Array>> => {
    const byDay = Map.groupBy(rows, (row) => dayOf(row.message_id));
    const bodies = new Map<string, Uint8Array>();
    for (const group of byDay.values()) {
      const days = daysOf([group[0]?.message_id ?? ""], deps.hasDay);
      const found = await run<{ id: string; body: Buffer }>(client, `write_back_bodies${days.name}`, sql.bodies(days), [
        uuids(group.map((row) => row.message_id)),
        uuids(group.map((row) => row.id)),
      ]);
      for (const row of found) bodies.set(row.id, unpack(row.body));
    }
    return bodies;
  };

  return {
    claim: (destination, limit, leaseMs, unclearAction, freshMs) => orGone(claim(destination, limit, leaseMs, unclearAction, freshMs)),
    settle: (end) => committer.submit(end),
    nextDueMs: async (destination) => {
      const [row] = await orGone(run<{ ms: number | null }>(pool, "write_back_next_due", sql.NEXT_DUE, [destination]));
      const ms = row?.ms ?? undefined;
      // Whatever is due now the next claim must find, an expired claim included.
      if (ms !== undefined && ms <= 0) checked.delete(destination);
      return ms === undefined ? undefined : Math.max(0, Math.ceil(ms));
    },
    release: async (claims) => {
      if (claims.length === 0) return;
      const rows = claims.map((one) => ({ id: one.id, message_id: one.messageId, token: one.token, n: one.attempt }));
      await orGone(run(pool, "write_back_release", sql.RELEASE, [...sql.RELEASE_ROWS.params(rows), worker.id]));
    },
    sweep: async () => {
      const living = await orGone(worker.living());
      const done = await commit({ ...options, name: "sweep" }, async (tx) => {
        const lanes = await run<{ one: string; two: string }>(tx.client, "write_back_headless", sql.HEADLESS, [HEAL_MAX]);
        const healed = await promote(tx, lanes);
        const lost = await run<{ destination: string; lost: number }>(tx.client, "write_back_lost", sql.LOST_DESTINATIONS, [living]);
        return { answers: [{ healed, lost }] };
      });
      const { healed, lost } = done.answers[0] ?? { healed: [], lost: [] };
      // What an expired claim becomes is the destination's policy, which the next claim brings.
      for (const one of lost) checked.delete(one.destination);
      tell([], [...healed, ...lost.map((one) => one.destination)]);
      return healed.length + lost.reduce((sum, one) => sum + one.lost, 0);
    },
    close: () => committer.close(),
  };
}
