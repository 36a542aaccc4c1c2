/**
 * Why a write-back is parked: a closed list, each with what happened and what to check at the HIS before anything else is done. Codes are wire values.
 */
import type { AttemptEnd } from "./ports.ts";

export type ParkCode =
  | "REJECTED"
  | "UNCLEAR"
  | "LEASE_EXPIRED"
  | "KEY_EXPIRED"
  | "ANSWER_OVERDUE"
  | "ALREADY_DONE_DIFFERS"
  | "ALREADY_DONE_UNPROVED"
  | "RECEIPT_DIFFERS"
  | "INQUIRY_REFUSED"
  | "REVERSED"
  | "REVERSAL_UNPROVED"
  | "CANNOT_ASK"
  | "CANNOT_SEND"
  | "PARKED_BY_PERSON"
  | "INTERNAL";

interface ParkText {
  readonly zh: string;
  readonly en: string;
  readonly advice: { readonly zh: string; readonly en: string };
  /** True when the reason itself says that the destination may hold an effect, whatever earlier attempts did. */
  readonly mayHaveTakenEffect: boolean;
}

const findThere = {
  zh: "先在对方系统按单据号和流水号查找：已入账则登记对方回执号并标记为人工完成；确认未入账后再重放",
  en: "First look in the partner's system by bill and serial number: if it is booked, resolve it as done by hand with the receipt number; replay only once it is certain that it is not",
};
const compareThere = {
  zh: "在对方系统核对该笔的金额与流水号；不一致时不要重放，先由财务与对方更正",
  en: "Compare amount and serial number in the partner's system; while they differ do not replay: finance and the partner must correct it first",
};

/** One row per code: a new code does not compile until it has its texts and its advice. */
export const PARK: Readonly<Record<ParkCode, ParkText>> = {
  REJECTED: {
    zh: "对方拒绝了回写",
    en: "The partner refused the write-back",
    advice: {
      zh: "按对方给出的代码与说明核对单据（是否存在、金额、是否已关闭），更正后重放；无需回写的可取消并写明原因",
      en: "Check the bill against the partner's code and text (does it exist, its amount, is it closed); replay once corrected, or cancel with a reason",
    },
    mayHaveTakenEffect: false,
  },
  UNCLEAR: {
    zh: "请求已发出但结果不明，且对方既不去重也不能查询",
    en: "The request left us, its result is unclear, and the partner neither ignores repeats nor can be asked",
    advice: findThere,
    mayHaveTakenEffect: true,
  },
  LEASE_EXPIRED: {
    zh: "发送中的进程中断，结果不明，且对方既不去重也不能查询",
    en: "The worker that was sending it died; the result is unclear, and the partner neither ignores repeats nor can be asked",
    advice: findThere,
    mayHaveTakenEffect: true,
  },
  KEY_EXPIRED: {
    zh: "距首次发送已超过对方记住幂等键时长的一半，且无法查询：再发可能重复",
    en: "It was first sent longer ago than half of the time for which the partner remembers a key, and cannot be asked for: sent again it might be done twice",
    advice: findThere,
    mayHaveTakenEffect: true,
  },
  ANSWER_OVERDUE: {
    zh: "对方已受理，但结果逾期未到",
    en: "The partner took it, but its answer is overdue",
    advice: findThere,
    mayHaveTakenEffect: true,
  },
  ALREADY_DONE_DIFFERS: {
    zh: "对方称已处理过，但金额或流水号与本笔不一致",
    en: "The partner says it was done already, but with another amount or serial number",
    advice: compareThere,
    mayHaveTakenEffect: true,
  },
  ALREADY_DONE_UNPROVED: {
    zh: "对方称已处理过，但没有给出金额或流水号以供核对",
    en: "The partner says it was done already, but gives no amount or serial number to compare",
    advice: findThere,
    mayHaveTakenEffect: true,
  },
  RECEIPT_DIFFERS: {
    zh: "对方回执的金额或流水号与本笔不一致",
    en: "The partner's receipt has another amount or serial number than was sent",
    advice: compareThere,
    mayHaveTakenEffect: true,
  },
  INQUIRY_REFUSED: {
    zh: "对方拒绝了查询，无法确认结果",
    en: "The partner refused the inquiry, so the result cannot be confirmed",
    advice: findThere,
    mayHaveTakenEffect: true,
  },
  REVERSED: {
    zh: "结果不明的交易已由对方冲正，本笔不再发送",
    en: "The unclear call was reversed by the partner; this one is not sent again",
    advice: {
      zh: "核对无误后取消本笔；仍需办理的由 HIS 重新发起（新的报文号）",
      en: "Check it and cancel this one; if it is still wanted the HIS asks anew (under a new number)",
    },
    mayHaveTakenEffect: false,
  },
  REVERSAL_UNPROVED: {
    zh: "对方拒绝冲正，而更早的一次冲正结果不明：可能已冲正，也可能从未到达",
    en: "The partner refused the reversal, and an earlier one is unclear: it may be reversed, or never have arrived",
    advice: {
      zh: "在对方系统或对账明细（3202）中按报文号查找后再了结；确认未发生的由 HIS 重新发起",
      en: "Look for the number in the partner's system or in the reconciliation details (3202), then resolve it; if nothing was done the HIS asks anew",
    },
    mayHaveTakenEffect: true,
  },
  CANNOT_ASK: {
    zh: "需要先查询，但查询报文没有声明或无法生成",
    en: "It must be asked for first, but no inquiry message is declared or it could not be written",
    advice: {
      zh: "修正伙伴档案或查询映射后重放；急需处理的先在对方系统查找该笔",
      en: "Mend the partner profile or the inquiry mapping and replay; if it is urgent, look for it in the partner's system first",
    },
    mayHaveTakenEffect: false,
  },
  CANNOT_SEND: {
    zh: "没有可用的出站映射或地址，未发送",
    en: "There is no usable outbound mapping or address; nothing was sent",
    advice: { zh: "修正伙伴档案或出站映射后重放", en: "Mend the partner profile or the outbound mapping, then replay" },
    mayHaveTakenEffect: false,
  },
  PARKED_BY_PERSON: {
    zh: "人工停放，待核对",
    en: "A person parked it to have it looked at",
    advice: {
      zh: "查看是谁、因何停放（操作记录），核对后重放或了结",
      en: "See in the audit who parked it and why; once it is checked, replay or resolve it",
    },
    mayHaveTakenEffect: false,
  },
  INTERNAL: {
    zh: "处理应答时内部出错，结果不明",
    en: "An internal error while the reply was read; the result is unclear",
    advice: findThere,
    mayHaveTakenEffect: true,
  },
};

export const isParkCode = (code: string): code is ParkCode => Object.hasOwn(PARK, code);

/**
 * Whether a parking for this reason leaves open that the partner has done it, sent or not: an inquiry may find what nobody here sent. The row remembers it, or a refund
 * would take it for untold.
 */
export const parksInDoubt = (park: AttemptEnd["park"]): boolean =>
  park !== undefined && isParkCode(park.code) && PARK[park.code].mayHaveTakenEffect;

/** The reason as it is stored. The partner's own words follow ours after a colon. */
export function parkReason(code: ParkCode, partnerSaid?: string): NonNullable<AttemptEnd["park"]> {
  const { zh, en, advice } = PARK[code];
  return { code, zh: partnerSaid ? `${zh}：${partnerSaid}` : zh, en: partnerSaid ? `${en}: ${partnerSaid}` : en, advice };
}
