/** 退费: fees are taken off the account again, wholly or in part (部分退药). Money already paid is a matter of payment.refunded. */
import { closed, fen, flag, LINES_MAX, list, maybe, no, quantity, text } from "../../schema/pieces.ts";
import { checkCommon, checkSum, dataWithBusiness, demand, keysOf, person } from "../every-event.ts";
import { defineEvent } from "../event.ts";

const line = closed(
  {
    originalLineNo: no("原明细行号", "Number of the original line"),
    quantity: quantity("退回数量", "Quantity taken back"),
    amount: fen("退费金额", "Amount taken back"),
  },
  "退费明细",
  "Cancelled line",
);

export const definition = defineEvent({
  type: "charge.cancelled",
  title: { zh: "费用已冲销", en: "Charge cancelled" },
  meaning: {
    zh: "院方冲销了全部或部分费用；金额为正，类型即方向",
    en: "The HIS has taken fees off the account, wholly or in part; amounts are positive, the type is the sign",
  },
  data: dataWithBusiness({
    chargeNo: no("冲销单号", "The cancellation's own number"),
    originalChargeNo: no("原记账单号", "Number of the charge that is cancelled"),
    lines: list(line, "退费明细；整单冲销时可为空", "Cancelled lines; may be empty when the whole charge is cancelled", 0, LINES_MAX),
    total: fen("冲销合计", "Total taken back"),
    whole: flag("是否整单冲销", "True when the whole charge is cancelled"),
    reason: maybe(text("原因", "Reason")),
    performed: maybe(flag("项目是否已执行", "True when the item had been performed already")),
    approvedBy: maybe(person("审批人", "Who approved it")),
  }),
  expected: ["patient", "visit"],
  check: (data) => [
    ...checkCommon(data),
    ...demand(
      data.whole || data.lines.length > 0,
      "missing",
      "/lines",
      "部分冲销必须列出明细",
      "A partial cancellation must list its lines",
    ),
    ...demand(
      data.chargeNo !== data.originalChargeNo,
      "unequal",
      "/chargeNo",
      "冲销单号不能与原记账单号相同",
      "The cancellation cannot have the number of the charge it cancels",
    ),
    ...(data.lines.length === 0
      ? []
      : checkSum(
          "/total",
          data.total,
          data.lines.map((one) => one.amount),
          "明细之和不等于合计",
          "The lines do not add up to the total",
        )),
  ],
  keys: (data) =>
    keysOf(data, [
      ["serial", data.chargeNo],
      ["serial", data.originalChargeNo],
    ]),
});
