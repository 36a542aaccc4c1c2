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
}

export interface Envelope {
  /** With the query, appended to the destination's address; absent: the mapping's own. */
  readonly path?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** A reply or a message whose envelope holds. */
export interface Opening {
  readonly body: Uint8Array;
  readonly contentType?: string;
}

export type Fallible<T> = ({ readonly ok: true } & T) | { readonly ok: false; readonly zh: string; readonly en: string };

export interface Adapter {
  /** The folder's name; `vendor.json` names it in `adapter`. */
  readonly name: string;
  readonly title: BothLanguages;
  /** Secrets that must be there before a partner with this adapter is written to or listened to. */
  readonly secrets: Readonly<Record<string, BothLanguages>>;
  /** What goes to the partner. A refusal means that nothing left us. */
  seal?(plain: Envelope, context: AdapterContext): Fallible<{ readonly sealed: Envelope }>;
  /** The partner's reply. A refusal (wrong signature, cut cipher text) makes the attempt unclear: nobody knows who answered. */
  open?(
    reply: Opening & { readonly headers?: Readonly<Record<string, string>> },
    context: AdapterContext,
  ): Fallible<{ readonly opened: Opening }>;
  /**
   * What a partner sent us: verified at the door before it is journaled, and opened again for its mapping. The journal keeps the bytes as they came.
   * A refusal is told to the sender and nothing of it is taken.
   */
  receive?(
    message: Opening & { readonly headers: Readonly<Record<string, string>> },
    context: AdapterContext,
  ): Fallible<{ readonly opened: Opening }>;
  /** Our answer to what `receive` took, put into the partner's envelope. */
  answer?(plain: Opening, context: AdapterContext): Opening;
  /** Where calls need a sign-in first: the outbound document that signs in, how long it holds, and what is kept of its (opened) reply. */
  readonly session?: {
    readonly message: string;
    readonly lifetimeMs: number;
    read(reply: Opening): Readonly<Record<string, string>> | undefined;
    /** True when a reply says that the session is not known any more: signed in anew before the next call. */
    lost(reply: Opening): boolean;
  };
}
