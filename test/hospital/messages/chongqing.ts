/** Exchanges with the Chongqing dialect of SiInterface.dll: 05 settle, 99 reverse. Grammar: reference/domain.md 2.2. */
import { chinaTime } from "../clock.ts";
import { yuanOfFen } from "../money.ts";
import { type Case, MINUTE_MS } from "./cases.ts";
import type { Made } from "./made.ts";

const SETTLED_AFTER_MS = 2 * MINUTE_MS;
const REVERSED_AFTER_MS = 60 * MINUTE_MS;
const VENDOR = "99999";
const ZERO = "0.00";

/** 05 结算: the total stands only in the request, the parts only in the reply, and no bill in either. */
export function settle(one: Case): Made {
  const lines = String(one.lines.length);
  const request = ["05", one.visit, "0", "0", one.operator, "0", "", yuanOfFen(one.total), lines, "1", VENDOR, "", "", "", "", ""].join(
    "|",
  );
  const balance = yuanOfFen(34_245n);
  const reply = [
    "1",
    serialOf(one, "0"),
    yuanOfFen(one.fund),
    yuanOfFen(one.account),
    ZERO,
    yuanOfFen(one.cash),
    ZERO,
    ZERO,
    balance,
    ...Array<string>(6).fill(ZERO),
    yuanOfFen(one.fund),
    ...Array<string>(4).fill(ZERO),
    chinaTime(one.at + SETTLED_AFTER_MS),
    ZERO,
    yuanOfFen(one.total - one.partialSelf),
    ...Array<string>(7).fill(ZERO),
    "",
  ];
  return exchange(one, "05", request, reply.join("|"), "settle", 1);
}

/** 99 冲正 of that settlement: the reply gives back the same parts under a number of its own. */
export function reverse(one: Case): Made {
  const request = ["99", serialOf(one, "0"), one.operator, one.visit, "0", "1"].join("|");
  const parts = [yuanOfFen(one.fund), yuanOfFen(one.account), ZERO, yuanOfFen(one.cash), ...Array<string>(6).fill(ZERO), ""];
  const reply = ["1", serialOf(one, "1"), ...parts, chinaTime(one.at + REVERSED_AFTER_MS), ...Array<string>(4).fill(ZERO)];
  return exchange(one, "99", request, reply.join("|"), "reverse", 2);
}

/** 18 digits: 99, seed, ordinal, and 0 for the settlement or 1 for its reversal. */
function serialOf(one: Case, what: "0" | "1"): string {
  return `99${String(one.seed).padStart(7, "0")}${String(one.ordinal).padStart(8, "0")}${what}`;
}

function exchange(one: Case, code: string, request: string, reply: string, action: "settle" | "reverse", seq: number): Made {
  const takesBack = action === "reverse" ? { takesBack: 1 } : {};
  return {
    id: `CQ${code}${one.date.replaceAll("-", "")}${one.tail}`,
    body: { type: "exchange", request, reply, returned: "0" },
    expect: [{ order: one.visit, kind: "insurance-result", action, amount: one.total.toString(), lane: one.visit, seq, ...takesBack }],
  };
}
