/** 医保拒绝: a negative reply. No money moved. */
import { code, maybe, no, text } from "../../schema/pieces.ts";
import { checkCommon, dataMaybeBusiness, keysOf } from "../every-event.ts";
import { defineEvent } from "../event.ts";

export const definition = defineEvent({
  type: "insurance.rejected",
  title: { zh: "医保已拒绝", en: "Insurance rejected" },
  meaning: { zh: "医保返回失败，没有资金变动", en: "The insurer answered no: no money moved" },
  data: dataMaybeBusiness({
    code: code("对方返回码", "The insurer's code"),
    text: text("对方返回文本", "The insurer's words"),
    requestMessageNo: maybe(no("请求报文号（msgid）", "Number of the request message")),
    transaction: code("交易代码，如 2410、05", "Which transaction, e.g. 2410, 05"),
  }),
  expected: [],
  check: (data) => checkCommon(data),
  keys: (data) => keysOf(data, [["message", data.requestMessageNo]]),
});
