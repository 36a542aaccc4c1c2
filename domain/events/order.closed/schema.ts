/** 医嘱已了结: what was ordered has been performed (a prescription dispensed), refused or withdrawn. It moves no money; a refund is asked for by refund.requested. */
import { choice, dateTime, maybe, name, no, text } from "../../schema/pieces.ts";
import { checkCommon, dataMaybeBusiness, demand, keysOf, person } from "../every-event.ts";
import { defineEvent } from "../event.ts";

export const definition = defineEvent({
  type: "order.closed",
  title: { zh: "医嘱已了结", en: "Order closed" },
  meaning: {
    zh: "医嘱已执行（如发药）、被拒绝或被撤回；不涉及资金",
    en: "What was ordered has been performed (medicine handed out), refused or withdrawn; no money moves",
  },
  data: dataMaybeBusiness({
    orderNo: no("开单号（处方号、申请单号）", "Number of the order (prescription, request)"),
    closingNo: no("执行方了结单号（发药单号）", "The performing system's number of this (dispensing number)"),
    how: choice(["performed", "refused", "withdrawn"], "结果：已执行、拒绝、撤回", "How: performed, refused, withdrawn"),
    closedAt: dateTime("了结时间", "When"),
    by: maybe(person("执行人", "Who did it")),
    performedIn: maybe(name("执行科室", "Performing department")),
    reason: maybe(text("原因", "Reason")),
  }),
  expected: ["patient", "visit"],
  check: (data) => [
    ...checkCommon(data),
    ...demand(
      data.how === "performed" || data.reason !== undefined || data.missing.includes("reason"),
      "missing",
      "/reason",
      "拒绝或撤回须说明原因",
      "A refusal or withdrawal says why",
    ),
  ],
  keys: (data) =>
    keysOf(data, [
      ["order", data.orderNo],
      ["serial", data.closingNo],
    ]),
});
