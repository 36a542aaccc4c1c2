/**
 * Show 3, one poisoned lane among a thousand: rounds with and without it alternate in one run, so that a noisy minute hits both alike; what is compared is the time
 * from the sender's confirm to the HIS's ledger line, over the other lanes.
 */
import { percentile } from "../bench/numbers.ts";
import { latencies } from "../bench/durable.ts";
import { startProgram } from "../bench/program.ts";
import type { Sent } from "../bench/tasks/send.ts";
import { payment } from "../hospital/messages/his.ts";
import { makeCase } from "../hospital/messages/cases.ts";
import { startHuiliu, until } from "../journeys/harness.ts";

export interface PoisonedOptions {
  readonly lanes: number;
  readonly rounds: number;
  readonly perSecond: number;
  readonly seed: number;
  readonly log: (line: string) => void;
}

export interface PoisonedReport {
  readonly lanes: number;
  readonly healthyP99Ms: number;
  readonly poisonedP99Ms: number;
  /** Poisoned over healthy. */
  readonly ratio: number;
  /** Calls that the poisoned lane cost meanwhile. */
  readonly poisonedCalls: number;
  /** Write-backs that its head holds up, and nothing else does. */
  readonly waiting: number;
  readonly missed: readonly string[];
}

const RATIO_MAX = 1.1;
const SETTLED_MS = 120_000;
const DATE = new Date(Date.now() + 8 * 3_600_000).toISOString().slice(0, 10);
/** The poisoned bill is of another seed than all others. */
const POISON_SEED = 999_983;

/** Runs the rounds on a Huiliu of its own. */
export async function poisonedLane(options: PoisonedOptions): Promise<PoisonedReport> {
  const { lanes, rounds, perSecond, seed, log } = options;
  const huiliu = await startHuiliu("poisoned-lane");
  const sender = await startProgram("send", {
    url: huiliu.run().partners.his?.amqp ?? "",
    exchange: "huiliu.inbound",
    routingKey: "his.payment",
  });
  try {
    const poison = makeCase({ seed: POISON_SEED, date: DATE, payer: "self" }, 0);
    const body = payment(poison, "UTF-8").body;
    if (body.type !== "document") throw new TypeError("a payment is a document");
    let first = 0;
    const round = async (): Promise<readonly number[]> => {
      await sender.go({ prepare: { seed, date: DATE, first, count: lanes } });
      first += lanes;
      const sent: Sent | undefined = await sender.go({ rate: perSecond });
      if (sent === undefined) throw new Error("nothing was sent");
      const wanted = new Set(sent.serials);
      const effects = await until(
        "every other lane is served",
        async () => {
          const at = new Map(
            (await huiliu.ledger()).flatMap((line) =>
              line.effect && line.serial !== undefined && wanted.has(line.serial) ? [[line.serial, Date.parse(line.at)] as const] : [],
            ),
          );
          return at.size === wanted.size && at;
        },
        SETTLED_MS,
      );
      return latencies(sent, effects);
    };
    await round(); // warm
    const healthy: number[] = [];
    const poisoned: number[] = [];
    await huiliu.fault({ fault: "503", bill: poison.bill });
    const answer = await huiliu.post("his", "payment", body.text, { "content-type": "application/xml; charset=UTF-8" });
    if (!answer.ok) throw new Error(`the poison was refused: ${answer.status} ${await answer.text()}`);
    const hold = (action: "hold" | "release") =>
      huiliu.api(`/lanes/${action}`, { destination: "his", lane: `bill:${poison.bill}`, by: "bench", reason: "rounds without poison" });
    for (let at = 0; at < rounds; at += 1) {
      await hold("hold");
      healthy.push(...(await round()));
      await hold("release");
      poisoned.push(...(await round()));
      log(
        `round ${at + 1}: p99 ${Math.round(percentile(healthy, 99))} ms without, ${Math.round(percentile(poisoned, 99))} ms with the poisoned lane`,
      );
    }
    const state = (await (await fetch(huiliu.run().hospital.his?.faults ?? "")).json()) as { faults: { hits: number }[] };
    const waiting = await huiliu.sql("select count(*)::int as n from write_back where state not in ('acknowledged', 'resolved')");
    const [a, b] = [percentile(healthy, 99), percentile(poisoned, 99)];
    const report = {
      lanes,
      healthyP99Ms: Math.round(a),
      poisonedP99Ms: Math.round(b),
      ratio: Math.round((b / a) * 100) / 100,
      poisonedCalls: state.faults[0]?.hits ?? 0,
      waiting: Number(waiting[0]?.n),
    };
    return {
      ...report,
      missed: [
        ...(report.ratio <= RATIO_MAX ? [] : [`p99 of the other lanes ≤ ${RATIO_MAX} ×`]),
        ...(report.poisonedCalls > 0 ? [] : ["the poison was never tasted"]),
      ],
    };
  } finally {
    await sender.stop();
    await huiliu.stop();
  }
}
