/**
 * A partner that needs code (design.md decision 15): how its envelope is closed before the wire and opened after it - signatures, ciphers, session numbers.
 * What stands inside is the mapping's. Pure: time, randomness and secrets are handed in; an adapter never sends. One folder of adapters/ each.
 */

export interface BothLanguages {
  readonly zh: string;
  readonly en: string;
}

/** What an adapter is given beside the bytes. */
export interface AdapterContext {
  readonly partner: string;
  /** Message: an outbound document's name, or the kind of what came in. */
  readonly message: string;
  readonly constants: Readonly<Record<string, string>>;
  /** The partner's secrets, by the names that the adapter declares. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly nowMs: number;
  random(bytes: number): Uint8Array;
  /** What the partner's sign-in told (`session`); absent before one, and where there is none. */
  readonly session?: Readonly<Record<string, string>>;
  /** The write-back's key, where there is one. */
  readonly key?: string;
  /** This call's own number at the partner (`Adapter.number`), journaled before the call; absent where calls have none. */
  readonly number?: string;
  /** It was verified at the door already: opened again for its mapping. Headers that carried credentials or signatures are not kept. */
  readonly again?: true;
}

export interface Envelope {
  /** With the query, appended to the destination's address; absent: the mapping's own. */
  readonly path?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** What the journal keeps of it where the body is cipher text: the same envelope in clear. Absent: the body. */
  readonly clear?: Uint8Array;
}

/** A reply or a message whose envelope holds. */
export interface Opening {
  readonly body: Uint8Array;
  readonly contentType?: string;
}

/** `code`: the partner's own code for what is wrong, told back to it. */
export type Fallible<T> =
  | ({ readonly ok: true } & T)
  | { readonly ok: false; readonly zh: string; readonly en: string; readonly code?: string };

export interface Adapter {
  /** The folder's name; `vendor.json` names it in `adapter`. */
  readonly name: string;
  readonly title: BothLanguages;
  /** Secrets that must be there before a partner with this adapter is written to or listened to. */
  readonly secrets: Readonly<Record<string, BothLanguages>>;
  /** What goes to the partner. A refusal means that nothing left us. */
  seal?(plain: Envelope, context: AdapterContext): Fallible<{ readonly sealed: Envelope }>;
  /**
   * The partner's reply. A refusal (wrong signature, cut cipher text) makes the attempt unclear: nobody knows who answered. `ofGateway`: a gateway in front of the partner
   * said it, under whatever status: the contract reads it, and no exchange with the partner is journaled.
   */
  open?(
    reply: Opening & { readonly headers?: Readonly<Record<string, string>> },
    context: AdapterContext,
  ): Fallible<{ readonly opened: Opening; readonly ofGateway?: true }>;
  /**
   * What a partner sent us: verified at the door before it is journaled, and opened again for its mapping. The journal keeps the bytes as they came.
   * A refusal is told to the sender and nothing of it is taken. `kind`: the message kind that the envelope itself names, by its function code; taken where the
   * sender's address names none (`envelope`), else it must agree.
   */
  receive?(
    message: Opening & { readonly headers: Readonly<Record<string, string>> },
    context: AdapterContext,
  ): Fallible<{ readonly opened: Opening; readonly kind?: string }>;
  /** Our answer to what `receive` took, put into the partner's envelope. */
  answer?(plain: Opening, context: AdapterContext): Opening;
  /**
   * Where the partner knows our calls by a number of ours (msgid, 发送方流水号): the candidate after `tries` that were taken. The engine stores the first that no other
   * call of this partner has, before the call, and the same write-back has it for ever.
   */
  number?(context: Pick<AdapterContext, "partner" | "constants" | "nowMs" | "key">, tries: number): string;
  /** Where calls need a sign-in first (bin/engine/sessions.ts): one for all workers, signed in anew when it is lost, too old, or of another China day. */
  readonly session?: Session;
}

/** The sign-in of a partner. The envelopes are plain: `seal` closes them like every call's. */
export interface Session {
  readonly lifetimeMs: number;
  /** It ends with the China day on which it began. */
  readonly daily: boolean;
  /** Whose it is (an operator); undefined: this partner's calls need none. */
  who(context: AdapterContext): string | undefined;
  signIn(context: AdapterContext): Envelope;
  /** With `context.session`. Absent: sessions end by themselves. */
  signOut?(context: AdapterContext): Envelope;
  /** What is kept of the (opened) reply to the sign-in; undefined: refused. */
  read(reply: Opening): Readonly<Record<string, string>> | undefined;
  /** True when a reply says that the session is not known (any more): nothing was done, and the next call signs in anew. */
  lost(reply: Opening): boolean;
}
