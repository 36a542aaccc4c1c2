/** Looks up which bills reversals are about, and what those bills know (domain/orders/facts.ts). */
import type { Event } from "../../domain/events/event.ts";
import { billReversed, type OrderFacts, orderFacts, requestNoOf, reversalOf, settledFacts, toSettle } from "../../domain/orders/facts.ts";
import { type Bill, emptyBill } from "../../domain/orders/rules.ts";
import { billOfBook } from "./bill-book.ts";
import type { Pool } from "./pool.ts";
import { keysOf } from "./settle-sql.ts";

/** Orders that a number may be found in: it is one request's or one settlement's, so more than one is odd already. */
const FOUND_MAX = 20;

const BILLS = "select key, book from bill where key = any($1)";
const ORDERS_OF_NUMBER = `
  select distinct e.subject from (${keysOf("k.message_id", "k.value = any($1::text[])", ["message", "serial"])}) as n join event e on e.message_id = n.message_id
   where e.type = 'insurance.settled' and e.subject is not null
   limit ${FOUND_MAX}`;

/** Event id → facts, for the reversals among the events and the bills that are to be settled. Rejects while the database is away. */
export function createOrderFacts(pool: Pick<Pool, "query">): (events: readonly Event[]) => Promise<ReadonlyMap<string, OrderFacts>> {
  const billsOf = async (keys: readonly string[]): Promise<readonly Bill[]> => {
    if (keys.length === 0) return [];
    const { rows } = await pool.query<{ key: string; book: unknown }>({ name: "order_bills", text: BILLS, values: [keys] });
    return rows.map((row) => billOfBook(row.key, row.book));
  };
  const factsOf = async (event: Event): Promise<OrderFacts | undefined> => {
    const settling = toSettle(event);
    if (settling !== undefined) {
      const { bill, visit } = settling;
      const books = await billsOf(visit === undefined ? [bill] : [bill, visit]);
      return settledFacts(
        books.find(({ key }) => key === bill) ?? emptyBill(bill),
        books.find(({ key }) => key === visit),
      );
    }
    const reversal = reversalOf(event);
    if (reversal === undefined) return undefined;
    const named = (await billsOf([reversal.bill]))[0] ?? emptyBill(reversal.bill);
    const here = billReversed(reversal, named, []);
    if (here !== undefined) return orderFacts(reversal, here);
    const numbers = [reversal.settlementNo, requestNoOf(reversal)].filter((no) => no !== undefined);
    const { rows } = await pool.query<{ subject: string }>({ name: "orders_of_number", text: ORDERS_OF_NUMBER, values: [numbers] });
    const bill = billReversed(reversal, named, await billsOf(rows.map((row) => row.subject)));
    return bill && orderFacts(reversal, bill);
  };
  return async (events) => {
    const facts = new Map<string, OrderFacts>();
    for (const event of events) {
      const one = await factsOf(event);
      if (one !== undefined) facts.set(event.id, one);
    }
    return facts;
  };
}
