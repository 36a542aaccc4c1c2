/** What a trial asks of the engine: everything read, nothing sent. */
import type { Found } from "../delivery/engine.ts";
import type { Translated } from "../delivery/live.ts";
import type { EncodeWriteBack } from "../delivery/node-calls.ts";
import type { Event } from "../events/event.ts";
import type { Verdict } from "../journal/intake.ts";
import type { JournaledMessage, ParkReason } from "../journal/ports.ts";
import type { Charset } from "../mapping/charset.ts";
import type { Answered } from "../operations/refusals.ts";
import type { OrderFacts } from "../orders/facts.ts";
import type { Reading, Reply, Sent } from "../writeback/dialect.ts";
import type { Trial, TrialAsked } from "./trial.ts";

/** A question to a partner as it would go out, before its adapter's envelope. */
export interface Question {
  readonly mapping: string;
  readonly method: "POST" | "PUT";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly charset: Charset;
  /** What a reply is held against. */
  readonly sent: Sent;
}

/** What goes back to a sender who waits. */
export interface SenderAnswer {
  readonly status?: number;
  /** With charset. */
  readonly contentType: string;
  readonly body: Uint8Array;
}

/** A reply among the examples beside a mapping, and what it is an answer to. */
export interface ReplyExample {
  readonly name: string;
  readonly reply: Reply;
  readonly sent: Sent;
}

export interface TrialDeps {
  /** A stored message with its bytes; refusals are those of the operators' side. */
  readonly stored: (id: string) => Promise<Answered<JournaledMessage>>;
  readonly translate: (mapping: string, message: JournaledMessage) => Translated;
  readonly translateByDefault: (message: JournaledMessage) => { readonly mapping: string; readonly result: Translated } | undefined;
  readonly encodeWriteBack: EncodeWriteBack;
  /** Event id → what the bill of a reversal knows. */
  readonly orderFacts: (events: readonly Event[]) => Promise<ReadonlyMap<string, OrderFacts>>;
  readonly question: (
    asked: { readonly partner: string; readonly kind: string },
    event: Event | undefined,
  ) => ({ readonly ok: true } & Question) | { readonly ok: false; readonly reason: ParkReason };
  readonly interpret: (mapping: string, reply: Reply, sent: Sent) => Reading;
  /** Replies among the examples of an outbound mapping, by name. */
  readonly replies: (mapping: string) => Promise<readonly ReplyExample[]>;
  /** Undefined: at this message's door nobody waits for its flow. */
  readonly answer: (message: JournaledMessage, verdict: Verdict) => SenderAnswer | undefined;
  readonly find: (keyKind: string, value: string, limit: number) => Promise<Found>;
}

/** A node with its message; `translated` undefined: no mapping reads messages of this kind. */
export interface Tried {
  readonly asked: TrialAsked;
  readonly config: TrialAsked["config"];
  readonly message: JournaledMessage;
  readonly translated: { readonly mapping: string; readonly result: Translated } | undefined;
  /** Whether the asker may see this partner's messages. */
  readonly sees: (partner: string) => boolean;
}

export type Outcome = Pick<Trial, "said"> & Partial<Omit<Trial, "messageId" | "partner" | "kind" | "mapping" | "said">>;
export type TrialOf = (deps: TrialDeps, tried: Tried) => Promise<Answered<Outcome>> | Answered<Outcome>;
