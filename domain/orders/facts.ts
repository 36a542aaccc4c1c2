/**
 * What a bill knows and an event does not tell: a Neusoft 2430 or 2421 names no amount, yet the HIS must hear how much was taken back.
 * Mappings read these as `order:<name>`; amounts are decimal strings of fen.
 */
import type { Event } from "../events/event.ts";
import { type Bill, billTotal, orderChangesOf, reversedBy } from "./rules.ts";

export type OrderFacts = Readonly<Record<string, string>>;

/** The bill to look at for this event; undefined where the event tells everything itself. */
export function billWanted(event: Pick<Event, "type" | "data">): string | undefined {
  if (event.type !== "insurance.reversed" || (event.data as { readonly amounts?: unknown }).amounts !== undefined) return undefined;
  return orderChangesOf(event)[0]?.bill;
}

/** `amount`: what the reversed settlement was in all; `billTotal`. A settlement that this bill does not know gives no amount. */
export function orderFacts(event: Pick<Event, "type" | "data">, bill: Bill): OrderFacts {
  const reversal = orderChangesOf(event).find((change) => change.kind === "insurance-reversed");
  const settled = reversal && reversedBy(bill, reversal)?.[1];
  const total = billTotal(bill);
  return {
    ...(settled === undefined ? {} : { amount: String(settled.total) }),
    ...(total === undefined ? {} : { billTotal: String(total) }),
  };
}
