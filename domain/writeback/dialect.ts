/**
 * What the delivery core asks of a destination's dialect: where a write-back goes, what a reply means, and how to ask what became of one. Behind it stand the
 * outbound mappings and adapters; they build and read bytes and never send (design.md decision 15). It should not throw; the core survives it when it does.
 */
import type { CallRequest, Sending } from "./ports.ts";

/** What one reply means by the ack contract, before we hold it against what was sent. */
export interface Reading {
  /** `not-found` only from an inquiry. */
  readonly outcome: "acknowledged" | "rejected" | "busy" | "deferred" | "unclear" | "not-found";
  /** With `acknowledged`: whether the partner did it now or says that it had done it before. */
  readonly how?: "reply" | "already-done";
  /** With `unclear`: the partner says that this very request is done, but the dialect found that the proof does not hold. Decides between park and ask. */
  readonly claims?: "done" | "already-done";
  /** The partner's own code and sentence. Absent when the reply has none. */
  readonly code?: string;
  readonly text?: string;
  readonly receiptNo?: string;
  readonly invoiceNo?: string;
  readonly remark?: string;
  /** What the partner says it booked. */
  readonly amountFen?: bigint;
  readonly serial?: string;
  /** The partner's own number of the work it took. */
  readonly reference?: string;
  /** One sentence for the attempt's row: which rule of the contract decided. */
  readonly why: string;
}

/** What was sent, as far as a reply can be held against it. */
export interface Sent {
  readonly key: string;
  readonly serial?: string;
  readonly amountFen?: bigint;
  /** Our own number of the call that sent it, where the partner knows calls by one (msgid). */
  readonly callNumber?: string;
}

export interface Reply {
  readonly status: number;
  readonly contentType?: string;
  readonly body: Uint8Array;
  /** What a DLL's function returned. */
  readonly returnValue?: string;
}

/** Where a message goes. `path` begins with "/" and is added to the destination's base address. */
export interface WireRequest {
  readonly method: CallRequest["method"];
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Inquiry extends Sent {
  /** Who is asked: two partners of one vendor have constants of their own (institution, area). */
  readonly destination: string;
  readonly kind: string;
  readonly businessDate: string;
  /** The write-back that is asked about, as it went to the wire: where a dialect's inquiry repeats what was sent. Absent for probes. */
  readonly sent?: Sending;
}

export type EncodedInquiry =
  | { readonly ok: true; readonly request: WireRequest; readonly body?: Uint8Array; readonly contentType?: string }
  | { readonly ok: false; readonly why: string };

export interface OutboundDialect {
  /** `mapping` is `<vendor>/<message>`. Undefined: no such outbound mapping is loaded (any more). */
  request(mapping: string, about: { readonly key: string }): WireRequest | undefined;
  /** Total: any status, any bytes. Bytes that the contract does not list are `unclear`. */
  interpret(mapping: string, reply: Reply, sent: Sent): Reading;
  /** Also of a reversal: both are about a write-back that may have been done. */
  encodeInquiry(mapping: string, asked: Inquiry): EncodedInquiry;
}
