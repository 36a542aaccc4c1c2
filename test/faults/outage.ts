/**
 * Show 2, an outage of the HIS of eight simulated hours with a great backlog: how often it is called, what the engine's memory and its doors do meanwhile, and how it
 * drains. The database's clock is moved from probe to probe, so that hours pass in minutes; the drain runs in real time. Only the HIS's own counts and ledger judge
 * calls and rate.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { rssMb } from "../bench/cpu.ts";
import { type Program, startProgram } from "../bench/program.ts";
import type { LedgerLine } from "../hospital/ledger.ts";
import { destination, type Huiliu, startHuiliu, until } from "../journeys/harness.ts";

export interface OutageOptions {
  /** Write-backs owed when the HIS comes back. */
  readonly owed: number;
  readonly hours: number;
  /** Calls a second that the HIS can take. */
  readonly ceiling: number;
  readonly seed: number;
  readonly log: (line: string) => void;
}

export interface OutageReport {
  readonly owed: number;
  readonly hours: number;
  readonly ceiling: number;
  readonly callsWhileDead: number;
  /** Resident memory of the engine: when the outage began in earnest, and the most seen until it ended. */
  readonly rssMb: { readonly start: number; readonly peak: number };
  /** Messages journaled a second, with the HIS up and with it dead. */
  readonly acceptPerSecond: { readonly up: number; readonly dead: number };
  readonly drain: {
    readonly seconds: number;
    readonly idealSeconds: number;
    readonly failedShare: number;
    /** Most calls that the HIS saw within one second. */
    readonly peakPerSecond: number;
  };
  readonly effects: number;
  readonly twice: number;
  /** What of the goals is not reached; empty when all are. */
  readonly missed: readonly string[];
}

const GOALS = { calls: 1_100, rssMb: 50, accept: 0.95, drain: 1.4, failed: 0.01, peak: 1.1 };
const WARM_UP = 4_000;
const MEASURED = 10_000;
const STUCK_MS = 900_000;
const DATE = new Date(Date.now() + 8 * 3_600_000).toISOString().slice(0, 10);

const COUNT = "select count(*)::int as n from message";
const OWED = "select count(*)::int as n from write_back where state in ('queued', 'waiting', 'sending', 'deferred')";
const PARKED = "select count(*)::int as n from write_back where state = 'parked'";
const countOf = async (huiliu: Huiliu, sql: string): Promise<number> => Number((await huiliu.sql(sql))[0]?.n);

async function hits(huiliu: Huiliu): Promise<number> {
  const state = (await (await fetch(huiliu.run().hospital.his?.faults ?? "")).json()) as { faults: { hits: number }[] };
  return state.faults.reduce((sum, one) => sum + one.hits, 0);
}

/** Sends so many payments as fast as the broker takes them; resolves with how many a second the journal took. */
async function accept(huiliu: Huiliu, sender: Program<"send">, plan: { seed: number; first: number; count: number }): Promise<number> {
  await sender.go({ prepare: { ...plan, date: DATE } });
  const before = await countOf(huiliu, COUNT);
  const since = performance.now();
  const sending = sender.go({ rate: 0 });
  await until("everything is journaled", async () => (await countOf(huiliu, COUNT)) >= before + plan.count, STUCK_MS);
  const seconds = (performance.now() - since) / 1_000;
  await sending;
  return plan.count / seconds;
}

/** Moves the database's clock from probe to probe until so many hours have passed. Answers the most memory seen. */
async function passHours(huiliu: Huiliu, hours: number, log: (line: string) => void): Promise<number> {
  const engine = huiliu.run().pids.engine ?? 0;
  const end = hours * 3_600_000;
  let peak = rssMb(engine);
  let next = 0.1;
  for (;;) {
    const [row] = await huiliu.sql(
      `select extract(epoch from (select shift from huiliu_clock)) * 1000 as shifted, d.breaker,
        greatest(0, extract(epoch from d.probe_at - huiliu_now()) * 1000) as wait, d.probe_worker is not null and d.probe_until > huiliu_now() as probing
       from destination d where d.name = 'his'`,
    );
    const shifted = Number(row?.shifted ?? 0);
    peak = Math.max(peak, rssMb(engine));
    if (shifted >= end) return peak;
    if (shifted / end >= next) {
      log(`${(shifted / 3_600_000).toFixed(1)} simulated hours, ${await hits(huiliu)} calls, ${Math.round(peak)} MB`);
      next += 0.1;
    }
    const wait = Number(row?.wait ?? 0);
    if (row?.breaker === "open" && row.probing !== true && wait > 0)
      await huiliu.sql("update huiliu_clock set shift = shift + $1::double precision * interval '1 millisecond'", [
        Math.min(wait, end - shifted) + 1,
      ]);
    else await sleep(10);
  }
}

