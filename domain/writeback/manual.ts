/**
 * What a person may do with a write-back (issue 2 "Write-backs", capability rules of replay): pure rules with closed refusals. The store functions behind them check the
 * state again in their own transaction; a person's decision never races a worker's.
 */
import type { DestinationPolicy } from "./policy.ts";
import type { WriteBackState } from "./ports.ts";

export type ManualRefusal =
  | "UNKNOWN_WRITE_BACK"
  | "ALREADY_CLOSED"
  | "IN_FLIGHT"
  | "NOT_DUE"
  | "NOT_HEAD"
  | "CONFIRM_REQUIRED"
  | "REASON_REQUIRED"
  | "RECEIPT_REQUIRED"
  | "UNKNOWN_DESTINATION";

export interface ManualRefusalText {
  readonly http: 400 | 404 | 409 | 422;
  readonly zh: string;
  readonly en: string;
  readonly next: { readonly zh: string; readonly en: string };
}

/** One row per code: a new code does not compile until it has its texts. */
export const MANUAL_REFUSAL: Readonly<Record<ManualRefusal, ManualRefusalText>> = {
  UNKNOWN_WRITE_BACK: {
    http: 404,
    zh: "没有这笔回写",
    en: "There is no such write-back",
    next: { zh: "检查编号，或按单据号查找", en: "Check the id, or search by bill number" },
  },
  ALREADY_CLOSED: {
    http: 409,
    zh: "该回写已确认或已人工了结，不会再次发送",
    en: "It is acknowledged or resolved already; it is never sent again",
    next: { zh: "查看其回执或了结记录", en: "See its receipt or its resolution" },
  },
  IN_FLIGHT: {
    http: 409,
    zh: "正在发送",
    en: "It is being sent now",
    next: { zh: "等待本次尝试结束（不超过租约时间）后再操作", en: "Wait until this attempt has ended (at most the lease), then try again" },
  },
  NOT_DUE: {
    http: 409,
    zh: "单据尚未付清，不能告知对方已支付",
    en: "The bill is not paid in full: the partner must not be told that it is",
    next: { zh: "等待付清；确实不再需要的可取消并写明原因", en: "Wait for the payment, or cancel it with a reason" },
  },
  NOT_HEAD: {
    http: 409,
    zh: "同一单据有更早的回写尚未完成",
    en: "An earlier write-back of the same order is still owed",
    next: { zh: "先处理更早的那一笔", en: "Deal with the earlier one first" },
  },
  CONFIRM_REQUIRED: {
    http: 422,
    zh: "对方可能已处理该笔，且无法自动查询：须先在对方系统核对",
    en: "The partner may have done it and cannot be asked: somebody must look in its system first",
    next: {
      zh: "在对方系统核对后，以 confirmedChecked: true 并写明核对结果重试",
      en: "Look in the partner's system, then try again with confirmedChecked: true and a reason that says what was found",
    },
  },
  REASON_REQUIRED: {
    http: 422,
    zh: "须写明原因（2 至 500 字）",
    en: "A reason is required (2 to 500 characters)",
    next: { zh: "填写原因", en: "Give a reason" },
  },
  RECEIPT_REQUIRED: {
    http: 422,
    zh: "人工完成须登记对方回执号（1 至 128 字）",
    en: "Done by hand needs the partner's receipt number (1 to 128 characters)",
    next: { zh: "填写对方系统中的回执号", en: "Give the receipt number of the partner's system" },
  },
  UNKNOWN_DESTINATION: {
    http: 409,
    zh: "该目的地没有可用的伙伴档案",
    en: "The destination has no usable partner profile",
    next: { zh: "先修正伙伴档案", en: "Mend the partner profile first" },
  },
};

export const REASON_MIN = 2;
export const REASON_MAX = 500;
const RECEIPT_NO_MAX = 128;

/** What the rules must know of the row, read in the same transaction that acts on it. */
export interface ManualView {
  readonly state: WriteBackState;
  /** The row's sticky flag: some attempt may have taken effect. */
  readonly mayHaveTakenEffect: boolean;
}

export interface ReplayRequest {
  /** The person looked in the partner's system and it is not booked. */
  readonly confirmedChecked?: boolean;
  readonly reason?: string;
}

