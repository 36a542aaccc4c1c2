/**
 * The oracle: what was sent against what a partner's ledger says it did. It reads nothing else, above all nothing of the engine's.
 * A run whose oracle self-test (oracle.test.ts) fails counts as no run.
 */
import type { LedgerLine } from "./ledger.ts";

/** One effect that ought to be found at the partner exactly once. */
export interface Sent {
  /** The write-back's key, where the sender knows it; else order and kind (and serial or action, where one order has several) name it. */
  readonly key?: string;
  readonly order?: string;
  readonly kind: string;
  readonly serial?: string;
  readonly action?: string;
  /** Fen, as a decimal string. */
  readonly amount: string;
  /** Effects of one lane must happen in the order of their seq. Without lane order is not looked at. */
  readonly lane?: string;
  readonly seq?: number;
  /** True when the engine claims that the partner acknowledged it. */
  readonly acknowledged?: boolean;
  /** True when the sender was never told that its message was taken: its effect may be there or not. */
  readonly optional?: boolean;
  /** What the request must say word for word (patient, visit): one without it told of somebody else. */
  readonly carries?: readonly string[];
  /**
   * Seq of the effect of its lane that this one gives back whole. Where the partner heard of neither of the two, they cancel out: nothing is lost, and its books are right.
   * One without the other is a loss as ever.
   */
  readonly takesBack?: number;
  /** True when a person can see it in the engine's parked list, as itself or behind a parked one of its lane: neither done nor lost. */
  readonly parked?: boolean;
}

export interface Report {
  /** Effects that ought to be there. */
  readonly sent: number;
  /** Effects that are there. */
  readonly effects: number;
  /** Effects of messages that the sender had no confirm for: allowed. */
  readonly recovered: number;
  /** Requests that the partner was asked, inquiries not counted. */
  readonly asked: number;
  readonly inquiries: number;
  /** Requests without effect, because the partner had done it before. */
  readonly repeats: number;
  /** Requests that the partner refused or could not serve. */
  readonly refused: number;
  /** Sent, and no effect; nor did the partner ever say that there was one. */
  readonly lost: readonly string[];
  /** No effect, and a person can see why. */
  readonly parked: readonly string[];
  /** A payment or a settlement and what gave it back whole, of which the partner heard neither. */
  readonly cancelled: readonly string[];
  /** More than one effect. */
  readonly doubled: readonly { readonly id: string; readonly times: number }[];
  /** Effects that nobody sent. */
  readonly unexpected: readonly string[];
  /** The effect's amount is another one, or the request does not name the patient or visit. */
  readonly mismatched: readonly { readonly id: string; readonly sent: string; readonly done: string | null }[];
  /** The fewest effects that must be taken out for every lane to be in order. */
  readonly outOfOrder: readonly string[];
  /** Somebody said "done", and no effect exists: the partner in its answer, or the engine in its claim. */
  readonly lyingAcks: readonly { readonly id: string; readonly by: "partner" | "engine" }[];
  /** Longest time between two lines of the ledger, in ms by the partner's clock. */
  readonly longestStallMs: number;
  /** True when nothing is lost, doubled, unexpected, mismatched, out of order or lied about. */
  readonly clean: boolean;
}

export interface Oracle {
  see(line: LedgerLine): void;
  report(): Report;
}

interface Watched {
  readonly sent: Sent;
  readonly id: string;
  effects: number;
  saidDone: boolean;
  wrongAmount: { done: string | null } | null;
}

const DONE_ANSWERS = new Set(["0", "1"]);

/** Compares a whole ledger. For ledgers that do not fit into memory feed {@link createOracle} line by line. */
export function compare(sent: Iterable<Sent>, ledger: Iterable<LedgerLine>): Report {
  const oracle = createOracle(sent);
  for (const line of ledger) oracle.see(line);
  return oracle.report();
}

