/**
 * What the nodes may ask of the engine: one call each (design.md decision 16). Nodes reach it by `RED.settings.huiliu`, never by the global context.
 */
import type { Event } from "../events/event.ts";
import type { Workbench } from "../flows/workbench.ts";
import type { ParkReason } from "../journal/ports.ts";

/** A plain string on `msg.huiliu.delivery`: it survives clones, context and JSON. */
export type DeliveryToken = string;

/** Which node calls. Recorded with every intent and named in every parked record. */
export interface NodeRef {
  readonly id: string;
  readonly type: string;
  readonly name?: string;
  /** The flow's folder name. */
  readonly flow: string;
}

/** A delivery as `message-in` or `event-in` hands it to the flow: small on purpose, the bytes stay in the engine. */
export interface Fed {
  readonly token: DeliveryToken;
  readonly messageId: string;
  readonly partner: string;
  readonly kind: string;
  readonly event?: Event;
}

/** A refusal a node shows and the ledger parks with. */
export interface Refused {
  readonly ok: false;
  readonly reason: ParkReason;
}

export interface Choice {
  readonly value: string;
  readonly zh: string;
  readonly en: string;
}

/** What is loaded, for the editor's choices. */
export interface Catalogue {
  partners(): readonly (Choice & {
    readonly vendor: string;
    readonly destination: boolean;
    /** Of a destination: kinds of write-backs it takes, each with its outbound message, and which key keeps them in order. */
    readonly writeBacks?: Readonly<Record<string, string>>;
    readonly lane?: "order" | "patient";
  })[];
  /** Inbound message kinds of a vendor (or all), outbound ones with `direction: "out"`. value = `<vendor>/<message>`. */
  mappings(): readonly (Choice & { readonly vendor: string; readonly message: string; readonly direction: "in" | "out" })[];
  eventTypes(): readonly Choice[];
  keyKinds(): readonly Choice[];
}

export type Asked =
  | {
      readonly outcome: "acknowledged" | "rejected" | "busy" | "not-found" | "unclear" | "unsent";
      readonly code?: string;
      readonly text?: string;
      readonly reply?: Readonly<Record<string, string>>;
    }
  | { readonly outcome: "refused"; readonly reason: ParkReason };

/** One business key's hits, newest first. */
export interface Found {
  readonly messages: readonly {
    readonly messageId: string;
    readonly partner: string;
    readonly kind: string;
    readonly state: string;
    readonly receivedAt: string;
  }[];
  readonly events: readonly Event[];
  readonly writeBacks: readonly { readonly id: string; readonly kind: string; readonly destination: string; readonly state: string }[];
}