const perSecondPeak = (lines: readonly LedgerLine[]): number => {
  const at = lines.map((line) => Date.parse(line.at)).sort((a, b) => a - b);
  let peak = 0;
  for (let last = 0, first = 0; last < at.length; last += 1) {
    while ((at[last] ?? 0) - (at[first] ?? 0) >= 1_000) first += 1;
    peak = Math.max(peak, last - first + 1);
  }
  return peak;
};

/** Runs the outage on a Huiliu of its own. Rejects when it gets stuck; what is too slow or too much is in `missed`. */
export async function outage(options: OutageOptions): Promise<OutageReport> {
  const { owed, hours, ceiling, seed, log } = options;
  const huiliu = await startHuiliu("outage", {
    profiles: { his: destination({ ratePerSecond: ceiling, connectTimeoutMs: 1_000, replyTimeoutMs: 3_000, leaseMs: 10_000 }) },
  });
  const sender = await startProgram("send", {
    url: huiliu.run().partners.his?.amqp ?? "",
    exchange: "huiliu.inbound",
    routingKey: "his.payment",
  });
  let first = 0;
  const plan = (count: number) => {
    first += count;
    return { seed, first: first - count, count };
  };
  try {
    await accept(huiliu, sender, plan(WARM_UP));
    const up = await accept(huiliu, sender, plan(MEASURED));
    await until("the HIS has everything so far", async () => (await countOf(huiliu, OWED)) === 0, STUCK_MS);
    await huiliu.fault({ fault: "503", on: "all" });
    const dead = await accept(huiliu, sender, plan(Math.min(MEASURED, owed)));
    if (owed > MEASURED) await accept(huiliu, sender, plan(owed - MEASURED));
    await until("all of it is owed", async () => (await countOf(huiliu, OWED)) >= owed, STUCK_MS);
    log(`${owed} write-backs owed; accepted ${Math.round(up)}/s with the HIS up, ${Math.round(dead)}/s with it dead`);
    const start = rssMb(huiliu.run().pids.engine ?? 0);
    const peakRss = await passHours(huiliu, hours, log);
    const callsWhileDead = await hits(huiliu);
    const before = (await huiliu.ledger()).length;
    await huiliu.fault({ fault: "none" });
    const left = async (): Promise<boolean> => (await countOf(huiliu, OWED)) === 0;
    await until("the backlog is drained", left, STUCK_MS, async () => ({
      owed: await countOf(huiliu, OWED),
      parked: await countOf(huiliu, PARKED),
    }));
    const ledger = await huiliu.ledger();
    const drained = ledger.slice(before);
    const [from, to] = [drained[0], drained.at(-1)].map((line) => Date.parse(line?.at ?? ""));
    const seconds = ((to ?? 0) - (from ?? 0)) / 1_000;
    const failed = drained.filter((line) => !line.effect && line.kind !== "inquiry" && line.answer !== "1").length;
    const booked = new Map<string, number>();
    for (const line of ledger)
      if (line.effect)
        booked.set(
          `${line.kind} ${line.order} ${line.serial ?? ""}`,
          (booked.get(`${line.kind} ${line.order} ${line.serial ?? ""}`) ?? 0) + 1,
        );
    const drain = {
      seconds,
      idealSeconds: owed / ceiling,
      failedShare: failed / Math.max(drained.length, 1),
      peakPerSecond: perSecondPeak(drained),
    };
    const report = {
      owed,
      hours,
      ceiling,
      callsWhileDead,
      rssMb: { start: Math.round(start), peak: Math.round(peakRss) },
      acceptPerSecond: { up: Math.round(up), dead: Math.round(dead) },
      drain,
      effects: booked.size,
      twice: [...booked.values()].filter((times) => times > 1).length,
    };
    return { ...report, missed: missedOf(report, first) };
  } finally {
    await sender.stop();
    await huiliu.stop();
  }
}

function missedOf(report: Omit<OutageReport, "missed">, sent: number): string[] {
  const { drain, rssMb: rss, acceptPerSecond } = report;
  const checks: readonly (readonly [string, boolean])[] = [
    [`calls to the dead HIS ≤ ${GOALS.calls}`, report.callsWhileDead <= GOALS.calls],
    [`memory flat within ${GOALS.rssMb} MB`, rss.peak - rss.start <= GOALS.rssMb],
    [`accept ≥ ${GOALS.accept} of normal`, acceptPerSecond.dead >= GOALS.accept * acceptPerSecond.up],
    [`drain ≤ ${GOALS.drain} × ideal`, drain.seconds <= GOALS.drain * drain.idealSeconds],
    [`failed calls ≤ ${GOALS.failed}`, drain.failedShare <= GOALS.failed],
    [`peak ≤ ${GOALS.peak} × ceiling`, drain.peakPerSecond <= GOALS.peak * report.ceiling],
    ["nothing lost", report.effects === sent],
    ["nothing twice", report.twice === 0],
  ];
  return checks.filter(([, reached]) => !reached).map(([goal]) => goal);
}
