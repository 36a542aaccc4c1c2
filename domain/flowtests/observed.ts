/** What came of a played test, as far as a stored test may say anything about it. */
import type { Event } from "../events/event.ts";
import type { Verdict } from "../journal/intake.ts";
import type { MessageState, ParkReason } from "../journal/ports.ts";
import type { WriteBackState } from "../writeback/ports.ts";

export interface ObservedMessage {
  readonly id: string;
  /** Its number in `given`, from 1; absent: the engine journaled it itself (the exchange of a call). */
  readonly given?: number;
  readonly partner: string;
  readonly kind: string;
  readonly state: MessageState;
  readonly park?: ParkReason;
}

export interface ObservedEvent {
  readonly event: Event;
  /** `<vendor>/<message>` of the mapping of the message it came of. */
  readonly mapping?: string;
}

export interface ObservedWriteBack {
  readonly destination: string;
  readonly kind: string;
  readonly key: string;
  readonly lane: string;
  readonly amountFen?: bigint;
  readonly mapping: string;
  readonly state: WriteBackState;
  readonly calls: readonly ("send" | "ask")[];
  /** Why it is parked, or the code of its receipt. */
  readonly code?: string;
  /** What the ack contract said last. */
  readonly rule?: string;
  /** Who owed it. */
  readonly flow: string;
  readonly node: string;
  readonly text: string;
  /** A place of its body, in the words of its codec; of JSON and XML a pointer. */
  readonly read: (place: string) => string | undefined;
}

/** A node of the flow under test. */
export interface FlowNodeSeen {
  readonly id: string;
  readonly type: string;
  readonly name?: string;
  readonly destination?: string;
  readonly kind?: string;
}

export interface Observed {
  /** One for each of `given`; undefined: nobody was ever told. */
  readonly answers: readonly (Verdict | undefined)[];
  readonly messages: readonly ObservedMessage[];
  /** Published events of the business: those of write-backs' ends and of parking are seen in the write-backs and messages themselves. */
  readonly events: readonly ObservedEvent[];
  readonly writeBacks: readonly ObservedWriteBack[];
  /** Calls for which the test has no reply. */
  readonly unscripted: readonly { readonly destination: string; readonly mapping: string; readonly text: string }[];
  /** Pointers of replies that nobody called for. */
  readonly unused: readonly string[];
  /** What had not ended when time was up. */
  readonly unfinished: readonly string[];
  /** Ids of the nodes that a message reached. */
  readonly visited: ReadonlySet<string>;
  readonly flow: string;
  readonly nodes: readonly FlowNodeSeen[];
  /** Mapping documents, to name places in. */
  readonly document: (mapping: string) => unknown;
}
