/** 检查完成: the step is completed: what was asked for may be charged, or is used up. */
import { closed, count, LINES_MAX, list, maybe, name, no } from "../../schema/pieces.ts";
import { checkUnique, dataMaybeBusiness, keysOf } from "../every-event.ts";
import { defineEvent } from "../event.ts";
import { checkStep, endedField, stepFields, stepKeys } from "../exam.ts";

const series = closed(
  {
    uid: no("序列 UID", "Series instance UID"),
    description: maybe(name("序列描述", "Description")),
    protocol: maybe(name("扫描协议", "Protocol")),
    images: count("图像数", "How many images", 0, LINES_MAX),
  },
  "序列",
  "Series",
);

export const definition = defineEvent({
  type: "exam.performed",
  title: { zh: "检查已完成", en: "Examination performed" },
  meaning: {
    zh: "设备报告检查完成：先检查后收费的据此计费，已收费的不再可直接退费",
    en: "The modality says that it is done: what is charged after the fact is charged now, and what is paid can no longer simply be refunded",
  },
  data: dataMaybeBusiness({
    ...stepFields,
    ...endedField,
    series: list(series, "完成的序列，可为空数组", "Series performed; may be empty", 0, 1_000),
  }),
  expected: ["patient"],
  check: (data) => [
    ...checkStep(data),
    ...checkUnique(
      "/series",
      data.series.map((one) => one.uid),
    ),
  ],
  keys: (data) => keysOf(data, stepKeys(data)),
});
