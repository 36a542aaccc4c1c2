/** What the command line prints of the API's answers, in Chinese or English. */
import type {
  Attempt,
  AuditRow,
  DestinationView,
  EventDeliveryList,
  EventRow,
  MessageDetail,
  MessageRow,
  PartnerView,
  Preview,
  Status,
  Totals,
  WriteBackDetail,
  WriteBackRow,
} from "../../domain/operations/views.ts";
import { acknowledgementsText } from "./commands-acknowledgements.ts";
import { gateText } from "./commands-gates.ts";
import { ageText, printable, table, yuanText } from "./table.ts";

export type Lang = "zh" | "en";
/** Chooses the language of one text. */
export type Say = (zh: string, en: string) => string;
export const sayIn =
  (lang: Lang): Say =>
  (zh, en) =>
    lang === "zh" ? zh : en;

const EXCERPT_LINES = 12;
const when = (at: string | undefined): string => (at === undefined ? "" : at.slice(5, 19).replace("T", " "));
const ageOf = (at: string, nowMs: number): string => ageText((nowMs - Date.parse(at)) / 1_000);
const words = (say: Say, both: { readonly zh: string; readonly en: string } | undefined): string =>
  both === undefined ? "" : say(both.zh, both.en);
const none = (say: Say): string[] => [say("没有。", "None.")];

export function messagesText(say: Say, rows: readonly MessageRow[]): string[] {
  if (rows.length === 0) return none(say);
  return table(rows, [
    { head: say("编号", "Id"), cell: (row) => row.id },
    { head: say("收到", "Received"), cell: (row) => when(row.receivedAt) },
    { head: say("伙伴", "Partner"), cell: (row) => row.partner },
    { head: say("报文", "Kind"), cell: (row) => row.kind },
    { head: say("状态", "State"), cell: (row) => row.state },
    { head: say("字节", "Bytes"), cell: (row) => row.bytes, right: true },
    { head: say("原因", "Reason"), cell: (row) => words(say, row.parked), max: 50 },
  ]);
}

export function eventsText(say: Say, rows: readonly EventRow[]): string[] {
  if (rows.length === 0) return none(say);
  return table(rows, [
    { head: say("存储", "Stored"), cell: (row) => when(row.storedAt) },
    { head: say("类型", "Type"), cell: (row) => row.type },
    { head: say("伙伴", "Partner"), cell: (row) => row.partner },
    { head: say("主题", "Subject"), cell: (row) => row.subject, max: 40 },
    { head: say("业务日", "Day"), cell: (row) => row.businessDate },
    { head: say("报文", "Message"), cell: (row) => row.messageId },
  ]);
}

export function writeBacksText(say: Say, rows: readonly WriteBackRow[]): string[] {
  if (rows.length === 0) return none(say);
  return table(rows, [
    { head: say("编号", "Id"), cell: (row) => row.id },
    { head: say("目的地", "To"), cell: (row) => row.destination },
    { head: say("种类", "Kind"), cell: (row) => row.kind },
    { head: say("通道", "Lane"), cell: (row) => row.lane, max: 32 },
    { head: say("状态", "State"), cell: (row) => row.state },
    { head: say("金额", "Amount"), cell: (row) => yuanText(row.amount), right: true },
    { head: say("次数", "Tries"), cell: (row) => row.attempts, right: true },
    { head: say("应回写", "Owed"), cell: (row) => when(row.owedAt) },
    { head: say("最近结果", "Last"), cell: (row) => row.lastOutcome },
  ]);
}

