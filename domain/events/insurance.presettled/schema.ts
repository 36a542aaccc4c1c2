/** 医保预结算: what the insurer would pay if it were settled now. No effect anywhere. */
import { dateTime, maybe, no, signedFen, word } from "../../schema/pieces.ts";
import { checkCommon, checkUnique, dataMaybeBusiness, keysOf } from "../every-event.ts";
import { defineEvent } from "../event.ts";
import { amountsSchema, basisSchema, checkAmounts, insuredSchema } from "../insurance.ts";

export const definition = defineEvent({
  type: "insurance.presettled",
  title: { zh: "医保已预结算", en: "Insurance presettled" },
  meaning: {
    zh: "医保试算的分割结果；没有任何资金变动，不得据此记账或放行",
    en: "How the insurer would split the bill; no money moved, and nothing may be booked or released by it",
  },
  data: dataMaybeBusiness({
    hisSerialNo: maybe(no("院方流水号", "The HIS's serial number")),
    requestMessageNo: maybe(no("请求报文号（msgid）", "Number of the request message")),
    insured: maybe(insuredSchema()),
    dialect: word("接口方言，如 neusoft、chongqing、nhsa", "Dialect, e.g. neusoft, chongqing, nhsa"),
    presettledAt: dateTime("试算时间", "When it was worked out"),
    amounts: amountsSchema(),
    basis: maybe(basisSchema()),
    balanceAfter: maybe(signedFen("结算后账户余额，不参与合计", "Account balance afterwards; never summed")),
  }),
  expected: ["business", "patient", "visit", "insured", "requestMessageNo"],
  check: (data) => [
    ...checkCommon(data),
    ...checkUnique(
      "/amounts/funds",
      data.amounts.funds.map((one) => one.code),
    ),
    ...checkAmounts("/amounts", data.amounts),
  ],
  keys: (data) =>
    keysOf(data, [
      ["serial", data.hisSerialNo],
      ["message", data.requestMessageNo],
      ["patient", data.insured?.no],
    ]),
});
