/** 报告已出: a laboratory result or an examination's report is there. It moves no money: the HIS and the patient are told of it, and what was performed can no longer be refunded unseen. */
import { choice, closed, code, count, dateTime, LINES_MAX, list, maybe, name, no } from "../../schema/pieces.ts";
import { checkCommon, checkUnique, dataMaybeBusiness, demand, keysOf, person } from "../every-event.ts";
import { defineEvent } from "../event.ts";

const item = closed(
  {
    no: no("序号，事件内唯一", "Number of the item, unique in the event"),
    code: code("项目编码", "Code of the item"),
    name: maybe(name("项目名称", "Name of the item")),
    results: maybe(count("结果条数", "How many results", 0, LINES_MAX)),
    abnormal: maybe(count("异常结果条数", "How many of them are abnormal", 0, LINES_MAX)),
  },
  "报告项目",
  "Reported item",
);

export const definition = defineEvent({
  type: "report.ready",
  title: { zh: "报告已出", en: "Report ready" },
  meaning: {
    zh: "检验或检查报告已审核；不含结果值，不产生费用",
    en: "A laboratory result or a report is there and verified; it carries no values and charges nothing",
  },
  data: dataMaybeBusiness({
    reportNo: no("报告号（执行方单号）", "Number of the report (the performing system's)"),
    orderNo: maybe(no("申请单号", "Number of the order it answers")),
    kind: choice(["laboratory", "examination", "other"], "种类：检验、检查、其他", "Kind: laboratory, examination, other"),
    status: choice(["final", "corrected"], "状态：终审、更正", "Status: final, corrected"),
    items: list(item, "报告项目", "Reported items", 1, LINES_MAX),
    orderedBy: maybe(person("开单医生", "Who ordered it")),
    reportedBy: maybe(person("报告医生", "Who reported it")),
    performedAt: maybe(dateTime("采样或检查时间", "When the specimen was taken or the examination done")),
    reportedAt: dateTime("报告时间", "When it was reported"),
  }),
  expected: ["patient", "visit", "orderNo"],
  check: (data) => [
    ...checkCommon(data),
    ...checkUnique(
      "/items",
      data.items.map((one) => one.no),
    ),
    ...data.items.flatMap((one, index) =>
      demand(
        one.abnormal === undefined || (one.results !== undefined && one.abnormal <= one.results),
        "exceeds",
        `/items/${index}/abnormal`,
        "异常条数多于结果条数",
        "More abnormal results than results",
      ),
    ),
  ],
  keys: (data) =>
    keysOf(data, [
      ["serial", data.reportNo],
      ["order", data.orderNo],
    ]),
});
