/**
 * The ledger of branches (reference/nodered.md 3.3): counts, for each delivery, where its message went in the flow, so that none can disappear whatever
 * an integrator wires. Node-RED's hooks and our nodes tell it what happens; it decides once per delivery how it ended.
 *
 * Rules, at the moment when no node holds a message of the delivery:
 * - a node that received more messages than it sent on or ended is a *dangling leaf* (unwired output, wire to a missing node, lost token, switch without match …)
 * - nodes that gather (join, batch) need to have sent at least one; neutral nodes (debug, catch, complete …) may keep theirs
 * - a delivery without any good end is dangling, even if only neutral nodes kept it
 * - a node that failed makes the delivery fail; only our park node mends that, because it parks the whole delivery with a reason of its own
 * - all leaves good: settled at once. Otherwise it looks again after `graceMs`, because delays, split and join, and asynchronous functions touch zero in between.
 */
import type { ParkReason } from "../journal/ports.ts";
import { refusal } from "../refusals.ts";
import type { DeliveryToken, Ledger, NodeRef } from "./engine.ts";

/** How long a delivery may look dangling before it is said to be. */
const GRACE_MS = 2_000;
/** Longest error text kept, in characters. */
const TEXT_MAX = 500;

/** Kept nothing, and rightly so: nobody expects them to send on. */
const NEUTRAL: ReadonlySet<string> = new Set(["debug", "complete", "catch", "status", "comment"]);
/** Send one message for many. */
const GATHERS: ReadonlySet<string> = new Set(["join", "batch"]);
/** Our node that parks the whole delivery on purpose. */
const PARK = "huiliu-park";

/** `kept`: a node sent on and ended less than it received. `no-end`: every branch ran out in nodes that record nothing. */
export type Dangling = "kept" | "no-end";

/** How the branches of a delivery ended. Anything but `ended` parks it, with none of its intents committed. */
export type LedgerEnd =
  | { readonly kind: "ended" }
  | { readonly kind: "dangled"; readonly node: NodeRef; readonly how: Dangling }
  /** `refusal`: the engine's own refusal, when the node failed because of one. */
  | { readonly kind: "threw"; readonly node: NodeRef; readonly text: string; readonly refusal?: ParkReason }
  | { readonly kind: "deadline"; readonly nodes: readonly NodeRef[] };

/** An error that carries the engine's refusal through Node-RED's `done(error)`. */
export class RefusedByEngine extends Error {
  override readonly name = "RefusedByEngine";
  readonly reason: ParkReason;
  constructor(reason: ParkReason) {
    super(reason.zh);
    this.reason = reason;
  }
}

export interface LedgerDeps {
  /** Runs `fn` once after `ms`; answers the cancel. The clock is a port. */
  readonly after: (ms: number, fn: () => void) => () => void;
  /** Runs `fn` when the present call stack is empty: a Catch or Complete node is handed its message right after we are told of the end. */
  readonly soon?: (fn: () => void) => void;
  readonly graceMs?: number;
}

/** What the engine asks of its ledger, beyond what nodes and hooks tell it. */
export interface OpenLedger extends Ledger {
  /**
   * Begins to count. The feeding node counts as holding the message until it calls `left`. `onEnd` is called exactly once, never from within `open`,
   * unless the delivery is dropped. A token that is open already is refused with an exception: it is a fault in the engine.
   */
  open(token: DeliveryToken, options: { readonly node: NodeRef; readonly deadlineMs: number }, onEnd: (end: LedgerEnd) => void): void;
  /** Forgets a delivery (given back to the journal): `onEnd` is not called any more. */
  drop(token: DeliveryToken): void;
  /** Deliveries being counted. */
  live(): number;
}

interface Tally {
  readonly node: NodeRef;
  received: number;
  sent: number;
  ended: number;
  left: number;
}

interface Failure {
  readonly node: NodeRef;
  readonly text: string;
  readonly refusal?: ParkReason;
}

interface Open {
  readonly token: DeliveryToken;
  readonly tallies: Map<string, Tally>;
  readonly onEnd: (end: LedgerEnd) => void;
  pending: number;
  ends: number;
  parked: boolean;
  last: NodeRef;
  failure?: Failure;
  stopDeadline: () => void;
  stopLook: (() => void) | undefined;
  looking: boolean;
}

const newTally = (node: NodeRef): Tally => ({ node, received: 0, sent: 0, ended: 0, left: 0 });

/** A delivery whose feeding node holds the message. */
function begin(token: DeliveryToken, node: NodeRef, onEnd: (end: LedgerEnd) => void): Open {
  const feeder = { ...newTally(node), received: 1 };
  return {
    token,
    tallies: new Map([[node.id, feeder]]),
    onEnd,
    pending: 1,
    ends: 0,
    parked: false,
    last: node,
    stopDeadline: () => undefined,
    stopLook: undefined,
    looking: false,
  };
}

function tallyOf(open: Open, node: NodeRef): Tally {
  let tally = open.tallies.get(node.id);
  if (tally === undefined) {
    tally = newTally(node);
    open.tallies.set(node.id, tally);
  }
  return tally;
}

/** What an error says. Function nodes throw errors of another realm, which are no `instanceof Error` here, so the shape decides. */
function textOf(error: unknown): string {
  if (typeof error === "string") return error;
  const message = typeof error === "object" && error !== null ? (error as { message?: unknown }).message : undefined;
  return typeof message === "string" && message !== "" ? message : String(error);
}

function failureOf(node: NodeRef, error: unknown): Failure {
  const text = textOf(error).slice(0, TEXT_MAX) || "(no text)";
  return error instanceof RefusedByEngine ? { node, text, refusal: error.reason } : { node, text };
}

