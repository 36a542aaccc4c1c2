/** `npm run faults`: the fault matrix of reference/reliability.md over a whole Huiliu, counted by an oracle that reads only the partners' ledgers. */
import { randomInt } from "node:crypto";
import { FAULTS } from "../test/faults/faults.ts";
import { enumerateKillPoints } from "../test/faults/kill-points.ts";
import { selfTest } from "../test/faults/oracle.ts";
import { runMutations } from "../test/faults/mutations.ts";
import { NOT_HERE } from "../test/faults/not-here.ts";
import { type FaultResult, type Form, notRun } from "../test/faults/registry.ts";
import { type Gathered, problemsOf, reportOf, textOf } from "../test/faults/report.ts";
import { runFaults } from "../test/faults/run.ts";
import { SHOWS } from "../test/faults/shows.ts";
import { argumentsOf, onStopRequest, ROOT } from "./environment.ts";

const HELP = `npm run faults -- [options]      the fault matrix F01–F36, counted by an independent oracle · 故障演练与独立核对

  --short            ≥ 20,000 messages, 5 to 12 minutes (npm test: with --small)                      短版
  --only <F04,F07>   only these faults (npm run faults -- --list names them)                              只跑指定故障
  --seed <n>         equal seeds give equal messages, instants and choices (default: a new one, printed)  随机种子
  --seeds <k>        so many seeds, one after another                                                     连跑多个种子
  --mutations        remove the engine's safeguards one by one: something must go red each time           变异检验
  --show <names>     power-cut, outage, poisoned-lane, replay, wipe, or all: minutes each, on a system of its own       专项演示
  --small            a fifth of the load; with --show: a tenth of the size                                缩小规模
  --json             the report as JSON on standard output                                                输出 JSON
  --list             name the faults and what is not run here                                             列出故障
  --help             this text                                                                            本说明

Servers, the simulated hospital and the engine are started on an empty data folder under .data/ and stopped at the end. Exit code 1 when anything is lost, twice, out of
order, unexpected or stuck, when a kill point was not hit, and when the oracle's self-test fails (6 planted, 6 found): such a run counts as no run.`;

const SEED_MAX = 1_000_000;

interface Arguments {
  readonly form: Form;
  readonly only: readonly string[] | undefined;
  readonly seeds: readonly number[];
  readonly json: boolean;
  readonly list: boolean;
  readonly mutations: boolean;
  readonly show: readonly string[] | undefined;
  readonly small: boolean;
}

const say = (line: string): void => void process.stderr.write(`${line}\n`);

