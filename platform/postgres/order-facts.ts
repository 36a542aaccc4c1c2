/** Looks up the bills of events that do not tell their amounts (domain/orders/facts.ts). */
import type { Event } from "../../domain/events/event.ts";
import { billWanted, type OrderFacts, orderFacts } from "../../domain/orders/facts.ts";
import { emptyBill } from "../../domain/orders/rules.ts";
import { billOfBook } from "./bill-book.ts";
import type { Pool } from "./pool.ts";

/** One statement for all; rejects while the database is away. A bill nobody has told is an empty one. */
export const createOrderFacts =
  (pool: Pick<Pool, "query">) =>
  async (events: readonly Event[]): Promise<ReadonlyMap<string, OrderFacts>> => {
    const wanted = events.flatMap((event) => {
      const key = billWanted(event);
      return key === undefined ? [] : [{ event, key }];
    });
    const { rows } = await pool.query<{ key: string; book: unknown }>({
      name: "order_facts",
      text: "select key, book from bill where key = any($1)",
      values: [wanted.map((one) => one.key)],
    });
    const bills = new Map(rows.map((row) => [row.key, billOfBook(row.key, row.book)]));
    return new Map(wanted.map(({ event, key }) => [event.id, orderFacts(event, bills.get(key) ?? emptyBill(key))]));
  };
