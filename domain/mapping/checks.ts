/** What a document declares must hold: a condition, or an equality to the fen. A broken one is a problem, so the whole message parks. */
import type { Check, Operand } from "./document.ts";
import { compileSum, FAILED, type RuleContext, type Run, rowsOf } from "./rules.ts";
import type { Frames } from "./shape.ts";

export type RunCheck = (run: Run, frames: Frames) => void;
/** One side's value as text; undefined when absent, FAILED when reported. */
type Side = {
  readonly read: (run: Run, frames: Frames) => string | undefined | typeof FAILED;
  readonly place: string;
  readonly at: string;
};

function sideOf(operand: Operand, as: NonNullable<Check["as"]>, context: RuleContext, at: string): Side {
  if (typeof operand !== "string" && operand.count !== undefined) {
    const group = context.source.group(operand.count, `${at}/count`);
    return { read: (_, frames) => (group ? rowsOf(group, frames).length.toString() : FAILED), place: operand.count, at: operand.count };
  }
  if (as === "yuan" || as === "fen") {
    const money = { as, signed: true, skipAbsent: typeof operand !== "string" } as const;
    const texts = typeof operand === "string" ? [operand] : (operand.sum ?? []);
    const plus = compileSum(texts, money, context, `${at}/sum`, []);
    const minus = typeof operand === "string" || !operand.less ? undefined : compileSum(operand.less, money, context, `${at}/less`, []);
    const first = texts[0] === undefined ? undefined : context.source.ref(texts[0], at);
    const { place, at: where } = first?.where() ?? { place: at, at };
    return {
      place,
      at: where,
      read: (run, frames) => {
        const gained = plus(run, frames);
        const lost = minus?.(run, frames) ?? 0n;
        if (gained === FAILED || lost === FAILED) return FAILED;
        return gained === undefined ? undefined : (gained - lost).toString();
      },
    };
  }
  if (typeof operand !== "string") context.fault(at, "sum 须配 as: yuan 或 fen", "a sum needs as: yuan or fen");
  const found = typeof operand === "string" ? context.source.ref(operand, at) : undefined;
  const { place, at: where } = found?.where() ?? { place: at, at };
  const number = (text: string | undefined): string | undefined =>
    text !== undefined && as === "integer" && /^\d{1,15}$/.test(text) ? Number(text).toString() : text;
  return { place, at: where, read: (_, frames) => number(found?.get(frames)) };
}

/** Compiles one declared check. */
export function compileCheck(check: Check, context: RuleContext, at: string): RunCheck {
  const when = check.when === undefined ? undefined : context.source.condition(check.when, `${at}/when`);
  if (check.must !== undefined) {
    if (check.left !== undefined || check.right !== undefined)
      context.fault(at, "must 与 left/right 只写其一", "either must, or left and right");
    const must = context.source.condition(check.must, `${at}/must`);
    const found = check.must.at === undefined ? undefined : context.source.ref(check.must.at, at);
    return (run, frames) => {
      if (when && !when(frames)) return;
      if (!must(frames)) run.sink.add("condition", found?.where(frames) ?? { at: "", place: "" }, { zh: check.because, en: check.because });
    };
  }
  if (check.left === undefined || check.right === undefined) {
    context.fault(at, "须写 must，或 left 与 right", "needs must, or left and right");
    return () => undefined;
  }
  const as = check.as ?? "yuan";
  const left = sideOf(check.left, as, context, `${at}/left`);
  const right = sideOf(check.right, as, context, `${at}/right`);
  const unit = as === "yuan" || as === "fen" ? { zh: " 分", en: " fen" } : undefined;
  return (run, frames) => {
    if (when && !when(frames)) return;
    const one = left.read(run, frames);
    const other = right.read(run, frames);
    if (one === FAILED || other === FAILED || one === other) return;
    const amount = (side: string | undefined, absent: string, word: string): string => (side === undefined ? absent : side + word);
    const told = unit
      ? {
          zh: `（${amount(one, "缺", unit.zh)} ≠ ${amount(other, "缺", unit.zh)}）`,
          en: ` (${amount(one, "absent", unit.en)} ≠ ${amount(other, "absent", unit.en)})`,
        }
      : { zh: "", en: "" };
    run.sink.add(
      "unequal",
      { at: left.at, place: left.place },
      { zh: `与“${right.place}”不一致：${check.because}${told.zh}`, en: `does not equal "${right.place}": ${check.because}${told.en}` },
    );
  };
}
