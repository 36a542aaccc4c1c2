/** Which bills reversals are about, from the bills in memory (as platform/postgres/order-facts.ts does from the database). */
import type { Event } from "../../domain/events/event.ts";
import { billReversed, type OrderFacts, orderFacts, requestNoOf, reversalOf, settledFacts, toSettle } from "../../domain/orders/facts.ts";
import { emptyBill } from "../../domain/orders/rules.ts";
import type { MemoryStores } from "./stores.ts";

/** Event id → facts, for the reversals among the events and the orders that are to be settled. */
export function createMemoryOrderFacts(
  stores: Pick<MemoryStores, "bills" | "events" | "keys">,
): (events: readonly Event[]) => Promise<ReadonlyMap<string, OrderFacts>> {
  const factsOf = (event: Event): OrderFacts | undefined => {
    const settling = toSettle(event);
    if (settling !== undefined)
      return settledFacts(stores.bills.get(settling.bill) ?? emptyBill(settling.bill), stores.bills.get(settling.visit ?? ""));
    const reversal = reversalOf(event);
    if (reversal === undefined) return undefined;
    const named = stores.bills.get(reversal.bill) ?? emptyBill(reversal.bill);
    const here = billReversed(reversal, named, []);
    if (here !== undefined) return orderFacts(reversal, here);
    const numbers = new Set([reversal.settlementNo, requestNoOf(reversal)]);
    const messages = new Set(stores.keys.filter((one) => numbers.has(one.value)).map((one) => one.messageId));
    const subjects = stores.events
      .filter((row) => messages.has(row.messageId) && row.event.type === "insurance.settled")
      .map((row) => row.event.subject);
    const bills = [...new Set(subjects)].flatMap((subject) => stores.bills.get(subject) ?? []);
    const bill = billReversed(reversal, named, bills);
    return bill && orderFacts(reversal, bill);
  };
  return async (events) =>
    new Map(
      events.flatMap((event) => {
        const one = factsOf(event);
        return one === undefined ? [] : [[event.id, one] as const];
      }),
    );
}
