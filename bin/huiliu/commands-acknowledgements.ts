/** `huiliu acknowledgements`: what partners acknowledged on their own way, and what became of it. */
import type { AcknowledgementView } from "../../domain/operations/views-acknowledgements.ts";
import { table } from "./table.ts";
import type { Say } from "./texts.ts";

const STATES: Readonly<Record<string, readonly [zh: string, en: string]>> = {
  applied: ["已生效", "applied"],
  early: ["早到已生效", "early, applied"],
  late: ["迟到", "late"],
  duplicate: ["重复", "duplicate"],
  differs: ["矛盾", "differs"],
  unexpected: ["对不上", "unexpected"],
  unclear: ["无法判断", "unclear"],
};

/** A table of them. */
export const acknowledgementsText = (say: Say, rows: readonly AcknowledgementView[]): string[] =>
  rows.length === 0
    ? [say("没有另行到达的确认", "No acknowledgement came on its own way")]
    : table(rows, [
        { head: say("到达", "Received"), cell: (row) => row.receivedAt.slice(0, 19).replace("T", " ") },
        { head: say("目的地", "Destination"), cell: (row) => row.destination },
        { head: say("结果", "State"), cell: (row) => say(...(STATES[row.state] ?? [row.state, row.state])) },
        { head: say("含义", "Says"), cell: (row) => `${row.outcome}${row.code === undefined ? "" : ` ${row.code}`}` },
        { head: say("对应", "Names"), cell: (row) => row.named ?? "-", max: 44 },
        { head: say("回写", "Write-back"), cell: (row) => row.writeBackId ?? "-" },
        { head: say("报文", "Message"), cell: (row) => row.messageId },
      ]);