/** An oracle for these effects. The same one given twice (a message sent again on purpose) is one; two that cannot be told apart are an error of the test. */
export function createOracle(sent: Iterable<Sent>): Oracle {
  const watched = new Map<string, Watched>();
  for (const one of sent) {
    const id = nameOf(one);
    const before = watched.get(id);
    if (before === undefined) watched.set(id, { sent: one, id, effects: 0, saidDone: false, wrongAmount: null });
    else if (before.sent.amount !== one.amount || before.sent.lane !== one.lane || before.sent.seq !== one.seq) {
      throw new Error(`the oracle was given two different effects named ${id}: give key, serial or action to tell them apart`);
    }
  }
  const lanes = new Map<string, Watched[]>();
  const unexpected: string[] = [];
  const count = { effects: 0, asked: 0, inquiries: 0, repeats: 0, refused: 0, stall: 0 };
  let lastAt = Number.NaN;

  function effect(line: LedgerLine, one: Watched | undefined): void {
    count.effects += 1;
    if (one === undefined) {
      unexpected.push(line.key ?? `${line.kind} ${line.order ?? ""}`);
      return;
    }
    one.effects += 1;
    if (line.amount !== one.sent.amount) one.wrongAmount ??= { done: line.amount };
    for (const word of one.sent.carries ?? []) if (!line.raw.includes(word)) one.wrongAmount ??= { done: `not of ${word}` };
    const { lane, seq } = one.sent;
    if (one.effects > 1 || lane === undefined || seq === undefined) return;
    const done = lanes.get(lane);
    if (done === undefined) lanes.set(lane, [one]);
    else done.push(one);
  }

  return {
    see(line) {
      const at = Date.parse(line.at);
      if (at - lastAt > count.stall) count.stall = at - lastAt;
      lastAt = at;
      const one = find(watched, line);
      if (one !== undefined && DONE_ANSWERS.has(line.answer)) one.saidDone = true;
      if (line.kind === "inquiry") count.inquiries += 1;
      else if (line.deferred !== true && line.kind !== "answer") count.asked += 1;
      if (line.effect) effect(line, one);
      else if (line.kind === "inquiry" || line.kind === "answer") return;
      else if (DONE_ANSWERS.has(line.answer)) count.repeats += 1;
      else if (line.answer !== "2") count.refused += 1;
    },
    report() {
      const all = [...watched.values()];
      const none = all.filter((one) => one.effects === 0);
      const cancelled = cancelledOut(none);
      const faults = {
        lost: none
          .filter(({ saidDone, sent: { acknowledged, optional, parked } }) => !saidDone && ![acknowledged, optional, parked].includes(true))
          .filter((one) => !cancelled.has(one))
          .map((one) => one.id),
        doubled: all.filter((one) => one.effects > 1).map((one) => ({ id: one.id, times: one.effects })),
        unexpected,
        mismatched: all.flatMap((one) =>
          one.wrongAmount === null ? [] : [{ id: one.id, sent: one.sent.amount, done: one.wrongAmount.done }],
        ),
        outOfOrder: [...lanes.values()].flatMap((done) => outOfOrder(done)),
        lyingAcks: none
          .filter((one) => one.saidDone || one.sent.acknowledged === true)
          .map((one) => ({ id: one.id, by: one.saidDone ? ("partner" as const) : ("engine" as const) })),
      };
      const parked = none.filter((one) => one.sent.parked === true).map((one) => one.id);
      const recovered = all.filter((one) => one.sent.optional === true && one.effects > 0).length;
      const { effects, asked, inquiries, repeats, refused, stall } = count;
      const clean = Object.values(faults).every((list) => list.length === 0);
      return {
        sent: watched.size,
        effects,
        recovered,
        asked,
        inquiries,
        repeats,
        refused,
        parked,
        cancelled: [...cancelled].map((one) => one.id),
        ...faults,
        longestStallMs: stall,
        clean,
      };
    },
  };
}

/** Pairs of which neither was done and nobody said so: the one gives the other back whole. */
function cancelledOut(none: readonly Watched[]): ReadonlySet<Watched> {
  const silent = none.filter((one) => !one.saidDone && one.sent.acknowledged !== true);
  const byPlace = new Map(silent.flatMap((one) => (one.sent.lane === undefined ? [] : [[`${one.sent.lane} ${one.sent.seq}`, one]])));
  return new Set(
    silent.flatMap((back) => {
      const { lane, takesBack } = back.sent;
      const original = lane === undefined || takesBack === undefined ? undefined : byPlace.get(`${lane} ${takesBack}`);
      return original === undefined ? [] : [original, back];
    }),
  );
}

/** The name under which a report tells of an effect. */
export function nameOf(sent: Sent): string {
  if (sent.key !== undefined) return sent.key;
  if (sent.order === undefined) throw new Error("the oracle needs a key or an order");
  return name(sent.kind, sent.order, sent.action, sent.serial);
}

function name(kind: string, order: string, action: string | undefined, serial: string | undefined): string {
  return [kind, order, action === undefined ? "" : `action=${action}`, serial === undefined ? "" : `serial=${serial}`]
    .filter((part) => part !== "")
    .join(" ");
}

/** The narrowest name under which this line was sent. An inquiry's line names only its key. */
function find(watched: ReadonlyMap<string, Watched>, line: LedgerLine): Watched | undefined {
  const byKey = line.key === null ? undefined : watched.get(line.key);
  if (byKey !== undefined || line.order === null || line.kind === "inquiry") return byKey;
  const { kind, order, action, serial } = line;
  return (
    watched.get(name(kind, order, action, serial)) ??
    watched.get(name(kind, order, undefined, serial)) ??
    watched.get(name(kind, order, action, undefined)) ??
    watched.get(name(kind, order, undefined, undefined))
  );
}

/** What is left when the longest run in order is taken out (patience sorting): one moved effect is one, however far it moved. */
function outOfOrder(done: readonly Watched[]): string[] {
  const seqs = done.map((one) => one.sent.seq ?? 0);
  const piles: number[] = [];
  const before: number[] = [];
  for (const [index, seq] of seqs.entries()) {
    let low = 0;
    for (let high = piles.length; low < high; ) {
      const middle = (low + high) >> 1;
      if ((seqs[piles[middle] ?? 0] ?? 0) <= seq) low = middle + 1;
      else high = middle;
    }
    before.push(low === 0 ? -1 : (piles[low - 1] ?? -1));
    piles[low] = index;
  }
  const kept = new Set<number>();
  for (let index = piles.at(-1) ?? -1; index >= 0; index = before[index] ?? -1) kept.add(index);
  return done.filter((_, index) => !kept.has(index)).map((one) => one.id);
}
