/**
 * Why an attempt ended as it did: a closed list of codes, each in both languages. A row stores the code and its detail (`no-reply: ECONNRESET`), so that the sentence can be
 * shown in the reader's language; rows of before this list hold an English sentence and are shown as they are. Codes are stored values: add, never rename.
 */

/** `{0}` and `{1}` stand for the details. */
export const WHY = {
  // By the reply contract (domain/mapping/reply.ts).
  acknowledged: { zh: "对方已确认", en: "acknowledged by the partner" },
  "already-done": { zh: "对方称已处理，金额与流水号相符", en: "done already; amount and serial agree" },
  "already-done-uncompared": {
    zh: "对方称已处理，但无法核对{0}，须查询",
    en: "said to be done already, but the {0} cannot be compared: inquire",
  },
  "done-uncompared": { zh: "应答代码为成功，但没有可核对的{0}", en: "the code says done, but there is no {0} to compare" },
  "not-found": { zh: "对方没有该笔：{0}", en: "the partner does not know it: {0}" },
  deferred: { zh: "对方已受理，结果另行通知：{0}", en: "taken, the answer follows: {0}" },
  busy: { zh: "对方忙：{0}", en: "the partner is busy: {0}" },
  rejected: { zh: "对方拒绝：{0}", en: "refused by the partner: {0}" },
  "busy-status": { zh: "{0}：对方忙，稍后再送", en: "{0}: the partner asks to come later" },
  "rejected-status": { zh: "{0}：按约定表示拒绝", en: "{0}: listed as a refusal" },
  "no-status": { zh: "没有应答状态，对方可能已处理", en: "no status came back: it may have taken effect" },
  "unlisted-status": { zh: "{0} 未列入应答约定", en: "{0} is not listed in the ack contract" },
  "unlisted-code": { zh: "代码 {0} 未列入应答约定", en: "code {0} is not listed in the ack contract" },
  "no-single-code": { zh: "应答中没有唯一的结果代码", en: "the reply has no single result code" },
  unreadable: { zh: "应答无法读取：{0}", en: "the reply cannot be read: {0}" },
  "unlisted-fault": { zh: "SOAP Fault 文本未列入应答约定，结果不明", en: "a SOAP fault whose text is not listed: unclear" },
  "listed-fault": { zh: "{0}", en: "{0}" },
  "other-key": { zh: "应答的键不是本次请求的键", en: "the reply's key is not that of this request" },
  "other-call": { zh: "应答中的本方报文号不是本次请求的", en: "the reply names another call of ours" },
  "other-serial": { zh: "应答的业务流水号与发送的不一致", en: "the reply's serial is not the one sent" },
  "amount-unreadable": { zh: "应答中的金额无法读取", en: "the reply's amount cannot be read" },
  "other-amount": { zh: "应答金额 {0} 分与发送的 {1} 分不一致", en: "the reply's amount {0} fen is not the {1} fen sent" },
  // At the wire.
  "not-sent": { zh: "没有发出任何字节：{0}", en: "nothing left us: {0}" },
  "no-reply": { zh: "已发出，没有收到完整应答：{0}", en: "it left us, and no whole reply came: {0}" },
  "not-begun-by-record": {
    zh: "动态库桥的日志里没有开始过这笔调用，今后也不会执行",
    en: "by the bridge's record no call of it has begun, and none will",
  },
  "unclear-by-record": {
    zh: "动态库桥的日志里这笔调用结果永远不明，且该方言没有冲正：{0}",
    en: "by the bridge's record nobody will ever know how this call ended, and the dialect has no 冲正: {0}",
  },
  "inquiry-not-sent": { zh: "查询没有发出：{0}", en: "the inquiry did not leave us: {0}" },
  "inquiry-no-reply": { zh: "查询没有收到完整应答：{0}", en: "no whole reply came to the inquiry: {0}" },
  "own-record": { zh: "本方日志已有该次调用的成功应答", en: "our own journal holds the partner's receipt for that very call" },
  "no-call-number": { zh: "报文号未能先行入库，没有发送：{0}", en: "its number could not be journaled first, so nothing was sent: {0}" },
  reversed: { zh: "查询无记录，随后对方确认冲正", en: "the inquiry found nothing, and the partner then reversed it" },
  "reversal-refused": { zh: "查询无记录，对方亦无可冲正（{0}）", en: "the inquiry found nothing, and there was nothing to reverse ({0})" },
  "reversal-not-written": { zh: "冲正报文无法写出：{0}", en: "the reversal could not be written: {0}" },
  "reversal-open": {
    zh: "查询无记录，冲正结果不明（{0}），再次查询",
    en: "the inquiry found nothing, the reversal is unclear ({0}): asked again",
  },
  "not-found-too-early": {
    zh: "对方没有该笔（{0}），但距上次可能的发送太近，尚不可信",
    en: "not found ({0}), too early after the last possible send to trust it",
  },
  // Before and beside it.
  "no-outbound-mapping": { zh: "没有出站映射 {0}", en: "no outbound mapping {0}" },
  "no-inquiry": { zh: "该目的地没有查询报文", en: "the destination has no inquiry message" },
  "inquiry-without-path": { zh: "查询报文没有写路径", en: "the inquiry names no path" },
  "inquiry-not-written": { zh: "查询报文无法写出：{0}", en: "the inquiry could not be written: {0}" },
  "dialect-failed": { zh: "读取应答的方言出错", en: "the dialect failed on the reply" },
  "no-reason": { zh: "方言没有给出原因", en: "the dialect gave no reason" },
  "key-expired": { zh: "对方可能已忘记此键，且不能查询", en: "the partner may have forgotten this key, and cannot be asked" },
  "lease-expired": { zh: "租约到期：没有人看到这次尝试的结果", en: "lease expired: nobody saw the end of this attempt" },
  "answer-overdue": { zh: "对方已受理，但结果逾期未到", en: "the partner took it, but its answer is overdue" },
  "no-body": { zh: "库中没有这笔回写的内容，数据可能已损坏", en: "the store has no content for it: the database may be damaged" },
  "by-person": { zh: "人工停放", en: "a person parked it" },
  "kept-without-words": { zh: "存储拒绝了对方的文字，只保留结果", en: "the store refused what the partner said; only the outcome is kept" },
  "on-its-own-way": { zh: "对方另行告知（{0}）", en: "told by the partner on its own way ({0})" },
  "names-nothing": { zh: "对应不到我方欠的任何一笔", en: "it names nothing that we owe" },
  internal: { zh: "内部出错：{0}", en: "internal: {0}" },
} as const satisfies Readonly<Record<string, { readonly zh: string; readonly en: string }>>;

