/** By which doors a partner comes in, where it is written to, and every limit of both. */
import type { Partner } from "../../domain/partners/profile.ts";
import { table } from "./partner-fields.ts";

const DOOR: Readonly<Record<string, string>> = {
  soap: "SOAP",
  mllp: "HL7 v2 MLLP",
  dicom: "DICOM（MPPS、C-ECHO、C-STORE 仅取元数据）",
  files: "文件轮询",
  views: "数据库视图轮询",
};

/** Doors as the profile has them. Addresses of the development profile are free ports: run.json tells them. */
export function doorsText(partner: Partner, kinds: readonly string[]): string {
  const { partner: name, inbound, destination } = partner;
  const rows: string[][] = [];
  if (inbound !== undefined && kinds.length > 0) {
    rows.push(["AMQP", `交换机 \`huiliu.inbound\`，路由键 \`${name}.{报文}\`；凭本伙伴自己的账号`]);
    rows.push(["HTTP", `\`POST /partners/${name}/messages/{报文}\`；凭 \`x-api-key\`，\`Idempotency-Key\` 为消息号`]);
  }
  for (const [wire, given] of Object.entries(inbound?.doors ?? {}))
    for (const door of [given].flat()) rows.push([DOOR[wire] ?? wire, settingsText(door as Readonly<Record<string, unknown>>)]);
  if (destination !== undefined)
    rows.push([
      "写往",
      `${new URL(destination.url).protocol.replace(":", "")} 地址（开发环境由模拟医院给出，生产环境写在 \`partners/${name}.json\`）`,
    ]);
  for (const [call, kind] of Object.entries(destination?.exchanges ?? {}))
    rows.push(["调用入库", `\`${call}\` 的请求与应答先作为 \`${kind}\` 入库，再按应答行事`]);
  return rows.length > 0 ? table(["方式", "约定"], rows) : "本伙伴目前没有接入方式。";
}

function settingsText(settings: Readonly<Record<string, unknown>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `\`${name}\` ${typeof value === "object" ? `\`${JSON.stringify(value)}\`` : `\`${String(value)}\``}`)
    .join("；");
}

const seconds = (ms: number): string => `${ms / 1_000} 秒`;
const DUPLICATES: Readonly<Record<string, string>> = {
  "by-key": "按幂等键去重：结果不明时用同一键重发",
  "by-reference": "按单据号去重：结果不明时重发",
  inquiry: "结果不明时查询",
  none: "不去重也不可查：结果不明时交人",
};

export function limitsText({ inbound, destination }: Partner): string {
  const rows: string[][] = [];
  if (inbound !== undefined) {
    rows.push(["单条报文", `${inbound.bytesMax ?? 1_048_576} 字节`]);
    rows.push(["HTTP 每秒报文", `${inbound.perSecond ?? 5_000}，超出答 429`]);
    if (inbound.kinds !== undefined) rows.push(["允许的报文", inbound.kinds.map((one) => `\`${one}\``).join("、")]);
  }
  if (destination !== undefined) {
    const {
      connectTimeoutMs = 3_000,
      replyTimeoutMs = 15_000,
      leaseMs = 30_000,
      parallel = 16,
      trustNotFoundAfterMs = 60_000,
    } = destination;
    const { firstMs = 1_000, maxMs = 60_000 } = destination.retry ?? {};
    rows.push(["连接、应答、租约", `${seconds(connectTimeoutMs)}、${seconds(replyTimeoutMs)}、${seconds(leaseMs)}`]);
    rows.push([
      "同时在途",
      `${parallel} 条队列${destination.ratePerSecond === undefined ? "" : `，每秒至多 ${destination.ratePerSecond} 次调用`}`,
    ]);
    rows.push(["对重复的处理", DUPLICATES[destination.duplicates] ?? destination.duplicates]);
    rows.push(["查询“查无此笔”可信", `最后一次可能发送之后 ${seconds(trustNotFoundAfterMs)}`]);
    rows.push(["重试间隔", `${seconds(firstMs)} 起，至多 ${seconds(maxMs)}，直到确认为止`]);
  }
  return table(["项", "值"], rows);
}
