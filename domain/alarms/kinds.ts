/**
 * The closed list of what the engine raises an alarm about (reference/delivery.md 3.3.9), with the words a person reads at night, what to do next and how long
 * a condition must hold before it starts and be gone before it ends. docs/alarms.md is generated from this table.
 */

const SEVERITIES = ["warn", "page"] as const;
/** warn: somebody should look today. page: somebody must look now. */
export type Severity = (typeof SEVERITIES)[number];

export const ALARM_KINDS = [
  "write-back-age",
  "backlog",
  "breaker-open",
  "lanes-blocked",
  "write-back-parked",
  "unclear",
  "not-written-back",
  "message-not-fed",
  "message-parked",
  "event-not-fed",
  "event-parked",
  "outbox-age",
  "dead-letters",
  "duplicates-answered",
  "totals-differ",
  "subscriber-stalled",
  "worker-silent",
  "disk-low",
  "partitions-missing",
  "sink-down",
  "audit-broken",
  "sign-in-held",
  "door-away",
  "flow-not-loaded",
] as const;
export type AlarmKind = (typeof ALARM_KINDS)[number];

export interface Words {
  readonly zh: string;
  readonly en: string;
}
export interface KindText extends Words {
  /** What its subject names. */
  readonly subject: Words;
  /** When it is raised, as a person would say it. */
  readonly when: Words;
  readonly next: Words;
  /** The severities it can have, the milder first. */
  readonly severities: readonly Severity[];
  /** The condition must hold this long before anybody is told. */
  readonly startAfterMs: number;
  /** The condition must be gone this long before the end is told. */
  readonly endAfterMs: number;
}

const SECOND = 1_000;
const MINUTE = 60_000;
/** A condition that has its own age in it has waited long enough. */
const AT_ONCE = 0;
/** Two looks in a row. */
const TWICE = 4 * SECOND;
const SETTLED = 30 * SECOND;

const destination: Words = { zh: "目的地", en: "destination" };
const BOTH: readonly Severity[] = ["warn", "page"];

