/** `npx huiliu hospital day`: a day played through every partner of a running hospital, and what its ledgers say. */
import { chinaTime } from "../clock.ts";
import type { Addresses } from "../told.ts";
import { type Played, playDay } from "./play.ts";
import { createStage } from "./stage.ts";

export interface DayFlags {
  readonly patients: number;
  readonly seed: number;
  readonly date?: string;
  readonly faults?: boolean;
  readonly parallel: number;
  readonly wait: number;
  readonly json?: boolean;
}

/** Plays and prints; true when every ledger agrees. */
export async function day(partners: Readonly<Record<string, Partial<Addresses>>>, flags: DayFlags): Promise<boolean> {
  const date = flags.date ?? chinaTime(Date.now()).slice(0, 10);
  const say = flags.json ? () => undefined : (line: string): void => void process.stdout.write(`· ${line}\n`);
  const { patients, seed, parallel } = flags;
  const played = await playDay(createStage(partners), {
    patients,
    seed,
    date,
    parallel,
    faults: flags.faults === true,
    waitMs: flags.wait * 1_000,
    say,
  });
  process.stdout.write(flags.json ? `${JSON.stringify(played)}\n` : textOf(played));
  return played.report.clean && played.refused.length === 0;
}

function textOf({ bills, leftOut, refused, inquiries, faultsHit, seconds, report, partners }: Played): string {
  const lines = [
    `bills ${Object.entries(bills)
      .map(([kind, count]) => `${kind} ${count}`)
      .join(" · ")} in ${seconds} s, by ${partners.join(", ")}`,
    ...leftOut.map((one) => `left out: ${one.partner}: ${one.what}${one.bills > 0 ? ` (${one.bills} bills)` : ""}`),
    ...Object.entries(report.totals).map(
      ([name, { count, fen }]) => `  ${name.padEnd(46)} ${String(count).padStart(6)}  ${fen.padStart(12)} fen`,
    ),
    `inquiries ${JSON.stringify(inquiries)} · requests struck by faults ${JSON.stringify(faultsHit)}`,
    ...refused.slice(0, 20).map((text) => `refused: ${text}`),
    ...report.findings.slice(0, 20).map(({ what, rule, bill, text }) => `${what}: ${rule}, ${bill ?? "(no bill)"}: ${text}`),
    report.clean && refused.length === 0
      ? "every ledger agrees with every other to the fen · 各账本分毫不差"
      : `${report.findings.length} findings, ${refused.length} refused · 账本不符`,
  ];
  return `${lines.join("\n")}\n`;
}
