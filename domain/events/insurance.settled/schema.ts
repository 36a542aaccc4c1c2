/** 医保结算成功: the insurer has split the bill. `cash` is what the patient owes, not proof that he paid. */
import { closed, code, dateTime, maybe, no, signedFen, word } from "../../schema/pieces.ts";
import { checkCommon, checkUnique, dataMaybeBusiness, keysOf } from "../every-event.ts";
import { defineEvent } from "../event.ts";
import { amountsSchema, basisSchema, checkAmounts, insuredSchema, phase } from "../insurance.ts";

export const definition = defineEvent({
  type: "insurance.settled",
  title: { zh: "医保已结算", en: "Insurance settled" },
  meaning: {
    zh: "医保已完成结算分割；个人现金为应付而非已付；预扣阶段不是最终结果",
    en: "The insurer has split the bill; cash is owed, not paid; a provisional settlement is not final",
  },
  data: dataMaybeBusiness({
    settlementNo: no("结算号（setl_id、中心流水号）", "The settlement's number at the insurer"),
    hisSerialNo: maybe(no("院方流水号", "The HIS's serial number")),
    requestMessageNo: maybe(
      no("请求报文号（msgid），冲正凭此", "Number of the request message: what an uncertain settlement is reversed by"),
    ),
    insured: maybe(insuredSchema()),
    dialect: word("接口方言，如 neusoft、chongqing、nhsa", "Dialect, e.g. neusoft, chongqing, nhsa"),
    phase: phase(),
    settledAt: dateTime("结算时间", "When it was settled"),
    amounts: amountsSchema(),
    basis: maybe(basisSchema()),
    balanceAfter: maybe(signedFen("结算后账户余额，不参与合计", "Account balance afterwards; never summed")),
    invoice: maybe(closed({ code: maybe(code("票据代码", "Invoice code")), no: no("票据号", "Invoice number") }, "票据", "Invoice")),
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
      ["serial", data.settlementNo],
      ["serial", data.hisSerialNo],
      ["message", data.requestMessageNo],
      ["patient", data.insured?.no],
    ]),
});
