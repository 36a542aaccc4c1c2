/**
 * The write-back store in memory: same promises as PostgreSQL's (domain/writeback/ports.ts), one clock, no durability. Its rows can be read, and it can be made to fail.
 */
import type { Clock } from "../../domain/writeback/clock.ts";
import type { AttemptEnd, Claimed, WriteBackState, WriteBackStore } from "../../domain/writeback/ports.ts";
import { parksInDoubt } from "../../domain/writeback/reasons.ts";

export interface FakeRow {
  readonly id: string;
  readonly key: string;
  readonly destination: string;
  readonly lane: string;
  readonly laneSeq: bigint;
  readonly amountFen: bigint;
  readonly serial: string;
  readonly owedAt: string;
  readonly owedAtMs: number;
  state: WriteBackState;
  token: number;
  attempt: number;
  /** What the next claim does; while `sending`, what the current one does. */
  action: "send" | "ask" | "park";
  because: Claimed["because"];
  nextAtMs: number;
  leaseUntilMs: number;
  lastPossibleSendMs: number | undefined;
  mayHaveTakenEffect: boolean;
  firstSentAt: string | undefined;
  /** Parked, and its lane goes on past it. */
  passed?: boolean;
  ends: AttemptEnd[];
}

export interface FakeWriteBackStore extends WriteBackStore {
  owe(about: { readonly key: string; readonly lane: string; readonly amountFen?: bigint; readonly destination?: string }): FakeRow;
  /** As a settlement does with a place on the wire: a head of its lane is born claimed; one that is no head is queued, and the answer is undefined. */
  bear(about: { readonly key: string; readonly lane: string; readonly amountFen?: bigint }, leaseMs: number): Claimed | undefined;
  rows(): readonly FakeRow[];
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

export function createFakeWriteBackStore(clock: Clock): FakeWriteBackStore {
  const rows: FakeRow[] = [];
  const faults: FakeWriteBackStore["faults"] = {};
  const gates: FakeWriteBackStore["gates"] = new Map();
  const holds = new Set<string>();
  const mayGo = ({ destination, lane }: FakeRow): boolean => {
    const gate = gates.get(destination);
    const open = gate?.breaker !== "open" && (gate?.mode !== "paused" || (gate.drainUntilMs ?? 0) > clock.tickMs());
    return open && !holds.has(`${destination} ${lane}`);
  };
  const laneOf = (row: Pick<FakeRow, "destination" | "lane">) =>
    rows.filter((one) => one.destination === row.destination && one.lane === row.lane && OPEN.has(one.state) && one.passed !== true);

  const operation = async <T>(name: string, work: () => T): Promise<T> => {
    await Promise.resolve();
    faults.before?.(name);
    const answer = work();
    faults.after?.(name);
    return answer;
  };

  const dueAction = (row: FakeRow, unclearAction: "send" | "ask" | "park"): FakeRow["action"] | undefined => {
    const now = clock.tickMs();
    if (row.state !== "sending" && !mayGo(row)) return undefined;
    if (row.state === "waiting" && row.nextAtMs <= now) return row.action;
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

  const claimed = (row: FakeRow): Claimed => ({
    id: row.id,
    key: row.key,
    messageId: row.id,
    destination: row.destination,
    kind: "payment-confirm",
    mapping: "fake/payment-confirm",
    lane: row.lane,
    laneSeq: row.laneSeq,
    cause: { eventId: `event-${row.id}`, type: "payment.settled" },
    body: new TextEncoder().encode(JSON.stringify({ key: row.key, amountFen: row.amountFen.toString(), serial: row.serial })),
    contentType: "application/json",
    charset: "utf-8",
    amountFen: row.amountFen,
    serial: row.serial,
    businessDate: "2026-11-20",
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

  const promote = (closed: FakeRow): void => {
    const [head] = laneOf(closed).sort((a, b) => (a.laneSeq < b.laneSeq ? -1 : 1));
    if (head?.state === "queued") Object.assign(head, { state: "waiting", nextAtMs: head.owedAtMs });
  };

  const apply = (row: FakeRow, end: AttemptEnd): void => {
    const now = clock.tickMs();
    row.ends.push(end);
    row.because = undefined;
    row.nextAtMs = now + (end.retryInMs ?? 0);
    if (end.mayHaveTakenEffect) {
      row.mayHaveTakenEffect = true;
      row.lastPossibleSendMs = now;
      row.firstSentAt ??= new Date(clock.nowMs()).toISOString();
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

  const begin = (row: FakeRow, action: FakeRow["action"], leaseMs: number): Claimed => {
    row.state = "sending";
    row.action = action;
    row.token += 1;
    row.attempt += 1;
    row.leaseUntilMs = clock.tickMs() + leaseMs;
    return claimed(row);
  };

  const store: FakeWriteBackStore = {
    faults,
    gates,
    holds,
    rows: () => rows,
    move: (id, state) => {
      const row = rows.find((one) => one.id === id);
      if (!row) return;
      Object.assign(row, { state, token: row.token + 1, because: undefined, mayHaveTakenEffect: true });
      promote(row);
    },
    owe: ({ key, lane, amountFen = 1650n, destination = "his" }) => {
      const laneSeq = BigInt(rows.filter((row) => row.lane === lane && row.destination === destination).length + 1);
      const row: FakeRow = {
        id: `wb-${rows.length + 1}`,
        key,
        destination,
        lane,
        laneSeq,
        amountFen,
        serial: `S-${key}`,
        owedAt: new Date(clock.nowMs()).toISOString(),
        owedAtMs: clock.tickMs(),
        state: laneOf({ destination, lane }).length === 0 ? "waiting" : "queued",
        token: 0,
        attempt: 0,
        action: "send",
        because: undefined,
        nextAtMs: clock.tickMs(),
        leaseUntilMs: 0,
        lastPossibleSendMs: undefined,
        mayHaveTakenEffect: false,
        firstSentAt: undefined,
        ends: [],
      };
      rows.push(row);
      return row;
    },
    bear: (about, leaseMs) => {
      const row = store.owe(about);
      return row.state === "waiting" ? begin(row, "send", leaseMs) : undefined;
    },
    replay: (id, action) => {
      const row = rows.find((one) => one.id === id);
      if (row) Object.assign(row, { state: "waiting", action, because: "replay", nextAtMs: clock.tickMs() });
    },
    claim: (destination, limit, leaseMs, unclearAction, freshMs = Number.POSITIVE_INFINITY) =>
      operation("claim", () => {
        const taken: Claimed[] = [];
        for (const row of rows) {
          if (taken.length >= limit) break;
          const action =
            row.destination === destination && row.nextAtMs > clock.tickMs() - freshMs ? dueAction(row, unclearAction) : undefined;
          if (action === undefined) continue;
          taken.push(begin(row, action, leaseMs));
        }
        return taken;
      }),
    settle: (end) =>
      operation("settle", () => {
        const row = rows.find((one) => one.id === end.id);
        if (row?.state !== "sending" || row.token !== end.token) return "lease-lost";
        apply(row, end);
        return "settled";
      }),
    nextDueMs: (destination) =>
      operation("next-due", () => {
        const times = rows
          .filter(
            (row) =>
              row.destination === destination && (row.state === "sending" || (["waiting", "deferred"].includes(row.state) && mayGo(row))),
          )
          .map((row) => (row.state === "sending" ? row.leaseUntilMs : row.nextAtMs) - clock.tickMs());
        return times.length === 0 ? undefined : Math.min(...times);
      }),
    release: (claims) =>
      operation("release", () => {
        for (const claim of claims) {
          const row = rows.find((one) => one.id === claim.id);
          if (row?.state === "sending" && row.token === claim.token) {
            Object.assign(row, { state: "waiting", attempt: row.attempt - 1, nextAtMs: clock.tickMs() });
          }
        }
      }),
    sweep: async () => 0,
  };
  return store;
}
