/** Lanes in a person's hands: listed, unblocked, skipped, parked, held (issue 3). */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { LaneState } from "../../../domain/lanes/ports.ts";
import type { LaneRow } from "../../../domain/operations/views-lanes.ts";
import { auditOf, codeOf, mustBe, operationsWorld, PARKED, parkedWriteBack, type World } from "./world.ts";

let world: World;
before(async () => {
  world = await operationsWorld();
});
after(() => world.close());

const deed = { by: "王工", reason: "测试队列" };
const stateOf = async (id: string): Promise<string | undefined> =>
  (await world.sql<{ state: string }>("select state from write_back where id = $1", [id]))[0]?.state;
const lanes = async (state: LaneState, limit = 500): Promise<readonly LaneRow[]> => {
  const all: LaneRow[] = [];
  for (let after: string | undefined; ; ) {
    const page = mustBe(await world.operations.lanes.list({ state, limit, ...(after === undefined ? {} : { after }) }));
    all.push(...page.items);
    after = page.after;
    if (after === undefined) return all;
  }
};
const laneOf = async (state: LaneState, lane: string) => (await lanes(state)).find((row) => row.lane === lane);
/** A lane whose head is parked, with `behind` more. */
async function blocked(bill: string, behind: number, to = "his") {
  const head = await parkedWriteBack(world, bill, to);
  const rest: string[] = [];
  for (let n = 0; n < behind; n += 1) rest.push((await world.pay(bill, to, 200n)).writeBackId);
  return { head, rest, lane: { destination: to, lane: `bill:${bill}` } };
}

