/**
 * 院方办理医保交易: the HIS asks that one transaction of the national interface be made with the input it has made ready. Inside the engine only: the input holds whole
 * personal data, so flows owe write-backs by it and do not publish it (docs/decisions/021).
 */
import { closed, code, date, document, fen, maybe, name, no } from "../../schema/pieces.ts";
import { checkCommon, dataMaybeBusiness, demand, keysOf } from "../every-event.ts";
import { defineEvent } from "../event.ts";

/** Settlements are compared with what the centre answers: they need the amount and the visit beside the input. */
const SETTLES: ReadonlySet<string> = new Set(["2303", "2304"]);

export const definition = defineEvent({
  type: "insurance.called",
  title: { zh: "办理医保交易", en: "Insurance called" },
  meaning: {
    zh: "院方要办理国家医保接口的一笔交易，输入由 HIS 备好；含个人信息，只在引擎内部使用，不对外发布",
    en: "The hospital wants one transaction of the national interface made, with the input that the HIS made ready; it holds personal data and is not published",
  },
  data: dataMaybeBusiness({
    callNo: no("院方的办理号：应答凭此对应", "The hospital's number of the call, by which it is answered"),
    transaction: code("交易编号，如 1101、2203A", "Which transaction, e.g. 1101, 2203A"),
    area: maybe(code("参保地医保区划", "Area of the insurance")),
    visitId: maybe(no("就诊ID（mdtrt_id）", "The insurer's number of the visit")),
    settlementNo: maybe(no("结算ID（setl_id）：撤销住院结算时", "The settlement, where one is cancelled")),
    total: maybe(fen("医疗费总额", "Total")),
    person: maybe(
      closed(
        { type: code("证件类型", "Kind of certificate"), no: no("证件号码", "Number of the certificate"), name: name("姓名", "Name") },
        "付款人，查询移动支付用",
        "Who pays, for inquiries of mobile payment",
      ),
    ),
    period: maybe(closed({ from: date("起始日", "First day"), to: date("截止日", "Last day") }, "对账期", "Period that is reconciled")),
    input: document("交易输入 input（移动支付为 data）", "The transaction's input (`data` of mobile payment)"),
  }),
  expected: [],
  check: (data) => [
    ...checkCommon(data),
    ...demand(
      !SETTLES.has(data.transaction) || (data.total !== undefined && data.visitId !== undefined),
      "missing",
      "/total",
      "结算须另外给出医疗费总额与就诊ID，与应答核对",
      "a settlement needs the total and the visit beside its input: the answer is compared with them",
    ),
    ...demand(
      data.period === undefined || data.period.from <= data.period.to,
      "bad-date",
      "/period",
      "起始日晚于截止日",
      "begins after it ends",
    ),
  ],
  keys: (data) =>
    keysOf(data, [
      ["serial", data.callNo],
      ["serial", data.visitId],
      ["serial", data.settlementNo],
    ]),
});
