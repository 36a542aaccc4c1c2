/** Whoever leads fetches: a worker that slept over its lead leases nothing that another one feeds by now (docs/decisions/011-one-feeder.md). */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { JournalStore } from "../../../domain/journal/ports.ts";
import { createFeederStore } from "../../../platform/postgres/feeder.ts";
import { parkedEvent, type PostgresWorld, postgresWorld } from "./world.ts";

const LEAD_MS = 3_000;
let world: PostgresWorld;
before(async () => {
  world = await postgresWorld();
});
after(() => world.close());

const journalOne = async (journal: JournalStore): Promise<string> => {
  const raw = new TextEncoder().encode(`<a>${Math.random()}</a>`);
  const journaled = await journal.append({ door: "http", partner: "his", kind: "charge", headers: {}, raw });
  assert.equal(journaled.kind, "accepted");
  return journaled.kind === "accepted" ? journaled.message.id : "";
};

describe("the lead fences what is fetched", { concurrency: false }, () => {
  test("C-6 F25 a lead that ran out, or went to another worker and came back, leases no message and no event", async () => {
    const [mine, theirs] = [await world.connect(), await world.connect()];
    const [me, other] = [createFeederStore(mine.pool, mine.worker), createFeederStore(theirs.pool, theirs.worker)];
    const journal = mine.journal({ parkedEvent, handsOver: () => false });
    const settle = mine.settle({ parkedEvent, after: () => undefined });
    const first = (await me.take(LEAD_MS)).token;
    assert.ok(first !== undefined);
    const id = await journalOne(journal);
    assert.deepEqual(
      (await journal.reclaim(10, [], first)).map((one) => one.id),
      [id],
    );
    await world.advance(LEAD_MS + 1_000);
    const second = (await other.take(LEAD_MS)).token;
    assert.ok(second !== undefined && second !== first);
    await other.takeOver();
    assert.deepEqual(await journal.reclaim(10, [], first), [], "it was leased under a lead that another worker has");
    assert.equal(await journal.regain(id, first), undefined, "it was regained under a lead that another worker has");
    assert.deepEqual(await settle.reclaimEvents(["node"], 10, [], first), []);
    await other.give();
    const third = (await me.take(LEAD_MS)).token;
    assert.deepEqual(await journal.reclaim(10, [], first), [], "the lead of before counts no more");
    assert.deepEqual(
      (await journal.reclaim(10, [], third)).map((one) => one.id),
      [id],
    );
  });

  test("C-6 a fetch that is under way holds the lead: whoever takes it waits, and then finds every lease", async () => {
    const [mine, theirs] = [await world.connect(), await world.connect()];
    const [me, other] = [createFeederStore(mine.pool, mine.worker), createFeederStore(theirs.pool, theirs.worker)];
    await world.advance(LEAD_MS + 1_000);
    const lead = (await me.take(LEAD_MS)).token;
    const client = await mine.pool.connect();
    try {
      await client.query("begin");
      await client.query("select 1 from lead where task = 'feeder' and worker = $1 and token = $2 for share", [
        mine.worker.id,
        String(lead),
      ]);
      await world.advance(LEAD_MS + 1_000);
      let taken = false;
      const taking = other.take(LEAD_MS).then((asked) => {
        taken = true;
        return asked;
      });
      await new Promise((resolve) => setTimeout(resolve, 150));
      assert.equal(taken, false, "the lead was taken under a fetch");
      await client.query("commit");
      assert.ok((await taking).token !== undefined);
    } finally {
      client.release();
    }
  });
});
