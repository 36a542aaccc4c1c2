/**
 * What is wrong with a message, a document or an event, and where.
 *
 * A problem is a value, never an exception: a message with problems is refused or parked with all of them at once, Chinese first,
 * each with the partner's own name for the place (`出参第18项 个人现金支付`), so that the person who reads it can ring the partner.
 */

/** The closed list of codes. They are wire values (verdicts, parked records): add, never rename. */
export type ProblemCode =
  | "unmapped"
  | "unreadable"
  | "missing"
  | "blank"
  | "not-in-table"
  | "too-long"
  | "too-short"
  | "unequal"
  | "exceeds"
  | "duplicate"
  | "bad-date"
  | "bad-money"
  | "bad-number"
  | "charset"
  | "malformed"
  | "forbidden"
  | "too-large"
  | "too-deep"
  | "too-many"
  | "too-many-problems"
  | "envelope"
  | "unknown-message"
  | "unknown-type"
  | "unknown-constant"
  | "no-case"
  | "condition"
  | "failed-result"
  | "schema"
  | "document";

/** One thing that is wrong. */
export interface Problem {
  readonly code: ProblemCode;
  /** Where, for a program: a JSON pointer into the event or document (`/lines/0/amount`) or a source path of the mapping; "" is the whole. */
  readonly at: string;
  /** Where, for a person: the partner's own words where a mapping knows them, else the pointer; "" is the whole. */
  readonly place: string;
  /** What is wrong, in Chinese, naming the place. */
  readonly zh: string;
  /** The same in English. */
  readonly en: string;
}

/** What a code means in general and what to do next; the text of one problem may say more. */
export interface ProblemText {
  readonly zh: string;
  readonly en: string;
  readonly nextZh: string;
  readonly nextEn: string;
}

const mendMapping = { nextZh: "修改映射文档后重放该消息", nextEn: "Mend the mapping document, then replay the message" };
const askPartner = { nextZh: "请对方系统核对并重发", nextEn: "Ask the partner to check and send again" };
const mendDocument = { nextZh: "按所列位置修改文档后重新加载", nextEn: "Mend the document at the listed place and load it again" };

/** One row per code: a new code does not compile until it has its texts. */
export const PROBLEM: Readonly<Record<ProblemCode, ProblemText>> = {
  unmapped: { zh: "有值但映射未说明去向", en: "has a value, but the mapping neither maps nor ignores it", ...mendMapping },
  unreadable: { zh: "内容无法按声明的类型读取", en: "cannot be read as the declared kind", ...askPartner },
  missing: { zh: "必填项缺失", en: "is required but absent", ...askPartner },
  blank: { zh: "必填项为空白", en: "is required but blank", ...askPartner },
  "not-in-table": { zh: "代码不在对照表中", en: "is not in the code table", ...mendMapping },
  "too-long": { zh: "超过长度上限", en: "is longer than allowed", ...askPartner },
  "too-short": { zh: "短于最小长度", en: "is shorter than allowed", ...askPartner },
  unequal: { zh: "应相等的金额或内容不相等", en: "does not equal what it must equal", ...askPartner },
  exceeds: { zh: "超过允许的金额或数量", en: "is more than it may be", ...askPartner },
  duplicate: { zh: "出现重复", en: "occurs more than once", ...askPartner },
  "bad-date": { zh: "日期时间不合法", en: "is not a possible date or time", ...askPartner },
  "bad-money": { zh: "金额不合法", en: "is not a readable amount of money", ...askPartner },
  "bad-number": { zh: "数字不合法", en: "is not a readable number", ...askPartner },
  charset: { zh: "字节不符合声明的字符集", en: "has bytes that the declared charset does not know", ...askPartner },
  malformed: { zh: "报文格式错误或不完整", en: "is malformed or cut short", ...askPartner },
  forbidden: { zh: "含有不允许的内容", en: "contains something that is not allowed", ...askPartner },
  "too-large": { zh: "报文过大", en: "is larger than allowed", ...askPartner },
  "too-deep": { zh: "嵌套过深", en: "is nested deeper than allowed", ...askPartner },
  "too-many": { zh: "数量过多", en: "has more items than allowed", ...askPartner },
  "too-many-problems": { zh: "问题过多，其余未列出", en: "has more problems than are listed", ...askPartner },
  envelope: {
    zh: "信封打不开：密钥已更换，或报文被改动",
    en: "has an envelope that does not open: the keys were changed, or the message was",
    nextZh: "核对该伙伴的密钥后重放",
    nextEn: "Check the partner's secrets, then replay",
  },
  "unknown-message": {
    zh: "没有对应的映射文档",
    en: "has no mapping document",
    nextZh: "检查路由键与厂商，或新建映射文档",
    nextEn: "Check the routing key and the vendor, or add a mapping document",
  },
  "unknown-type": {
    zh: "未知的事件类型或版本",
    en: "names an event type or version that is not known",
    nextZh: "检查事件类型，或在 domain/events/ 下增加",
    nextEn: "Check the event type, or add a folder under domain/events/",
  },
  "unknown-constant": {
    zh: "伙伴档案中没有该常量",
    en: "is a constant that the partner profile does not have",
    nextZh: "在伙伴档案中补充该常量",
    nextEn: "Add the constant to the partner profile",
  },
  "no-case": { zh: "没有符合条件的分支", en: "matches no case of the mapping", ...mendMapping },
  condition: { zh: "不满足映射声明的条件", en: "does not meet a condition of the mapping", ...askPartner },
  "failed-result": {
    zh: "对方返回失败结果，不产生结算事件",
    en: "is a failed result: it yields no settled event",
    nextZh: "核对对方失败原因，确认无资金变动后关闭",
    nextEn: "Read the partner's reason, make sure that no money moved, then close",
  },
  schema: { zh: "不符合规范", en: "does not satisfy the schema", ...mendMapping },
  document: { zh: "映射文档有误", en: "is wrong in the mapping document", ...mendDocument },
};

/** What one problem says beyond its code's own words. */
export interface ProblemDetail {
  /** The partner's words for the place; the pointer when left out. */
  readonly place?: string;
  /** Replaces the code's general sentence. Never put personal data or whole values here: problems are logged and answered to senders. */
  readonly zh?: string;
  readonly en?: string;
}

/** Makes one problem whose sentences begin with the place. `at` is "" for the whole. */
export function problem(code: ProblemCode, at: string, detail: ProblemDetail = {}): Problem {
  const place = detail.place ?? at;
  const text = PROBLEM[code];
  const zh = detail.zh ?? text.zh;
  const en = detail.en ?? text.en;
  return { code, at, place, zh: place === "" ? zh : `${place}：${zh}`, en: place === "" ? en : `${place}: ${en}` };
}
