/** The number of a call, stored before it is made (`CallNumbers`): under which slot, and why the call cannot be made where it cannot be stored. */
import type { CallNumbers, Claimed } from "./ports.ts";

export type What = "send" | "inquiry" | "reversal";

/** Sent again it is the same call, asked again another; a reversal is the same until it is known to have found nothing. */
export const slotOf = ({ key, attempt }: Pick<Claimed, "key" | "attempt">, what: What): string =>
  what === "send" ? key : what === "inquiry" ? `${key}:inquiry:${attempt}` : `${key}:reversal`;

export type Numbered =
  | { readonly ok: true; readonly number?: string; readonly first: boolean }
  | { readonly ok: false; readonly why: string };

/** Never rejects. */
export async function numberOf(numbers: CallNumbers | undefined, claimed: Claimed, what: What): Promise<Numbered> {
  try {
    const found = await numbers?.of(claimed.destination, slotOf(claimed, what));
    return found === undefined ? { ok: true, first: false } : { ok: true, ...found };
  } catch (error) {
    return { ok: false, why: error instanceof Error ? error.message : String(error) };
  }
}
