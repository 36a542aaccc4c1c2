/**
 * docs/partners/<partner>.md: one document per partner, in Chinese, from its profile, its vendor's documents and the events' schemas: what it sends and what becomes of
 * each field, what it is told and how it acknowledges, doors, limits. Nothing in it is written by hand.
 */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { EventDefinition } from "../../domain/events/event.ts";
import type { InboundDocument } from "../../domain/mapping/document.ts";
import type { MappingDocument, OutboundDocument } from "../../domain/mapping/outbound-document.ts";
import type { VendorDocument } from "../../domain/mapping/vendor.ts";
import type { Partner } from "../../domain/partners/profile.ts";
import { ackText, fieldsOfOutbound } from "./partner-outbound.ts";
import { doorsText, limitsText } from "./partner-doors.ts";
import { kindText, placeOf, rowsOf, type Step, table } from "./partner-fields.ts";

export const PARTNERS_FOLDER = "docs/partners";

export interface Message {
  readonly name: string;
  readonly document: MappingDocument;
}

const json = async <T>(path: string): Promise<T> => JSON.parse(await readFile(path, "utf8")) as T;

const EVENT_FIELD = new Map<string, ReadonlyMap<string, string>>();

/** The Chinese half of a schema's description, of every field by its dotted path. */
function fieldNames(definition: EventDefinition): ReadonlyMap<string, string> {
  const known = EVENT_FIELD.get(definition.type);
  if (known) return known;
  const names = new Map<string, string>();
  const walk = (node: unknown, path: string): void => {
    const { properties, items, description } = node as { properties?: Record<string, unknown>; items?: unknown; description?: string };
    if (path !== "" && description !== undefined && !names.has(path)) names.set(path, description.split(" · ")[0] ?? "");
    for (const [name, child] of Object.entries(properties ?? {})) walk(child, path === "" ? name : `${path}.${name}`);
    if (items !== undefined) walk(items, path);
  };
  walk(definition.data, "");
  EVENT_FIELD.set(definition.type, names);
  return names;
}

function targetText(step: Step, definitions: ReadonlyMap<string, EventDefinition>): string {
  const of = step.types.flatMap((type) => definitions.get(type) ?? []);
  const path = step.to.replaceAll(/\.\d+/g, "");
  const zh = of.map((definition) => fieldNames(definition).get(path)).find((name) => name !== undefined);
  return `\`${step.to}\`${zh === undefined ? "" : ` ${zh}`}`;
}

