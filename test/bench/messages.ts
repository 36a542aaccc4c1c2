/** The benchmark's messages: payments of the HIS, each of a bill of its own that it pays in full, so that each owes one event and one write-back. */
import { makeCase } from "../hospital/messages/cases.ts";
import { payment } from "../hospital/messages/his.ts";

const CHARSET = "UTF-8";
export const CONTENT_TYPE = `application/xml; charset=${CHARSET}`;

export interface BenchMessage {
  /** The AMQP message-id. */
  readonly id: string;
  /** The serial by which the HIS's ledger names it. */
  readonly serial: string;
  readonly bytes: Buffer;
}

/** Which messages: `count` from ordinal `first` of a seed, on a day (yyyy-MM-dd). Equal plans give equal bytes. */
export interface Plan {
  readonly seed: number;
  readonly date: string;
  readonly first: number;
  readonly count: number;
}

export function messagesOf(plan: Plan): BenchMessage[] {
  return Array.from({ length: plan.count }, (_, index) => {
    const made = payment(makeCase({ seed: plan.seed, date: plan.date, payer: "self" }, plan.first + index), CHARSET);
    if (made.body.type !== "document") throw new TypeError("a payment is a document");
    return { id: made.id, serial: made.expect[0]?.serial ?? "", bytes: Buffer.from(made.body.text, "utf8") };
  });
}
