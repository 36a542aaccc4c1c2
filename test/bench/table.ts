/** The result for people. */
import type { BacklogResult, BenchResult } from "./run.ts";

type Language = "zh" | "en";

const WORDS: Readonly<Record<string, Readonly<Record<Language, string>>>> = {
  durable: {
    zh: "持久全程（推送 → 日志 → 流程 → 事件 → 回写确认）",
    en: "durable path (push → journal → flow → event → acknowledged write-back)",
  },
  accept: {
    zh: "仅接收（AMQP 门 + 日志提交后确认，无流程）",
    en: "accept alone (AMQP door + journal, acknowledged after commit, no flows)",
  },
  broker: { zh: "下限：RabbitMQ quorum 发布+确认+消费", en: "floor: RabbitMQ quorum publish + confirm + consume + ack" },
  groupCommit: { zh: "下限：PostgreSQL 成组提交（unnest 256）", en: "floor: PostgreSQL group commit (unnest 256)" },
  bare: { zh: "下限：裸脚本，仅映射（单核）", en: "floor: bare script, the mapping alone (one core)" },
  perSecond: { zh: "条/秒", en: "per second" },
  latency: { zh: "延迟", en: "latency" },
  at: { zh: "速率", en: "at" },
  share: { zh: "全程占比", en: "durable / it" },
  cpu: { zh: "每条 CPU 微秒（所有进程）", en: "CPU µs per message (all processes)" },
  memory: { zh: "引擎内存", en: "engine memory" },
  stages: { zh: "引擎各阶段（每条 CPU 微秒）", en: "the engine's stages (CPU µs per message)" },
  database: { zh: "PostgreSQL 各部分（每条 CPU 微秒）", en: "PostgreSQL's parts (CPU µs per message)" },
  stored: { zh: "存储字节/原始字节（不含 WAL）", en: "stored bytes per raw byte (WAL not counted)" },
  growth: { zh: "每条消息在各表留下的字节（行 + 索引）", en: "bytes a message leaves for good, by table (rows + indexes)" },
  raw: { zh: "每条原始字节", en: "raw bytes a message" },
  backlog: { zh: "积压：认领 + 结算", en: "backlog: claim + settle" },
  claim: { zh: "认领延迟", en: "a claim takes" },
  checked: { zh: "核对：已处理 = 事件 = 已确认 = HIS 生效", en: "checked: settled = events = acknowledged = effects at the HIS" },
};

/** A table of the result; milliseconds and messages a second. */
export function tableOf(result: BenchResult, language: Language): string {
  const word = (name: string): string => WORDS[name]?.[language] ?? name;
  const { durablePath, accept, floor, ratios } = result;
  const path = (one: BenchResult["accept"]): string => `p50 ${one.p50Ms} ms  p99 ${one.p99Ms} ms  (${word("at")} ${one.atPerSecond}/s)`;
  const part = (name: string, of: Readonly<Record<string, number>>): string[] => [
    "",
    `${word(name)}:`,
    ...Object.entries(of).map(([stage, us]) => `${String(us).padStart(8)}  ${stage}`),
  ];
  const line = (perSecond: number, name: string, more = ""): string =>
    `${String(perSecond).padStart(8)}  ${word(name)}${more === "" ? "" : `\n${" ".repeat(10)}${more}`}`;
  return [
    `${word("perSecond").padStart(8)}`,
    line(durablePath.perSecond, "durable", `${word("latency")} ${path(durablePath)}`),
    line(accept.perSecond, "accept", `${word("latency")} ${path(accept)}`),
    line(floor.brokerPerSecond, "broker", `${word("share")} ${ratios.durableToBroker}`),
    line(floor.groupCommitPerSecond, "groupCommit", `${word("share")} ${ratios.durableToGroupCommit}`),
    line(floor.barePerSecond, "bare", `${word("share")} ${ratios.durableToBare}`),
    "",
    `${word("cpu")}: ${result.cpuUsPerMessage}  ${JSON.stringify(result.cpuUsByProcess)}`,
    `${word("memory")}: ${result.rssMb} MB`,
    `${word("stored")}: ${result.storedPerRawByte}  (${word("raw")}: ${result.rawBytesPerMessage})`,
    `${word("checked")}: ${result.checked.effects}`,
    "",
    `${word("growth")}:`,
    ...Object.entries(result.storedBytesPerMessage).map(
      ([name, { rows, indexes }]) => `${String(rows + indexes).padStart(8)}  ${name} (${rows} + ${indexes})`,
    ),
    ...part("stages", result.cpuUsByStage),
    ...part("database", result.cpuUsOfPostgres),
  ].join("\n");
}

/** The backlog's result for people. */
export function backlogTableOf(result: BacklogResult, language: Language): string {
  const word = (name: string): string => WORDS[name]?.[language] ?? name;
  return [
    `${String(Math.round(result.perSecond)).padStart(8)}  ${word("backlog")} (${word("perSecond")}; ${result.settled})`,
    `          ${word("claim")} p50 ${result.claimP50Ms.toFixed(1)} ms  p99 ${result.claimP99Ms.toFixed(1)} ms  (${result.claims})`,
    `${word("cpu")}: ${result.cpuUsPerWriteBack}`,
  ].join("\n");
}
