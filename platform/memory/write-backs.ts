/**
 * The write-back store in memory: same promises as PostgreSQL's (domain/writeback/ports.ts), one clock, no durability. Its rows can be read, and it can be made to fail.
 */
import type { Clock } from "../../domain/writeback/clock.ts";
import type { OwedWriteBack } from "../../domain/delivery/ports.ts";
import type { Event } from "../../domain/events/event.ts";
import { chinaDateTimeOf } from "../../domain/time.ts";
import type { AttemptEnd, Claimed, WriteBackState, WriteBackStore } from "../../domain/writeback/ports.ts";
import { parksInDoubt } from "../../domain/writeback/reasons.ts";
import { type MemoryWriteBack, newWriteBack } from "./rows.ts";

export type { MemoryWriteBack };

export interface MemoryWriteBacks extends WriteBackStore {
  owe(about: {
    readonly key: string;
    readonly lane: string;
    readonly amountFen?: bigint;
    readonly destination?: string;
    readonly traceparent?: string;
  }): MemoryWriteBack;
  /** As a settlement does with a place on the wire: a head of its lane is born claimed; one that is no head is queued, and the answer is undefined. */
  bear(about: { readonly key: string; readonly lane: string; readonly amountFen?: bigint }, leaseMs: number): Claimed | undefined;
  rows(): readonly MemoryWriteBack[];
  /** As a message that proves something does: the fence moves on, and the next of its lane goes. */
  move(id: string, state: "acknowledged" | "parked"): void;
  /** A person's replay: the next claim asks, or sends again. */
  replay(id: string, action: "ask" | "send"): void;
  /** What destinations are allowed now; absent is running and closed. */
  readonly gates: Map<
    string,
    { readonly mode?: "running" | "paused"; readonly breaker?: "closed" | "open" | "half-open"; readonly drainUntilMs?: number }
  >;
  /** `destination lane` of lanes that a person holds. */
  readonly holds: Set<string>;
  /** Called before each operation; throw to make it fail. `after` runs once it has committed: throw to lose the answer. */
  faults: { before?: (operation: string) => void; after?: (operation: string) => void };
}

const OPEN: ReadonlySet<WriteBackState> = new Set(["held", "queued", "waiting", "sending", "deferred", "parked"]);

/** Where its rows come from, and who hears of the events of their ends. Absent: rows of its own, owed by `owe`. */
export interface MemoryRows {
  readonly rows: Map<string, MemoryWriteBack>;
  /** Told after the commit that made something due there. */
  readonly due: (destination: string) => void;
  /** With the end itself, as a transaction would. */
  readonly record: (messageId: string, event: Event) => void;
}

