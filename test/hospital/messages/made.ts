/** What a generator gives: one message, and the effects that it ought to have at the HIS. */
import type { Sent } from "../oracle.ts";

export type Body =
  | { readonly type: "document"; readonly text: string; readonly media: "application/xml" | "text/plain" }
  /** A DLL call: both strings and the return value travel together. */
  | { readonly type: "exchange"; readonly request: string; readonly reply: string; readonly returned: string };

export interface Made {
  /** The message's identity: AMQP message-id, Idempotency-Key, or the exchange's id. */
  readonly id: string;
  readonly body: Body;
  readonly expect: readonly Sent[];
}
