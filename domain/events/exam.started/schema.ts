/** 检查开始: a modality performs. What was asked for can no longer be refunded unseen. */
import { dataMaybeBusiness, keysOf } from "../every-event.ts";
import { defineEvent } from "../event.ts";
import { checkStep, stepFields, stepKeys } from "../exam.ts";

export const definition = defineEvent({
  type: "exam.started",
  title: { zh: "检查已开始", en: "Examination started" },
  meaning: {
    zh: "设备开始检查；尚未完成，不产生费用，退费须先核对",
    en: "A modality has begun; nothing is performed yet and nothing is charged, but a refund must look first",
  },
  data: dataMaybeBusiness(stepFields),
  expected: ["patient"],
  check: checkStep,
  keys: (data) => keysOf(data, stepKeys(data)),
});
