/** Safe replay jobs (C-7): what a preview tells, what a canary stops, order in a lane, one open replay an item, two people, crashes. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createWorker } from "../../../platform/postgres/worker.ts";
import { answerAll, OTHER, parkedInBulk, previewOf, runnerOf, statesOf, stepTo, WHO } from "./replay-world.ts";
import { auditOf, codeOf, mustBe, operationsWorld, PARKED, parkedMessage, parkedWriteBack, type World } from "./world.ts";

let world: World;
before(async () => {
  world = await operationsWorld();
});
after(() => world.close());

const countsOf = (job: { readonly preview: { readonly refused: readonly { readonly code: string; readonly count: number }[] } }) =>
  Object.fromEntries(job.preview.refused.map((one) => [one.code, one.count]));
const many = async (count: number, name: string, to = "his"): Promise<string[]> => {
  const ids: string[] = [];
  for (let i = 0; i < count; i += 1) ids.push(await parkedWriteBack(world, `${name}-${i}`, to));
  return ids;
};

describe("C-7 the preview of a replay job", () => {
  test("tells how many match, are closed, were superseded, cannot and why, lanes, money, and what will happen", async () => {
    const ready = await many(2, "P-OK");
    const queued = (await world.pay("P-OK-0")).writeBackId;
    const silent = await parkedWriteBack(world, "P-OLD", "old");
    const flying = await parkedWriteBack(world, "P-FLY");
    mustBe(await world.operations.replayWriteBack(flying, WHO));
    await world.claim("his");
    const done = await parkedWriteBack(world, "P-DONE");
    mustBe(await world.operations.resolveWriteBack(done, { ...WHO, decision: "cancelled" }));
    const overtaken = await parkedWriteBack(world, "P-OVER");
    await world.sql(
      "update write_back set state = 'resolved', resolution = 'superseded', superseded_by = 'e', closed_at = now() where id = $1",
      [overtaken],
    );
    const ids = [...ready, queued, silent, flying, done, overtaken, "01900000-0000-7000-8000-000000000000"];
    const { preview, hash, ...job } = await previewOf(world, ids);
    assert.deepEqual([preview.matched, preview.planned, preview.closed, preview.superseded], [8, 2, 1, 1]);
    assert.deepEqual(countsOf({ preview }), { NOT_HEAD: 1, CONFIRM_REQUIRED: 1, IN_FLIGHT: 1, SUPERSEDED: 1, UNKNOWN_WRITE_BACK: 1 });
    assert.deepEqual([preview.lanes, preview.fen, preview.how], [2, "3300", { ask: 2, send: 0, feed: 0 }]);
    assert.equal(preview.examples?.length, 7);
    assert.deepEqual(job.approval.needed, []);
    assert.deepEqual(job.allowed, ["start", "cancel"]);
    assert.match(hash, /^[0-9a-f]{64}$/);
    assert.deepEqual(await statesOf(world, ready), ["parked", "parked"], "a preview touches nothing");
    const again = await previewOf(world, ids);
    assert.equal(again.hash, hash, "the same selection has the same hash");
    const checked = await previewOf(world, [silent], { confirmedChecked: true });
    assert.deepEqual([checked.preview.planned, checked.preview.how.send], [1, 1], "a person has looked: sent under the same key");
  });

  test("selects by exactly one way, bounded, with a person and a reason", async () => {
    const create = (over: object) => world.operations.replays.create({ of: "write-backs", select: {}, ...WHO, ...over });
    const ids = ["01900000-0000-7000-8000-000000000000"];
    const cases: readonly (readonly [object, string])[] = [
      [{}, "SELECTION_MIXED"],
      [{ select: { ids, group: "x" } }, "SELECTION_MIXED"],
      [{ select: { ids: [] } }, "BAD_REQUEST"],
      [
        { select: { ids: Array.from({ length: 1_001 }, (_, i) => `01900000-0000-7000-8000-${String(i).padStart(12, "0")}`) } },
        "BAD_REQUEST",
      ],
      [{ select: { ids, kind: "x" } }, "BAD_REQUEST"],
      [{ select: { sinceMs: 0, state: "acknowledged" } }, "BAD_REQUEST"],
      [{ select: { ids }, ratePerSecond: 1_001 }, "BAD_REQUEST"],
      [{ select: { ids }, reason: " " }, "REASON_REQUIRED"],
      [{ select: { ids }, by: "" }, "BY_REQUIRED"],
    ];
    for (const [over, code] of cases) assert.equal(codeOf(await create(over)), code, JSON.stringify(over).slice(0, 80));
    const nothing = await previewOf(world, ids);
    assert.equal(codeOf(await world.operations.replays.command(nothing.id, "start", WHO)), "NOTHING_TO_REPLAY");
    assert.equal(codeOf(await world.operations.replays.get("x")), "UNKNOWN_REPLAY");
  });

  test("a group of 10,000; all since a moment, by destination and code", async () => {
    const group = await parkedInBulk(world, 10_000, "bulk-preview");
    await world.sql(
      "update write_back set state = 'acknowledged', closed_at = now() where key in ('bulk-preview7', 'bulk-preview8', 'bulk-preview9')",
    );
    const runner = runnerOf(world);
    const made = mustBe(await world.operations.replays.create({ of: "write-backs", select: { group }, ...WHO }));
    const job = await stepTo(world, runner, made.id, "previewed");
    assert.deepEqual([job.preview.matched, job.preview.planned, job.preview.closed, job.preview.lanes], [10_000, 9_997, 3, 9_997]);
    assert.deepEqual([job.preview.fen, job.approval.needed], ["999700", ["count"]]);
    const since = { sinceMs: Date.now() - 3_600_000, partner: "his", code: "E7" };
    const by = mustBe(await world.operations.replays.create({ of: "write-backs", select: since, ...WHO }));
    assert.ok((await stepTo(world, runner, by.id, "previewed")).preview.planned >= 9_997);
    const other = mustBe(await world.operations.replays.create({ of: "write-backs", select: { ...since, code: "E8" }, ...WHO }));
    assert.equal(other.preview.planned, 0);
    await world.sql("delete from write_back where key like 'bulk-preview%'");
  });
});

describe("C-7 a replay job at work", () => {
  test("canary, then the rest; progress, lineage; what was acknowledged meanwhile is skipped", async () => {
    const runner = runnerOf(world);
    const ids = await many(14, "W-RUN");
    const job = await previewOf(world, ids);
    mustBe(await world.operations.replays.command(job.id, "start", WHO));
    // Acknowledged between preview and turn: the partner's late answer, or a person.
    const [last = ""] = ids.slice(-1);
    mustBe(await world.operations.resolveWriteBack(last, { ...WHO, decision: "done-by-hand", hisReceiptNo: "H1" }));
    const called: string[] = [];
    const serve = async (): Promise<void> => {
      // What a test before has left claimed may run out meanwhile: only this job's are counted.
      for (const claim of await answerAll(world, "his")) if (ids.includes(claim.id)) called.push(claim.id);
    };
    await stepTo(world, runner, job.id, "canary");
    await runner.step();
    const first = mustBe(await world.operations.replays.get(job.id));
    assert.deepEqual([first.progress?.replayed, first.progress?.marked], [10, 4], "ten go first");
    await runner.step();
    assert.equal(mustBe(await world.operations.replays.get(job.id)).progress?.replayed, 10, "and the rest waits for their ends");
    const over = await stepTo(world, runner, job.id, "done", serve);
    assert.deepEqual([over.progress?.done, over.progress?.skipped, over.progress?.failed], [13, 1, 0]);
    assert.deepEqual([called.length, new Set(called).size], [13, 13]);
    assert.ok(!called.includes(last));
    const [entry] = (await auditOf(world, ids[0] ?? "")) as { action: string; after: { replayJob?: string } }[];
    assert.deepEqual([entry?.action, entry?.after.replayJob], ["replay", job.id]);
    const items = mustBe(await world.operations.replays.items(job.id, { state: "skipped" })).items;
    assert.deepEqual([items[0]?.target, items[0]?.code], [last, "ALREADY_CLOSED"]);
    assert.equal(over.endedAt === undefined, false);
    assert.equal(codeOf(await world.operations.replays.command(job.id, "cancel", WHO)), "REPLAY_STATE");
  });

  test("a canary that does not end well stops the job; a person goes on, or cancels", async () => {
    const runner = runnerOf(world);
    const ids = await many(24, "W-STOP");
    const bad = new Set(ids.slice(0, 1));
    const serve = (refuses: boolean) => async () => void (await answerAll(world, "his", (claim) => refuses && bad.has(claim.id)));
    const job = await previewOf(world, ids.slice(0, 12));
    mustBe(await world.operations.replays.command(job.id, "start", WHO));
    const stopped = await stepTo(world, runner, job.id, "stopped", serve(true));
    assert.deepEqual([stopped.progress?.failed, stopped.progress?.marked, stopped.failures], [1, 2, [{ code: "REJECTED", count: 1 }]]);
    await runner.step();
    assert.equal(mustBe(await world.operations.replays.get(job.id)).progress?.marked, 2, "nothing goes on by itself");
    const went = mustBe(await world.operations.replays.command(job.id, "continue", OTHER));
    assert.equal(went.canaryAcceptedBy, OTHER.by);
    assert.equal((await stepTo(world, runner, job.id, "done", serve(false))).progress?.done, 11);

    const cancelled = await previewOf(world, ids.slice(12));
    mustBe(await world.operations.replays.command(cancelled.id, "start", WHO));
    await stepTo(world, runner, cancelled.id, "canary");
    mustBe(await world.operations.replays.command(cancelled.id, "cancel", WHO));
    await runner.step();
    await runner.step();
    const end = mustBe(await world.operations.replays.get(cancelled.id));
    assert.deepEqual([end.state, end.progress?.cancelled, end.endedBy], ["cancelled", 12, WHO.by]);
    assert.ok((await statesOf(world, ids.slice(12))).every((state) => state === "parked"));
    const free = await previewOf(world, ids.slice(12));
    assert.equal(free.preview.planned, 12, "its items are free for another job");
  });

  test("pause holds, resume goes on where it was; the rate is kept", async () => {
    const runner = runnerOf(world);
    const ids = await many(30, "W-PAUSE");
    const job = await previewOf(world, ids, { ratePerSecond: 10 });
    mustBe(await world.operations.replays.command(job.id, "start", WHO));
    const serve = async () => void (await answerAll(world, "his"));
    await stepTo(world, runner, job.id, "running", serve);
    mustBe(await world.operations.replays.command(job.id, "pause", WHO));
    const held = mustBe(await world.operations.replays.get(job.id)).progress?.marked;
    await runner.step();
    assert.equal(mustBe(await world.operations.replays.get(job.id)).progress?.marked, held);
    const since = performance.now();
    mustBe(await world.operations.replays.command(job.id, "resume", WHO));
    await runner.step();
    await runner.step();
    const seconds = (performance.now() - since) / 1_000;
    const left = mustBe(await world.operations.replays.get(job.id)).progress?.marked ?? 0;
    assert.ok((held ?? 0) - left <= 11 + 10 * seconds, `${held} → ${left} in ${seconds} s: about one at once, then ten a second`);
    mustBe(await world.operations.replays.command(job.id, "cancel", WHO));
    await serve();
    await stepTo(world, runner, job.id, "cancelled");
    await runner.step();
  });

  test("one open replay an item: the second job is told by preview, or at its start", async () => {
    const runner = runnerOf(world);
    const ids = await many(3, "W-TWICE");
    const [one, two] = [await previewOf(world, ids), await previewOf(world, ids)];
    mustBe(await world.operations.replays.command(one.id, "start", WHO));
    mustBe(await world.operations.replays.command(two.id, "start", WHO));
    await stepTo(world, runner, one.id, "canary");
    await runner.step();
    assert.deepEqual(countsOf(await previewOf(world, ids)), { ANOTHER_REPLAY: 3 });
    const serve = async () => void (await answerAll(world, "his"));
    await stepTo(world, runner, one.id, "done", serve);
    const second = await stepTo(world, runner, two.id, "done", serve);
    assert.deepEqual([second.progress?.refused, second.progress?.done], [3, 0]);
    const rows = await world.sql<{ replays: number }>("select replays from write_back where id = any($1::uuid[])", [ids]);
    assert.deepEqual(
      rows.map((row) => row.replays),
      [1, 1, 1],
    );
  });

  test("order is kept per lane: an item waits until its earlier lane-mate of the job is over", async () => {
    const runner = runnerOf(world);
    const canary = await many(10, "W-LANE-CANARY");
    const [first = "", second = ""] = [await parkedWriteBack(world, "W-LANE"), (await world.pay("W-LANE")).writeBackId];
    // Both were overtaken: the only way two of one lane can be done again by one job.
    await world.sql(
      "update write_back set state = 'resolved', resolution = 'superseded', superseded_by = 'e', closed_at = now() where id = any($1::uuid[])",
      [[first, second]],
    );
    const job = await previewOf(world, [...canary, first, second], { includeSuperseded: true });
    assert.deepEqual([job.preview.supersededPlanned, job.approval.needed], [2, ["superseded"]]);
    assert.equal(mustBe(await world.operations.replays.command(job.id, "start", WHO)).state, "awaiting-approval");
    const approve = (deed: object) => world.operations.replays.command(job.id, "approve", { ...OTHER, hash: job.hash, ...deed });
    assert.equal(codeOf(await approve({ by: WHO.by })), "SAME_PERSON");
    assert.equal(codeOf(await approve({ hash: "0".repeat(64) })), "HASH_DIFFERS");
    mustBe(await approve({}));
    const order: string[] = [];
    const serve = async (): Promise<void> => {
      for (const claim of await answerAll(world, "his")) if (!canary.includes(claim.id)) order.push(claim.id);
    };
    await stepTo(world, runner, job.id, "running", serve);
    await runner.step();
    assert.deepEqual(await statesOf(world, [first, second]), ["waiting", "resolved"]);
    await stepTo(world, runner, job.id, "done", serve);
    assert.deepEqual(order, [first, second]);
    const [entry] = await world.sql<{ who: string; approved_by: string }>(
      "select who, approved_by from operator_action where target_id = $1 and action = 'replay'",
      [first],
    );
    assert.deepEqual(entry, { who: WHO.by, approved_by: OTHER.by });
  });

  test("messages are fed again from their stored bytes, in journal order", async () => {
    const runner = runnerOf(world);
    const ids = [await parkedMessage(world), await parkedMessage(world), await parkedMessage(world)];
    const job = mustBe(
      await world.operations.replays.create({ of: "messages", select: { sinceMs: 0, partner: "jkt", code: "NOT_TRANSLATABLE" }, ...WHO }),
    );
    assert.deepEqual([job.preview.planned, job.preview.how.feed], [3, 3]);
    mustBe(await world.operations.replays.command(job.id, "start", WHO));
    const fed: string[] = [];
    await stepTo(world, runner, job.id, "done", async () => {
      for (const message of await world.journal.reclaim(100)) {
        fed.push(message.id);
        assert.equal(message.replayed, true);
        await world.end(message, message.id === ids[2] ? { park: { code: "NO_EFFECT", zh: "没有结果", en: "no effect" } } : {});
      }
      const now = mustBe(await world.operations.replays.get(job.id));
      if (now.state === "stopped") mustBe(await world.operations.replays.command(job.id, "continue", WHO));
    });
    assert.deepEqual(fed, ids);
    const { progress } = mustBe(await world.operations.replays.get(job.id));
    assert.deepEqual([progress?.done, progress?.failed], [2, 1]);
  });
});

describe("C-7 a replay job and crashes", () => {
  test("a leader that slept commits nothing; its successor goes on", async () => {
    const ids = await many(3, "C-LEAD");
    const old = runnerOf(world);
    const job = await previewOf(world, ids);
    mustBe(await world.operations.replays.command(job.id, "start", WHO));
    await stepTo(world, old, job.id, "canary");
    const other = await createWorker(world.postgres.pool, "successor", { warn: () => undefined });
    await world.sql("update lead set until = now() - interval '1 second', token = token + 1, worker = $1 where task = 'replay-jobs'", [
      other.id,
    ]);
    await world.sql("update lead set until = now() + interval '1 hour' where task = 'replay-jobs'");
    assert.equal(await old.step(), "idle", "somebody else leads");
    const asleep = runnerOf(world, world.postgres.worker, { take: async () => 1n, give: async () => undefined });
    await asleep.step(); // it took the lead before it fell asleep, and wakes with its old token
    assert.equal(mustBe(await world.operations.replays.get(job.id)).state, "canary");
    assert.deepEqual(await statesOf(world, ids), ["parked", "parked", "parked"]);
    const serve = async () => void (await answerAll(world, "his"));
    assert.equal((await stepTo(world, runnerOf(world, other), job.id, "done", serve)).progress?.done, 3);
    await other.close();
  });

  for (const where of ["before", "after"] as const) {
    test(`a step whose COMMIT was cut ${where} it was done is done once`, async () => {
      const cut = await operationsWorld({ wire: true });
      try {
        const runner = runnerOf(cut);
        const id = await parkedWriteBack(cut, "C-CUT");
        const job = await previewOf(cut, [id]);
        mustBe(await cut.operations.replays.command(job.id, "start", WHO));
        await stepTo(cut, runner, job.id, "canary");
        cut.wire?.cutNextCommit(where);
        await runner.step();
        assert.equal(cut.wire?.cuts(), 1);
        await runner.step();
        const [row] = await cut.sql<{ replays: number; state: string }>("select replays, state from write_back where id = $1", [id]);
        assert.deepEqual(row, { replays: 1, state: "waiting" });
        assert.equal((await auditOf(cut, id)).length, 1);
        await cut.claim("his").then(async (claims) => {
          for (const claim of claims) await cut.finish(claim, { outcome: "rejected", step: "park", park: PARKED });
        });
        assert.equal((await stepTo(cut, runner, job.id, "stopped")).progress?.failed, 1);
      } finally {
        await cut.close();
      }
    });
  }
});
