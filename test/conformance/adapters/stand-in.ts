/** What the exam of adapters needs of each: a partner whose keys are known, what it seals, and what its other side would answer or send. */
import type { AdapterContext, Envelope, Opening } from "../../../domain/partners/adapter.ts";

export interface StandIn {
  /** A name for one use of the adapter (a gateway, a direction). */
  readonly use: string;
  readonly context: AdapterContext;
  /** What is sealed; absent: this use only receives. */
  readonly plain?: Envelope;
  /** A reply that must open, made by somebody else's hand than the adapter's. `signed`: a byte changed must be noticed, or change nothing. */
  readonly reply?: { readonly opening: Opening; readonly signed: boolean };
  /** A message that must be taken at the door. */
  readonly message?: { readonly opening: Opening & { readonly headers: Readonly<Record<string, string>> }; readonly signed: boolean };
}

/** Random bytes that a test can repeat. */
export function seeded(seed: number): (bytes: number) => Uint8Array {
  let state = seed;
  return (count) =>
    Uint8Array.from({ length: count }, () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return (state >>> 16) & 0xff;
    });
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
