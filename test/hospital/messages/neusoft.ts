/** Exchanges with Neusoft's SiInterface.dll (Nanchang dialect): 2410 settle, 2430 cancel, 2421 reverse. Grammar: reference/domain.md 2.1. */
import { chinaDigits } from "../clock.ts";
import { yuanOfFen } from "../money.ts";
import { CASES_PER_SECOND, type Case, MINUTE_MS } from "./cases.ts";
import type { Made } from "./made.ts";

const INSTITUTION = "00200002";
const SETTLED_AFTER_MS = 2 * MINUTE_MS;
const CANCELLED_AFTER_MS = 60 * MINUTE_MS;
/** 出参 of 2410: 31 fields, each followed by a pipe. */
const REPLY_FIELDS = 31;

/** 2410 结算: the request names patient's visit, bill and time; the reply has only amounts. */
export function settle(one: Case): Made {
  const at = chinaDigits(one.at + SETTLED_AFTER_MS);
  const input = `${one.visit}|${one.bill}|11|${at}|||J06.900|急性上呼吸道感染|1|0|${one.operator}||`;
  const amounts = new Map<number, bigint>([
    [1, one.total],
    [3, one.account],
    [4, one.fund],
    [8, one.partialSelf],
    [11, one.total - one.partialSelf],
    [13, one.total - one.partialSelf],
    [14, one.total - one.partialSelf - one.fund],
    [18, one.cash],
    [19, one.drugs],
    [20, one.total - one.drugs],
  ]);
  const output = Array.from({ length: REPLY_FIELDS }, (_, index) => `${yuanOfFen(amounts.get(index + 1) ?? 0n)}|`).join("");
  return exchange(one, "2410", input, output, "settle", 1);
}

/** 2430 结算撤销: under the settlement's own serial, as real clients send it. */
export function cancel(one: Case): Made {
  const input = `${one.visit}|${one.bill}|${one.operator}|1|${chinaDigits(one.at + CANCELLED_AFTER_MS)}|`;
  return exchange(one, "2430", input, "", "reverse", 2);
}

/** 2421 冲正 of a settlement whose outcome the client did not learn. */
export function reverse(one: Case): Made {
  const digits = String(one.ordinal).padStart(8, "0");
  const input = `2410|${serialOf(one)}|9${digits}|C9${digits}|${one.visit}|${one.date.replaceAll("-", "")}|`;
  return exchange(one, "2421", input, "", "reverse", 2);
}

function serialOf(one: Case): string {
  const tail = String(one.ordinal % CASES_PER_SECOND).padStart(4, "0");
  return `${chinaDigits(one.at + SETTLED_AFTER_MS)}-${INSTITUTION}-${tail}`;
}

function exchange(one: Case, code: string, input: string, output: string, action: "settle" | "reverse", seq: number): Made {
  const serial = serialOf(one);
  const cycle = `${one.date.replaceAll("-", "")}-${INSTITUTION}-0001-01`;
  const takesBack = action === "reverse" ? { takesBack: 1 } : {};
  return {
    id: `NEU${code}${one.date.replaceAll("-", "")}${one.tail}`,
    body: {
      type: "exchange",
      request: `${code}^${INSTITUTION}^0001^${cycle}^${serial}^^${input}^1^`,
      reply: `${serial}^1^${output}^`,
      returned: "0",
    },
    expect: [{ order: one.bill, kind: "insurance-result", action, amount: one.total.toString(), lane: one.bill, seq, ...takesBack }],
  };
}
