/**
 * What doors ask: accept these bytes, and what became of them. Doors hold no rules of their own.
 */
import type { Inbound, Journaled, ParkReason } from "./ports.ts";

/** What a sender who waits is told (reply-to, HTTP). `pending`: journaled, its flow has not ended within the time given. */
export interface Verdict {
  readonly verdict: "accepted" | "duplicate" | "refused";
  readonly messageId: string;
  readonly pending?: boolean;
  readonly reason?: ParkReason;
  /** Ids of the events it became. */
  readonly events?: readonly string[];
  /** Text set by an answer-sender node. */
  readonly text?: string;
}

/** What a door must know of a partner before it reads a body. */
export interface DoorPolicy {
  readonly partner: string;
  readonly vendor: string;
  readonly bytesMax: number;
  readonly perSecond: number;
  /** The vendor's default charset when the sender declares none. */
  readonly charset: string;
  /** Inbound message kinds; anything else is journaled and parked as unknown. */
  readonly kinds: ReadonlySet<string>;
  /** Kinds, among them, that acknowledge what we owe this partner: the only ones that the callback's address takes. */
  readonly acknowledgements?: ReadonlySet<string>;
  /** Kinds that come as exchanges of request and reply. */
  readonly exchanges: ReadonlySet<string>;
  /** Its adapter's look at what came, before it is journaled; absent: its messages have no envelope. */
  readonly receive?: (message: Enveloped) => Received;
}

/** What an adapter is shown of a message at the door. */
export interface Enveloped {
  readonly kind: string;
  readonly body: Uint8Array;
  readonly contentType?: string;
  /** As the wire gave them, names in lower case: signatures stand there too. */
  readonly headers: Readonly<Record<string, string>>;
}

/** `kind`: the message kind that the envelope itself names. `code`: the partner's own code for what is wrong. */
export type Received =
  | { readonly ok: true; readonly kind?: string }
  | { readonly ok: false; readonly zh: string; readonly en: string; readonly code?: string };

export interface Intake {
  /** Undefined: nobody of that name. */
  policy(partner: string): DoorPolicy | undefined;
  partners(): readonly DoorPolicy[];
  /** Journals the bytes and hands the message to its flow. Rejects with JournalBusy / JournalGone: answer "busy", never "ok". */
  accept(inbound: Inbound): Promise<Journaled>;
  /** Resolves when the message's delivery has ended, or with `pending` after `withinMs`. */
  verdict(journaled: Journaled, withinMs: number): Promise<Verdict>;
}
