/**
 * The benchmark's messages: payments of the HIS, each of a bill of its own that it pays in full, so that each owes one event and one write-back. About 1 KB of XML each,
 * as the target says (design.md section 8): the HIS also names what was paid for, line by line.
 */
import { makeCase } from "../hospital/messages/cases.ts";
import { payment } from "../hospital/messages/his.ts";
import { yuanOfFen } from "../hospital/money.ts";
import { attributes } from "../hospital/xml.ts";

const CHARSET = "UTF-8";
export const CONTENT_TYPE = `application/xml; charset=${CHARSET}`;
/** Lines are added until a message weighs this; the last one brings it to 1,024 on average. */
const LINES_UP_TO_BYTES = 975;
/** Where the lines stand: in front of the bill's total. */
const BEFORE = "<BillTotal>";

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

/** What was paid for: the lines of this visit and of those after it, so that lines differ as they do. */
function linesOf(plan: Plan, ordinal: number, room: number): string {
  const shown: string[] = [];
  for (let bytes = 0, ahead = 0; bytes < room; ahead += 1) {
    for (const line of makeCase({ ...plan, payer: "self" }, ordinal + ahead).lines) {
      if (bytes >= room) break;
      const text = `<Line${attributes({ no: String(shown.length + 1), code: line.code, name: line.name, amount: yuanOfFen(line.amount) })}/>`;
      shown.push(text);
      bytes += Buffer.byteLength(text);
    }
  }
  return `<Lines>${shown.join("")}</Lines>`;
}

export function messagesOf(plan: Plan): BenchMessage[] {
  return Array.from({ length: plan.count }, (_, index) => {
    const ordinal = plan.first + index;
    const made = payment(makeCase({ seed: plan.seed, date: plan.date, payer: "self" }, ordinal), CHARSET);
    if (made.body.type !== "document") throw new TypeError("a payment is a document");
    const { text } = made.body;
    const lines = linesOf(plan, ordinal, LINES_UP_TO_BYTES - Buffer.byteLength(text));
    return {
      id: made.id,
      serial: made.expect[0]?.serial ?? "",
      bytes: Buffer.from(
        text.replace(BEFORE, () => `${lines}${BEFORE}`),
        "utf8",
      ),
    };
  });
}
