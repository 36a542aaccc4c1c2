/** What the editor is told of a node that was tried on a stored message (trials.ts). Everything in it is masked. */
import type { NodeRef } from "../delivery/engine.ts";

/** A reply that somebody typed in, to see how it would be read: as it stands inside the partner's envelope. */
export interface TypedReply {
  /** `{key}` stands for the question's own key. */
  readonly text: string;
  readonly status: number;
  readonly contentType?: string;
  /** What a DLL's function returned. */
  readonly returnValue?: string;
}

/** What is to be tried: a node as the dialog holds it, not as it was deployed. */
export interface TrialAsked {
  readonly messageId: string;
  readonly type: NodeRef["type"];
  readonly config: Readonly<Record<string, unknown>>;
  /** The mapping that the flow's translate node before it names; absent: that of the message's kind. */
  readonly mapping?: string;
  /** Ask partner: a stored example of a reply by its name, or one that was typed in. */
  readonly example?: string;
  readonly reply?: TypedReply;
  /** Find: the key's value, where the flow would put it somewhere that a trial cannot see. */
  readonly value?: string;
}

export interface Sentence {
  readonly zh: string;
  readonly en: string;
}

/** What the node would do. */
export interface Trial {
  readonly messageId: string;
  readonly partner: string;
  readonly kind: string;
  readonly mapping?: string;
  /** The output that the message would leave by; absent where the node would be refused. */
  readonly to?: string;
  /** Nothing is wrong, but which output it leaves by is not known: the partner was not asked. */
  readonly open?: true;
  /** One sentence of it. */
  readonly said: Sentence;
  readonly events: readonly { readonly id: string; readonly type: string; readonly event: unknown }[];
  readonly outgoing: readonly Outgoing[];
  readonly problems: readonly (Sentence & { readonly code: string; readonly at: string; readonly place: string })[];
  readonly question?: QuestionSeen;
  readonly reading?: ReadingSeen;
  readonly answer?: AnswerSeen;
  readonly found?: FoundSeen;
  readonly parked?: ParkedSeen;
}

/** A write-back as it would be owed. */
export interface Outgoing {
  readonly eventType: string;
  readonly destination: string;
  readonly kind: string;
  readonly mapping: string;
  readonly lane: string;
  readonly key: string;
  readonly contentType: string;
  /** Decimal fen. */
  readonly amount?: string;
  readonly serial?: string;
  /** The body, decoded and masked. */
  readonly body: string;
}

/** The request that would go out, before the partner's adapter puts it into its envelope. */
export interface QuestionSeen {
  readonly partner: string;
  readonly mapping: string;
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string;
  readonly key: string;
  readonly body: string;
  /** Names of stored examples of replies. */
  readonly examples: readonly string[];
}

/** How a reply would be read. */
export interface ReadingSeen {
  /** The stored example's name; absent: it was typed in. */
  readonly example?: string;
  readonly status: number;
  readonly body: string;
  readonly outcome: string;
  readonly why: Sentence;
  /** Code, text, receipt and so on, as far as the reply has them. */
  readonly fields: Readonly<Record<string, string>>;
}

/** What a sender who waits would read. */
export interface AnswerSeen {
  readonly door: string;
  readonly verdict: "accepted" | "refused";
  /** Absent: at this door nobody waits for the flow. */
  readonly wire?: {
    readonly status?: number;
    readonly contentType: string;
    readonly bytes: number;
    readonly text: string;
    /** The first bytes of the masked text, two digits each. */
    readonly hex: string;
  };
}

/** What a look-up found; of partners that the asker may see. */
export interface FoundSeen {
  readonly keyKind: string;
  readonly value: string;
  /** Where the value stood: in the list of events, in one of them (behind a split node), in what feeds the flow, or typed in. */
  readonly from: "events" | "event" | "feed" | "typed";
  readonly messages: readonly { readonly id: string; readonly partner: string; readonly kind: string; readonly state: string }[];
  readonly events: readonly { readonly id: string; readonly type: string; readonly source: string }[];
  readonly writeBacks: readonly { readonly id: string; readonly destination: string; readonly kind: string; readonly state: string }[];
}

/** What an operator would read of the parked message. */
export interface ParkedSeen {
  readonly state: "parked";
  readonly code: string;
  readonly reason: Sentence;
  readonly next?: Sentence;
}
