/** F36: two faults at once, chosen by the seed from those that can be combined. */
import { bills, DOUBT, type Fault, type Stage } from "../registry.ts";
import { MACHINE } from "./machine.ts";
import { SERVERS } from "./servers.ts";
import { WIRES } from "./wires.ts";

/** Each puts right what it did by itself, and none of them waits for the other's. */
const COMBINED = ["F04", "F05", "F07", "F08", "F09", "F09d", "F13", "F15", "F16", "F16b", "F17", "F20", "F24", "F25", "F27"];
const candidates = (): readonly Fault[] => [...SERVERS, ...WIRES, ...MACHINE].filter((fault) => COMBINED.includes(fault.id));

async function pairs(stage: Stage): Promise<void> {
  const all = candidates();
  const count = stage.form === "short" ? 1 : 6;
  const done: string[] = [];
  for (let at = 0; at < count; at += 1) {
    const one = all[stage.dice(all.length)];
    const rest = all.filter((fault) => fault.id.slice(0, 3) !== one?.id.slice(0, 3));
    const other = rest[stage.dice(rest.length)];
    if (one === undefined || other === undefined) continue;
    stage.more(300);
    done.push(`${one.id}+${other.id}`);
    stage.log(`    ${done.at(-1)}`);
    // The short shape of each: the length of a pair is the longer one's.
    const short: Stage = { ...stage, form: "short", over: () => undefined };
    const ended = await Promise.allSettled([one.inject(short), other.inject(short)]);
    for (const [index, end] of ended.entries())
      if (end.status === "rejected") stage.note(`${[one, other][index]?.id} stopped`, String(end.reason).slice(0, 80));
    for (const fault of [one, other]) await fault.clear?.(stage);
  }
  stage.over();
  stage.note("pairs", done.join(", "));
}

export const PAIRS: readonly Fault[] = [
  {
    id: "F36",
    what: "pairs of faults, chosen by the seed",
    short: false,
    bills: bills(200, 500),
    parks: DOUBT,
    wired: "all",
    inject: pairs,
  },
];
