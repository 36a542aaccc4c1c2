/** Which senders are answered only after their flow: what a message's first leg tells (domain/operations/legs.ts). */
import type { Partner } from "../../domain/partners/profile.ts";

export interface WaitsDeps {
  readonly partner: (name: string) => Partner | undefined;
  /** The vendor's dialect: how long its sender waits; undefined or 0: it does not. */
  readonly waitMs: (partner: string, kind: string) => number | undefined;
}

export function waitsForFlow(
  deps: WaitsDeps,
): (message: { readonly partner: string; readonly kind: string; readonly door: string }) => boolean {
  return ({ partner, kind, door }) => {
    if (door === "mllp") return deps.partner(partner)?.inbound?.doors?.mllp?.answer === "settlement";
    return (door === "http" || door === "soap") && (deps.waitMs(partner, kind) ?? 0) > 0;
  };
}
