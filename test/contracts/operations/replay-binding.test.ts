/** What a statement or an approval of a replay is bound to (C-7): another person, the attempts made by then, a body that is still there, a canary that was really sent. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { APPROVAL_DEFAULT } from "../../../domain/replay/job.ts";
import { answerAll, OTHER, previewOf, runnerOf, statesOf, stepTo, WHO } from "./replay-world.ts";
import { codeOf, mustBe, operationsWorld, PARKED, parkedWriteBack, type World } from "./world.ts";

let world: World;
before(async () => {
  world = await operationsWorld({ replay: { approval: APPROVAL_DEFAULT, editAndReplay: true } });
});
after(() => world.close());

const command = (id: string, what: "start" | "approve" | "cancel", deed: object) =>
  world.operations.replays.command(id, what, { ...WHO, ...deed });
const looked = { ...WHO, confirmedChecked: true };
/** Somebody does it again by itself, and nobody knows whether it took effect. */
const triedAgain = async (id: string): Promise<void> => {
  mustBe(await world.operations.replayWriteBack(id, looked));
  const claim = (await world.claim("old")).find((one) => one.id === id);
  assert.ok(claim);
  await world.finish(claim, { outcome: "unclear", step: "park", park: { ...PARKED, code: "UNCLEAR" } });
};
const overtake = (id: string) =>
  world.sql("update write_back set state = 'resolved', resolution = 'superseded', superseded_by = 'e', closed_at = now() where id = $1", [
    id,
  ]);
const itemsOf = async (id: string): Promise<readonly string[]> =>
  mustBe(await world.operations.replays.items(id, {})).items.map((one) => `${one.state} ${one.code ?? ""}`.trim());

test("C-7 the second person is no other spelling of the first", async () => {
  const id = await parkedWriteBack(world, "B-NAME");
  await overtake(id);
  const job = await previewOf(world, [id], { includeSuperseded: true, by: "Wang Gong" });
  mustBe(await command(job.id, "start", { by: "Wang Gong" }));
  for (const by of ["wang gong", "Ｗang　Gong", " WangGong ", "Wang\u200b Gong\u2060"])
    assert.equal(codeOf(await command(job.id, "approve", { by, hash: job.hash })), "SAME_PERSON", by);
  assert.equal(codeOf(await command(job.id, "approve", { by: "\u200b\u200b", hash: job.hash })), "BY_REQUIRED", "a name that nobody sees");
  mustBe(await command(job.id, "cancel", {}));
});

test("C-7 many small jobs of one person are a great one: past the limit within a day a second person is needed", async () => {
  const small = await operationsWorld({ replay: { approval: { count: 2, sumFen: 1_000_000n }, editAndReplay: false } });
  try {
    const start = async (n: number, by: string): Promise<string> => {
      const ids: string[] = [];
      for (let i = 0; i < n; i += 1) ids.push(await parkedWriteBack(small, `B-SMALL-${by}-${n}-${Math.random()}`));
      const job = await previewOf(small, ids, { by });
      return mustBe(await small.operations.replays.command(job.id, "start", { ...WHO, by })).state;
    };
    assert.equal(await start(2, "王工"), "marking");
    assert.equal(await start(1, " 王　工"), "awaiting-approval", "another spelling is nobody else");
    assert.equal(await start(2, "李工"), "marking");
    await small.sql("update replay_job set created_at = created_at - interval '25 hours' where state = 'awaiting-approval'");
    for (const runner = runnerOf(small); (await runner.step()) === "moved"; );
    assert.deepEqual(
      await small.sql("select ended_why from replay_job where state = 'cancelled'"),
      [{ ended_why: "nobody approved it / 无人批准" }],
      "it does not wait for ever",
    );
    await small.sql("update done_alone set at = at - interval '25 hours'");
    assert.equal(await start(1, "王工"), "marking", "a day ago");
  } finally {
    await small.close();
  }
});

