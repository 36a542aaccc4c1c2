/** 申请退款: somebody entitled to it asks for money to be given back (medicine returned, an examination not performed). Nothing has been given back yet. */
import { closed, code, fen, LINES_MAX, list, maybe, name, no, quantity, text } from "../../schema/pieces.ts";
import { checkAtMost, checkCommon, checkSum, checkUnique, dataWithBusiness, keysOf, person } from "../every-event.ts";
import { defineEvent } from "../event.ts";

const line = closed(
  {
    no: no("行号，事件内唯一", "Line number, unique in the event"),
    originalLineNo: maybe(no("原明细行号", "Number of the original line")),
    code: code("院内项目编码", "The hospital's code of the item"),
    name: name("项目名称", "Name of the item"),
    quantity: quantity("退回数量", "Quantity taken back"),
    amount: fen("应退金额", "Amount to be given back"),
  },
  "退回明细",
  "Returned line",
);

export const definition = defineEvent({
  type: "refund.requested",
  title: { zh: "已申请退款", en: "Refund requested" },
  meaning: {
    zh: "有权方申请退款（退药、未做检查）；款项尚未退还",
    en: "A refund is asked for (medicine returned, examination not performed); nothing has been given back yet",
  },
  data: dataWithBusiness({
    requestNo: no("退款申请号", "Number of the request"),
    orderNo: maybe(no("处方号或申请单号", "Prescription or request")),
    paymentNo: maybe(no("原支付单号", "The original payment's number")),
    lines: list(line, "退回明细；整单退款时可为空", "Returned lines; may be empty when all is given back", 0, LINES_MAX),
    total: fen("申请退款合计", "Total asked for"),
    paidTotal: maybe(fen("原收金额", "What had been paid")),
    reason: maybe(text("原因；对方不说则缺", "Reason; absent where the partner does not tell it")),
    requestedBy: maybe(person("申请人", "Who asks for it")),
    requestedIn: maybe(name("申请科室", "Department that asks for it")),
  }),
  expected: ["patient", "visit"],
  check: (data) => [
    ...checkCommon(data),
    ...checkUnique(
      "/lines",
      data.lines.map((one) => one.no),
    ),
    ...(data.lines.length === 0
      ? []
      : checkSum(
          "/total",
          data.total,
          data.lines.map((one) => one.amount),
          "明细之和不等于申请合计",
          "The lines do not add up to the total asked for",
        )),
    ...checkAtMost("/total", data.total, data.paidTotal, "申请退款大于原收金额", "More is asked for than had been paid"),
  ],
  keys: (data) =>
    keysOf(data, [
      ["order", data.orderNo],
      ["serial", data.requestNo],
      ["serial", data.paymentNo],
    ]),
});
