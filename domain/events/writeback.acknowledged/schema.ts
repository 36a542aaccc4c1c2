/** 回写已确认: the destination has proved that it did what we owed it. */
import { choice, closedNotEmpty, code, dateTime, maybe, no, text } from "../../schema/pieces.ts";
import { dataMaybeBusiness, demand } from "../every-event.ts";
import { defineEvent } from "../event.ts";
import { writeBackAmount, writeBackFields, writeBackKeys } from "../writeback.ts";

export const definition = defineEvent({
  type: "writeback.acknowledged",
  title: { zh: "回写已确认", en: "Write-back acknowledged" },
  meaning: { zh: "目的地已确认收到并处理，有其凭据", en: "The destination has acknowledged it, and its receipt is stored" },
  data: dataMaybeBusiness({
    ...writeBackFields,
    receipt: closedNotEmpty(
      {
        partnerNo: maybe(no("对方凭据号", "The partner's number for it")),
        code: maybe(code("对方返回码", "The partner's code")),
        text: maybe(text("对方返回文本", "The partner's words")),
        invoiceNo: maybe(no("票据号", "Invoice number")),
        remark: maybe(text("备注", "Remark")),
      },
      "凭据",
      "Receipt: the partner's proof",
    ),
    how: choice(
      ["reply", "already-done", "inquiry", "message", "person"],
      "如何得知：应答、对方称已处理、查询、另来报文、人工",
      "How we know: reply, the partner says it had done it, inquiry, a message that followed, a person",
    ),
    acknowledgedAt: dateTime("确认时间", "When it was acknowledged"),
    amount: maybe(writeBackAmount()),
  }),
  expected: [],
  check: (data) => [
    ...demand(
      data.amount?.confirmed === undefined || data.amount.confirmed === data.amount.sent,
      "unequal",
      "/amount/confirmed",
      "对方确认的金额与发送的不一致，不能算已确认",
      "The partner confirmed another amount than was sent: that is no acknowledgement",
    ),
    ...demand(
      data.how !== "already-done" || data.amount === undefined || data.amount.confirmed !== undefined,
      "missing",
      "/amount/confirmed",
      "“已处理”只有金额核对一致才算数",
      "Already done counts only when the partner says the amount",
    ),
    ...demand(
      data.how === "person" || data.attempts > 0,
      "unequal",
      "/attempts",
      "从未发送过的回写不会被对方确认",
      "A partner cannot acknowledge what was never sent",
    ),
  ],
  keys: (data) => writeBackKeys(data, data.receipt.partnerNo),
});