describe("C-7 lanes", () => {
  test("a blocked lane is listed with its head, why, and what waits behind it; paged without gaps", async () => {
    const one = await blocked("L-1", 3);
    await blocked("L-2", 0);
    const row = await laneOf("blocked", "bill:L-1");
    assert.deepEqual([row?.head, row?.headState, row?.code, row?.behind, row?.amountBehind], [one.head, "parked", "REJECTED", 3, "600"]);
    assert.ok((row?.ageSeconds ?? -1) >= 0);
    // Asked at two instants: the ages of one list may be a second older.
    const ageless = (rows: readonly LaneRow[]) => rows.map(({ ageSeconds: _, ...rest }) => rest);
    assert.deepEqual(ageless(await lanes("blocked", 1)), ageless(await lanes("blocked")));
    assert.equal(codeOf(await world.operations.lanes.list({ state: "blocked", after: "bm9uc2Vuc2U" })), "BAD_REQUEST");
  });

  test("unblocked: the next goes, the parked one stays; replayed later it is next, and never beside another", async () => {
    const { head, rest, lane } = await blocked("L-PASS", 3);
    const [second = "", third = ""] = rest;
    assert.equal(codeOf(await world.operations.lanes.unblock({ ...deed, ...lane, head: second })), "HEAD_CHANGED");
    assert.equal(codeOf(await world.operations.lanes.unblock({ by: "王工", ...lane, head })), "REASON_REQUIRED");
    assert.equal(mustBe(await world.operations.lanes.unblock({ ...deed, ...lane, head })).state, "passed");
    assert.deepEqual(await Promise.all([head, ...rest].map(stateOf)), ["parked", "waiting", "queued", "queued"]);
    assert.equal(codeOf(await world.operations.lanes.unblock({ ...deed, ...lane, head })), "HEAD_CHANGED");
    assert.equal(await laneOf("blocked", lane.lane), undefined);
    assert.equal((await laneOf("passed", lane.lane))?.head, head);
    const entered = (await world.pay("L-PASS")).writeBackId;
    assert.equal(await stateOf(entered), "queued");
    // Replayed while another of its lane is owed: it waits its turn, which is the next.
    assert.equal(mustBe(await world.operations.replayWriteBack(head, deed)).state, "queued");
    const claim = (await world.claim("his")).find((each) => each.lane === lane.lane);
    assert.equal(claim?.id, second);
    if (claim)
      await world.finish(claim, {
        outcome: "acknowledged",
        step: "finish",
        how: "reply",
        receipt: { code: "0" },
        mayHaveTakenEffect: true,
      });
    assert.deepEqual([await stateOf(head), await stateOf(third)], ["waiting", "queued"]);
    const again = (await world.claim("his")).find((each) => each.lane === lane.lane);
    assert.deepEqual([again?.id, again?.action], [head, "ask"]);
    const [entry] = await auditOf(world, `his ${lane.lane}`);
    assert.deepEqual([entry?.action, entry?.who, entry?.before.state, entry?.after.state], ["unblock", "王工", "blocked", "passed"]);
  });

  test("skipped: the head is resolved by the rules of resolving, the next goes", async () => {
    const { head, rest, lane } = await blocked("L-SKIP", 1);
    const skip = { ...deed, ...lane, decision: "done-by-hand" as const };
    assert.equal(codeOf(await world.operations.lanes.skip({ ...skip, head: rest[0] ?? "" })), "HEAD_CHANGED");
    assert.equal(codeOf(await world.operations.lanes.skip({ ...skip, head })), "RECEIPT_REQUIRED");
    assert.equal(mustBe(await world.operations.lanes.skip({ ...skip, head, hisReceiptNo: "HIS-1" })).state, "resolved");
    assert.equal(await stateOf(rest[0] ?? ""), "waiting");
  });

  test("parked by a person: a waiting one at once, with its event; a queued one in its turn; nothing else", async () => {
    const first = (await world.pay("L-PARK")).writeBackId;
    const second = (await world.pay("L-PARK")).writeBackId;
    assert.equal(mustBe(await world.operations.lanes.park(second, deed)).state, "queued");
    assert.equal(mustBe(await world.operations.lanes.park(first, deed)).state, "parked");
    const event = world.told.after.at(-1)?.outbox[0]?.event;
    assert.equal(event?.type, "writeback.parked", JSON.stringify(world.told.logged));
    assert.match(JSON.stringify(event?.data.reason), /PARKED_BY_PERSON/);
    assert.equal(codeOf(await world.operations.lanes.park(first, deed)), "ALREADY_PARKED");
    assert.equal((await laneOf("blocked", "bill:L-PARK"))?.code, "PARKED_BY_PERSON");
    // The same one again: another event, no clash.
    mustBe(await world.operations.replayWriteBack(first, deed));
    assert.equal(mustBe(await world.operations.lanes.park(first, deed)).state, "parked");
    await world.operations.resolveWriteBack(first, { ...deed, decision: "cancelled" });
    const claim = (await world.claim("his")).find((each) => each.id === second);
    assert.deepEqual([claim?.action, claim?.because], ["park", "person"]);
    assert.equal(codeOf(await world.operations.lanes.park(second, deed)), "IN_FLIGHT");
    if (claim) await world.finish(claim, { outcome: "unsent", step: "park", park: PARKED });
    await world.operations.resolveWriteBack(second, { ...deed, decision: "cancelled" });
    assert.equal(codeOf(await world.operations.lanes.park(second, deed)), "ALREADY_CLOSED");
  });

  test("held: nothing of the lane is claimed, what comes later neither; released: it goes on; other lanes are not touched", async () => {
    const lane = { destination: "his", lane: "bill:L-HOLD" };
    assert.equal(codeOf(await world.operations.lanes.release({ ...deed, ...lane })), "LANE_NOT_HELD");
    assert.equal(mustBe(await world.operations.lanes.hold({ ...deed, ...lane })).state, "held");
    assert.equal(codeOf(await world.operations.lanes.hold({ ...deed, ...lane })), "LANE_HELD");
    assert.equal(codeOf(await world.operations.lanes.hold({ ...deed, ...lane, destination: "jkt" })), "NOT_A_DESTINATION");
    const mine = (await world.pay("L-HOLD")).writeBackId;
    const other = (await world.pay("L-FREE")).writeBackId;
    const claimed = (await world.claim("his")).map((each) => each.id);
    assert.deepEqual([claimed.includes(mine), claimed.includes(other)], [false, true]);
    const row = await laneOf("held", lane.lane);
    assert.deepEqual([row?.heldBy, row?.reason, row?.head], ["王工", "测试队列", mine]);
    assert.equal(mustBe(await world.operations.lanes.release({ ...deed, ...lane })).state, "released");
    assert.deepEqual(world.told.after.at(-1)?.destinations, ["his"], "the dispatcher is told");
    assert.ok((await world.claim("his")).some((each) => each.id === mine));
  });

  test("two people at once: one unblocks, the other is told that the head has changed", async () => {
    for (let round = 0; round < 5; round += 1) {
      const { head, rest, lane } = await blocked(`L-RACE-${round}`, 2);
      const told = await Promise.all([
        world.operations.lanes.unblock({ ...deed, ...lane, head }),
        world.operations.lanes.unblock({ ...deed, ...lane, head, by: "李工" }),
        world.operations.lanes.skip({ ...deed, ...lane, head, decision: "cancelled" }),
      ]);
      assert.ok(told.filter((one) => one.ok).length >= 1);
      assert.equal(told.slice(0, 2).filter((one) => one.ok).length <= 1, true, "both unblocked it");
      assert.deepEqual((await Promise.all(rest.map(stateOf))).filter((state) => state === "waiting").length, 1, "a lane has one head");
    }
  });

  test("a superseded one is not replayed by one person", async () => {
    const { writeBackId } = await world.pay("L-GONE");
    await world.sql(
      "update write_back set state = 'resolved', resolution = 'superseded', resolved_by = 'engine', superseded_by = 'e', closed_at = huiliu_now() where id = $1",
      [writeBackId],
    );
    assert.equal(codeOf(await world.operations.replayWriteBack(writeBackId, deed)), "SUPERSEDED");
  });

  test("with 20,000 blocked lanes a page of 500 comes whole, and the next one goes on", async () => {
    await world.sql(
      `insert into write_back (id, key, message_id, destination, kind, mapping, lane, lane_seq, cause_event_id, cause_type, content_type, charset, business_date,
         flow, node, state, amount_fen, next_at, owed_at, park)
       select gen_random_uuid(), 'many-' || n, gen_random_uuid(), 'old', 'c', 'm', 'bill:many-' || n % 20000, n, 'e', 't', 'x', 'y', '2026-11-20', 'f', 'n',
         case when n <= 20000 then 'parked' else 'queued' end, 100, null, huiliu_now(), '{"code":"REJECTED"}' from generate_series(1, 60000) n`,
    );
    await world.sql("analyze write_back");
    const page = mustBe(await world.operations.lanes.list({ state: "blocked", destination: "old", limit: 500 }));
    assert.deepEqual([page.items.length, page.items[0]?.behind, page.items[0]?.amountBehind], [500, 2, "200"]);
    const second = mustBe(await world.operations.lanes.list({ state: "blocked", destination: "old", limit: 500, after: page.after ?? "" }));
    assert.ok(second.items.every((row) => !page.items.some((before) => before.head === row.head)));
  });
});