function readArguments(): Arguments | undefined {
  const { values } = argumentsOf(HELP, {
    options: {
      short: { type: "boolean" },
      only: { type: "string" },
      seed: { type: "string" },
      seeds: { type: "string" },
      mutations: { type: "boolean" },
      show: { type: "string" },
      small: { type: "boolean" },
      json: { type: "boolean" },
      list: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help === true) return undefined;
  const number = (name: string, text: string | undefined, otherwise: number): number => {
    const value = text === undefined ? otherwise : Number(text);
    if (!Number.isInteger(value) || value < 0 || value > SEED_MAX)
      throw new RangeError(`--${name} must be a whole number up to ${SEED_MAX}`);
    return value;
  };
  const first = number("seed", values.seed, randomInt(SEED_MAX));
  const only = values.only?.split(",").map((id) => id.trim().toUpperCase());
  const known = FAULTS.map((fault) => fault.id.toUpperCase());
  const unknown = only?.filter((id) => !known.includes(id));
  if (unknown !== undefined && unknown.length > 0) throw new RangeError(`no fault ${unknown.join(", ")}; known: ${known.join(", ")}`);
  const names = SHOWS.map((one) => one.name);
  const show = values.show === "all" ? names : values.show?.split(",").map((name) => name.trim());
  const strange = show?.filter((name) => !names.includes(name));
  if (strange !== undefined && strange.length > 0) throw new RangeError(`no show ${strange.join(", ")}; known: ${names.join(", ")}, all`);
  return {
    show,
    small: values.small === true,
    form: values.short === true ? "short" : "full",
    only,
    seeds: Array.from({ length: Math.max(1, number("seeds", values.seeds, 1)) }, (_, index) => first + index),
    json: values.json === true,
    list: values.list === true,
    mutations: values.mutations === true,
  };
}

async function mutate(json: boolean): Promise<number> {
  const stop = new AbortController();
  onStopRequest((reason) => {
    say(`· stopping (${reason})`);
    stop.abort();
  });
  const { results, good } = await runMutations(say, stop.signal);
  if (json) process.stdout.write(`${JSON.stringify({ mutations: results })}\n`);
  say(`${results.filter((one) => one.red.length > 0).length} of ${results.length} mutations went red`);
  return good ? 0 : 1;
}

/** Each show's report; 1 when a goal was missed. */
async function show(names: readonly string[], given: Arguments): Promise<number> {
  const shown: Record<string, unknown>[] = [];
  for (const { name, what, run: play } of SHOWS.filter((one) => names.includes(one.name))) {
    const seed = given.seeds[0] ?? 0;
    say(`· ${name}: ${what} (seed ${seed})`);
    const { report, missed } = await play({ seed, small: given.small, log: (line) => say(`  ${line}`) });
    say(`  ${JSON.stringify(report)}\n  ${missed.length === 0 ? "✓ every goal reached" : `✗ missed: ${missed.join("; ")}`}`);
    shown.push({ name, seed, ...report, missed });
  }
  if (given.json) process.stdout.write(`${JSON.stringify({ shows: shown })}\n`);
  return shown.some((one) => (one.missed as string[]).length > 0) ? 1 : 0;
}

async function run(given: Arguments): Promise<number> {
  const stop = new AbortController();
  onStopRequest((reason) => {
    say(`· stopping (${reason})`);
    stop.abort();
  });
  const since = Date.now();
  const points = enumerateKillPoints(ROOT);
  const proof = selfTest(given.seeds[0] ?? 0);
  say(`· oracle self-test ${proof.found}/${proof.planted}; ${points.length} kill points in the code; seed ${given.seeds.join(", ")}`);
  const chosen = FAULTS.filter((fault) =>
    given.only === undefined ? given.form === "full" || fault.short : given.only.includes(fault.id.toUpperCase()),
  );
  const results: FaultResult[] = [];
  const wrong: string[] = [];
  const hit = new Set<string>();
  if (proof.found === proof.planted) {
    for (const seed of given.seeds) {
      if (stop.signal.aborted) break;
      const whole = await runFaults({ form: given.form, small: given.small, seed, faults: chosen, log: say, signal: stop.signal });
      results.push(...whole.results);
      wrong.push(...whole.wrong);
      for (const name of whole.hit) hit.add(name);
    }
  }
  for (const fault of given.only === undefined ? FAULTS : [])
    if (!chosen.includes(fault))
      results.push(notRun(fault.id, fault.what, given.seeds[0] ?? 0, "not in the short form; npm run faults runs it"));
  if (given.only === undefined) results.push(...NOT_HERE.map(({ id, what, why }) => notRun(id, what, given.seeds[0] ?? 0, why)));
  const gathered: Gathered = {
    form: given.form,
    seeds: given.seeds,
    results,
    wrong: stop.signal.aborted ? [...wrong, "interrupted"] : wrong,
    points,
    hit,
    killed: given.only === undefined || given.only.includes("F01"),
    selfTest: proof,
    seconds: Math.round((Date.now() - since) / 1_000),
  };
  say(`\n${textOf(gathered)}`);
  if (given.json) process.stdout.write(`${JSON.stringify(reportOf(gathered))}\n`);
  return problemsOf(gathered).length === 0 ? 0 : 1;
}

try {
  const given = readArguments();
  if (given === undefined) process.stdout.write(`${HELP}\n`);
  else if (given.show !== undefined) process.exitCode = await show(given.show, given);
  else if (given.list) {
    for (const { id, what, short, cannot } of FAULTS)
      process.stdout.write(
        `${id.padEnd(5)} ${short ? "short" : "full "}  ${what}${cannot?.() === undefined ? "" : ` (not here: ${cannot?.()})`}\n`,
      );
  } else process.exitCode = given.mutations ? await mutate(given.json) : await run(given);
} catch (error) {
  say(`\n✗ ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  process.exitCode = 1;
}
process.exit(); // nothing may keep a finished run alive
