/**
 * 医保交易已答复: what the centre answered to a call that the HIS asked for. It tells no fact of money (those are events of their own) and is written back to the HIS. Inside the
 * engine only: the output holds whole personal data (docs/decisions/021).
 */
import { code, document, flag, maybe, no, text } from "../../schema/pieces.ts";
import { checkCommon, dataMaybeBusiness, demand, keysOf } from "../every-event.ts";
import { defineEvent } from "../event.ts";

export const definition = defineEvent({
  type: "insurance.answered",
  title: { zh: "医保交易已答复", en: "Insurance answered" },
  meaning: {
    zh: "医保对院方办理的一笔交易的答复，原样交回 HIS；不含资金事实，只在引擎内部使用，不对外发布",
    en: "What the insurer answered to a call of the hospital's own, handed back to the HIS as it is; no fact of money, not published",
  },
  data: dataMaybeBusiness({
    callNo: no("院方的办理号", "The hospital's number of the call"),
    transaction: code("交易编号", "Which transaction"),
    accepted: flag("医保是否受理成功", "Whether the insurer did it"),
    code: code("对方返回码", "The insurer's code"),
    text: maybe(text("对方返回文本", "The insurer's words")),
    requestMessageNo: no("请求报文号（msgid、支付订单号）", "Number of the request"),
    output: maybe(document("交易输出 output（移动支付为 data）", "The transaction's output (`data` of mobile payment)")),
  }),
  expected: [],
  check: (data) => [
    ...checkCommon(data),
    ...demand(data.accepted || data.text !== undefined, "missing", "/text", "拒绝须带对方的原话", "a refusal needs the insurer's words"),
  ],
  keys: (data) =>
    keysOf(data, [
      ["serial", data.callNo],
      ["message", data.requestMessageNo],
    ]),
});
