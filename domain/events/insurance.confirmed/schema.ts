/** 医保结算已确认: the second phase. What was provisional is final, or never happened. */
import { choice, no, word } from "../../schema/pieces.ts";
import { checkCommon, dataMaybeBusiness, keysOf } from "../every-event.ts";
import { defineEvent } from "../event.ts";

export const definition = defineEvent({
  type: "insurance.confirmed",
  title: { zh: "医保结算已确认", en: "Insurance settlement confirmed" },
  meaning: {
    zh: "两阶段结算的第二阶段：提交后原先的预扣结算才算数，回滚则等于没有发生；金额见所确认的结算",
    en: "The second phase: committed, the provisional settlement counts from now on; rolled back, it never happened. Amounts stand in the settlement",
  },
  data: dataMaybeBusiness({
    settlementNo: no("所确认的结算流水号", "The settlement that is confirmed"),
    dialect: word("接口方言，如 zhejiang", "Dialect, e.g. zhejiang"),
    result: choice(["commit", "rollback"], "结果：提交、回滚", "Result: committed or rolled back"),
  }),
  expected: ["business", "patient", "visit"],
  check: (data) => checkCommon(data),
  keys: (data) => keysOf(data, [["serial", data.settlementNo]]),
});
