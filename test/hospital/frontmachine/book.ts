/** The insurer's books behind the front machine. Pure: the machine says the time, the ledger is where they come from. */
import { cancel, inquiry, presettle, reverse, settle, totals } from "./settlements.ts";
import { digitsOf, kindOfCall, no, type Settlement, type State, type Told, type Turn, type Work } from "./state.ts";
import { admit, close, diagnose, fees, person, register, reopen, signIn, signOut, unfees } from "./visits.ts";
import { type Asked, objectAt } from "./wire.ts";

export interface Book {
  /** `at`: the machine's time, yyyy-MM-dd HH:mm:ss. */
  ask(asked: Asked, at: string, strict: boolean): Told;
  settlements(): readonly Settlement[];
}

const WORK: Readonly<Record<string, Work>> = {
  "9001": signIn,
  "9002": signOut,
  "1101": person,
  "2201": register,
  "2202": close,
  "2203": diagnose,
  "2203A": diagnose,
  "2204": fees,
  "2205": unfees,
  "2206": presettle,
  "2207": settle,
  "2208": cancel,
  "2301": fees,
  "2302": unfees,
  "2303": presettle,
  "2304": settle,
  "2305": cancel,
  "2401": admit,
  "2402": close,
  "2404": close,
  "2405": reopen,
  "2601": reverse,
  "5203": inquiry,
  "3201": totals,
};
/** Calls that are asked again without harm: their answer is worked out anew. */
const QUESTIONS: ReadonlySet<string> = new Set(["1101", "5203", "3201", "9001", "9002"]);

export function createBook(): Book {
  const state: State = { balances: new Map(), visits: new Map(), settlements: [], signs: new Map(), answered: new Map(), serial: 0 };
  return {
    settlements: () => state.settlements,
    ask(asked, at, strict) {
      const turn: Turn = { asked, data: objectAt(asked.input, "data"), at, strict, state };
      const work = WORK[asked.infno];
      if (!work) return no(turn, `不支持的交易 ${asked.infno}`);
      const before = state.answered.get(asked.msgid);
      if (before && strict) return before.kind === kindOfCall(asked.infno) ? { ...before, effect: false } : no(turn, "发送方报文ID 重复");
      const signedIn = asked.infno === "9001" || state.signs.get(asked.opter) === asked.signNo;
      if (strict && !(signedIn && (asked.infno === "9001" || asked.signNo.slice(6, 14) === digitsOf(at).slice(0, 8))))
        return no(turn, "请先签到：签到编号不存在或不是当天的");
      const done = work(turn);
      if (done.infcode === 0 && !QUESTIONS.has(asked.infno)) state.answered.set(asked.msgid, done);
      return done;
    },
  };
}