/** `ask`: the next claim asks first and sends only on a trusted "not found". `send`: the next claim sends under the same key. */
export type ReplayRuling =
  | { readonly ok: true; readonly action: "ask" | "send"; readonly reason?: string }
  | { readonly ok: false; readonly refusal: ManualRefusal };
export type CloseRuling =
  | { readonly ok: true; readonly decision: "done-by-hand"; readonly reason: string; readonly hisReceiptNo: string }
  | { readonly ok: true; readonly decision: "cancelled"; readonly reason: string }
  | { readonly ok: false; readonly refusal: ManualRefusal };

export type Deed = "replay" | "resolve" | "cancel";

/** In which state a person may do what: undefined is allowed. */
export const MANUAL: Readonly<Record<WriteBackState, Readonly<Record<Deed, ManualRefusal | undefined>>>> = {
  held: { replay: "NOT_DUE", resolve: "NOT_DUE", cancel: undefined },
  queued: { replay: "NOT_HEAD", resolve: "NOT_HEAD", cancel: undefined },
  waiting: { replay: undefined, resolve: undefined, cancel: undefined },
  sending: { replay: "IN_FLIGHT", resolve: "IN_FLIGHT", cancel: "IN_FLIGHT" },
  deferred: { replay: undefined, resolve: undefined, cancel: undefined },
  parked: { replay: undefined, resolve: undefined, cancel: undefined },
  acknowledged: { replay: "ALREADY_CLOSED", resolve: "ALREADY_CLOSED", cancel: "ALREADY_CLOSED" },
  resolved: { replay: "ALREADY_CLOSED", resolve: "ALREADY_CLOSED", cancel: "ALREADY_CLOSED" },
};

const refused = (refusal: ManualRefusal) => ({ ok: false as const, refusal });

/** The reason without blanks around it; undefined when it is none. */
function reasonOf(text: string | undefined): string | undefined {
  const reason = text?.trim() ?? "";
  return reason.length >= REASON_MIN && reason.length <= REASON_MAX ? reason : undefined;
}

/**
 * Whether this write-back may be done again, and how. The partner is asked first wherever it can be asked; otherwise a person confirms that its system was checked and says
 * what was found. `policy` undefined: the destination is not loaded.
 */
export function replayRuling(
  view: ManualView | undefined,
  policy: Pick<DestinationPolicy, "inquiry"> | undefined,
  request: ReplayRequest,
): ReplayRuling {
  if (!view) return refused("UNKNOWN_WRITE_BACK");
  const no = MANUAL[view.state].replay;
  if (no) return refused(no);
  if (!policy) return refused("UNKNOWN_DESTINATION");
  const reason = reasonOf(request.reason);
  if (policy.inquiry !== undefined) return { ok: true, action: "ask", ...(reason === undefined ? {} : { reason }) };
  if (request.confirmedChecked !== true) return refused("CONFIRM_REQUIRED");
  return reason === undefined ? refused("REASON_REQUIRED") : { ok: true, action: "send", reason };
}

/** Closes it as done by hand: needs a reason and the receipt number of the partner's system. */
export function resolveRuling(
  view: ManualView | undefined,
  request: { readonly reason?: string; readonly hisReceiptNo?: string },
): CloseRuling {
  if (!view) return refused("UNKNOWN_WRITE_BACK");
  const no = MANUAL[view.state].resolve;
  if (no) return refused(no);
  const reason = reasonOf(request.reason);
  if (reason === undefined) return refused("REASON_REQUIRED");
  const hisReceiptNo = request.hisReceiptNo?.trim() ?? "";
  if (hisReceiptNo === "" || hisReceiptNo.length > RECEIPT_NO_MAX) return refused("RECEIPT_REQUIRED");
  return { ok: true, decision: "done-by-hand", reason, hisReceiptNo };
}

/** Closes it as not wanted: needs a reason and, when the partner may have done it, that its system was checked. */
export function cancelRuling(view: ManualView | undefined, request: ReplayRequest): CloseRuling {
  if (!view) return refused("UNKNOWN_WRITE_BACK");
  const no = MANUAL[view.state].cancel;
  if (no) return refused(no);
  const reason = reasonOf(request.reason);
  if (reason === undefined) return refused("REASON_REQUIRED");
  if (view.mayHaveTakenEffect && request.confirmedChecked !== true) return refused("CONFIRM_REQUIRED");
  return { ok: true, decision: "cancelled", reason };
}
