/**
 * What a person at the console does about each kind of alarm: in the words of its pages, which stand behind the buttons beside it (places.ts). The table of kinds
 * (domain/alarms/kinds.ts) says the same for the command line, the log and the mail; the command is shown here as the second way. Pure.
 */
import type { AlarmKind, Words } from "../../../../domain/alarms/kinds.ts";
import type { AlarmView } from "../../../../domain/operations/views-alarms.ts";

export interface Step extends Words {
  /** As it is typed on the engine's machine. */
  readonly command?: string;
}

export const STEPS: Readonly<Record<AlarmKind, Step>> = {
  "write-back-age": {
    zh: "打开目的地看原因：对方不通就联系对方值班，有人暂停了就恢复",
    en: "Open the destination and see why: ring the partner if it does not answer, resume it if somebody paused it",
    command: "npx huiliu destinations",
  },
  backlog: {
    zh: "打开目的地，看速率与是否暂停；对方恢复后会自动清空",
    en: "Open the destination and look at its rate and whether it is paused; once the partner works it drains by itself",
  },
  "breaker-open": {
    zh: "联系对方系统值班；恢复后自动续发，无需操作",
    en: "Ring the partner; once it answers everything goes on by itself",
  },
  "lanes-blocked": {
    zh: "打开阻塞的队列，逐个看清队首：重放、了结，或放行其后；处理完队首，其后自动继续",
    en: "Open the blocked lanes and decide about each head: replay it, resolve it, or let the next go; then what waits behind goes on by itself",
    command: "npx huiliu parked",
  },
  "write-back-parked": {
    zh: "打开失败分组看原因；排除后安全重放整组，无需回写的人工了结",
    en: "Open the failure groups and see why; once the cause is gone replay the group safely, resolve what is not wanted",
    command: "npx huiliu parked",
  },
  unclear: {
    zh: "打开失败分组，先在对方系统逐笔核对：已入账的了结，确未入账的才重放；切勿直接重放",
    en: "Open the failure groups and look each one up in the partner's system first: resolve what is booked, replay only what is not; never just replay",
  },
  "not-written-back": {
    zh: "打开最早的报文：查账单为何未付清，或流程为何没有回写，修正后重放；确认无需回写则点“确认已知”",
    en: "Open the first message: find out why its bill is not paid in full, or why its flow owed nothing; mend it and replay. If none is wanted press Seen",
    command: "npx huiliu alarms",
  },
  "message-not-fed": {
    zh: "流程未启动、正在部署或过载：看待处理的报文是否在减少，否则请工程师看引擎日志",
    en: "Flows are down, being deployed, or overloaded: see whether what is to be fed gets less, else have the engine's log looked at",
  },
  "message-parked": {
    zh: "打开失败分组看原因；更正后安全重放，无用的关闭",
    en: "Open the failure groups and see why; replay safely once it is mended, close what is of no use",
    command: "npx huiliu parked",
  },
  "event-not-fed": {
    zh: "查看订阅该事件的流程；请工程师看引擎日志",
    en: "Look at the flows that take events; have the engine's log looked at",
  },
  "event-parked": {
    zh: "打开停放的事件投递看原因；修正流程后重新投递，不再需要的关闭",
    en: "Open the parked event deliveries and see why; hand them over again once the flow is mended, close what is not wanted",
    command: "npx huiliu parked",
  },
  "outbox-age": {
    zh: "请人恢复 RabbitMQ；事件已存库，恢复后自动发布",
    en: "Have RabbitMQ restored; the events are kept and are published then",
  },
  "dead-letters": {
    zh: "保留队列，联系工程师；其中的报文尚未入库",
    en: "Keep the queue and call the engineers: what is in it is not journaled",
  },
  "duplicates-answered": {
    zh: "对方答复丢失或过慢：看最近一小时的结果，核对网络、超时设置与应答约定",
    en: "Its replies are lost or late: look at the last hour, then at the network, the reply time-out and the ack contract",
  },
  "totals-differ": {
    zh: "不得手工更正：保存当日总额的输出，联系工程师",
    en: "Never correct by hand: save the totals of the day and call the engineers",
    command: "npx huiliu totals",
  },
  "subscriber-stalled": {
    zh: "请订阅方恢复读取，之后自动补发",
    en: "Have the subscriber read again; then everything follows by itself",
    command: "npx huiliu subscribers",
  },
  "worker-silent": {
    zh: "查看该机器与进程日志；其工作由其他进程接手",
    en: "Look at that machine and its log; other workers take over its work",
  },
  "disk-low": {
    zh: "请人清理或扩容：先看哪些日期可清理",
    en: "Have days dropped or disk added: first see which days may go",
    command: "npx huiliu retention simulate",
  },
  "partitions-missing": {
    zh: "请工程师在零点前解决：引擎日志“making partitions”写明原因",
    en: "Have the engineers mend it before midnight: “making partitions” in the engine's log says why",
  },
  "sink-down": {
    zh: "看“通知渠道”中的最近错误；其余渠道不受影响",
    en: "See the last error under “Where alarms are told”; the other sinks go on",
    command: "npx huiliu alarms --sinks",
  },
  "flow-not-loaded": {
    zh: "请集成工程师恢复已审阅的文件并重启；其间的报文已入库并挂起，之后可重放",
    en: "Have an integrator restore the reviewed files and start again; messages that came meanwhile are parked and can be replayed",
  },
  "audit-broken": {
    zh: "打开审计看是哪几条；保全数据库与签名文件，请安全人员查明谁动了数据库；勿自行更正",
    en: "Open the audit and see which entries; keep the database and the file of heads as they are and find out who reached the database; mend nothing",
    command: "npx huiliu audit verify",
  },
  "sign-in-held": {
    zh: "打开账户看谁被锁，问本人；不是本人则请人查日志中的地址并封堵",
    en: "Open the accounts, see who is locked and ask the person; if it was not him, have the address in the log shut out",
    command: "npx huiliu account list",
  },
  "door-away": {
    zh: "看数据中的原因：口令、主机密钥、网络或网闸恢复后自动继续；水位列不动的请厂商更新；列变了的请集成工程师核对映射",
    en: "The numbers say why: password, host key, network or gatekeeper go on by themselves once they are back; have the vendor set a watermark that stands still, and an integrator check the mapping where columns changed",
  },
};

/** Of a kind that a later version had: what the engine itself says. */
export const stepOf = ({ kind, next }: Pick<AlarmView, "kind" | "next">): Step =>
  (STEPS as Readonly<Record<string, Step | undefined>>)[kind] ?? next;
