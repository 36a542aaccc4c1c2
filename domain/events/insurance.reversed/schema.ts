/** 医保撤销或冲正: a settlement does not hold any more. Insurers do not reverse in part. */
import { choice, closedNotEmpty, date, flag, maybe, no, text } from "../../schema/pieces.ts";
import { checkCommon, checkUnique, dataMaybeBusiness, demand, keysOf } from "../every-event.ts";
import { defineEvent } from "../event.ts";
import { amountsSchema, checkAmounts, phase } from "../insurance.ts";

const original = closedNotEmpty(
  {
    settlementNo: maybe(no("原结算号；冲正不明交易时对方可能不提供", "The original settlement; a 冲正 may not tell it")),
    requestMessageNo: maybe(no("原请求报文号（msgid）", "The original request message")),
    businessDate: maybe(date("原业务日期", "Business day of the original")),
  },
  "原结算",
  "The original settlement",
);

export const definition = defineEvent({
  type: "insurance.reversed",
  title: { zh: "医保已撤销", en: "Insurance reversed" },
  meaning: {
    zh: "原结算不再有效；医保不做部分撤销；金额为正，类型即方向",
    en: "The original settlement does not hold any more, never only in part; amounts are positive, the type is the sign",
  },
  data: dataMaybeBusiness({
    reversalNo: maybe(no("撤销流水号", "The reversal's number")),
    original: maybe(original),
    kind: choice(
      ["cancel", "uncertain"],
      "种类：撤销（2430、2208、42、82）或冲正（2421、2601、99）",
      "Kind: cancel (2430, 2208, 42, 82) or reversal of an uncertain transaction (2421, 2601, 99)",
    ),
    phase: phase(),
    amounts: maybe(amountsSchema()),
    amountsFrom: choice(["partner", "original"], "金额来源：对方报文或原结算", "Where the amounts come from"),
    crossDay: maybe(flag("是否隔日", "True when the business day is not that of the settlement")),
    reason: maybe(text("原因", "Reason")),
    replacedBy: maybe(no("全退重收的新结算号", "The settlement that replaces it (全退重收)")),
  }),
  expected: [
    "business",
    "patient",
    "visit",
    "original",
    "original.settlementNo",
    "original.requestMessageNo",
    "original.businessDate",
    "crossDay",
  ],
  check: (data) => [
    ...checkCommon(data),
    ...demand(
      data.original?.settlementNo !== undefined || data.original?.requestMessageNo !== undefined || data.bills.length > 0,
      "missing",
      "/original",
      "原结算号、原请求报文号、单据号至少要有一个（东软 2430 只说得出单据号）",
      "needs the settlement's number, the request message's, or a bill (a Neusoft 2430 tells only the bill)",
    ),
    ...demand(
      data.amounts !== undefined || data.amountsFrom === "original",
      "missing",
      "/amounts",
      "金额来自对方报文时必须提供",
      "must be there when the amounts come from the partner",
    ),
    ...demand(
      data.crossDay === undefined ||
        data.original?.businessDate === undefined ||
        data.crossDay === (data.businessDate !== data.original.businessDate),
      "unequal",
      "/crossDay",
      "与两个业务日期不符",
      "does not fit the two business days",
    ),
    ...(data.amounts === undefined
      ? []
      : [
          ...checkUnique(
            "/amounts/funds",
            data.amounts.funds.map((one) => one.code),
          ),
          ...checkAmounts("/amounts", data.amounts),
        ]),
  ],
  keys: (data) =>
    keysOf(data, [
      ["serial", data.reversalNo],
      ["serial", data.original?.settlementNo],
      ["message", data.original?.requestMessageNo],
      ["serial", data.replacedBy],
    ]),
});
