/** 医保结果不明: the insurer was asked and nobody knows what it did. Ends in an inquiry or a 冲正, never in a guess. */
import { code, dateTime, maybe, no, text } from "../../schema/pieces.ts";
import { checkCommon, dataMaybeBusiness, keysOf } from "../every-event.ts";
import { defineEvent } from "../event.ts";

export const definition = defineEvent({
  type: "insurance.unclear",
  title: { zh: "医保结果不明", en: "Insurance outcome unclear" },
  meaning: {
    zh: "医保是否已结算尚不清楚；以查询或冲正收尾，绝不猜测",
    en: "Whether the insurer did it is not known; it ends in an inquiry or a reversal, never in a guess",
  },
  data: dataMaybeBusiness({
    requestMessageNo: no("请求报文号（msgid、支付订单号），查询与冲正凭此", "Number of the request: what it is asked or reversed by"),
    transaction: code("交易代码，如 2207、6202", "Which transaction, e.g. 2207, 6202"),
    since: dateTime("从何时起不明", "Since when it is unclear"),
    state: maybe(code("对方所说的状态码", "The state that the insurer told")),
    text: maybe(text("对方返回文本", "The insurer's words")),
  }),
  expected: ["business", "patient", "visit"],
  check: (data) => checkCommon(data),
  keys: (data) => keysOf(data, [["message", data.requestMessageNo]]),
});
