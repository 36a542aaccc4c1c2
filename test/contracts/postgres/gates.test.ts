import assert from "node:assert/strict";
import { POLICY } from "../../fakes/policy.ts";
import { after, before, describe, test } from "node:test";
import { createGates, type Gates, REFRESH_MS } from "../../../domain/writeback/gate.ts";
import { OLDEST_HEAD, READ_GATES } from "../../../platform/postgres/gates.ts";
import { gateContract } from "../gates.ts";
import { oweOne, parkedEvent, postgresWorld, type PostgresWorld } from "./world.ts";

gateContract("PostgreSQL", async () => {
  const world = await postgresWorld();
  const store = world.own.gates();
  const stores = {
    journal: world.own.journal({ parkedEvent }),
    settle: world.own.settle({ parkedEvent, after: () => undefined }),
  };
  let owed = 0;
  return {
    store,
    owe: async (destination) => {
      owed += 1;
      const id = await oweOne(stores, { key: `gate-key-${owed}`, lane: `bill:gate-${owed}`, destination });
      const rows = (await world.own.reads.query<{ key: string }>("select key from write_back where id = $1", [id])).rows;
      return rows[0]?.key ?? "";
    },
    advance: world.advance,
    close: world.close,
  };
});

const quiet = () => undefined;
const clock = {
  nowMs: () => Date.now(),
  tickMs: () => performance.now(),
  after: (ms: number, then: () => void) => {
    const timer = setTimeout(then, ms);
    return () => clearTimeout(timer);
  },
};

describe("several workers, one row", () => {
  let world: PostgresWorld;
  let gates: readonly Gates[];
  let probes = 0;
  before(async () => {
    world = await postgresWorld();
    gates = [1, 2, 3].map((worker) =>
      createGates({
        store: world.own.gates(),
        worker,
        names: () => ["his"],
        policy: () => ({ ...POLICY, ping: "/ping" }),
        probe: async () => {
          probes += 1;
          return { answered: false, by: "ping", why: "refused" };
        },
        clock,
        random: () => 0.5,
        log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
        metrics: { attempt: quiet, inHand: quiet, storeFailed: quiet, gate: quiet, probe: quiet, call: quiet },
        changed: quiet,
      }),
    );
    for (const one of gates) one.start();
  });
  after(async () => {
    await Promise.all(gates.map((one) => one.stop()));
    await world.close();
  });
  const until = async (what: string, done: () => boolean): Promise<void> => {
    for (const end = performance.now() + 60_000; !done(); await new Promise((resolve) => setTimeout(resolve, 5)))
      assert.ok(performance.now() < end, `not within a minute: ${what}`);
  };
  const all = (why: string | undefined) => gates.every((one) => one.of("his").shut()?.why === why);

  test("C-6 pause and resume hold on every worker, whoever is told of nothing", async () => {
    assert.ok(REFRESH_MS <= 500, "each looks at the row often enough to hold within the second that is promised");
    await until("all open", () => all(undefined));
    await world.own.gates().change("his", (row) => ({ row: { ...row, mode: "paused" }, answer: undefined }));
    await until("all paused", () => all("paused"));
    await world.own.gates().change("his", (row) => ({ row: { ...row, mode: "running" }, answer: undefined }));
    await until("all open again", () => all(undefined));
  });

  test("C-6 failures of three workers open it for all; of three workers one probes", async () => {
    const [first, second, third] = gates.map((one) => one.of("his"));
    const failed = { reach: "failed", ms: 1, throttled: false, why: "refused" } as const;
    for (const gate of [first, second, third, first, second]) {
      gate?.ended(failed);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    await until("all know of the open breaker", () => all("open"));
    assert.equal(probes, 0);
    for (let round = 1; round <= 3; round += 1) {
      await world.advance(40_000);
      await until("a probe", () => probes >= round);
      await new Promise((resolve) => setTimeout(resolve, 300));
      assert.equal(probes, round);
    }
  });

  test("what is read all the time is read by index, or is one small table", async () => {
    const explain = async (text: string, values: readonly unknown[]) =>
      JSON.stringify((await world.own.pool.query(`explain (format json) ${text}`, [...values])).rows);
    assert.match(await explain(OLDEST_HEAD, ["his"]), /write_back_due/);
    assert.doesNotMatch(await explain(READ_GATES, []), /write_back/);
  });
});