/** One row per kind. Kinds are wire values: never renamed, never used for something else. */
export const ALARM: Readonly<Record<AlarmKind, KindText>> = {
  "write-back-age": {
    zh: "回写久未送达",
    en: "A write-back has been owed for too long",
    subject: destination,
    when: {
      zh: "最早一笔应回写超过 5 分钟（告警）或 15 分钟（紧急）；伙伴档案 destination.alarms 可改；暂停期间照样计时",
      en: "the oldest one owed is older than 5 min (warn) or 15 min (page); destination.alarms of the profile changes both; a pause does not stop the clock",
    },
    next: {
      zh: "npx huiliu destinations 查看原因：对方不通则联系对方；已暂停则恢复",
      en: "npx huiliu destinations says why: ring the partner if it does not answer, resume it if somebody paused it",
    },
    severities: BOTH,
    startAfterMs: AT_ONCE,
    endAfterMs: SETTLED,
  },
  backlog: {
    zh: "积压笔数过多",
    en: "Too many write-backs are owed",
    subject: destination,
    when: { zh: "应回写笔数达到档案中的 destination.alarms.backlog", en: "as many as destination.alarms.backlog of the profile are owed" },
    next: {
      zh: "查看该目的地的速率与是否暂停；对方恢复后会自动清空",
      en: "Look at its rate and whether it is paused; once the partner works it drains by itself",
    },
    severities: ["warn"],
    startAfterMs: TWICE,
    endAfterMs: MINUTE,
  },
  "breaker-open": {
    zh: "对方不通，已停止回写",
    en: "The partner does not answer; only probes go out",
    subject: destination,
    when: { zh: "断路器打开超过 2 分钟", en: "its breaker has been open for more than 2 min" },
    next: { zh: "联系对方系统值班；恢复后自动续发，无需操作", en: "Ring the partner; once it answers everything goes on by itself" },
    severities: ["warn"],
    startAfterMs: AT_ONCE,
    endAfterMs: SETTLED,
  },
  "lanes-blocked": {
    zh: "有队列被停放的回写阻塞",
    en: "Parked write-backs hold up others behind them",
    subject: destination,
    when: {
      zh: "停放的队首后面还有排队的回写；超过 1 小时升为紧急",
      en: "something is queued behind a parked head; page when one has been blocked for an hour",
    },
    next: {
      zh: "npx huiliu parked 逐笔处理；处理完队首，其后自动继续",
      en: "npx huiliu parked: decide each; what waits behind goes on by itself",
    },
    severities: BOTH,
    startAfterMs: TWICE,
    endAfterMs: SETTLED,
  },
  "write-back-parked": {
    zh: "有回写需要人工处理",
    en: "Write-backs wait for a person",
    subject: destination,
    when: { zh: "有停放的回写", en: "any write-back is parked" },
    next: { zh: "npx huiliu parked", en: "npx huiliu parked" },
    severities: ["warn"],
    startAfterMs: TWICE,
    endAfterMs: SETTLED,
  },
  unclear: {
    zh: "回写结果不明",
    en: "Nobody knows whether write-backs took effect",
    subject: destination,
    when: { zh: "结果不明超过 5 分钟仍未查清", en: "an unclear outcome has not been cleared up for 5 min" },
    next: {
      zh: "在对方系统核对后再决定；切勿直接重放",
      en: "Look in the partner's system before anything is decided; never just replay",
    },
    severities: ["page"],
    startAfterMs: AT_ONCE,
    endAfterMs: SETTLED,
  },
  "not-written-back": {
    zh: "已结算但未回写",
    en: "Settled or refunded, and not written back",
    subject: { zh: "目的地，或 event:<伙伴>/<类型>", en: "destination, or event:<partner>/<type>" },
    when: {
      zh: "① 回写等待账单付清超过 24 小时；② 同一伙伴同类事件多数有回写，而某些事件 15 分钟后仍无任何回写",
      en: "(1) a write-back has been held for its bill for 24 h; (2) an event has owed no write-back for 15 min although most of its partner's events of that type do",
    },
    next: {
      zh: "npx huiliu alarms 列出编号；① 查账单为何未付清；② 查流程为何没有回写，修正后重放报文；确认无需回写则 ack",
      en: "npx huiliu alarms lists ids: (1) find out why the bill is not paid in full; (2) why the flow owed nothing, mend it and replay the message; acknowledge it if none is wanted",
    },
    severities: ["page"],
    startAfterMs: AT_ONCE,
    endAfterMs: SETTLED,
  },
  "message-not-fed": {
    zh: "报文久未处理",
    en: "Messages are journaled but not worked on",
    subject: { zh: "固定为 messages", en: "always messages" },
    when: {
      zh: "最早一条未处理报文超过 1 分钟（告警）或 5 分钟（紧急）",
      en: "the oldest open message is older than 1 min (warn) or 5 min (page)",
    },
    next: {
      zh: "查看 /readyz 与引擎日志：流程未启动、正在部署或过载",
      en: "See /readyz and the engine's log: flows are down, being deployed, or overloaded",
    },
    severities: BOTH,
    startAfterMs: AT_ONCE,
    endAfterMs: SETTLED,
  },
  "message-parked": {
    zh: "有报文需要人工处理",
    en: "Messages wait for a person",
    subject: { zh: "伙伴", en: "partner" },
    when: { zh: "有停放的报文", en: "any message is parked" },
    next: { zh: "npx huiliu parked", en: "npx huiliu parked" },
    severities: ["warn"],
    startAfterMs: TWICE,
    endAfterMs: SETTLED,
  },
  "event-not-fed": {
    zh: "事件久未交给流程",
    en: "Events are owed to flows and not worked on",
    subject: { zh: "固定为 events", en: "always events" },
    when: { zh: "最早一项超过 1 分钟（告警）或 5 分钟（紧急）", en: "the oldest is older than 1 min (warn) or 5 min (page)" },
    next: { zh: "查看订阅该事件的流程与引擎日志", en: "Look at the flows that take events, and the engine's log" },
    severities: BOTH,
    startAfterMs: AT_ONCE,
    endAfterMs: SETTLED,
  },
  "event-parked": {
    zh: "有事件投递需要人工处理",
    en: "Event deliveries wait for a person",
    subject: { zh: "固定为 events", en: "always events" },
    when: { zh: "有停放的事件投递", en: "any event delivery is parked" },
    next: { zh: "npx huiliu parked", en: "npx huiliu parked" },
    severities: ["warn"],
    startAfterMs: TWICE,
    endAfterMs: SETTLED,
  },
  "outbox-age": {
    zh: "事件久未发布",
    en: "Events are not confirmed by the broker",
    subject: { zh: "固定为 outbox", en: "always outbox" },
    when: {
      zh: "最早一条未确认事件超过 1 分钟（告警）或 15 分钟（紧急）",
      en: "the oldest unconfirmed event is older than 1 min (warn) or 15 min (page)",
    },
    next: { zh: "恢复 RabbitMQ；事件已存库，恢复后自动发布", en: "Restore RabbitMQ; the events are kept and are published then" },
    severities: BOTH,
    startAfterMs: AT_ONCE,
    endAfterMs: SETTLED,
  },
  "dead-letters": {
    zh: "死信队列不空",
    en: "The dead-letter queue is not empty",
    subject: { zh: "队列", en: "queue" },
    when: { zh: "死信队列中有报文", en: "the broker moved messages there because nobody could take them" },
    next: { zh: "保留队列，联系工程师；其中的报文尚未入库", en: "Keep the queue and call the engineers: what is in it is not journaled" },
    severities: ["page"],
    startAfterMs: TWICE,
    endAfterMs: SETTLED,
  },
  "duplicates-answered": {
    zh: "对方大量答复“已处理”",
    en: "The partner often answers that it was done already",
    subject: destination,
    when: {
      zh: "一小时内不少于 20 笔、且占已确认的 10% 以上",
      en: "within an hour at least 20 write-backs, and a tenth of the acknowledged, were done already",
    },
    next: {
      zh: "对方答复丢失或过慢：核对网络、超时设置与应答约定",
      en: "Its replies are lost or late: look at the network, the reply time-out and the ack contract",
    },
    severities: ["warn"],
    startAfterMs: AT_ONCE,
    endAfterMs: MINUTE,
  },
  "totals-differ": {
    zh: "当日总额不平",
    en: "The totals of a day do not agree",
    subject: { zh: "业务日/伙伴/种类", en: "business day/partner/kind" },
    when: { zh: "今日或昨日的总额核对不平", en: "today's or yesterday's totals differ" },
    next: {
      zh: "不得手工更正：保存 npx huiliu totals --date <日> --json，联系工程师",
      en: "Never correct by hand: save npx huiliu totals --date <day> --json and call the engineers",
    },
    severities: ["page"],
    startAfterMs: AT_ONCE,
    endAfterMs: MINUTE,
  },
  "subscriber-stalled": {
    zh: "订阅方积压，已停止投递",
    en: "A subscriber does not read: its events are kept back",
    subject: { zh: "订阅方", en: "subscriber" },
    when: {
      zh: "其队列已满或无法声明，事件留在库中等待",
      en: "its queue is full or cannot be declared; what it should read waits in PostgreSQL",
    },
    next: {
      zh: "npx huiliu subscribers 查看原因与积压；请其恢复读取，之后自动补发",
      en: "npx huiliu subscribers tells why and how much; once it reads again everything follows by itself",
    },
    severities: ["warn"],
    startAfterMs: TWICE,
    endAfterMs: SETTLED,
  },
  "worker-silent": {
    zh: "工作进程失去心跳",
    en: "A worker is not heard of",
    subject: { zh: "进程名", en: "worker" },
    when: { zh: "进程未正常退出，且超过 1 分钟没有心跳", en: "it has not left in good order and has not been heard of for a minute" },
    next: { zh: "查看该机器与进程日志；其工作由其他进程接手", en: "Look at that machine and its log; other workers take over its work" },
    severities: ["warn"],
    startAfterMs: AT_ONCE,
    endAfterMs: SETTLED,
  },
  "disk-low": {
    zh: "数据库磁盘将满",
    en: "The database's disk is nearly full",
    subject: { zh: "固定为 database", en: "always database" },
    when: {
      zh: "已用 85%（告警）或 95%（紧急）；仅当数据库与引擎同机时可知",
      en: "85 % used (warn) or 95 % (page); known only where the database is on this machine",
    },
    next: {
      zh: "npx huiliu retention simulate 查看可清理的日期，或扩容",
      en: "npx huiliu retention simulate shows what may go; or add disk",
    },
    severities: BOTH,
    startAfterMs: TWICE,
    endAfterMs: MINUTE,
  },
  "partitions-missing": {
    zh: "缺少次日分区",
    en: "The tables of the coming days are missing",
    subject: { zh: "日期", en: "day" },
    when: { zh: "明日或后日的分区未建", en: "tomorrow's tables, or those of the day after, have not been made" },
    next: {
      zh: "查看引擎日志“making partitions”；在零点前解决，否则数据落入默认分区",
      en: "See “making partitions” in the log; mend it before midnight, else rows land in the default partition",
    },
    severities: ["page"],
    startAfterMs: TWICE,
    endAfterMs: SETTLED,
  },
  "sink-down": {
    zh: "告警通知发不出去",
    en: "Alarms cannot be told",
    subject: { zh: "通知渠道 webhook 或 mail", en: "webhook or mail" },
    when: { zh: "该渠道有通知超过 2 分钟仍未送出", en: "a notice has been waiting for it for more than 2 min" },
    next: {
      zh: "npx huiliu alarms --sinks 查看最近错误；其余渠道不受影响",
      en: "npx huiliu alarms --sinks shows its last error; the other sinks go on",
    },
    severities: ["warn"],
    startAfterMs: AT_ONCE,
    endAfterMs: SETTLED,
  },
  "flow-not-loaded": {
    zh: "流程没有加载",
    en: "A flow is not loaded",
    subject: { zh: "流程", en: "flow" },
    when: {
      zh: "生产环境启动时，流程与其发布单不符、没有发布，或存储的测试未通过",
      en: "production found it other than released, not released at all, or with stored tests that fail",
    },
    next: {
      zh: "日志写明是哪个文件或哪项测试；恢复已审阅的文件，或在开发环境修改、测试、重新发布（docs/flow-tests.zh-CN.md），然后重启；其间的报文已入库并挂起，可重放",
      en: "The log names the file or the test: restore the reviewed files, or change, test and release them in development (docs/flow-tests.md), and start again; messages that came meanwhile are parked and can be replayed",
    },
    severities: ["page"],
    startAfterMs: AT_ONCE,
    endAfterMs: AT_ONCE,
  },
  "audit-broken": {
    zh: "审计链已被破坏",
    en: "The audit's chain is broken",
    subject: { zh: "固定为 audit", en: "always audit" },
    when: {
      zh: "每十分钟核对一次：有记录被改动、插入、删除、调换、截尾、整体改写，或数据库恢复成了旧副本",
      en: "looked through every ten minutes: entries were altered, inserted, deleted, reordered, cut off, rewritten, or an old copy of the database was restored",
    },
    next: {
      zh: "npx huiliu audit verify 指出是哪几条；保全数据库与 <数据目录>/audit/heads.jsonl，请安全人员查明谁动了数据库；勿自行更正",
      en: "npx huiliu audit verify names the entries; keep the database and <data>/audit/heads.jsonl as they are and find out who reached the database; mend nothing",
    },
    severities: ["page"],
    startAfterMs: AT_ONCE,
    endAfterMs: SETTLED,
  },
  "sign-in-held": {
    zh: "控制台登录失败过多，暂停登录",
    en: "Signing in at the console is held back after too many failures",
    subject: { zh: "固定为 console", en: "always console" },
    when: {
      zh: "某登录名、地址或验证码连续失败过多；同时涉及 10 个以上时升为紧急（有人在试密码）",
      en: "a login name, an address or a second factor has failed too often; page when it is more than ten at once: somebody tries passwords",
    },
    next: {
      zh: "npx huiliu account list 查看被锁账户；问本人；不是本人则查日志中的地址并封堵",
      en: "npx huiliu account list shows locked accounts; ask the person; if it was not him, find the address in the log and shut it out",
    },
    severities: BOTH,
    startAfterMs: AT_ONCE,
    endAfterMs: MINUTE,
  },
  "door-away": {
    zh: "文件目录或视图取不到",
    en: "A folder or a view cannot be looked into",
    subject: { zh: "接入名，如 files:bank:0、view:lis-view:V_CHARGE", en: "the door, e.g. files:bank:0, view:lis-view:V_CHARGE" },
    when: {
      zh: "SFTP、FTP、文件夹或数据库视图连续 5 分钟不能查看（告警）或 30 分钟（紧急）；或者视图的行数在涨而水位列不动，或视图的列变了。对方放下的仍在对方那里",
      en: "for 5 min (warn) or 30 min (page) an SFTP or FTP server, a folder or a database view could not be looked into, or a view grew while its watermark stood still, or a view's columns changed; what the partner put there is still there",
    },
    next: {
      zh: "看详情中的原因：口令、主机密钥、网络或网闸恢复后自动继续，不会漏取；水位列不动的，请厂商让每次写入都更新水位列并更新漏掉的行；列变了的，核对档案与映射后重启引擎",
      en: "The details say why: password, host key, network or gatekeeper go on by themselves once they are back, and nothing is missed; where the watermark stands still the vendor has to set it with every write and touch the rows that were missed; where columns changed, check profile and mapping, then start the engine anew",
    },
    severities: BOTH,
    startAfterMs: AT_ONCE,
    endAfterMs: SETTLED,
  },
};

/** Where the runbook speaks of a kind. */
export const anchorOf = (kind: AlarmKind): string => `docs/alarms.md#${kind}`;
export const isAlarmKind = (text: string): text is AlarmKind => (ALARM_KINDS as readonly string[]).includes(text);
/** The graver of two. */
export const graver = (a: Severity, b: Severity): Severity => (SEVERITIES.indexOf(a) >= SEVERITIES.indexOf(b) ? a : b);
