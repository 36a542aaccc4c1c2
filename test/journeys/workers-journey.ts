/** Bills sent to several workers while something happens to them; what tests and fault runs do with workers (F25, F33, a rolling restart). */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Made } from "../hospital/messages/made.ts";
import { compare } from "../hospital/oracle.ts";
import { type Huiliu, type Part, until } from "./harness.ts";
import { createStory, textOf } from "./story.ts";

const SENDERS = 12;
const PAUSE_MS = 120;
/** Bills of one act, each message sent when the one before is answered. */
const CHAIN = ["his.charge", "his.payment", "his.refund"] as const;

export interface Told {
  /** Answers that were no acceptance. */
  readonly refused: string[];
  /** Connections that broke before an answer: sent again under the same key. */
  readonly brokenOff: number;
}

export interface WorkersJourney {
  /** Sends bills while `what` happens, waits until all is done, and holds the HIS's ledger against what was sent: nothing lost, doubled or out of order, nothing parked. */
  busyWhile(what: () => Promise<void>, settings?: { readonly bills?: number; readonly doneMs?: number }): Promise<Told>;
  /** Stops a process in its tracks for a while, as a machine out of memory or a debugger does; longer while it is not `enough`. */
  asleep(part: Part, ms: number, enough?: () => Promise<boolean>): Promise<void>;
  /** Number of the worker that feeds flows; 0: nobody does now. */
  feeder(): Promise<number>;
}

/** Needs a hospital in naive mode and a destination his with short times. Every call uses bills of its own. */
export function createWorkersJourney(huiliu: Huiliu, seed: number, bills = 60): WorkersJourney {
  const nobody = (): never => {
    throw new Error("this journey pushes nothing by AMQP");
  };
  const story = createStory(() => huiliu, nobody, seed);
  let used = 0;

  /** Sends one message until it is taken; a connection of its own each time, so that either worker may get it. */
  const post = async (name: string, made: Made, told: { refused: string[]; brokenOff: number }): Promise<void> => {
    const [partner = "", kind = ""] = name.split(".");
    for (;;) {
      try {
        const answer = await huiliu.post(partner, kind, textOf(made), {
          "content-type": "application/xml; charset=UTF-8",
          "idempotency-key": made.id,
          connection: "close",
        });
        const text = await answer.text();
        if (answer.status === 200 || answer.status === 202) return;
        told.refused.push(text);
        if (answer.status < 500 && answer.status !== 429) throw new Error(`${name}: ${answer.status} ${text}`);
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
        told.brokenOff += 1; // fetch failed: whether it was journaled nobody was told; sent again under the same key
      }
      await sleep(50);
    }
  };

  /** Bills are sent while something happens to the workers; then the ledger is held against them. */
  const busyWhile: WorkersJourney["busyWhile"] = async (what, settings = {}) => {
    const first = used;
    used += settings.bills ?? bills;
    const since = (await huiliu.ledger()).length;
    const told = { refused: [] as string[], brokenOff: 0 };
    const rest = Array.from({ length: settings.bills ?? bills }, (_, index) => first + index);
    const expected = rest.flatMap((ordinal) => CHAIN.flatMap((name) => story.make(name, ordinal, "self").expect));
    const send = async (): Promise<void> => {
      for (let ordinal = rest.shift(); ordinal !== undefined; ordinal = rest.shift()) {
        for (const name of CHAIN) await post(name, story.make(name, ordinal, "self"), told);
        await sleep(PAUSE_MS);
      }
    };
    const sending = Promise.all(Array.from({ length: SENDERS }, send));
    await what();
    await sending;
    const lines = async () => (await huiliu.ledger()).slice(since);
    await until(
      "every effect is there",
      // A payment and its whole refund may cancel out before the HIS heard of either.
      async () => compare(expected, await lines()).lost.length === 0,
      settings.doneMs ?? 30_000,
      async () => ({
        effects: (await lines()).filter((line) => line.effect).length,
        of: expected.length,
        states: await huiliu.sql("select state, lease_worker, count(*)::int n from message group by 1, 2"),
        owed: await huiliu.sql("select state, last_why, count(*)::int n from write_back group by 1, 2"),
        lead: await huiliu.sql("select * from lead"),
      }),
    );
    await story.quiet(settings.doneMs ?? 20_000);
    const report = compare(expected, await lines());
    assert.deepEqual({ ...report, clean: true }, report, JSON.stringify(report));
    assert.deepEqual(await huiliu.sql("select kind, park from message where state = 'parked'"), []);
    return told;
  };

  /** Stops a process in its tracks for a while, as a machine out of memory or a debugger does. */
  const asleep: WorkersJourney["asleep"] = async (part, ms, enough) => {
    const pid = huiliu.run().pids[part];
    assert.ok(pid !== undefined);
    process.kill(pid, "SIGSTOP");
    try {
      await sleep(ms);
      if (enough !== undefined) await until("it slept long enough", enough);
    } finally {
      process.kill(pid, "SIGCONT");
    }
  };

  return {
    busyWhile,
    asleep,
    feeder: async () =>
      Number((await huiliu.sql("select worker from lead where task = 'feeder' and until > huiliu_now()"))[0]?.worker ?? 0),
  };
}
