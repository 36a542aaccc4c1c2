/** What a run says: a table for people, one JSON object for programs, and whether it is good. */
import { type KillPoint, MATRIX } from "./kill-points.ts";
import type { SelfTest } from "./oracle.ts";
import type { FaultResult } from "./registry.ts";

export interface Report {
  readonly messages: number;
  readonly lost: number;
  readonly twice: number;
  readonly inversions: number;
  readonly unexpected: number;
  readonly parked: number;
  readonly killPoints: { readonly hit: number; readonly all: number };
  readonly oracle: string;
  readonly faults: readonly Record<string, unknown>[];
}

export interface Gathered {
  readonly form: string;
  readonly seeds: readonly number[];
  readonly results: readonly FaultResult[];
  readonly wrong: readonly string[];
  readonly points: readonly KillPoint[];
  readonly hit: ReadonlySet<string>;
  /** True when the kill points were part of this run. */
  readonly killed: boolean;
  readonly selfTest: SelfTest;
  readonly seconds: number;
}

const sum = (results: readonly FaultResult[], of: (one: FaultResult) => number): number =>
  results.reduce((total, one) => total + of(one), 0);

export function reportOf({ results, points, hit, selfTest }: Gathered): Report {
  return {
    messages: sum(results, (one) => one.messages),
    lost: sum(results, (one) => one.lost),
    twice: sum(results, (one) => one.twice),
    inversions: sum(results, (one) => one.inversions),
    unexpected: sum(results, (one) => one.unexpected),
    parked: sum(results, (one) => one.parked),
    killPoints: { hit: points.filter((point) => hit.has(point.name)).length, all: points.length },
    oracle: `${selfTest.found}/${selfTest.planted}`,
    faults: results.map((one) => ({ ...one })),
  };
}

/** Everything that keeps a run from being good, one line each; empty when it is. */
export function problemsOf(gathered: Gathered): string[] {
  const { results, wrong, points, hit, killed, selfTest } = gathered;
  return [
    ...(selfTest.found === selfTest.planted
      ? []
      : [`the oracle's self-test failed: ${selfTest.wrong.join("; ")}: this run counts as no run`]),
    ...results.flatMap((one) => one.wrong.map((what) => `${one.id} (--seed ${one.seed} --only ${one.id}): ${what}`)),
    ...wrong,
    ...(killed
      ? points.filter((point) => !hit.has(point.name)).map((point) => `kill point ${point.name} (${point.file}) was not hit`)
      : []),
  ];
}

const COLUMNS: readonly (readonly [string, (one: FaultResult) => string | number])[] = [
  ["fault", (one) => one.id],
  ["what", (one) => one.what.slice(0, 58)],
  ["sent", (one) => one.messages],
  ["acked", (one) => one.acked],
  ["effects", (one) => one.effects],
  ["lost", (one) => one.lost],
  ["twice", (one) => one.twice],
  ["unexp", (one) => one.unexpected],
  ["mism", (one) => one.mismatched],
  ["order", (one) => one.inversions],
  ["parked", (one) => one.parked],
  ["stuck", (one) => one.stuck],
  ["acks", (one) => one.dishonest],
  ["stall s", (one) => (one.longestStallMs / 1_000).toFixed(1)],
  ["back s", (one) => (one.recoverMs === undefined ? "" : (one.recoverMs / 1_000).toFixed(1))],
  ["s", (one) => one.seconds],
];

function tableOf(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, at) => (at < 2 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}

export function textOf(gathered: Gathered): string {
  const { results, points, hit, killed, seconds, seeds, form } = gathered;
  const report = reportOf(gathered);
  const ran = results.filter((one) => one.ran);
  const head = COLUMNS.map(([name]) => name);
  const lines = [
    ...tableOf([head, ...ran.map((one) => COLUMNS.map(([, of]) => String(of(one))))]),
    "",
    ...ran
      .filter((one) => Object.keys(one.notes).length > 0)
      .map(
        (one) =>
          `${one.id}: ${Object.entries(one.notes)
            .map(([name, value]) => `${name} ${value}`)
            .join(" · ")}`,
      ),
    "",
    ...results.filter((one) => !one.ran).map((one) => `${one.id} not run: ${one.what}: ${one.why ?? ""}`),
    "",
    ...(killed ? matrixLines(points, hit) : []),
    `${form} form, seed ${seeds.join(", ")}: ${report.messages} messages, ${report.lost} lost, ${report.twice} twice, ${report.inversions} out of order, ${report.unexpected} unexpected, ${report.parked} parked; oracle ${report.oracle}; kill points ${report.killPoints.hit} of ${report.killPoints.all}; ${seconds} s`,
    `again: npm run faults -- ${form === "short" ? "--short " : ""}--seed ${seeds[0] ?? 0}`,
    ...problemsOf(gathered).map((problem) => `✗ ${problem}`),
  ];
  return lines.join("\n");
}

function matrixLines(points: readonly KillPoint[], hit: ReadonlySet<string>): string[] {
  const known = new Set(points.map((point) => point.name));
  return [
    ...Object.entries(MATRIX).map(([name, { what, points: named, missing }]) => {
      const there = named.map((one) => `${one} ${known.has(one) ? (hit.has(one) ? "✓" : "not hit") : "is gone from the code"}`);
      return `${name.padEnd(3)} ${what}: ${missing === undefined ? there.join(", ") : `none: ${missing}`}`;
    }),
    "",
  ];
}
