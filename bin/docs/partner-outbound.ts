/** What a partner is told, and how its answer is read: outbound mapping documents as tables. */
import type { OutboundDocument, OutboundRule } from "../../domain/mapping/outbound-document.ts";
import { kindText, table } from "./partner-fields.ts";

function sourceOf(rule: OutboundRule): string {
  if (rule.key === true) return rule.first === undefined ? "回写键" : `回写键的前 ${rule.first} 位`;
  if (rule.from !== undefined) return `事件 \`${rule.from}\``;
  if (rule.sum !== undefined) return `事件 ${rule.sum.map((one) => `\`${one}\``).join(" + ")}`;
  if (rule.order !== undefined) return `订单已知的 \`${rule.order}\``;
  if (rule.sent !== undefined) return `原回写的 \`${rule.sent}\``;
  if (rule.constant !== undefined) return `档案常量 \`${rule.constant}\``;
  return rule.value === undefined ? "" : `固定值 \`${rule.value}\``;
}

/** Rows: place, source, kind. */
export function fieldsOfOutbound(document: OutboundDocument): readonly (readonly string[])[] {
  const base = (document as { readonly base?: string }).base ?? "";
  const walk = (rules: readonly OutboundRule[], prefix: string, from: string): readonly (readonly string[])[] =>
    rules.flatMap((rule) => {
      const to = rule.to.startsWith("/") || prefix === "" ? rule.to : `${prefix}/${rule.to}`;
      if (rule.each !== undefined && rule.fields !== undefined) return walk(rule.fields, to, rule.each);
      const inRow =
        rule.from !== undefined && from !== "" && !rule.from.startsWith("/") ? { ...rule, from: `${from}/-/${rule.from}` } : rule;
      return [[`\`${to}\``, sourceOf(inRow), kindText(rule)]];
    });
  return walk(document.fields as readonly OutboundRule[], base, "");
}

const list = (codes: readonly (string | number)[] | undefined): string => (codes ?? []).map((code) => `\`${code}\``).join("、") || "（无）";

/** How the answer is read: where it stands, which codes mean what. What is not listed is unclear. */
export function ackText(document: OutboundDocument): string {
  const { ack } = document.reply;
  const places = [
    ["结果代码", ack.code],
    ["说明", ack.text],
    ["回写键", ack.key],
    ["流水号", ack.serial],
    ["金额", ack.amount?.at],
    ["凭据号", ack.receiptNo],
    ["受理号", ack.reference],
  ] as const;
  const where = places.flatMap(([name, at]) =>
    at === undefined
      ? []
      : [
          `${name} ${[at]
            .flat()
            .map((one) => `\`${one}\``)
            .join("、")}`,
        ],
  );
  const meanings = [
    ["已确认", ack.acknowledged],
    ["已处理过（金额与流水号须相符）", ack.alreadyDone],
    ["稍后另行答复", ack.deferred],
    ["忙，稍后重发", ack.busy],
    ["业务拒绝", ack.rejected],
    ["查无此笔（仅查询）", ack.notFound],
  ] as const;
  const rows = meanings.flatMap(([meaning, codes]) => (codes === undefined ? [] : [[meaning, list(codes)]]));
  const needs: Readonly<Record<string, string>> = {
    key: "回写键",
    serial: "流水号",
    amount: "金额",
    receiptNo: "凭据号",
    callNumber: "调用号（msgid）",
  };
  return [
    `应答在：${where.join("；")}。可读的 HTTP 状态 ${list(ack.statuses)}${ack.busyStatuses === undefined ? "" : `，忙 ${list(ack.busyStatuses)}`}。确认必须带有并相符：${ack.needs.map((one) => needs[one] ?? one).join("、") || "（无）"}。未列出的代码、状态与沉默一律为“结果不明”，随后查询或交人。`,
    table(["含义", "代码"], rows),
  ].join("\n\n");
}
