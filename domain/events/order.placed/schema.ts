/** 开立医嘱: a doctor has ordered something for a patient: a prescription, a laboratory test, an examination. Ordered is not charged, and charged is not paid. */
import { choice, closed, code, dateTime, fen, LINES_MAX, list, maybe, name, no, quantity, text } from "../../schema/pieces.ts";
import { checkCommon, checkUnique, dataMaybeBusiness, keysOf, person } from "../every-event.ts";
import { defineEvent } from "../event.ts";

const ORDER_KINDS = ["prescription", "laboratory", "examination", "treatment", "other"] as const;

const item = closed(
  {
    no: no("项目序号，事件内唯一", "Number of the item, unique in the event"),
    code: code("院内项目编码", "The hospital's code of the item"),
    nationalCode: maybe(code("国家医保编码", "National insurance code")),
    name: name("项目名称", "Name of the item"),
    spec: maybe(name("规格", "Specification")),
    unit: maybe(name("单位", "Unit")),
    quantity: quantity("数量", "Quantity"),
    amount: maybe(fen("金额", "Amount")),
    usage: maybe(text("用法", "How it is taken or done")),
    bodySite: maybe(name("部位", "Part of the body")),
  },
  "医嘱项目",
  "Ordered item",
);

export const definition = defineEvent({
  type: "order.placed",
  title: { zh: "已开立医嘱", en: "Order placed" },
  meaning: {
    zh: "医生已开立处方、检验或检查；开立不等于收费，收费不等于到账",
    en: "A doctor has ordered a prescription, a test or an examination; ordered is not charged, and charged is not paid",
  },
  data: dataMaybeBusiness({
    orderNo: no("开单号（处方号、申请单号）", "Number of the order (prescription, request)"),
    fillerNo: maybe(no("执行方单号（检查号、条码号）", "The performing system's own number")),
    kind: choice(ORDER_KINDS, "种类：处方、检验、检查、治疗、其他", "Kind: prescription, laboratory, examination, treatment, other"),
    items: list(item, "医嘱项目", "Ordered items", 1, LINES_MAX),
    total: maybe(fen("合计", "Total")),
    priority: maybe(choice(["routine", "urgent", "stat"], "优先级：常规、加急、立即", "Priority: routine, urgent, at once")),
    orderedBy: maybe(person("开单医生", "Who ordered it")),
    orderedIn: maybe(name("开单科室", "Ordering department")),
    performedIn: maybe(name("执行科室", "Performing department")),
    scheduledAt: maybe(dateTime("预约时间", "When it is to be performed")),
    diagnosis: maybe(text("诊断", "Diagnosis")),
  }),
  expected: ["patient", "visit"],
  check: (data) => [
    ...checkCommon(data),
    ...checkUnique(
      "/items",
      data.items.map((one) => one.no),
    ),
  ],
  keys: (data) =>
    keysOf(data, [
      ["order", data.orderNo],
      ["serial", data.fillerNo],
    ]),
});
