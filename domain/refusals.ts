/**
 * The closed list of reasons for which a message is refused or parked as a whole. What is wrong *inside* a message is a list of problems
 * (problem.ts); a refusal carries them. Codes are wire values (HTTP errors, verdicts, parked records, alarms): add, never rename.
 */
import type { ParkReason } from "./journal/ports.ts";
import { PROBLEM } from "./problem.ts";

export type RefusalCode =
  | "UNKNOWN_PARTNER"
  | "UNKNOWN_MESSAGE"
  | "UNAUTHORIZED"
  | "SENDER_MISMATCH"
  | "BAD_ENVELOPE"
  | "TOO_LARGE"
  | "TOO_MANY"
  | "EMPTY_BODY"
  | "BAD_IDENTITY"
  | "BAD_EXCHANGE"
  | "BAD_CHARSET"
  | "UNSUPPORTED_ENCODING"
  | "EXCHANGE_INCOMPLETE"
  | "IDENTITY_CONFLICT"
  | "BUSINESS_CONFLICT"
  | "NOT_TRANSLATABLE"
  | "NO_EFFECT"
  | "BRANCH_THREW"
  | "BRANCH_DANGLED"
  | "DEADLINE"
  | "CRASHES_WORKER"
  | "NO_FLOW"
  | "PARKED_BY_FLOW"
  | "REFUSED_BY_FLOW"
  | "DELIVERY_OVER"
  | "BAD_NODE"
  | "ORIGINAL_UNKNOWN"
  | "UNEXPECTED_ACKNOWLEDGEMENT"
  | "ACKNOWLEDGEMENT_DIFFERS"
  | "ACKNOWLEDGEMENT_UNCLEAR"
  | "JOURNAL_BUSY"
  | "JOURNAL_GONE"
  | "STOPPING"
  | "BAD_REQUEST"
  | "REQUEST_TIMEOUT"
  | "NOT_FOUND"
  | "INTERNAL";

/** What a refusal code means: the HTTP status it is answered with, a sentence in both languages, and what to do next. */
export interface RefusalText {
  readonly http: number;
  readonly zh: string;
  readonly en: string;
  readonly next: { readonly zh: string; readonly en: string };
}

const resend = { zh: "请对方系统核对后重发", en: "Ask the partner to check and send again" };
const mendFlow = { zh: "在画布上修改流程后重放该消息", en: "Mend the flow on the canvas, then replay the message" };
const mendMapping = { zh: "修改映射文档后重放该消息", en: "Mend the mapping document, then replay the message" };
const compare = {
  zh: "对比两条消息，与对方核实后重放或关闭其中一条",
  en: "Compare the two messages, ask the partner which is right, then replay or close one",
};
const later = {
  zh: "稍后原样重发（相同的消息标识）；不会重复入账",
  en: "Send the same message again later under the same identity; it is never booked twice",
};

