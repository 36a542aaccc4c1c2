/** The HIS's books: what it did under which key, and what it therefore answers. Pure; the ledger on disk is where it comes from. */
import type { Plan } from "../faults.ts";
import type { LedgerLine } from "../ledger.ts";
import type { Mode } from "../partner.ts";
import type { Answer, Ask } from "./wire.ts";

/** One thing done. */
export interface Done {
  readonly kind: string;
  readonly order: string | null;
  readonly amount: string | null;
  readonly serial: string | null;
  readonly receiptNo: string;
}

export interface Decision {
  readonly answer: Answer;
  readonly effect: boolean;
  /** Present when the books know this key. */
  readonly done?: Done;
}

export interface Book {
  /** What is answered to this request, and the books changed accordingly. The caller writes the ledger line before it answers. */
  decide(ask: Ask, mode: Mode, plan: Plan): Decision;
  /** Does the work of a deferred answer; null when a strict book has done it meanwhile. */
  finish(ask: Ask, mode: Mode): Decision | null;
  /** Deferred answers not yet done, as the ledger line of the answer. */
  pending(): readonly LedgerLine[];
  /** Deferred work that is done and was never told, as the ledger line of the work. */
  untold(): readonly LedgerLine[];
  replay(line: LedgerLine): void;
}

const RECEIPT_DIGITS = 10;

/** The order a ledger line names: the bill, or else the visit. */
export function orderOf(ask: Ask): string | null {
  return ask.bill ?? ask.visit;
}

/** Empty books. */
export function createBook(): Book {
  const done = new Map<string, Done>();
  const deferred = new Map<string, LedgerLine | null>();
  const untold = new Map<string, LedgerLine>();
  let receipts = 0;

  function work(ask: Ask): Done {
    receipts += 1;
    const one = {
      kind: ask.kind,
      order: orderOf(ask),
      amount: ask.amount,
      serial: ask.serial,
      receiptNo: `HIS${receipts.toString().padStart(RECEIPT_DIGITS, "0")}`,
    };
    if (!done.has(ask.key)) done.set(ask.key, one);
    deferred.delete(ask.key);
    return one;
  }

  return {
    decide(ask, mode, plan) {
      const before = done.get(ask.key);
      if (ask.type === "inquiry") {
        if (before === undefined) return { answer: { code: "4", text: "未找到", key: ask.key }, effect: false };
        return { answer: told("0", "已处理", ask.key, before), effect: false, done: before };
      }
      if (mode === "strict" && before !== undefined) {
        const same =
          before.amount === ask.amount && before.serial === ask.serial && before.kind === ask.kind && before.order === orderOf(ask);
        if (same) return { answer: told("1", "已处理过", ask.key, before), effect: false, done: before };
        return { answer: { code: "E102", text: "与已处理的金额或流水号不一致", key: ask.key }, effect: false };
      }
      if (plan.reject !== undefined) {
        return { answer: { code: plan.reject.code ?? "E101", text: plan.reject.text ?? "单据不存在", key: ask.key }, effect: false };
      }
      if (ask.kind === "exam-performed" && orderOf(ask) === null) {
        return { answer: { code: "E104", text: "检查未预约", key: ask.key }, effect: false };
      }
      if (plan.defer !== undefined || (mode === "strict" && deferred.has(ask.key))) {
        deferred.set(ask.key, null);
        return { answer: { code: "2", text: "已受理，稍后答复", key: ask.key }, effect: false };
      }
      const now = work(ask);
      const muddled = plan.duplicate !== undefined && (plan.duplicate.how ?? "already-done") === "already-done";
      return { answer: muddled ? told("1", "已处理过", ask.key, now) : told("0", "成功", ask.key, now), effect: true, done: now };
    },
    finish(ask, mode) {
      if (mode === "strict" && done.has(ask.key)) return null;
      const now = work(ask);
      return { answer: told("0", "成功", ask.key, now), effect: true, done: now };
    },
    pending: () => [...deferred.values()].filter((line) => line !== null),
    untold: () => [...untold.values()],
    replay(line) {
      if (line.key === null) return;
      if (line.deferred === true) untold.set(line.key, line);
      else if (line.kind === "answer") untold.delete(line.key);
      if (line.effect) {
        receipts += 1;
        deferred.delete(line.key);
        const { kind, order, amount } = line;
        if (!done.has(line.key)) done.set(line.key, { kind, order, amount, serial: line.serial ?? null, receiptNo: line.receiptNo ?? "" });
      } else if (line.answer === "2" && !done.has(line.key)) deferred.set(line.key, line);
    },
  };
}

function told(code: string, text: string, key: string, done: Done): Answer {
  return {
    code,
    text,
    key,
    receiptNo: done.receiptNo,
    ...(done.amount === null ? {} : { amount: done.amount }),
    ...(done.serial === null ? {} : { serial: done.serial }),
  };
}
