/** The fields of an inbound mapping document as rows of a table: where a value stands, what it is called, what kind it is, where it goes. */
import type { InboundDocument, Rule } from "../../domain/mapping/document.ts";

/** One rule, with the events that it fills. */
export interface Step {
  readonly rule: Rule;
  readonly from: readonly string[];
  readonly label: string;
  readonly to: string;
  readonly types: readonly string[];
}

/** A cell must not end its row or its column; outside code it must not begin an element. */
const cell = (text: string): string =>
  text
    .replaceAll("|", "\\|")
    .replace(/\s+/g, " ")
    .split("`")
    .map((part, index) => (index % 2 === 0 ? part.replaceAll("<", "&lt;") : part))
    .join("`");

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

export const placeOf = (from: readonly string[]): string => from.map((one) => `\`${one}\``).join(" + ") || "—";

const KIND: Readonly<Record<string, string>> = {
  text: "文本",
  yuan: "金额（元）",
  fen: "金额（分）",
  integer: "整数",
  price: "单价（元，4位小数）",
  quantity: "数量",
  "date-time": "日期时间",
  date: "日期",
  code: "代码",
  masked: "脱敏号码",
};

/** What a value has to look like. */
export function kindText(rule: Pick<Rule, "as" | "format" | "table" | "max" | "optional" | "value" | "constant">): string {
  if (rule.value !== undefined) return `固定值 \`${String(rule.value)}\``;
  if (rule.constant !== undefined) return `档案常量 \`${rule.constant}\``;
  const parts = [KIND[rule.as ?? "text"] ?? rule.as ?? "文本"];
  if (rule.format !== undefined) parts.push(`\`${rule.format}\``);
  if (rule.table !== undefined) parts.push(`对照表“${rule.table}”`);
  if (rule.max !== undefined) parts.push(`至多 ${rule.max} 字`);
  parts.push(rule.optional === true ? "可缺" : "必填");
  return parts.join("，");
}

/** Values that come from no field of the message. */
function origin(rule: Rule): string {
  if (rule.copy !== undefined) return `同 \`${rule.copy}\``;
  if (rule.businessDateOf !== undefined) return `\`${rule.businessDateOf}\` 的业务日`;
  if (rule.template !== undefined) return `模板 \`${rule.template}\``;
  if (rule.received === true) return "接收时间";
  if (rule.checksum === true) return "原文的 SHA-256";
  if (rule.count !== undefined) return `\`${rule.count}\` 的行数`;
  if (rule.earliest !== undefined) return `\`${rule.earliest}\` 中最早者`;
  if (rule.latest !== undefined) return `\`${rule.latest}\` 中最晚者`;
  if (rule.differs !== undefined) return `${rule.differs.map((one) => `\`${one}\``).join(" 与 ")} 是否不同`;
  return "";
}

const absolute = (path: string, base: string): string =>
  /^(?:\/|request:|reply:|return|huiliu:)/.test(path) || base === "" ? path : `${base}/${path}`;

/** Every rule of a document, rules inside rules included, each once; the events that share one are named together. */
export function rowsOf(document: InboundDocument): readonly Step[] {
  const steps = new Map<string, Step>();
  const labels = document.labels ?? {};
  const add = (rules: readonly Rule[], base: string, prefix: string, type: string): void => {
    for (const rule of rules) {
      const to = prefix === "" ? rule.to : `${prefix}.${rule.to}`;
      if (rule.each !== undefined && rule.fields !== undefined) {
        add(rule.fields, absolute(rule.each, base), to, type);
        continue;
      }
      if (rule.list !== undefined) {
        for (const entry of rule.list) add(entry.fields, base, to, type);
        continue;
      }
      const amounts = [...(rule.sum ?? []), ...(rule.less ?? [])];
      const from = [...[rule.from ?? []].flat(), ...amounts].map((one) => absolute(one, base));
      const label = [...new Set(from.flatMap((one) => labels[one] ?? []))].join("、") || origin(rule);
      const key = JSON.stringify([from, to, rule.as, rule.value, rule.constant]);
      const known = steps.get(key);
      steps.set(key, { rule, from, label, to, types: [...new Set([...(known?.types ?? []), type])] });
    }
  };
  const types = document.cases.flatMap((one) => (one.events ?? []).map((event) => event.type));
  for (const type of new Set(types)) add(document.common ?? [], "", "", type);
  for (const one of document.cases) for (const event of one.events ?? []) add(event.fields, event.each ?? "", "", event.type);
  return [...steps.values()];
}