/** One row per code: a new code does not compile until it has its status, its texts and its next step. */
export const REFUSALS: Readonly<Record<RefusalCode, RefusalText>> = {
  UNKNOWN_PARTNER: {
    http: 404,
    zh: "没有这个伙伴",
    en: "There is no partner of this name",
    next: {
      zh: "检查路由键或网址中的伙伴名，或新建 partners/<伙伴>.json",
      en: "Check the partner in the routing key or URL, or add partners/<partner>.json",
    },
  },
  UNKNOWN_MESSAGE: {
    http: 422,
    zh: "该伙伴的厂商没有这种报文",
    en: "The partner's vendor has no message of this kind",
    next: {
      zh: "检查路由键或网址中的报文种类，或在 mappings/<厂商>/ 下新建映射后重放",
      en: "Check the message kind in the routing key or URL, or add a mapping under mappings/<vendor>/ and replay",
    },
  },
  UNAUTHORIZED: {
    http: 401,
    zh: "凭证缺失或不正确",
    en: "The credential is missing or wrong",
    next: {
      zh: "在 Authorization: Bearer 或 x-api-key 中给出该伙伴的密钥",
      en: "Send this partner's key in Authorization: Bearer or x-api-key",
    },
  },
  SENDER_MISMATCH: {
    http: 403,
    zh: "发送者与报文所称的伙伴不符",
    en: "The sender is not the partner that the message claims to be from",
    next: {
      zh: "检查路由键、队列绑定与 AMQP 账号（user-id）",
      en: "Check the routing key, the queue's bindings and the AMQP user (user-id)",
    },
  },
  BAD_ENVELOPE: {
    http: 403,
    zh: "信封无法验证（签名、密文或功能号有误），未接收",
    en: "The envelope does not hold (signature, cipher text or function code); nothing was taken",
    next: {
      zh: "与对方核对密钥、签名串与字符集；以正确的签名原样重发",
      en: "Compare keys, the text that is signed and the charset with the partner; send the same again, signed correctly",
    },
  },
  TOO_LARGE: {
    http: 413,
    zh: "报文超过该伙伴的字节上限",
    en: "The message is larger than this partner may send",
    next: {
      zh: "请对方拆分报文，或调高该伙伴的 inbound.bytesMax",
      en: "Ask the partner to split it, or raise the partner's inbound.bytesMax",
    },
  },
  TOO_MANY: { http: 429, zh: "该伙伴发送过快", en: "This partner is sending too fast", next: later },
  EMPTY_BODY: { http: 400, zh: "报文为空", en: "The message is empty", next: resend },
  BAD_IDENTITY: {
    http: 400,
    zh: "消息标识不合法：1 至 255 个可见字符",
    en: "The message identity is not valid: 1 to 255 visible characters",
    next: { zh: "请对方修正 message-id 或 Idempotency-Key", en: "Ask the partner to mend its message-id or Idempotency-Key" },
  },
  BAD_EXCHANGE: {
    http: 422,
    zh: "请求与应答的交换格式不合法",
    en: "The exchange of request and reply is not well formed",
    next: {
      zh: "请对方检查 huiliu-exchange、huiliu-part、huiliu-return 头，或 JSON 的 request、reply、return",
      en: "Ask the partner to check the headers huiliu-exchange, huiliu-part and huiliu-return, or request, reply and return of the JSON body",
    },
  },
  BAD_CHARSET: {
    http: 415,
    zh: "声明的字符集不受支持",
    en: "The declared charset is not supported",
    next: { zh: "请对方声明 utf-8、gbk 或 gb18030", en: "Ask the partner to declare utf-8, gbk or gb18030" },
  },
  UNSUPPORTED_ENCODING: {
    http: 415,
    zh: "不接受压缩的报文",
    en: "Compressed messages are not accepted",
    next: { zh: "请对方不压缩后重发", en: "Ask the partner to send it uncompressed" },
  },
  EXCHANGE_INCOMPLETE: {
    http: 422,
    zh: "交换的另一半未在规定时间内到达",
    en: "The other part of the exchange did not come in time",
    next: {
      zh: "请对方以同一 huiliu-exchange 重发请求与应答，并核对该笔是否已发生",
      en: "Ask the partner to send request and reply again under the same huiliu-exchange, and whether the deed was done",
    },
  },
  IDENTITY_CONFLICT: {
    http: 409,
    zh: "相同的消息标识，但内容不同",
    en: "The same message identity came with other content",
    next: compare,
  },
  BUSINESS_CONFLICT: {
    http: 409,
    zh: "相同的业务标识，但内容不同",
    en: "The same business identity came with other content",
    next: compare,
  },
  NOT_TRANSLATABLE: { http: 422, zh: "报文无法翻译为事件", en: "The message could not be translated into events", next: mendMapping },
  NO_EFFECT: {
    http: 422,
    zh: "流程结束时没有产生任何结果",
    en: "The flow ended without any effect",
    next: mendFlow,
  },
  BRANCH_THREW: { http: 422, zh: "流程中的一个节点出错", en: "A node of the flow failed", next: mendFlow },
  BRANCH_DANGLED: { http: 422, zh: "流程的一个分支没有终点", en: "A branch of the flow ended nowhere", next: mendFlow },
  DEADLINE: { http: 422, zh: "流程超过了时限", en: "The flow outlived its deadline", next: mendFlow },
  CRASHES_WORKER: {
    http: 422,
    zh: "处理该消息时工作进程多次中断",
    en: "Workers died several times while they worked on this message",
    next: { zh: "查看日志，修正后重放", en: "Read the log, mend the cause, then replay" },
  },
  NO_FLOW: {
    http: 422,
    zh: "没有流程接收这种报文",
    en: "No flow takes this kind of message",
    next: { zh: "在画布上用 message-in 节点接收该报文后重放", en: "Add a message-in node for it on the canvas, then replay" },
  },
  PARKED_BY_FLOW: {
    http: 422,
    zh: "流程要求人工处理",
    en: "The flow asked for a person to look",
    next: { zh: "按停放原因核实后重放或关闭", en: "Check the reason given, then replay or close" },
  },
  REFUSED_BY_FLOW: { http: 422, zh: "流程拒绝了该消息", en: "The flow refused the message", next: resend },
  DELIVERY_OVER: {
    http: 409,
    zh: "该投递已经结束",
    en: "This delivery is over already",
    next: { zh: "检查流程中是否在结束之后仍发送消息", en: "Check whether the flow still sends after the delivery has ended" },
  },
  BAD_NODE: { http: 422, zh: "节点配置不正确", en: "The node is not configured correctly", next: mendFlow },
  ORIGINAL_UNKNOWN: {
    http: 409,
    zh: "被冲正的结算还没有到达",
    en: "The settlement that this takes back is not here yet",
    next: {
      zh: "结算到达后本报文自动重新处理；若结算不会再来，核对后关闭本报文",
      en: "It is taken up by itself when that settlement comes; if it never will, check and close this message",
    },
  },
  UNEXPECTED_ACKNOWLEDGEMENT: {
    http: 422,
    zh: "确认对应不到我方欠该伙伴的任何回写",
    en: "This acknowledges nothing that we owe this partner",
    next: {
      zh: "核对键、流水号与发送者；与对方核实后重放或关闭，不要据此了结别的回写",
      en: "Check its key or serial and who sent it; ask the partner, then replay or close it. Never resolve another write-back by it",
    },
  },
  ACKNOWLEDGEMENT_DIFFERS: {
    http: 409,
    zh: "确认与已知的结果矛盾（金额、流水号、凭据号，或已拒绝、已取消）",
    en: "This acknowledgement contradicts what is known (amount, serial, receipt, or it was rejected or cancelled)",
    next: {
      zh: "在对方系统核对该笔，由财务与对方更正；之后关闭本报文",
      en: "Compare it in the partner's system; finance and the partner must correct it, then close this message",
    },
  },
  ACKNOWLEDGEMENT_UNCLEAR: {
    http: 422,
    zh: "确认无法按应答约定读出结果",
    en: "By the reply contract this acknowledgement proves nothing",
    next: mendMapping,
  },
  JOURNAL_BUSY: { http: 503, zh: "系统繁忙，未接收", en: "The engine is busy; the message was not taken", next: later },
  JOURNAL_GONE: { http: 503, zh: "数据库不可用，未接收", en: "The database is not available; the message was not taken", next: later },
  STOPPING: { http: 503, zh: "系统正在停止，未接收", en: "The engine is stopping; the message was not taken", next: later },
  BAD_REQUEST: { http: 400, zh: "请求格式不正确", en: "The request is malformed", next: resend },
  REQUEST_TIMEOUT: { http: 408, zh: "请求未在规定时间内发完", en: "The request was not complete in time", next: later },
  NOT_FOUND: {
    http: 404,
    zh: "没有这个地址",
    en: "There is nothing at this address",
    next: { zh: "报文请发往 POST /partners/<伙伴>/messages/<报文>", en: "Send messages to POST /partners/<partner>/messages/<message>" },
  },
  INTERNAL: {
    http: 500,
    zh: "内部错误，接收情况未知",
    en: "An internal error; whether the message was taken is unknown",
    next: later,
  },
};