/** What must be looked at, and what to type. */
export function parkedText(
  say: Say,
  parked: {
    readonly messages: readonly MessageRow[];
    readonly writeBacks: readonly WriteBackRow[];
    readonly deliveries: EventDeliveryList["items"];
  },
  nowMs: number,
): string[] {
  const lines: string[] = [];
  for (const row of parked.messages) {
    const next = row.parked?.code === "NOT_TRANSLATABLE" ? `npx huiliu replay ${row.id} --preview` : `npx huiliu show ${row.id}`;
    lines.push(
      `${say("报文", "message")} ${row.partner}.${row.kind}  ${ageOf(row.stateAt, nowMs)}  ${printable(words(say, row.parked))}`,
      ...(row.parked?.node === undefined ? [] : [`  ${say("节点", "node")} ${printable(row.parked.node.name ?? row.parked.node.id)}`]),
      `  ${words(say, row.parked?.next)}`,
      `  ${next}`,
    );
  }
  for (const row of parked.writeBacks) {
    const doubt = row.mayHaveTakenEffect ? `  ${say("对方可能已处理！", "the partner may have done it!")}` : "";
    const amount = row.amount === undefined ? "" : `  ¥${yuanText(row.amount)}`;
    lines.push(
      `${say("回写", "write-back")} ${row.destination} ${row.kind} ${row.lane}${amount}  ${ageOf(row.owedAt, nowMs)}  ${printable(words(say, row.parked))}${doubt}`,
      `  ${words(say, row.parked?.advice)}`,
      `  npx huiliu show ${row.id}`,
    );
  }
  for (const row of parked.deliveries) {
    lines.push(
      `${say("事件投递", "event delivery")} ${row.subscriber}  ${ageOf(row.owedAt, nowMs)}  ${printable(words(say, row.parked))}`,
      `  ${words(say, row.parked?.next)}`,
      `  npx huiliu replay ${row.subscriber}/${row.eventId} --reason …`,
    );
  }
  return lines.length === 0 ? [say("没有停放的报文和回写。", "Nothing is parked.")] : lines;
}

const excerpt = (text: string | undefined): string[] =>
  text === undefined
    ? []
    : printable(text)
        .split(/\r?\n/)
        .slice(0, EXCERPT_LINES)
        .map((line) => `    ${line}`);

const attemptsText = (say: Say, attempts: readonly Attempt[]): string[] =>
  attempts.length === 0
    ? []
    : table(attempts, [
        { head: "#", cell: (row) => row.n, right: true },
        { head: say("动作", "Action"), cell: (row) => row.action },
        { head: say("开始", "Started"), cell: (row) => when(row.startedAt) },
        { head: say("结果", "Outcome"), cell: (row) => row.outcome },
        { head: say("下一步", "Step"), cell: (row) => row.step },
        { head: say("状态", "Status"), cell: (row) => row.status },
        { head: say("代码", "Code"), cell: (row) => row.code },
        { head: say("说明", "Why"), cell: (row) => (row.why === undefined ? row.text : say(row.whyZh ?? row.why, row.why)), max: 70 },
      ]).map((line) => `    ${line}`);

/** The replay job that did it, where one did. */
function jobOf(say: Say, after: unknown): string {
  const job = typeof after === "object" && after !== null && "replayJob" in after ? after.replayJob : undefined;
  return typeof job === "string" ? say(`（重放任务 ${job}）`, ` (replay job ${job})`) : "";
}

const actionsText = (say: Say, actions: readonly AuditRow[]): string[] =>
  actions.length === 0
    ? []
    : [
        say("人工操作", "What people did"),
        ...actions.map(
          (one) => `  ${when(one.at)}  ${printable(one.who)}  ${one.action}  ${printable(one.reason)}${jobOf(say, one.after)}`,
        ),
      ];

