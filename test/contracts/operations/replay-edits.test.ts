/** Edit-and-replay (C-7): off by default, two people, bound to the content, a linked copy in the original's place. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { APPROVAL_DEFAULT } from "../../../domain/replay/job.ts";
import { OTHER, previewOf, statesOf, WHO } from "./replay-world.ts";
import { auditOf, codeOf, mustBe, operationsWorld, parkedWriteBack, type World } from "./world.ts";

let world: World;
before(async () => {
  world = await operationsWorld({ replay: { approval: APPROVAL_DEFAULT, editAndReplay: true } });
});
after(() => world.close());

const propose = (id: string, body: object = { text: "<confirm>改正</confirm>" }, deed: object = WHO) =>
  world.operations.edits.propose(id, body, deed);

describe("C-7 edit and replay", () => {
  test("is off unless the settings say otherwise", async () => {
    const off = await operationsWorld();
    try {
      const id = await parkedWriteBack(off, "E-OFF");
      assert.equal(codeOf(await off.operations.edits.propose(id, { text: "<x/>" }, WHO)), "EDIT_OFF");
    } finally {
      await off.close();
    }
  });

  test("a copy under a key of its own takes the original's place; lineage both ways, two names on record", async () => {
    const original = await parkedWriteBack(world, "E-DONE");
    const behind = (await world.pay("E-DONE")).writeBackId;
    const edit = mustBe(await propose(original));
    assert.deepEqual(
      [edit.state, edit.editNo, edit.diff],
      [
        "proposed",
        1,
        [
          { op: "removed", text: "<confirm/>" },
          { op: "added", text: "<confirm>改正</confirm>" },
        ],
      ],
    );
    assert.equal(codeOf(await propose(original)), "EDIT_OPEN");
    const approve = (deed: object) => world.operations.edits.approve(edit.id, { ...OTHER, hash: edit.hash, ...deed });
    assert.equal(codeOf(await approve({ by: WHO.by })), "SAME_PERSON");
    assert.equal(codeOf(await approve({ hash: "f".repeat(64) })), "HASH_DIFFERS");
    assert.equal(codeOf(await world.operations.edits.approve(edit.id, OTHER)), "HASH_DIFFERS", "an approval without a hash is none");
    const done = mustBe(await approve({}));
    assert.equal(done.state, "applied");
    const copy = done.copyId ?? "";
    assert.deepEqual(await statesOf(world, [original, copy, behind]), ["resolved", "waiting", "queued"]);
    const rows = await world.sql<{ key: string; replay_of: string | null; resolution: string | null; lane_seq: bigint }>(
      "select key, replay_of, resolution, lane_seq from write_back where id = any($1::uuid[]) order by id",
      [[original, copy]],
    );
    assert.deepEqual(
      rows.map((row) => [row.replay_of, row.resolution]),
      [
        [null, "superseded"],
        [original, null],
      ],
    );
    assert.notEqual(rows[0]?.key, rows[1]?.key);
    assert.equal(rows[0]?.lane_seq, rows[1]?.lane_seq);
    const claim = (await world.claim("his")).find((one) => one.id === copy);
    assert.equal(new TextDecoder().decode(claim?.body), "<confirm>改正</confirm>");
    assert.equal(claim?.action, "send");
    const [event] = world.told.after.at(-1)?.outbox ?? [];
    assert.deepEqual([event?.event.data.decision, event?.event.data.approvedBy], ["superseded", { name: OTHER.by }]);
    const [entry] = (await auditOf(world, copy)) as { action: string; after: { replayOf?: string } }[];
    assert.deepEqual([entry?.action, entry?.after.replayOf], ["replay-edited", original]);
    assert.equal(codeOf(await approve({})), "EDIT_DECIDED");
    const job = await previewOf(world, [original], { includeSuperseded: true });
    assert.deepEqual([job.preview.planned, job.preview.closed], [0, 1], "an original with an edited copy is never sent again");
    assert.deepEqual(
      mustBe(await world.operations.edits.list(original)).map((one) => one.copyId),
      [copy],
    );
  });

  test("a body that carries its key goes out under the copy's", async () => {
    const id = await parkedWriteBack(world, "E-KEY");
    const [row] = await world.sql<{ key: string }>("select key from write_back where id = $1", [id]);
    const edit = mustBe(await propose(id, { text: `<confirm key="${row?.key}">改正</confirm>` }));
    const done = mustBe(await world.operations.edits.approve(edit.id, { ...OTHER, hash: edit.hash }));
    const claim = (await world.claim("his")).find((one) => one.id === done.copyId);
    assert.equal(new TextDecoder().decode(claim?.body), `<confirm key="${claim?.key}">改正</confirm>`);
  });

  test("a deed on the original meanwhile makes the approval fail", async () => {
    const id = await parkedWriteBack(world, "E-RACE");
    const edit = mustBe(await propose(id));
    mustBe(await world.operations.resolveWriteBack(id, { ...WHO, decision: "done-by-hand", hisReceiptNo: "H9" }));
    assert.equal(codeOf(await world.operations.edits.approve(edit.id, { ...OTHER, hash: edit.hash })), "ALREADY_CLOSED");
    const both = await parkedWriteBack(world, "E-BOTH");
    const race = mustBe(await propose(both));
    const answers = await Promise.all([
      world.operations.edits.approve(race.id, { ...OTHER, hash: race.hash }),
      world.operations.resolveWriteBack(both, { ...WHO, decision: "done-by-hand", hisReceiptNo: "H8" }),
    ]);
    assert.deepEqual(answers.map(codeOf).filter((code) => code === "ok").length, 1, JSON.stringify(answers.map(codeOf)));
  });

  test("what may have taken effect needs a person to have looked; a body must be one, writable and another", async () => {
    const doubtful = await parkedWriteBack(world, "E-DOUBT", "his", true);
    assert.equal(codeOf(await propose(doubtful)), "CONFIRM_REQUIRED");
    const looked = mustBe(await propose(doubtful, { base64: Buffer.from("<x/>").toString("base64") }, { ...WHO, confirmedChecked: true }));
    assert.equal(mustBe(await world.operations.edits.withdraw(looked.id, WHO)).state, "withdrawn");
    const id = await parkedWriteBack(world, "E-BODY");
    assert.equal(codeOf(await propose(id, {})), "EDIT_BODY");
    assert.equal(codeOf(await propose(id, { text: "a", base64: "YQ==" })), "EDIT_BODY");
    assert.equal(codeOf(await propose(id, { text: "x".repeat(32 * 1_024 + 1) })), "EDIT_BODY");
    assert.equal(codeOf(await propose(id, { text: "<confirm/>" })), "EDIT_UNCHANGED");
    const queued = (await world.pay("E-BODY")).writeBackId;
    assert.equal(codeOf(await propose(queued)), "NOT_HEAD");
  });
});
