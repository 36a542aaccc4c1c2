/** Under which name the journal keeps a message's identity (design.md decision 5). */
import type { Inbound } from "./ports.ts";

/** What the sender calls it: its message id, or the part of an exchange that it is. */
export const identityGiven = ({ exchange, identity }: Inbound): string | undefined =>
  exchange ? `exchange:${exchange.id}:${exchange.part}` : identity;

/**
 * The name that is taken. What a door refused does not hold the sender's name: the same bytes sent again with the kind, charset or sender put right are a
 * message, not a duplicate of the refused one; and nobody who was refused can take another's name in advance. Refused again for the same, it is the same
 * row. `fingerprint` in hex.
 */
export function identityTaken(inbound: Inbound, fingerprint: string): string | undefined {
  const given = identityGiven(inbound);
  if (given === undefined || inbound.refusal === undefined) return given;
  return `refused:${inbound.refusal.code}:${inbound.kind}:${fingerprint}:${given}`;
}