/** What is wrong with the leaves now; undefined when every branch has ended well. Only asked when nothing is pending. */
function wrong(open: Open): LedgerEnd | undefined {
  if (open.parked) return undefined;
  if (open.failure !== undefined) return { kind: "threw", ...open.failure };
  for (const tally of open.tallies.values()) {
    const { node, received, sent, ended } = tally;
    if (NEUTRAL.has(node.type)) continue;
    const owed = GATHERS.has(node.type) ? Math.min(received, 1) : received;
    if (sent + ended < owed) return { kind: "dangled", node, how: "kept" };
  }
  return open.ends === 0 ? { kind: "dangled", node: open.last, how: "no-end" } : undefined;
}

/** What a node is called in a sentence: its name where the integrator gave one. */
const called = (node: NodeRef): string => `${node.name ?? node.type} (${node.id})`;

/** The reason to park with; undefined when the delivery ended well. Always names the node where it died. */
export function reasonOfEnd(end: LedgerEnd): ParkReason | undefined {
  switch (end.kind) {
    case "ended":
      return undefined;
    case "threw":
      if (end.refusal !== undefined) return { ...end.refusal, node: end.node };
      return refusal("BRANCH_THREW", {
        zh: `节点 ${called(end.node)}：${end.text}`,
        en: `node ${called(end.node)}: ${end.text}`,
        node: end.node,
      });
    case "dangled": {
      const name = called(end.node);
      const detail =
        end.how === "kept"
          ? {
              zh: `节点 ${name} 收到报文后既未转出也未登记结果`,
              en: `node ${name} took the message and neither sent it on nor recorded anything`,
            }
          : { zh: `各分支均无结果，最后到达节点 ${name}`, en: `no branch recorded anything; the last node reached was ${name}` };
      return refusal("BRANCH_DANGLED", { ...detail, node: end.node });
    }
    case "deadline": {
      const first = end.nodes[0];
      const names = end.nodes.map(called).join("、");
      if (first === undefined) return refusal("DEADLINE");
      return refusal("DEADLINE", {
        zh: `报文仍停留在 ${names}`,
        en: `the message is still held by ${end.nodes.map(called).join(", ")}`,
        node: first,
      });
    }
  }
}

/** When a delivery ends, and how. */
interface Endings {
  /** No node holds a message of it: is it well? */
  look(open: Open): void;
  expire(open: Open): void;
}

function createEndings(opened: Map<DeliveryToken, Open>, after: LedgerDeps["after"], graceMs: number): Endings {
  const finish = (open: Open, end: LedgerEnd): void => {
    if (opened.get(open.token) !== open) return;
    opened.delete(open.token);
    open.stopDeadline();
    open.stopLook?.();
    open.onEnd(end);
  };

  const look = (open: Open): void => {
    open.looking = false;
    if (open.pending > 0 || opened.get(open.token) !== open) return;
    const found = wrong(open);
    if (found === undefined || found.kind === "threw") {
      finish(open, found ?? { kind: "ended" });
      return;
    }
    open.stopLook?.();
    open.stopLook = after(graceMs, () => {
      open.stopLook = undefined;
      if (open.pending === 0) finish(open, wrong(open) ?? { kind: "ended" });
    });
  };

  const expire = (open: Open): void => {
    const holding = [...open.tallies.values()].filter((tally) => tally.received > tally.left).map((tally) => tally.node);
    const found = open.pending === 0 ? wrong(open) : undefined;
    if (open.parked) finish(open, { kind: "ended" });
    else finish(open, found ?? { kind: "deadline", nodes: holding });
  };

  return { look, expire };
}

/** The ledger of one worker. Pure but for `after` and `soon`; every call is O(1) except the look at the leaves, about once per delivery. */
export function createLedger(deps: LedgerDeps): OpenLedger {
  const soon = deps.soon ?? queueMicrotask;
  const opened = new Map<DeliveryToken, Open>();
  const { look, expire } = createEndings(opened, deps.after, deps.graceMs ?? GRACE_MS);

  return {
    open(token, { node, deadlineMs }, onEnd) {
      if (opened.has(token)) throw new Error(`delivery ${token} is open already`);
      const open = begin(token, node, onEnd);
      opened.set(token, open);
      open.stopDeadline = deps.after(deadlineMs, () => expire(open));
    },
    drop(token) {
      const open = opened.get(token);
      if (open === undefined) return;
      opened.delete(token);
      open.stopDeadline();
      open.stopLook?.();
    },
    live: () => opened.size,

    entered(token, node) {
      const open = opened.get(token);
      if (open === undefined) return;
      tallyOf(open, node).received += 1;
      open.pending += 1;
      open.last = node;
      if (open.stopLook !== undefined) {
        open.stopLook();
        open.stopLook = undefined;
      }
    },
    sent(token, node) {
      const open = opened.get(token);
      if (open !== undefined) tallyOf(open, node).sent += 1;
    },
    left(token, node, error) {
      const open = opened.get(token);
      if (open === undefined) return;
      const tally = tallyOf(open, node);
      // The first failure is the one to name: later ones follow from it.
      if (error !== undefined && error !== null && open.failure === undefined) open.failure = failureOf(node, error);
      // A node that says "done" twice must not free a message that another node still holds.
      if (tally.left < tally.received) {
        tally.left += 1;
        open.pending -= 1;
      }
      if (open.pending === 0 && !open.looking) {
        open.looking = true;
        soon(() => look(open));
      }
    },
    ended(token, node) {
      const open = opened.get(token);
      if (open === undefined) return;
      tallyOf(open, node).ended += 1;
      open.ends += 1;
      if (node.type === PARK) open.parked = true;
    },
  };
}
