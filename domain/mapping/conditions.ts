/** Conditions of a document, compiled to functions. An absent value satisfies only `present: false`. */
import type { Condition } from "./document.ts";

/** Reads the value a condition asks about: undefined when absent or blank. `occurs` is true for an element that is there, even without a value. */
export interface Asked<C> {
  readonly value: (context: C) => string | undefined;
  readonly occurs: (context: C) => boolean;
}
export type Holds<C> = (context: C) => boolean;

const INTEGER = /^[+-]?\d{1,15}$/;
const NUMBER = /^[+-]?\d{1,15}(?:\.\d{1,15})?$/;
const ZERO = /^[+-]?0+(?:\.0+)?$/;

/** A member with a value that says something. Member names never follow a colon, and texts hold their quotes escaped. */
const MEMBER_WITH_A_VALUE = /:\s*(?:"(?!")|[-\dtf])|[[,]\s*(?:"[^"]+"\s*[\],]|[-\dtf])/;

const holdsValue = (text = ""): boolean => (text.startsWith("{") ? MEMBER_WITH_A_VALUE.test(text) : text.trim() !== "");

const listOf = (given: string | readonly string[]): readonly string[] => (typeof given === "string" ? [given] : given);

/** What is wrong with the writing of a condition; undefined when nothing is. */
export function conditionFault(condition: Condition): { readonly zh: string; readonly en: string } | undefined {
  const { at, all, any, ...tests } = condition;
  const ways = [at, all, any].filter((way) => way !== undefined).length;
  const asks = Object.values(tests).some((test) => test !== undefined);
  if (ways !== 1) return { zh: "条件须恰有 at、all、any 之一", en: "a condition has exactly one of at, all, any" };
  if (at !== undefined && !asks) return { zh: "条件没有判断（is、present …）", en: "the condition tests nothing (is, present …)" };
  if (at === undefined && asks) return { zh: "判断须与 at 同写", en: "tests belong beside at" };
  if (condition.matches === undefined) return undefined;
  try {
    new RegExp(condition.matches, "u");
    return undefined;
  } catch {
    return { zh: "matches 不是合法的正则式", en: "matches is no valid pattern" };
  }
}

/** Every test of one value; the caller has checked the writing with `conditionFault`. */
function testsOf(condition: Condition): ((value: string) => boolean)[] {
  const tests: ((value: string) => boolean)[] = [];
  const { is, isNot, matches, below, atLeast, zero } = condition;
  if (is !== undefined) {
    const values = new Set(listOf(is));
    tests.push((value) => values.has(value));
  }
  if (isNot !== undefined) {
    const values = new Set(listOf(isNot));
    tests.push((value) => !values.has(value));
  }
  if (matches !== undefined) {
    const pattern = new RegExp(`^(?:${matches})$`, "u");
    tests.push((value) => pattern.test(value));
  }
  if (below !== undefined) tests.push((value) => INTEGER.test(value) && Number(value) < below);
  if (atLeast !== undefined) tests.push((value) => INTEGER.test(value) && Number(value) >= atLeast);
  if (zero !== undefined) tests.push((value) => NUMBER.test(value) && ZERO.test(value) === zero);
  return tests;
}

/** Compiles a condition. `ask` finds the value of a source; it reports unknown sources itself. */
export function compileCondition<C>(condition: Condition, ask: (at: string) => Asked<C>): Holds<C> {
  if (condition.all) {
    const all = condition.all.map((one) => compileCondition(one, ask));
    return (context) => all.every((holds) => holds(context));
  }
  if (condition.any) {
    const any = condition.any.map((one) => compileCondition(one, ask));
    return (context) => any.some((holds) => holds(context));
  }
  const asked = ask(condition.at ?? "");
  const tests = testsOf(condition);
  const { present, empty } = condition;
  return (context) => {
    if (empty !== undefined && holdsValue(asked.value(context)) === empty) return false;
    if (present !== undefined && asked.occurs(context) !== present) return false;
    if (tests.length === 0) return true;
    const value = asked.value(context);
    return value !== undefined && tests.every((test) => test(value));
  };
}

/** Every condition within, itself included, with its place in the document. */
export function* conditionsIn(condition: Condition, at: string): Generator<readonly [Condition, string]> {
  yield [condition, at];
  for (const [index, one] of (condition.all ?? []).entries()) yield* conditionsIn(one, `${at}/all/${index}`);
  for (const [index, one] of (condition.any ?? []).entries()) yield* conditionsIn(one, `${at}/any/${index}`);
}