/** What one refusal says beyond its code's own words. */
export interface RefusalDetail extends Omit<ParkReason, "code" | "zh" | "en"> {
  /** Follows the code's own sentence after a colon. Never personal data or whole values: refusals are logged and answered to senders. */
  readonly zh?: string;
  readonly en?: string;
}

/** Makes a reason to park or refuse with the code's own sentences first. */
export function refusal(code: RefusalCode, detail: RefusalDetail = {}): ParkReason {
  const { zh, en, ...rest } = detail;
  const text = REFUSALS[code];
  return { ...rest, code, zh: zh === undefined ? text.zh : `${text.zh}：${zh}`, en: en === undefined ? text.en : `${text.en}: ${en}` };
}

/** Whether a code of a stored reason is one of ours. */
export const isRefusalCode = (code: string): code is RefusalCode => Object.hasOwn(REFUSALS, code);

/** The texts of a stored reason's code; undefined for a code of another list (a problem, or a flow's own). */
export const refusalText = (code: string): RefusalText | undefined => (isRefusalCode(code) ? REFUSALS[code] : undefined);

/**
 * What to do next about a stored reason; undefined for a flow's own code. What a message's content is refused for decides itself: an amount that does not add up
 * is the partner's to correct, a field that nobody mapped is ours. One of ours among them comes first: without it the others cannot be judged.
 */
export function nextOf(reason: Pick<ParkReason, "code" | "problems">): RefusalText["next"] | undefined {
  const general = refusalText(reason.code)?.next;
  if (reason.code !== "NOT_TRANSLATABLE") return general;
  const known = (reason.problems ?? []).flatMap(({ code }) =>
    Object.hasOwn(PROBLEM, code) ? [PROBLEM[code as keyof typeof PROBLEM]] : [],
  );
  const first = known.find((one) => one.nextEn !== PROBLEM.missing.nextEn) ?? known[0];
  return first === undefined ? general : { zh: first.nextZh, en: first.nextEn };
}
