/** What was found, as a table that can be taken away: the columns of the page, in its language, masked as there, no cell a formula. Pure. */
import { csvOf } from "./cells.ts";
import type { MessageRow } from "./views.ts";

type Language = "zh" | "en";
interface Column {
  readonly zh: string;
  readonly en: string;
  readonly of: (row: MessageRow, language: Language) => string | undefined;
}

const COLUMNS: readonly Column[] = [
  { zh: "接收时间", en: "Received", of: (row) => row.receivedAt },
  { zh: "报文编号", en: "Message id", of: (row) => row.id },
  { zh: "伙伴", en: "Partner", of: (row) => row.partner },
  { zh: "种类", en: "Kind", of: (row) => row.kind },
  { zh: "接入方式", en: "Door", of: (row) => row.door },
  { zh: "发送方编号", en: "Sender's id", of: (row) => row.identity },
  { zh: "流程", en: "Flow", of: (row) => row.flow },
  { zh: "状态", en: "State", of: (row) => row.state },
  { zh: "状态时间", en: "State since", of: (row) => row.stateAt },
  { zh: "发送方答复", en: "Sender answered", of: (row) => row.legs?.sender },
  { zh: "对方确认", en: "Partner acknowledged", of: (row) => row.legs?.partner },
  { zh: "应回写", en: "Owed", of: (row) => row.legs?.owed.toString() },
  { zh: "已确认", en: "Acknowledged", of: (row) => row.legs?.acknowledged.toString() },
  { zh: "字节", en: "Bytes", of: (row) => row.bytes?.toString() },
  { zh: "停放代码", en: "Parked code", of: (row) => row.parked?.code },
  { zh: "停放原因", en: "Parked why", of: (row, language) => row.parked?.[language] },
];

/** The rows as CSV. */
export const messagesCsv = (rows: readonly MessageRow[], language: Language): string =>
  csvOf(
    COLUMNS.map((column) => column[language]),
    rows.map((row) => COLUMNS.map((column) => column.of(row, language))),
  );