function inboundText(
  { name, document }: Message & { document: InboundDocument },
  definitions: ReadonlyMap<string, EventDefinition>,
  vendor: VendorDocument,
): string {
  const steps = rowsOf(document);
  const exchange = document.parts !== undefined;
  const codec = document.codec ?? document.parts?.reply.codec;
  const rows = steps.map((step) => [placeOf(step.from), step.label, kindText(step.rule), targetText(step, definitions)]);
  const ignored = document.ignored.map(({ from, because }) => [
    [from]
      .flat()
      .map((one) => `\`${one}\``)
      .join("、"),
    because,
  ]);
  const cases = document.cases.map((one) => [
    `\`${one.name}\``,
    one.events?.map((event) => `\`${event.type}\``).join("、") ??
      (one.refuse ? `挂起：${one.refuse.because.zh}` : `无事件：${one.nothing?.because.zh ?? ""}`),
  ]);
  const checks = (document.checks ?? []).map(({ because }) => `- ${because}`);
  const tables = Object.entries(document.tables ?? {}).map(
    ([title, codes]) =>
      `- ${title}：${Object.entries(codes)
        .map(([from, to]) => `\`${from}\`→\`${String(to)}\``)
        .join("，")}`,
  );
  return [
    `### ${document.title.zh} \`${name}\``,
    `${exchange ? "一次调用（入参、出参、返回值）" : "单条报文"}；语法 ${codec?.kind ?? "未声明"}，字符集 ${codec?.charset ?? vendor.charset}；文档版本 ${document.version}。发送方不给消息号时以 ${document.messageIdentity.map((one) => `\`${one}\``).join("、")} 识别。`,
    table(["情形", "结果"], cases),
    table(["位置", "名称", "类型", "去向"], rows),
    ignored.length > 0 ? `不采用的字段：\n\n${table(["位置", "原因"], ignored)}` : "",
    tables.length > 0 ? `代码对照：\n\n${tables.join("\n")}` : "",
    checks.length > 0 ? `须成立：\n\n${checks.join("\n")}` : "",
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function outboundText({ name, document }: Message & { document: OutboundDocument }, partner: Partner): string {
  const { request } = document as unknown as {
    request?: { method?: string; path?: string; contentType?: string; headers?: Record<string, string> };
  };
  const kinds = Object.entries(partner.destination?.messages ?? {}).flatMap(([kind, message]) => (message === name ? [`\`${kind}\``] : []));
  const uses = [
    kinds.length > 0 ? `回写种类 ${kinds.join("、")}` : "",
    partner.destination?.inquiry === name ? "结果不明时用它查询" : "",
  ].filter((one) => one !== "");
  const events = document.events.length > 0 ? `由事件 ${document.events.map((one) => `\`${one}\``).join("、")} 产生。` : "";
  const http =
    request?.path === undefined
      ? ""
      : `请求 \`${request.method ?? "POST"} ${request.path}\`${request.contentType === undefined ? "" : `，${request.contentType}`}。`;
  return [
    `### ${document.title.zh} \`${name}\``,
    `${uses.join("；")}${uses.length > 0 ? "。" : ""}${events}${http}语法 ${document.codec.kind}，文档版本 ${document.version}。`,
    table(["位置", "来源", "类型"], fieldsOfOutbound(document)),
    ackText(document),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function answersText(vendor: VendorDocument): string {
  const { answers } = vendor;
  if (answers === undefined)
    return "HTTP 网关按汇流自己的约定答复：202 `{messageId,state}`；拒收为 4xx 加错误代码；忙为 503，可用相同标识重发。AMQP 由发布确认（confirm）答复，`reply-to` 得到判定。";
  const rows = (["accepted", "duplicate", "refused", "busy"] as const).map((kind) => [
    { accepted: "已接收", duplicate: "重复", refused: "拒收", busy: "忙" }[kind],
    String(answers[kind]?.status ?? ""),
    `\`${answers[kind]?.body ?? ""}\``,
  ]);
  const when = answers.after === "journal" ? "原文入库后即答" : "流程走完后答";
  return `${when}；内容类型 ${answers.contentType}，字符集同请求。\n\n${table(["情形", "HTTP 状态", "正文"], rows)}`;
}

async function messagesOf(folder: string): Promise<readonly Message[]> {
  const names = (await readdir(folder, { withFileTypes: true })).filter((one) => one.isDirectory()).map((one) => one.name);
  const found = names.filter((name) => existsSync(join(folder, name, "mapping.json"))).sort();
  return Promise.all(found.map(async (name) => ({ name, document: await json<MappingDocument>(join(folder, name, "mapping.json")) })));
}

async function page(root: string, partner: Partner, definitions: ReadonlyMap<string, EventDefinition>): Promise<string> {
  const folder = join(root, "mappings", partner.vendor);
  const vendor = await json<VendorDocument>(join(folder, "vendor.json"));
  const messages = await messagesOf(folder);
  const kinds = partner.inbound?.kinds;
  const inbound = messages.flatMap((one) =>
    one.document.direction === "inbound" && (kinds === undefined || kinds.includes(one.name)) ? [{ ...one, document: one.document }] : [],
  );
  const outbound = messages.flatMap((one) => (one.document.direction === "outbound" ? [{ ...one, document: one.document }] : []));
  const constants = Object.entries(vendor.constants).map(([name, { zh }]) => {
    const value = (partner.constants as Readonly<Record<string, string>>)[name];
    return [`\`${name}\``, zh, value === undefined ? "（未设）" : `\`${value}\``];
  });
  const later = Object.entries(vendor.acknowledgements ?? {}).map(([name, one]) => [
    `\`${name}\``,
    one.title.zh,
    `\`${one.acknowledges}\``,
    { key: "回写键", serial: "流水号", reference: "对方受理号" }[one.by],
  ]);
  const has = partner.inbound !== undefined && inbound.length > 0;
  return `${[
    `# ${partner.name.zh}（\`${partner.partner}\`）`,
    "由 `npm run docs` 生成，请勿手改。Generated by `npm run docs`; do not edit.",
    `厂商方言：${vendor.name.zh}（\`mappings/${partner.vendor}/\`）${vendor.adapter === undefined ? "" : `，信封由 \`adapters/${vendor.adapter}/\` 加解`}。缺省字符集 ${vendor.charset}。`,
    constants.length > 0 ? `档案常量：\n\n${table(["名称", "含义", "当前值"], constants)}` : "",
    "## 接入方式",
    doorsText(
      partner,
      inbound.map((one) => one.name),
    ),
    "## 限制",
    limitsText(partner),
    ...(has
      ? ["## 它发来的报文", ...inbound.map((one) => inboundText(one, definitions, vendor)), "## 对它的答复", answersText(vendor)]
      : []),
    ...(outbound.length > 0 ? ["## 发给它的报文", ...outbound.map((one) => outboundText(one, partner))] : []),
    ...(later.length > 0 ? ["## 其后另行送来的应答", table(["报文", "名称", "应答哪种回写", "凭什么对应"], later)] : []),
  ]
    .filter((part) => part !== "")
    .join("\n\n")}\n`;
}

/** Path from the project's root → content, for every partner; and an index. Rejects when a profile's vendor has no folder. */
export async function partnerPages(root: string, all: readonly EventDefinition[]): Promise<readonly (readonly [string, string])[]> {
  const definitions = new Map(all.map((one) => [one.type, one]));
  const names = (await readdir(join(root, "partners"))).filter((name) => name.endsWith(".json")).sort();
  const partners = await Promise.all(names.map((name) => json<Partner>(join(root, "partners", name))));
  const pages = await Promise.all(
    partners.map(async (partner) => [`${PARTNERS_FOLDER}/${partner.partner}.md`, await page(root, partner, definitions)] as const),
  );
  const index = partners.map(({ partner, name, vendor }) => [`[${name.zh}](${partner}.md)`, `\`${partner}\``, `\`${vendor}\``, name.en]);
  const head = "# 各伙伴接口 · Partners\n\n由 `npm run docs` 生成，请勿手改。每个伙伴一篇：报文、字段、代码、应答、接入方式、限制。\n\n";
  return [...pages, [`${PARTNERS_FOLDER}/README.md`, `${head}${table(["伙伴", "名称", "方言", "English"], index)}\n`]];
}