export function messageText(say: Say, detail: MessageDetail): string[] {
  const { message, history, keys, events, writeBacks, differences } = detail;
  const problems = message.parked?.problems ?? [];
  return [
    `${say("报文", "Message")} ${message.id}`,
    `  ${message.partner}.${message.kind}  ${message.door}  ${message.state}  ${message.receivedAt}  ${say("第", "run ")}${message.run}${say("次", "")}`,
    ...(message.parked === undefined
      ? []
      : [`  ${message.parked.code}: ${printable(words(say, message.parked))}`, `  ${words(say, message.parked.next)}`]),
    ...problems.map((one) => `  - ${printable(say(one.zh, one.en))}`),
    ...(keys.length === 0 ? [] : [`${say("业务键", "Keys")}  ${keys.map((key) => `${key.kind}=${printable(key.value)}`).join("  ")}`]),
    ...(detail.raw === undefined
      ? []
      : [`${say("原文", "Raw")} (${detail.raw.bytes} ${say("字节", "bytes")}, ${detail.raw.charset ?? "?"})`]),
    ...excerpt(detail.raw?.text),
    ...(detail.reply === undefined ? [] : [say("应答部分", "Reply part"), ...excerpt(detail.reply.text)]),
    say("历史", "History"),
    ...history.map(
      (one) => `  ${when(one.at)}  ${one.state}  ${printable(one.by)}${one.note === undefined ? "" : `  ${printable(one.note)}`}`,
    ),
    ...(events.length === 0 ? [] : [say("事件", "Events"), ...eventsText(say, events).map((line) => `  ${line}`)]),
    ...(writeBacks.length === 0 ? [] : [say("回写", "Write-backs")]),
    ...writeBacks.flatMap(({ writeBack, attempts }) => [
      `  ${writeBack.id}  ${writeBack.destination} ${writeBack.kind}  ${writeBack.state}  ${yuanText(writeBack.amount) ?? ""}`,
      ...attemptsText(say, attempts),
    ]),
    ...(differences.length === 0 ? [] : [say("重放后的差异（不会再次回写）", "Differences found by a replay (nothing is sent again)")]),
    ...differences.map((one) => `  ${when(one.at)}  ${one.writeBackId}  ${one.changed.join(", ")}`),
    ...actionsText(say, detail.actions),
  ];
}

export function writeBackText(say: Say, detail: WriteBackDetail): string[] {
  const { writeBack: row, allowed } = detail;
  const how =
    allowed.replay === "ask"
      ? say("（先查询对方）", "(the partner is asked first)")
      : allowed.replay === "send"
        ? say("（须先在对方系统核对：--confirmed-checked）", "(look in the partner's system first: --confirmed-checked)")
        : "";
  return [
    `${say("回写", "Write-back")} ${row.id}`,
    `  ${row.destination} ${row.kind}  ${row.lane}  ${row.state}  ¥${yuanText(row.amount) ?? "–"}  ${row.businessDate}`,
    `  key ${row.key}  ${say("报文", "message")} ${row.messageId}`,
    `  ${say("对方可能已处理", "may have taken effect")}: ${row.mayHaveTakenEffect ? say("是", "yes") : say("否", "no")}  ${say("其后排队", "behind it")}: ${detail.behind}`,
    ...(row.state === "held"
      ? [
          `  ${say("账单付清前不告知对方：医保各部分与到账支付之和须等于账单", "Not told before the bill is paid: insurance parts plus payments must equal the bill")}`,
          `  npx huiliu events --key ${row.lane.slice(row.lane.indexOf(":") + 1)}`,
        ]
      : []),
    ...(row.parked === undefined
      ? []
      : [`  ${row.parked.code}: ${printable(words(say, row.parked))}`, `  ${words(say, row.parked.advice)}`]),
    ...(row.receipt === undefined ? [] : [`  ${say("回执", "receipt")} ${printable(JSON.stringify(row.receipt))}`]),
    ...(row.resolution === undefined
      ? []
      : [`  ${row.resolution}  ${printable(row.resolvedBy ?? "")}  ${printable(row.resolutionReason ?? "")}`]),
    ...(row.replayOf === undefined ? [] : [`  ${say("修改自", "edited copy of")} ${row.replayOf}`]),
    ...(row.replacedBy === undefined ? [] : [`  ${say("已由修改稿取代", "replaced by its edited copy")} ${row.replacedBy}`]),
    ...(row.failureGroup === undefined ? [] : [`  ${say("失败分组", "failure group")} ${row.failureGroup}`]),
    ...(detail.body === undefined ? [] : [say("报文体", "Body"), ...excerpt(detail.body.text)]),
    ...(detail.attempts.length === 0 ? [] : [say("尝试", "Attempts"), ...attemptsText(say, detail.attempts)]),
    ...(detail.acknowledgements.length === 0
      ? []
      : [say("另行到达的确认", "Acknowledgements on their own way"), ...acknowledgementsText(say, detail.acknowledgements)]),
    ...actionsText(say, detail.actions),
    ...(allowed.replay === "no" ? [] : [`npx huiliu replay ${row.id} --reason …  ${how}`]),
    ...(allowed.resolve ? [`npx huiliu resolve ${row.id} --decision done-by-hand --receipt … --reason …`] : []),
    ...(allowed.cancel ? [`npx huiliu resolve ${row.id} --decision cancelled --reason …`] : []),
  ];
}