test("C-7 a partner that was looked into before another attempt is looked into again: the job does not send on the old word", async () => {
  const id = await parkedWriteBack(world, "B-CHECKED", "old", true);
  const runner = runnerOf(world);
  const job = await previewOf(world, [id], { confirmedChecked: true });
  assert.equal(job.preview.how.send, 1);
  await triedAgain(id);
  assert.notEqual((await previewOf(world, [id], { confirmedChecked: true })).hash, job.hash, "and an approval sees the attempts");
  mustBe(await command(job.id, "start", {}));
  await stepTo(world, runner, job.id, "done");
  assert.deepEqual(await itemsOf(job.id), ["refused CONFIRM_REQUIRED"]);
  assert.deepEqual(await statesOf(world, [id]), ["parked"], "it was not sent");
});

test("C-7 nor does an edited copy go out on it", async () => {
  const id = await parkedWriteBack(world, "B-EDIT", "old", true);
  const edit = mustBe(await world.operations.edits.propose(id, { text: "<confirm>改正</confirm>" }, looked));
  await triedAgain(id);
  assert.equal(codeOf(await world.operations.edits.approve(edit.id, { ...OTHER, hash: edit.hash })), "CONFIRM_REQUIRED");
  assert.deepEqual(await statesOf(world, [id]), ["parked"]);
  for (const by of [" 王　工", "王\u200b工"])
    assert.equal(codeOf(await world.operations.edits.approve(edit.id, { by, reason: "已复核", hash: edit.hash })), "SAME_PERSON");
});

test("C-7 a canary of which nothing was sent proves nothing: others go first in its place", async () => {
  const ids: string[] = [];
  for (let i = 0; i < 13; i += 1) ids.push(await parkedWriteBack(world, `B-CANARY-${i}`));
  const runner = runnerOf(world);
  const job = await previewOf(world, ids);
  mustBe(await command(job.id, "start", {}));
  const first = [...ids].sort().slice(0, 10);
  for (const id of first) mustBe(await world.operations.resolveWriteBack(id, { ...WHO, decision: "cancelled", confirmedChecked: true }));
  await stepTo(world, runner, job.id, "stopped", async () => void (await answerAll(world, "his", () => true)));
  assert.deepEqual((await itemsOf(job.id)).filter((one) => one.startsWith("skipped")).length, 10);
  mustBe(await command(job.id, "cancel", {}));
});

test("C-7 what was overtaken and whose body is gone is neither promised nor sent empty", async () => {
  const [before = "", since = ""] = [await parkedWriteBack(world, "B-GONE-1"), await parkedWriteBack(world, "B-GONE-2")];
  for (const id of [before, since]) await overtake(id);
  const drop = (id: string) => world.sql("delete from write_back_body where write_back_id = $1", [id]);
  await drop(before);
  const job = await previewOf(world, [before, since], { includeSuperseded: true });
  assert.deepEqual([job.preview.planned, job.preview.refused.map((one) => one.code)], [1, ["CONTENT_GONE"]]);
  await drop(since);
  mustBe(await command(job.id, "start", {}));
  mustBe(await command(job.id, "approve", { ...OTHER, hash: job.hash }));
  await stepTo(world, runnerOf(world), job.id, "done");
  assert.deepEqual(await itemsOf(job.id), ["refused CONTENT_GONE", "refused CONTENT_GONE"]);
  assert.deepEqual(await statesOf(world, [before, since]), ["resolved", "resolved"]);
});

test("C-7 jobs that wait for a person keep no other from its turn", async () => {
  const id = await parkedWriteBack(world, "B-TURN");
  const [row] = await world.sql<{ columns: string }>(
    "select string_agg(column_name, ', ') as columns from information_schema.columns where table_name = 'replay_job' and column_name not in ('id', 'state')",
  );
  const old = await previewOf(world, [id]);
  await world.sql(
    `insert into replay_job (id, state, ${row?.columns}) select ('00000000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid, 'stopped', ${row?.columns}
      from replay_job, generate_series(1, 100) as i where id = $1`,
    [old.id],
  );
  const job = await previewOf(world, [id]);
  mustBe(await command(job.id, "start", {}));
  await stepTo(world, runnerOf(world), job.id, "done", async () => void (await answerAll(world, "his")));
  await world.sql("delete from replay_job where state = 'stopped'");
});