export type WhyCode = keyof typeof WHY;

/** A reason with its sentences. */
export interface Why {
  readonly code: WhyCode;
  readonly detail?: string;
  readonly zh: string;
  readonly en: string;
}

/** Between the Chinese and the English half of a detail that has both. */
const HALVES = " ¦ ";
/** Between two details. */
const PARTS = ", ";

const isCode = (text: string): text is WhyCode => Object.hasOwn(WHY, text);

/** A detail that reads differently in both languages. */
export const inBoth = (zh: string, en: string): string => (zh === en ? zh : `${zh}${HALVES}${en}`);

/** A reason. Several details are given in the order of the sentence's places. */
export function because(code: WhyCode, ...details: readonly string[]): Why {
  const detail = details.length === 0 ? undefined : details.join(PARTS);
  return { code, ...(detail === undefined ? {} : { detail }), zh: sentence(code, detail, "zh"), en: sentence(code, detail, "en") };
}

/** As a row holds it. */
export const stored = ({ code, detail }: Pick<Why, "code" | "detail">): string => (detail === undefined ? code : `${code}: ${detail}`);

/** The reason as a row holds it, at once. */
export const why = (code: WhyCode, ...details: readonly string[]): string => stored(because(code, ...details));

function sentence(code: WhyCode, detail: string | undefined, language: "zh" | "en"): string {
  const text: string = WHY[code][language];
  if (detail === undefined) return text.replace(/[：:]? ?\{\d\}/g, "");
  const halves = detail.split(HALVES);
  const own = (halves.length === 2 ? halves[language === "zh" ? 0 : 1] : detail) ?? detail;
  if (!text.includes("{1}")) return text.includes("{0}") ? text.replace("{0}", () => own) : text;
  const [first = "", ...rest] = own.split(PARTS);
  return text.replace("{0}", () => first).replace("{1}", () => rest.join(PARTS));
}

/** A row's reason in both languages. One that is no code of ours is shown as it stands. Total. */
export function whyOf(held: string): { readonly code?: WhyCode; readonly zh: string; readonly en: string } {
  const colon = held.indexOf(": ");
  const code = colon === -1 ? held : held.slice(0, colon);
  if (!isCode(code)) return { zh: held, en: held };
  const detail = colon === -1 ? undefined : held.slice(colon + 2);
  return { code, zh: sentence(code, detail, "zh"), en: sentence(code, detail, "en") };
}