export function previewText(say: Say, preview: Preview): string[] {
  return [
    `${say("预览", "Preview")}  ${preview.mapping ?? ""}  ${say("（未作任何修改）", "(nothing was changed)")}`,
    ...preview.problems.map((one) => `  ✗ ${printable(say(one.zh, one.en))}`),
    ...preview.events.map((one) => {
      const changed =
        one.changed.length === 0
          ? say("与已存相同", "as stored")
          : `${say("不同于已存：", "differs from the stored one: ")}${one.changed.join(", ")}`;
      return `  ${one.stored ? "=" : "+"} ${one.type}  ${one.stored ? changed : say("新事件", "new")}`;
    }),
    ...preview.gone.map((one) => `  - ${one.type}  ${say("不再产生", "no longer made")}`),
  ];
}

export function totalsText(say: Say, totals: Totals): string[] {
  const out = totals.rows.filter((row) => row.direction === "outbound");
  const into = totals.rows.filter((row) => row.direction === "inbound");
  const sum = (one: { readonly count: number; readonly fen: string }): string => `${one.count} / ${yuanText(one.fen)}`;
  const mark = (row: { readonly balanced: boolean }): string => (row.balanced ? "✓" : "✗");
  return [
    `${totals.businessDate}  ${totals.balanced ? say("平", "balanced") : say("不平", "NOT BALANCED")}`,
    ...(out.length === 0
      ? []
      : table(out, [
          { head: say("回写给", "To"), cell: (row) => row.partner },
          { head: say("种类", "Kind"), cell: (row) => row.kind },
          { head: say("应回写（笔/元）", "Owed (n / yuan)"), cell: (row) => sum(row.owed), right: true },
          { head: say("已确认", "Acknowledged"), cell: (row) => sum(row.acknowledged), right: true },
          { head: say("等待", "Waiting"), cell: (row) => sum(row.waiting), right: true },
          { head: say("停放", "Parked"), cell: (row) => sum(row.parked), right: true },
          { head: say("了结", "Resolved"), cell: (row) => sum(row.resolved), right: true },
          { head: say("其中被取代", "of which superseded"), cell: (row) => sum(row.superseded), right: true },
          { head: "", cell: mark },
        ])),
    ...(into.length === 0
      ? []
      : table(into, [
          { head: say("来自", "From"), cell: (row) => row.partner },
          { head: say("报文", "Kind"), cell: (row) => row.kind },
          { head: say("收到", "Received"), cell: (row) => row.received, right: true },
          { head: say("已处理", "Settled"), cell: (row) => row.settled, right: true },
          { head: say("重复", "Duplicate"), cell: (row) => row.duplicate, right: true },
          { head: say("等待", "Waiting"), cell: (row) => row.waiting, right: true },
          { head: say("停放", "Parked"), cell: (row) => row.parked, right: true },
          { head: say("关闭", "Resolved"), cell: (row) => row.resolved, right: true },
          { head: "", cell: mark },
        ])),
    ...totals.rows.flatMap((row) =>
      row.differences.map(
        (one) =>
          `✗ ${row.partner} ${row.kind}: ${say(one.zh, one.en)} (${one.count}${one.fen === undefined ? "" : ` / ${yuanText(one.fen)}`})`,
      ),
    ),
    ...(totals.undecided.messages + totals.undecided.eventDeliveries === 0
      ? []
      : [say("仍有未处理完的报文或事件，总额还会增加", "Messages or events are still in work: totals may grow")]),
  ];
}

