/** 回写已由人工了结: a person's audited decision takes the place of the partner's receipt. */
import { choice, code, maybe, no, text } from "../../schema/pieces.ts";
import { dataMaybeBusiness, demand, person } from "../every-event.ts";
import { defineEvent } from "../event.ts";
import { writeBackAmount, writeBackFields, writeBackKeys } from "../writeback.ts";

export const definition = defineEvent({
  type: "writeback.resolved",
  title: { zh: "回写已人工了结", en: "Write-back resolved" },
  meaning: { zh: "由人工决定了结，留有审计记录", en: "A person closed it; the decision is audited" },
  data: dataMaybeBusiness({
    ...writeBackFields,
    amount: maybe(writeBackAmount()),
    by: person("处理人", "Who decided"),
    approvedBy: maybe(person("复核人", "Who approved it")),
    decision: choice(
      ["done-by-hand", "cancelled", "superseded"],
      "决定：已手工处理、不再需要、被后续业务取代",
      "Decision: done by hand, not wanted any more, overtaken by a later fact",
    ),
    overtakenBy: maybe(code("取代它的事件编号", "Id of the event that overtook it")),
    hisReceiptNo: maybe(no("院方凭据号", "The HIS's receipt number")),
    reason: text("理由", "Reason"),
  }),
  expected: [],
  check: (data) => [
    ...demand(
      data.decision !== "done-by-hand" || data.hisReceiptNo !== undefined,
      "missing",
      "/hisReceiptNo",
      "手工处理必须填写院方凭据号",
      "What was done by hand needs the HIS's receipt number",
    ),
    ...demand(
      data.approvedBy?.no === undefined || data.approvedBy.no !== data.by.no,
      "unequal",
      "/approvedBy",
      "复核人不能是处理人本人",
      "The one who approves cannot be the one who decided",
    ),
  ],
  keys: (data) => writeBackKeys(data, data.hisReceiptNo),
});
