/** What a person sees before he decides: what is inside a failure group, who is affected, what to do next, what waits for a second person, how a destination answered. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Destination } from "../../../domain/partners/profile.ts";
import { seedProfiles } from "../../../platform/postgres/profiles.ts";
import { PARK, parkReason as writeBackPark } from "../../../domain/writeback/reasons.ts";
import { OTHER, previewOf, WHO } from "./replay-world.ts";
import { codeOf, mustBe, operationsWorld, PARTNERS, type World } from "./world.ts";

let world: World;
before(async () => {
  world = await operationsWorld({ replay: { approval: { count: 1, sumFen: 1_000_000n }, editAndReplay: true } });
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
  await seedProfiles({ pool: world.postgres.pool, log }, new Map([["his", PARTNERS[0]?.destination as Destination]]));
});
after(() => world.close());

async function failing(bill: string, park: "REJECTED" | "UNCLEAR"): Promise<string> {
  const { writeBackId } = await world.pay(bill, "his", 16_500n);
  const claim = (await world.claim("his")).find((one) => one.id === writeBackId);
  assert.ok(claim);
  const outcome = park === "REJECTED" ? "rejected" : "unclear";
  await world.finish(claim, { outcome, step: "park", code: "E7", text: "患者张三的单据不存在", park: writeBackPark(park) });
  return writeBackId;
}

describe("C-7 inside a failure group", () => {
  const ids: string[] = [];
  let group = "";

  test("amount at stake, what may have taken effect, meaning and next step from the closed tables", async () => {
    ids.push(await failing("I-1", "REJECTED"), await failing("I-2", "UNCLEAR"), await failing("I-3", "REJECTED"));
    const [found] = mustBe(await world.operations.failures.list({ partner: "his" })).items;
    assert.ok(found);
    group = found.id;
    const { open, parked, unclear, fen, next, meaning } = found;
    assert.deepEqual({ open, parked, unclear, fen }, { open: 3, parked: 3, unclear: 1, fen: "49500" });
    assert.deepEqual(next, PARK.REJECTED.advice);
    assert.equal(meaning?.zh, PARK.REJECTED.zh);
    assert.deepEqual(mustBe(await world.operations.failures.get(group)), found, "one group is told as the list tells it");
  });

  test("items by page, masked, those that may have taken effect marked; closed ones only when asked for", async () => {
    const first = mustBe(await world.operations.failures.items(group, { limit: 2 }));
    const rest = mustBe(
      await world.operations.failures.items(group, { limit: 2, ...(first.after === undefined ? {} : { after: first.after }) }),
    );
    const items = [...first.items, ...rest.items];
    assert.deepEqual(
      items.map(({ id, mayHaveTakenEffect, amount, state }) => [id, mayHaveTakenEffect, amount, state]),
      ids.map((id, index) => [id, index === 1, "16500", "parked"]),
    );
    assert.ok(items.every(({ text = "", parked }) => text.includes("张*") && !text.includes("张三") && parked?.next !== undefined));
    mustBe(await world.operations.resolveWriteBack(ids[0] ?? "", { ...WHO, decision: "cancelled" }));
    assert.equal(mustBe(await world.operations.failures.items(group, {})).items.length, 2);
    assert.equal(mustBe(await world.operations.failures.items(group, { all: true })).items.length, 3);
    assert.equal(codeOf(await world.operations.failures.items("0", {})), "UNKNOWN_FAILURE_GROUP");
  });

  test("who is affected: bills, patients masked, lanes and what is queued behind them", async () => {
    await world.pay("I-2", "his", 500n);
    const { open, fen, bills, lanes, more } = mustBe(await world.operations.failures.affected(group));
    assert.deepEqual({ open, fen, more }, { open: 2, fen: "33000", more: false });
    assert.deepEqual(lanes, { blocked: 1, behind: 1, behindFen: "500" });
    assert.ok(bills.count >= 0 && bills.shown.length <= bills.count);
    assert.equal(codeOf(await world.operations.failures.affected("0")), "UNKNOWN_FAILURE_GROUP");
  });

  test("what waits for a second person: proposed copies, and their end", async () => {
    const edit = mustBe(
      await world.operations.edits.propose(ids[2] ?? "", { text: "<confirm><other/></confirm>" }, { ...WHO, confirmedChecked: true }),
    );
    assert.deepEqual(
      mustBe(await world.operations.edits.waiting()).map(({ id, proposedBy }) => [id, proposedBy]),
      [[edit.id, WHO.by]],
    );
    mustBe(await world.operations.edits.withdraw(edit.id, OTHER));
    assert.deepEqual(mustBe(await world.operations.edits.waiting()), []);
    const terms = world.operations.replays.terms();
    assert.deepEqual([terms.editAndReplay, terms.approval], [true, { count: 1, fen: "1000000" }]);
    const job = await previewOf(world, [ids[1] ?? "", ids[2] ?? ""]);
    assert.equal(mustBe(await world.operations.replays.command(job.id, "start", WHO)).state, "awaiting-approval");
  });
});

describe("a destination before somebody changes it", () => {
  test("how the attempts of the last hour ended, by minute and by code", async () => {
    const { minutes, codes, cut } = mustBe(await world.operations.profiles.outcomes("his"));
    const sum = (outcome: string): number =>
      minutes.filter((one) => one.outcome === outcome).reduce((total, { count }) => total + count, 0);
    assert.deepEqual([sum("rejected"), sum("unclear"), cut], [2, 1, false]);
    assert.deepEqual(
      codes.map(({ outcome, code, count }) => [outcome, code, count]),
      [
        ["rejected", "E7", 2],
        ["unclear", "E7", 1],
      ],
    );
    assert.equal(codeOf(await world.operations.profiles.outcomes("nobody")), "UNKNOWN_PARTNER");
  });

  test("a profile is checked without being changed: every problem, or what it would change", async () => {
    const { profile, version } = mustBe(await world.operations.profiles.get("his"));
    const wrong = mustBe(await world.operations.profiles.check("his", { ...profile, parallel: 0, odd: 1 }));
    assert.ok(wrong.problems.some(({ at }) => at === "/parallel"));
    const right = mustBe(await world.operations.profiles.check("his", { ...profile, parallel: 3 }));
    assert.deepEqual(right, { problems: [], changes: [{ at: "/parallel", before: profile.parallel, after: 3 }] });
    assert.equal(mustBe(await world.operations.profiles.get("his")).version, version);
  });
});
