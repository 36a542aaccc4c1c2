/** 计费: the HIS has put fees on a patient's account. Nothing is paid yet. */
import { choice, closed, code, fen, LINES_MAX, list, maybe, name, no, price, quantity } from "../../schema/pieces.ts";
import { checkCommon, checkSum, checkUnique, dataWithBusiness, keysOf } from "../every-event.ts";
import { defineEvent } from "../event.ts";

const line = closed(
  {
    no: no("行号，事件内唯一", "Line number, unique in the event"),
    sourceNo: no("来源号（处方号、申请单号）", "Number of the prescription or request"),
    code: code("院内项目编码", "The hospital's code of the item"),
    nationalCode: maybe(code("国家医保编码", "National insurance code")),
    name: name("项目名称", "Name of the item"),
    category: maybe(name("费用类别", "Fee category")),
    spec: maybe(name("规格", "Specification")),
    unit: maybe(name("单位", "Unit")),
    quantity: quantity("数量", "Quantity"),
    price: price("单价", "Unit price"),
    amount: fen("金额", "Amount"),
    orderedBy: closed(
      { dept: name("开单科室", "Ordering department"), doctor: maybe(name("开单医生", "Ordering doctor")) },
      "开单",
      "Who ordered it",
    ),
    performedBy: maybe(closed({ dept: name("执行科室", "Performing department") }, "执行", "Who performs it")),
  },
  "费用明细",
  "Fee line",
);

export const definition = defineEvent({
  type: "charge.posted",
  title: { zh: "费用已记账", en: "Charge posted" },
  meaning: { zh: "院方已向患者记账，尚未收款", en: "The HIS has put fees on the patient's account; nothing is paid yet" },
  data: dataWithBusiness({
    chargeNo: no("记账单号", "The charge's number"),
    batch: maybe(no("批次号", "Batch")),
    lines: list(line, "费用明细", "Fee lines", 1, LINES_MAX),
    total: fen("合计", "Total"),
    payer: maybe(choice(["self", "insured"], "自费或医保", "Self-paying or insured")),
  }),
  expected: ["patient", "visit"],
  check: (data) => [
    ...checkCommon(data),
    ...checkUnique(
      "/lines",
      data.lines.map((one) => one.no),
    ),
    ...checkSum(
      "/total",
      data.total,
      data.lines.map((one) => one.amount),
      "明细之和不等于合计",
      "The lines do not add up to the total",
    ),
  ],
  keys: (data) => keysOf(data, [["serial", data.chargeNo], ...data.lines.map((one) => ["serial", one.sourceNo] as const)]),
});
