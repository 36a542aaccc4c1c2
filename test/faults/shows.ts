/** What issue 3 must show beside the matrix: each on a Huiliu of its own, minutes long, with the goals it is held to. `npm run faults -- --show <names>`. */
import { startHuiliu } from "../journeys/harness.ts";
import { subscribed, wipeBroker } from "../journeys/wipe-journey.ts";
import { outage } from "./outage.ts";
import { poisonedLane } from "./poisoned-lane.ts";
import { powerCut } from "./power-cut.ts";
import { replayKills } from "./replay-kills.ts";

export interface ShowOptions {
  readonly seed: number;
  /** Sizes divided by ten, for a look at whether it runs. */
  readonly small: boolean;
  readonly log: (line: string) => void;
}

export interface Shown {
  readonly report: object;
  /** Goals that were not reached. */
  readonly missed: readonly string[];
}

export interface Show {
  readonly name: string;
  readonly what: string;
  run(options: ShowOptions): Promise<Shown>;
}

const missedOf = (checks: Readonly<Record<string, boolean>>): string[] =>
  Object.entries(checks).flatMap(([goal, reached]) => (reached ? [] : [goal]));

const PREVIEW_MS = 2_000;
const RESUMED_MS = 10_000;

export const SHOWS: readonly Show[] = [
  {
    name: "power-cut",
    what: "F10: the power of the whole box is cut under load (root, loop image)",
    run: async ({ seed, small }) => {
      const report = await powerCut({ seed, rounds: small ? 1 : 5, bills: small ? 300 : 2_000 });
      return {
        report,
        missed: missedOf({ "nothing lost, twice, out of order": report.clean, "something was at risk": report.atRisk > 0 }),
      };
    },
  },
  {
    name: "outage",
    what: "show 2: eight simulated hours without the HIS, 200,000 write-backs owed, and the drain",
    run: async ({ seed, small, log }) => {
      const report = await outage({ owed: small ? 20_000 : 200_000, hours: 8, ceiling: small ? 400 : 800, seed, log });
      return { report, missed: report.missed };
    },
  },
  {
    name: "poisoned-lane",
    what: "show 3: one poisoned lane among a thousand",
    run: async ({ seed, small, log }) => {
      const report = await poisonedLane({ lanes: 1_000, rounds: small ? 2 : 8, perSecond: 200, seed, log });
      return { report, missed: report.missed };
    },
  },
  {
    name: "replay",
    what: "show 6: a group of 10,000 is replayed, the engine killed three times meanwhile",
    run: async ({ seed, small, log }) => {
      const count = small ? 1_000 : 10_000;
      const report = await replayKills({ count, kills: 3, seed, log });
      const goals = {
        [`preview ≤ ${PREVIEW_MS} ms`]: report.previewMs <= PREVIEW_MS,
        "all done": report.done === count && report.lost === 0,
        "none twice": report.twice === 0,
        "no acknowledged one re-sent": report.reSent === 0,
        "killed three times while it ran": report.killsAt.length === 3,
      };
      return { report, missed: missedOf(goals) };
    },
  },
  {
    name: "wipe",
    what: "show 7: RabbitMQ's data folder deleted under load, Redis flushed",
    run: async ({ seed, small }) => {
      const huiliu = await startHuiliu("wipe-show", { profiles: { his: subscribed } });
      try {
        const report = await wipeBroker(huiliu, { messages: small ? 2_000 : 20_000, seed, readMs: 1 });
        return {
          report,
          missed: missedOf({ "nothing lost": report.report.clean, [`resumes ≤ ${RESUMED_MS} ms`]: report.resumedMs <= RESUMED_MS }),
        };
      } finally {
        await huiliu.stop();
      }
    },
  },
];
