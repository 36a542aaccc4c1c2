/** 对账单到达: a partner's list of what it did. Reconciliation data: never payment events, never write-backs. */
import Type from "typebox";
import { closed, count, date, list, no, says, signedFen, word } from "../../schema/pieces.ts";
import { checkUnique, dataMaybeBusiness, demand, keysOf } from "../every-event.ts";
import { defineEvent } from "../event.ts";

/** Longest statement that one event can stand for. */
const KINDS_MAX = 100;

export const definition = defineEvent({
  type: "statement.received",
  title: { zh: "对账单已收到", en: "Statement received" },
  meaning: {
    zh: "收到对方账单，明细存于账单行库，仅用于对账，不产生支付事件与回写",
    en: "A partner's statement is here, its rows in the row store: for reconciliation only, never payments, never write-backs",
  },
  data: dataMaybeBusiness({
    statementNo: no("账单号", "The statement's number"),
    partner: word("账单来自的伙伴", "Whose statement it is"),
    period: closed({ from: date("起始日", "First day"), to: date("截止日", "Last day") }, "账期", "Period"),
    rows: count("明细行数", "Number of rows"),
    totals: list(
      closed(
        {
          kind: word("种类，如 payment、refund、fee", "Kind, e.g. payment, refund, fee"),
          count: count("笔数", "Number"),
          amount: signedFen("金额", "Amount"),
        },
        "分类合计",
        "Total of one kind",
      ),
      "分类合计，可为空数组",
      "Totals by kind; may be empty",
      0,
      KINDS_MAX,
    ),
    checksum: Type.String({ ...says("原文 SHA-256", "SHA-256 of the raw bytes"), pattern: "^sha256:[0-9a-f]{64}$" }),
  }),
  expected: [],
  check: (data) => [
    ...demand(data.period.from <= data.period.to, "bad-date", "/period", "起始日晚于截止日", "begins after it ends"),
    ...checkUnique(
      "/totals",
      data.totals.map((one) => one.kind),
    ),
    ...data.totals.flatMap((one, index) =>
      demand(one.count <= data.rows, "exceeds", `/totals/${index}/count`, "笔数大于明细行数", "counts more than there are rows"),
    ),
  ],
  keys: (data) => keysOf(data, [["serial", data.statementNo]]),
});