export interface Engine {
  /** Resolves when doors may open and nodes may subscribe; rejects when start-up refused, with every problem. */
  readonly ready: Promise<void>;
  readonly catalogue: Catalogue;
  /**
   * Feeds messages of `partner` ("*" = all) and `kinds` (empty = all) to `feed`, in journal order, one at a time per business key. Returns the unsubscribe.
   * Two subscriptions wanting the same partner and kind are refused (a message has one flow): answers the other node.
   */
  subscribeMessages(
    node: NodeRef,
    filter: { readonly partner: string; readonly kinds: readonly string[]; readonly deadlineMs: number },
    feed: (fed: Fed) => void,
  ): { readonly ok: true; readonly stop: () => void } | Refused;
  subscribeEvents(
    node: NodeRef,
    filter: { readonly types: readonly string[]; readonly deadlineMs: number },
    feed: (fed: Fed) => void,
  ): { readonly ok: true; readonly stop: () => void } | Refused;
  /** Bytes → events. `mapping` empty = the vendor's mapping of the message's kind. Problems are a refusal. */
  translate(
    token: DeliveryToken,
    node: NodeRef,
    options: { readonly mapping?: string },
  ): { readonly ok: true; readonly events: readonly Event[] } | Refused;
  /** Intent: publish these events (all translated ones when absent). `eventless`: its mapping says that no event comes of the message, which ends it well. */
  publish(
    token: DeliveryToken,
    node: NodeRef,
    options: { readonly types?: readonly string[] },
  ): { readonly ok: true; readonly count: number; readonly eventless?: true } | Refused;
  /** Intent: owe `destination` a write-back of `kind` for each event of `types` (all when empty). `count` 0 = no event of that type in this delivery. */
  oweWriteBack(
    token: DeliveryToken,
    node: NodeRef,
    options: {
      readonly destination: string;
      readonly kind: string;
      readonly types: readonly string[];
      readonly when: "now" | "bill-paid";
      /** Which key keeps it in order; absent or empty: as the destination's profile says. An event without a patient keeps to its order. */
      readonly lane?: "" | "order" | "patient";
    },
  ): { readonly ok: true; readonly count: number } | Refused;
  /**
   * Asks a partner (an inquiry: no effect there). Never throws; the outcome chooses the node's output. `cacheSeconds` above 0: an acknowledged answer to the
   * very same question may be that old (reference data, S3-27); anything else is asked anew.
   */
  ask(
    token: DeliveryToken,
    node: NodeRef,
    options: { readonly partner: string; readonly kind: string; readonly cacheSeconds?: number; readonly signal: AbortSignal },
  ): Promise<Asked>;
  /** The verdict for a sender who waits (reply-to, HTTP in the partner's dialect). */
  answer(
    token: DeliveryToken,
    node: NodeRef,
    options: { readonly verdict: "accepted" | "refused"; readonly text?: string },
  ): { readonly ok: true } | Refused;
  find(
    token: DeliveryToken | undefined,
    node: NodeRef,
    options: { readonly keyKind: string; readonly value: string; readonly limit: number },
  ): Promise<Found>;
  /** Intent: park this delivery with a reason, on purpose. `refusal`: the engine's own refusal that led here; its code and problems are kept. */
  park(
    token: DeliveryToken,
    node: NodeRef,
    options: { readonly code?: string; readonly reason: string; readonly refusal?: ParkReason },
  ): { readonly ok: true } | Refused;
  /** What the editor asks on behalf of an integrator; without effect on any delivery. Absent: nobody edits flows at this engine (tests of flows). */
  readonly workbench?: Workbench | undefined;
  /** The ledger's door for the kit and Node-RED's hooks. */
  readonly ledger: Ledger;
  /** Stops feeding, waits until nothing is live (at most `capMs`), gives back what is left, waits 150 ms more. */
  pauseIntake(why: string, capMs: number): Promise<{ readonly live: number }>;
  /** `unlessPausedSince`: what `pauses` was when the reason to go on arose; a pause since then (the next deploy's) stands. */
  resumeIntake(unlessPausedSince?: number): void;
  /** How often intake has been paused. */
  pauses(): number;
  /** Live deliveries now. */
  live(): number;
}

/** What a node asks in the middle of a delivery. */
export type NodeCalls = Pick<Engine, "translate" | "publish" | "oweWriteBack" | "ask" | "answer" | "find" | "park">;

/** The calls of whichever engine there is when one is made: nodes hold them before the engine has opened, and while one test's engine follows another's. */
export const callsOf = (now: () => NodeCalls): NodeCalls => ({
  translate: (...args) => now().translate(...args),
  publish: (...args) => now().publish(...args),
  oweWriteBack: (...args) => now().oweWriteBack(...args),
  ask: (...args) => now().ask(...args),
  answer: (...args) => now().answer(...args),
  find: (...args) => now().find(...args),
  park: (...args) => now().park(...args),
});

/**
 * Counts the branches of each delivery (reference/nodered.md 3.3). A delivery settles when every branch has ended well; one that throws, dangles or outlives
 * the deadline parks, naming the node. `end` marks a good end (the kit calls it when one of our nodes used the message); core nodes end by sending on.
 */
export interface Ledger {
  /** A node was handed a message of the delivery (hook preDeliver). */
  entered(token: DeliveryToken, node: NodeRef): void;
  /** A node sent a message of the delivery on (hook preDeliver's source). */
  sent(token: DeliveryToken, node: NodeRef): void;
  /** The node finished with it (hook onComplete, or postReceive for old one-argument handlers). */
  left(token: DeliveryToken, node: NodeRef, error?: unknown): void;
  /** One of our nodes used it as its end: an intent was recorded. */
  ended(token: DeliveryToken, node: NodeRef): void;
}