export function createMemoryWriteBacks(clock: Clock, given?: MemoryRows): MemoryWriteBacks {
  const byKey = given?.rows ?? new Map<string, MemoryWriteBack>();
  const all = (): readonly MemoryWriteBack[] => [...byKey.values()];
  const faults: MemoryWriteBacks["faults"] = {};
  const gates: MemoryWriteBacks["gates"] = new Map();
  const holds = new Set<string>();
  const mayGo = ({ destination, lane }: MemoryWriteBack): boolean => {
    const gate = gates.get(destination);
    const open = gate?.breaker !== "open" && (gate?.mode !== "paused" || (gate.drainUntilMs ?? 0) > clock.tickMs());
    return open && !holds.has(`${destination} ${lane}`);
  };
  const laneOf = (row: Pick<MemoryWriteBack, "destination" | "lane">) =>
    all().filter((one) => one.destination === row.destination && one.lane === row.lane && OPEN.has(one.state) && one.passed !== true);

  const operation = async <T>(name: string, work: () => T): Promise<T> => {
    await Promise.resolve();
    faults.before?.(name);
    const answer = work();
    faults.after?.(name);
    return answer;
  };

  const dueAt = (row: MemoryWriteBack): number => row.nextAtMs + (row.waitMs ?? 0);
  const dueAction = (row: MemoryWriteBack, unclearAction: "send" | "ask" | "park"): MemoryWriteBack["action"] | undefined => {
    const now = clock.tickMs();
    if (row.state !== "sending" && !mayGo(row)) return undefined;
    if (row.state === "waiting" && dueAt(row) <= now) return row.action;
    if (row.state === "deferred" && row.nextAtMs <= now) {
      row.because = "answer-overdue";
      return unclearAction;
    }
    if (row.state !== "sending" || row.leaseUntilMs > now) return undefined;
    row.because = "lease-expired";
    if (row.action !== "send") return row.action;
    row.lastPossibleSendMs = row.leaseUntilMs;
    row.mayHaveTakenEffect = true;
    return unclearAction;
  };

  const claimed = (row: MemoryWriteBack): Claimed => ({
    id: row.id,
    key: row.key,
    messageId: row.messageId,
    destination: row.destination,
    kind: row.owed.kind,
    mapping: row.owed.mapping,
    lane: row.lane,
    laneSeq: row.laneSeq,
    cause: row.owed.cause,
    ...(row.owed.traceparent === undefined ? {} : { traceparent: row.owed.traceparent }),
    body: row.owed.body,
    contentType: row.owed.contentType,
    charset: row.owed.charset,
    ...(row.owed.amountFen === undefined ? {} : { amountFen: row.owed.amountFen }),
    ...(row.serial === undefined ? {} : { serial: row.serial }),
    businessDate: row.owed.businessDate,
    token: row.token,
    attempt: row.attempt,
    owedAt: row.owedAt,
    ...(row.firstSentAt === undefined ? {} : { firstSentAt: row.firstSentAt }),
    action: row.action,
    ...(row.because === undefined ? {} : { because: row.because }),
    ...(row.lastPossibleSendMs === undefined ? {} : { sinceLastPossibleSendMs: clock.tickMs() - row.lastPossibleSendMs }),
    laneBehind: laneOf(row).length - 1,
    leaseMs: row.leaseUntilMs - clock.tickMs(),
  });

  const promote = (closed: MemoryWriteBack): void => {
    const [head] = laneOf(closed).sort((a, b) => (a.laneSeq < b.laneSeq ? -1 : 1));
    if (head?.state === "queued") {
      Object.assign(head, { state: "waiting", nextAtMs: head.owedAtMs });
      given?.due(head.destination);
    }
  };

  const apply = (row: MemoryWriteBack, end: AttemptEnd): void => {
    const now = clock.tickMs();
    row.ends.push(end);
    if (end.event !== undefined) given?.record(row.messageId, end.event);
    row.because = undefined;
    row.nextAtMs = now + (end.retryInMs ?? 0);
    if (end.mayHaveTakenEffect) {
      row.mayHaveTakenEffect = true;
      row.lastPossibleSendMs = now;
      row.firstSentAt ??= chinaDateTimeOf(clock.nowMs());
    }
    switch (end.step) {
      case "finish":
        row.state = "acknowledged";
        promote(row);
        return;
      case "park":
        row.state = "parked";
        row.passed = end.letsNextGo === true;
        row.mayHaveTakenEffect ||= parksInDoubt(end.park);
        if (row.passed) promote(row);
        return;
      case "wait":
        row.state = "deferred";
        return;
      case "ask":
      case "resend":
        row.state = "waiting";
        row.action = end.step === "ask" ? "ask" : "send";
        return;
    }
  };

  const begin = (row: MemoryWriteBack, action: MemoryWriteBack["action"], leaseMs: number): Claimed => {
    row.state = "sending";
    row.action = action;
    row.token += 1;
    row.attempt += 1;
    row.leaseUntilMs = clock.tickMs() + leaseMs;
    delete row.waitMs;
    return claimed(row);
  };

  const store: MemoryWriteBacks = {
    faults,
    gates,
    holds,
    rows: all,
    move: (id, state) => {
      const row = all().find((one) => one.id === id);
      if (!row) return;
      Object.assign(row, { state, token: row.token + 1, because: undefined, mayHaveTakenEffect: true });
      promote(row);
    },
    owe: ({ key, lane, amountFen = 1650n, destination = "his", traceparent }) => {
      const rows = all();
      const laneSeq = BigInt(rows.filter((row) => row.lane === lane && row.destination === destination).length + 1);
      const id = `wb-${rows.length + 1}`;
      const serial = `S-${key}`;
      const owed: OwedWriteBack = {
        key,
        destination,
        kind: "payment-confirm",
        mapping: "fake/payment-confirm",
        cause: { eventId: `event-${id}`, type: "payment.settled" },
        lane,
        body: new TextEncoder().encode(JSON.stringify({ key, amountFen: amountFen.toString(), serial })),
        contentType: "application/json",
        charset: "utf-8",
        amountFen,
        serial,
        businessDate: "2026-11-20",
        when: "now",
        flow: "fake",
        node: "fake",
        ...(traceparent === undefined ? {} : { traceparent }),
      };
      const state = laneOf({ destination, lane }).length === 0 ? "waiting" : "queued";
      const row = newWriteBack({ id, messageId: id, owed, state, laneSeq }, clock);
      byKey.set(byKey.has(key) ? id : key, row);
      return row;
    },
    bear: (about, leaseMs) => {
      const row = store.owe(about);
      return row.state === "waiting" ? begin(row, "send", leaseMs) : undefined;
    },
    replay: (id, action) => {
      const row = all().find((one) => one.id === id);
      if (row) Object.assign(row, { state: "waiting", action, because: "replay", nextAtMs: clock.tickMs() });
    },
    claim: (destination, limit, leaseMs, unclearAction, freshMs = Number.POSITIVE_INFINITY) =>
      operation("claim", () => {
        const taken: Claimed[] = [];
        for (const row of all()) {
          if (taken.length >= limit) break;
          const action =
            row.destination === destination && dueAt(row) > clock.tickMs() - freshMs ? dueAction(row, unclearAction) : undefined;
          if (action === undefined) continue;
          taken.push(begin(row, action, leaseMs));
        }
        return taken;
      }),
    settle: (end) =>
      operation("settle", () => {
        const row = all().find((one) => one.id === end.id);
        if (row?.state !== "sending" || row.token !== end.token) return "lease-lost";
        apply(row, end);
        return "settled";
      }),
    nextDueMs: (destination) =>
      operation("next-due", () => {
        const times = all()
          .filter(
            (row) =>
              row.destination === destination && (row.state === "sending" || (["waiting", "deferred"].includes(row.state) && mayGo(row))),
          )
          .map((row) => (row.state === "sending" ? row.leaseUntilMs : dueAt(row)) - clock.tickMs());
        return times.length === 0 ? undefined : Math.min(...times);
      }),
    release: (claims) =>
      operation("release", () => {
        for (const claim of claims) {
          const row = all().find((one) => one.id === claim.id);
          if (row?.state === "sending" && row.token === claim.token) {
            Object.assign(row, { state: "waiting", attempt: row.attempt - 1, nextAtMs: clock.tickMs() });
          }
        }
      }),
    sweep: async () => 0,
  };
  return store;
}