export function destinationsText(say: Say, rows: readonly DestinationView[]): string[] {
  if (rows.length === 0) return none(say);
  return table(rows, [
    { head: say("目的地", "Destination"), cell: (row) => row.destination },
    { head: say("未付清", "Held"), cell: (row) => row.backlog.held, right: true },
    { head: say("排队", "Queued"), cell: (row) => row.backlog.queued, right: true },
    { head: say("等待", "Waiting"), cell: (row) => row.backlog.waiting, right: true },
    { head: say("在途", "Sending"), cell: (row) => row.backlog.sending, right: true },
    { head: say("延后", "Deferred"), cell: (row) => row.backlog.deferred, right: true },
    { head: say("停放", "Parked"), cell: (row) => row.backlog.parked, right: true },
    { head: say("金额", "Amount"), cell: (row) => yuanText(row.fen), right: true },
    {
      head: say("最久", "Oldest"),
      cell: (row) => (row.oldestAgeSeconds === undefined ? undefined : ageText(row.oldestAgeSeconds)),
      right: true,
    },
    { head: "", cell: (row) => gateText(say, row.gate) },
  ]);
}

export function statusText(say: Say, status: Status, destinations: readonly DestinationView[]): string[] {
  const { messages, writeBacks, services } = status;
  const up = Object.entries(services).map(([name, { up: ok, why }]) => `${name} ${ok ? "✓" : `✗ ${why ?? ""}`}`);
  const oldest = (seconds: number | undefined): string => (seconds === undefined ? "" : `  ${say("最久", "oldest")} ${ageText(seconds)}`);
  const owed = writeBacks.held + writeBacks.queued + writeBacks.waiting + writeBacks.sending + writeBacks.deferred;
  return [
    `${status.at.slice(0, 19).replace("T", " ")}  ${up.join("  ")}`,
    `${say("报文", "messages")}    ${say("待处理", "open")} ${messages.received}  ${say("待配对", "awaiting part")} ${messages.awaitingPart}  ${say("停放", "parked")} ${messages.parked}${oldest(messages.oldestReceivedAgeSeconds)}`,
    `${say("回写", "write-backs")}    ${say("欠", "owed")} ${owed}  ${say("停放", "parked")} ${writeBacks.parked}${oldest(writeBacks.oldestAgeSeconds)}`,
    `${say("事件", "events")}    ${say("待发布", "to publish")} ${status.outbox}  ${say("待流程", "to flows")} ${status.eventDeliveries.received}  ${say("停放", "parked")} ${status.eventDeliveries.parked}`,
    `${say("进程", "workers")}    ${status.workers.filter((one) => one.alive).length}  ${say("在流程中", "in flows")} ${status.deliveries.live}`,
    "",
    ...destinationsText(say, destinations),
  ];
}

export function partnersText(say: Say, rows: readonly PartnerView[]): string[] {
  if (rows.length === 0) return none(say);
  return table(rows, [
    { head: say("伙伴", "Partner"), cell: (row) => row.partner },
    { head: say("名称", "Name"), cell: (row) => words(say, row.name) },
    { head: say("厂商", "Vendor"), cell: (row) => row.vendor },
    { head: say("可发送", "Sends"), cell: (row) => (row.inbound === undefined ? "" : "✓") },
    { head: say("回写地址", "Written to"), cell: (row) => (typeof row.destination?.url === "string" ? row.destination.url : "") },
    {
      head: "",
      cell: (row) => (row.problems.length > 0 ? say("档案有误", "profile is wrong") : row.paused ? say("已暂停", "paused") : ""),
    },
  ]);
}

export function auditText(say: Say, rows: readonly AuditRow[]): string[] {
  if (rows.length === 0) return none(say);
  return table(rows, [
    { head: say("时间", "When"), cell: (row) => when(row.at) },
    { head: say("何人", "Who"), cell: (row) => row.who },
    { head: say("操作", "What"), cell: (row) => row.action },
    { head: say("对象", "On"), cell: (row) => `${row.targetKind} ${row.targetId}`, max: 60 },
    { head: say("原因", "Why"), cell: (row) => row.reason, max: 50 },
  ]);
}
