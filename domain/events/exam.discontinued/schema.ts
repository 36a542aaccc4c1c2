/** 检查中断: the step ended without being completed. Nothing may be charged for it. */
import { closed, code, count, LINES_MAX, list, maybe, name } from "../../schema/pieces.ts";
import { dataMaybeBusiness, keysOf } from "../every-event.ts";
import { defineEvent } from "../event.ts";
import { checkStep, endedField, stepFields, stepKeys } from "../exam.ts";

/** Reasons of one ending. */
const REASONS_MAX = 20;
const reason = closed(
  {
    code: code("原因代码", "Code of the reason"),
    scheme: code("代码体系，如 DCM", "Coding scheme, e.g. DCM"),
    text: maybe(name("原因", "The reason in words")),
  },
  "中断原因",
  "Reason",
);

export const definition = defineEvent({
  type: "exam.discontinued",
  title: { zh: "检查已中断", en: "Examination discontinued" },
  meaning: {
    zh: "检查未完成即结束，不得据此收费；一个序列也没有的可以退费",
    en: "It ended without being completed and may not be charged; one without any series may be refunded",
  },
  data: dataMaybeBusiness({
    ...stepFields,
    ...endedField,
    series: count("已产生的序列数，0 表示什么也没做", "Series there are all the same; 0: nothing was done", 0, LINES_MAX),
    reasons: list(reason, "中断原因，可为空数组", "Reasons; may be empty", 0, REASONS_MAX),
  }),
  expected: ["patient"],
  check: checkStep,
  keys: (data) => keysOf(data, stepKeys(data)),
});
