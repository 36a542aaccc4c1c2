/** A11–A16: two people are two, what they approved is what is done, and what nobody commanded is done by nobody. The effect is read from the write-backs, never from an answer alone. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { ReplayJob } from "../../domain/operations/views-replay.ts";
import { createAuditKeys } from "../../platform/audit/keys.ts";
import { makeAuditCredentials } from "../../platform/audit/make-keys.ts";
import { mayStill } from "../../platform/postgres/may-still.ts";
import { createLead } from "../../platform/postgres/lead.ts";
import type { OperationsDeps } from "../../platform/postgres/operations-deps.ts";
import type { ReplayRunner } from "../../platform/postgres/replay-runner.ts";
import { runnerOf } from "../contracts/operations/replay-world.ts";
import { codeOf, mustBe, operationsWorld, parkedWriteBack, type World } from "../contracts/operations/world.ts";

const keys = createAuditKeys(makeAuditCredentials(), "test");
const audit: NonNullable<OperationsDeps["audit"]> = {
  ready: async () => true,
  verify: async () => assert.fail("nobody asks"),
  approval: keys.approval,
};
const WANG = { by: "王工", account: "11111111-1111-7111-8111-111111111111", reason: "HIS 修复后重放" };
const LI = { by: "李工", account: "22222222-2222-7222-8222-222222222222", reason: "已复核" };
const SUN = { by: "孙工", account: "33333333-3333-7333-8333-333333333333" };
const LIMITS = { approval: { count: 2, sumFen: 10_000n }, editAndReplay: true };

let world: World;
let runner: ReplayRunner;
let bills = 0;

before(async () => {
  world = await operationsWorld({ replay: LIMITS, audit, mayStill });
  const { worker, pool } = world.postgres;
  runner = runnerOf(world, worker, createLead(pool, worker), { audit, mayStill, refuses: true });
  for (const { account, by } of [WANG, LI, SUN])
    await world.sql(
      "insert into account (id, login, name, roles, state, created_at) values ($1, $2, $2, '{operator,integrator}', 'active', now())",
      [account, by],
    );
});
after(() => world.close());

/** So many write-backs that wait for a person. */
async function parked(count: number): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) {
    bills += 1;
    ids.push(await parkedWriteBack(world, `B-ATTACK-${bills}`));
  }
  return ids;
}
const previewed = async (ids: readonly string[], who: object = WANG): Promise<ReplayJob> =>
  mustBe(await world.operations.replays.create({ of: "write-backs", select: { ids }, ...who }));
/** A job that waits for its second person. */
async function waiting(who: object = WANG): Promise<{ readonly job: ReplayJob; readonly ids: readonly string[] }> {
  const ids = await parked(3);
  const job = mustBe(await world.operations.replays.command((await previewed(ids, who)).id, "start", { ...WANG, ...who }));
  assert.equal(job.state, "awaiting-approval");
  return { job, ids };
}
const settleDown = async (): Promise<void> => {
  for (let turns = 0; turns < 20; turns += 1) await runner.step();
};
/** How many of them somebody let go again: the effect. */
async function letGo(ids: readonly string[]): Promise<number> {
  await settleDown();
  const [row] = await world.sql<{ n: number }>("select count(*)::integer as n from write_back where id = any($1::uuid[]) and replays > 0", [
    ids,
  ]);
  return row?.n ?? -1;
}
const approve = (job: ReplayJob, deed: object) => world.operations.replays.command(job.id, "approve", { hash: job.hash, ...LI, ...deed });

describe("A11 one person is not two", () => {
  const SELF: readonly (readonly [string, object])[] = [
    ["the same account", WANG],
    ["the same account under another name", { ...WANG, by: "赵工" }],
    ["the same name at another account", { ...LI, by: "王工" }],
    ["the same name, written wide and with a blank", { ...LI, by: " 王　工 " }],
    ["the same name by a program", { by: "王工", account: undefined }],
  ];
  for (const [name, deed] of SELF)
    test(`${name} does not approve its own replay`, async () => {
      const { job, ids } = await waiting();
      assert.equal(codeOf(await approve(job, deed)), "SAME_PERSON");
      assert.equal(await letGo(ids), 0);
    });
  test("nor its own edited copy", async () => {
    const [id = ""] = await parked(1);
    const edit = mustBe(await world.operations.edits.propose(id, { text: "<confirm>2</confirm>" }, { ...WANG, confirmedChecked: true }));
    for (const [, deed] of SELF)
      assert.equal(codeOf(await world.operations.edits.approve(edit.id, { reason: "x because", hash: edit.hash, ...deed })), "SAME_PERSON");
    assert.deepEqual(await world.sql("select 1 from write_back where replay_of = $1", [id]), []);
  });
});

describe("A12 an approval is of what was seen", () => {
  test("one account of a person cannot be made twice: a subject of the identity provider stands at one account", async () => {
    const insert =
      "insert into account (id, login, name, roles, state, created_at, issuer, subject) values (gen_random_uuid(), $1, $1, '{operator}', 'active', now(), 'https://id', 'wang')";
    await world.sql(insert, ["wang.oidc"]);
    await assert.rejects(world.sql(insert, ["wang.second"]), /account_external/);
  });
  test("no hash, another job's hash, an old one: refused", async () => {
    const [one, two] = [await waiting(), await waiting()];
    for (const hash of [undefined, two.job.hash, "0".repeat(64)]) assert.equal(codeOf(await approve(one.job, { hash })), "HASH_DIFFERS");
    assert.equal(await letGo([...one.ids, ...two.ids]), 0);
  });
  test("what was exchanged after it was seen voids it", async () => {
    const { job, ids } = await waiting();
    const [other = ""] = await parked(1);
    await world.sql("update replay_item set target = $2 where job = $1 and n = 0", [job.id, other]);
    mustBe(await approve(job, {}));
    assert.equal(await letGo([other]), 0, "nobody approved this one");
    assert.equal(await letGo(ids), 2, "the two that were seen");
  });
  test("an edited copy whose body was changed after it was proposed is not sent", async () => {
    const [id = ""] = await parked(1);
    const edit = mustBe(await world.operations.edits.propose(id, { text: "<confirm>2</confirm>" }, { ...WANG, confirmedChecked: true }));
    await world.sql("update replay_edit set body = '<confirm>9</confirm>' where id = $1", [edit.id]);
    assert.equal(codeOf(await world.operations.edits.approve(edit.id, { ...LI, hash: edit.hash })), "NOT_GENUINE");
    assert.deepEqual(await world.sql("select 1 from write_back where replay_of = $1", [id]), []);
  });
});

describe("A13 an approval counts once, and not for ever", () => {
  test("of twelve at once one takes effect", async () => {
    const reviewers = Array.from({ length: 12 }, (_, n) => ({ by: `复核${n}`, account: `66666666-6666-7666-8666-0000000000${n + 10}` }));
    for (let round = 0; round < 3; round += 1) {
      const { job, ids } = await waiting();
      const codes = (await Promise.all(reviewers.map((who) => approve(job, who)))).map(codeOf);
      assert.deepEqual(
        [codes.filter((one) => one === "ok").length, new Set(codes.filter((one) => one !== "ok"))],
        [1, new Set(["REPLAY_STATE"])],
      );
      const noted = await world.sql("select 1 from operator_action where target_id = $1 and action = 'approve'", [job.id]);
      assert.equal(noted.length, 1);
      await world.operations.replays.command(job.id, "cancel", WANG);
      await letGo(ids);
    }
  });
  test("of more approvals of an edited copy at once than the pool has connections one makes a copy, and none waits for ever", async () => {
    const reviewers = Array.from({ length: 40 }, (_, n) => ({ by: `复核${n}`, account: `66666666-6666-7666-8666-0000000000${n + 10}` }));
    for (let round = 0; round < 3; round += 1) {
      const [id = ""] = await parked(1);
      const edit = mustBe(
        await world.operations.edits.propose(id, { text: `<confirm>${round}</confirm>` }, { ...WANG, confirmedChecked: true }),
      );
      const codes = (
        await Promise.all(
          reviewers.map((who) => world.operations.edits.approve(edit.id, { reason: "已复核修改稿", hash: edit.hash, ...who })),
        )
      ).map(codeOf);
      assert.equal(codes.filter((one) => one === "ok").length, 1, codes.join());
      assert.equal((await world.sql("select 1 from write_back where replay_of = $1", [id])).length, 1);
    }
  });
  test("of two at once one takes effect", async () => {
    const { job, ids } = await waiting();
    const both = await Promise.all([approve(job, {}), approve(job, SUN)]);
    assert.deepEqual(both.map(codeOf).sort(), ["REPLAY_STATE", "ok"]);
    assert.equal(await letGo(ids), 3);
    const [row] = await world.sql<{ n: number }>(
      "select count(*)::integer as n from operator_action where target_id = $1 and action = 'approve'",
      [job.id],
    );
    assert.equal(row?.n, 1);
  });
  test("given again it does nothing", async () => {
    const { job, ids } = await waiting();
    mustBe(await approve(job, {}));
    assert.equal(await letGo(ids), 3);
    const before = await world.sql("select id, replays from write_back where id = any($1::uuid[]) order by id", [ids]);
    assert.equal(codeOf(await approve(job, {})), "REPLAY_STATE");
    await settleDown();
    assert.deepEqual(await world.sql("select id, replays from write_back where id = any($1::uuid[]) order by id", [ids]), before);
  });
  test("of what was counted a day ago it is refused, job and edited copy", async () => {
    const { job, ids } = await waiting();
    const [id = ""] = await parked(1);
    const edit = mustBe(await world.operations.edits.propose(id, { text: "<confirm>3</confirm>" }, { ...WANG, confirmedChecked: true }));
    await world.sql("update replay_job set created_at = created_at - interval '25 hours' where id = $1", [job.id]);
    await world.sql("update replay_edit set proposed_at = proposed_at - interval '25 hours' where id = $1", [edit.id]);
    assert.equal(codeOf(await approve(job, {})), "APPROVAL_EXPIRED");
    assert.equal(codeOf(await world.operations.edits.approve(edit.id, { ...LI, hash: edit.hash })), "APPROVAL_EXPIRED");
    assert.equal(await letGo([...ids, id]), 0);
  });
});

describe("A14 whoever lost the right before it is done", () => {
  const LOSSES: readonly (readonly [string, string, string])[] = [
    ["the requester is disabled", WANG.account, "update account set state = 'disabled' where id = $1"],
    ["the requester is a viewer now", WANG.account, "update account set roles = '{viewer}' where id = $1"],
    ["the approver is disabled", LI.account, "update account set state = 'disabled' where id = $1"],
    ["the approver may not approve any more", LI.account, "update account set roles = '{viewer}' where id = $1"],
  ];
  for (const [name, account, loss] of LOSSES)
    test(`${name}: nothing is done, and it says why`, async () => {
      const { job, ids } = await waiting();
      mustBe(await approve(job, {}));
      await world.sql(loss, [account]);
      try {
        assert.equal(await letGo(ids), 0);
        const now = mustBe(await world.operations.replays.get(job.id));
        assert.equal(now.state, "cancelled");
        const [refused] = await world.sql<{ who: string; reason: string }>(
          "select who, reason from operator_action where target_id = $1 and action = 'refuse'",
          [job.id],
        );
        assert.match(refused?.reason ?? "", /RIGHT_LOST/);
      } finally {
        await world.sql("update account set state = 'active', roles = '{operator,integrator}' where id = $1", [account]);
      }
    });
  test("an edited copy of a proposer who is gone is not sent", async () => {
    const [id = ""] = await parked(1);
    const edit = mustBe(await world.operations.edits.propose(id, { text: "<confirm>4</confirm>" }, { ...WANG, confirmedChecked: true }));
    await world.sql("update account set roles = '{viewer}' where id = $1", [WANG.account]);
    try {
      assert.equal(codeOf(await world.operations.edits.approve(edit.id, { ...LI, hash: edit.hash })), "RIGHT_LOST");
    } finally {
      await world.sql("update account set roles = '{operator,integrator}' where id = $1", [WANG.account]);
    }
    assert.deepEqual(await world.sql("select 1 from write_back where replay_of = $1", [id]), []);
  });
});

describe("A15 a great one in small pieces is a great one", () => {
  const person = (n: number) => ({ by: `分拆${n}`, account: `44444444-4444-7444-8444-00000000000${n}`, reason: "分次重放" });
  const start = async (who: ReturnType<typeof person>, count: number): Promise<string> => {
    await world.sql(
      "insert into account (id, login, name, roles, state, created_at) values ($1, $2, $2, '{operator}', 'active', now()) on conflict do nothing",
      [who.account, who.account],
    );
    const job = await previewed(await parked(count), who);
    return mustBe(await world.operations.replays.command(job.id, "start", who)).state;
  };
  test("by number: the third item of a day needs a second person, whatever the account is called by then", async () => {
    const who = person(1);
    assert.equal(await start(who, 2), "marking");
    assert.equal(await start({ ...who, by: "改名" }, 1), "awaiting-approval");
    assert.equal(await start(person(2), 2), "marking", "somebody else's are his own");
  });
  test("by money: what is above the limit of a day needs a second person", async () => {
    const dear = await operationsWorld({ replay: { approval: { count: 100, sumFen: 4_000n }, editAndReplay: false }, audit });
    try {
      const state = async (bill: string): Promise<string> => {
        const id = await parkedWriteBack(dear, bill);
        const job = mustBe(await dear.operations.replays.create({ of: "write-backs", select: { ids: [id] }, ...WANG }));
        return mustBe(await dear.operations.replays.command(job.id, "start", WANG)).state;
      };
      assert.deepEqual(
        [await state("B-A15-1"), await state("B-A15-2"), await state("B-A15-3")],
        ["marking", "marking", "awaiting-approval"],
        "1,650 fen each",
      );
    } finally {
      await dear.close();
    }
  });
  const single = async (who: ReturnType<typeof person>, id: string): Promise<string> =>
    codeOf(await world.operations.replayWriteBack(id, { ...who, confirmedChecked: true }));
  const replaysOf = async (ids: readonly string[]): Promise<number> =>
    (await world.sql<{ n: number }>("select coalesce(sum(replays), 0)::integer as n from write_back where id = any($1::uuid[])", [ids]))[0]
      ?.n ?? -1;

  test("one by one and without a job it is as many: the third of a day is refused, and a job after them waits", async () => {
    const who = person(4);
    const ids = await parked(3);
    assert.deepEqual(
      [await single(who, ids[0] ?? ""), await single({ ...who, by: "改名" }, ids[1] ?? ""), await single(who, ids[2] ?? "")],
      ["ok", "ok", "APPROVAL_NEEDED"],
    );
    assert.equal(await replaysOf(ids), 2);
    assert.equal(await start(who, 1), "awaiting-approval");
    await world.sql("update done_alone set at = at - interval '25 hours' where account = $1", [who.account]);
    assert.equal(await single(who, ids[2] ?? ""), "ok", "another day");
  });
  test("after jobs one by one is counted, too", async () => {
    const who = person(5);
    assert.equal(await start(who, 2), "marking");
    const ids = await parked(1);
    assert.equal(await single(who, ids[0] ?? ""), "APPROVAL_NEEDED");
    assert.equal(await replaysOf(ids), 0);
  });
  test("one order in pieces by several people: its sum of a day is the limit's, whoever did the others", async () => {
    const ids = [...(await parked(8))];
    await world.sql("update write_back set order_key = 'SPLIT-1' where id = any($1::uuid[])", [ids]);
    for (const n of [6, 7]) {
      const two = ids.splice(0, 2);
      const job = await previewed(two, person(n));
      assert.equal(mustBe(await world.operations.replays.command(job.id, "start", person(n))).state, "marking");
    }
    const [fifth = "", sixth = "", ...last] = ids;
    assert.deepEqual([await single(person(8), fifth), await single(person(8), sixth)], ["ok", "ok"], "six of 1,650 fen are below 10,000");
    assert.equal(await single(person(9), last[0] ?? ""), "APPROVAL_NEEDED");
    const job = await previewed(last.slice(0, 1), person(9));
    assert.equal(mustBe(await world.operations.replays.command(job.id, "start", person(9))).state, "awaiting-approval");
    assert.equal(await replaysOf(last), 0);
  });
  test("a dozen at one instant: no more than the limit", async () => {
    for (const round of [1, 2, 3]) {
      const who = { by: `齐发${round}`, account: `55555555-5555-7555-8555-00000000000${round}`, reason: "同时重放" };
      const ids = await parked(12);
      const jobs = await Promise.all(ids.slice(0, 6).map((id) => previewed([id], who)));
      const did = await Promise.all([
        ...ids.slice(6).map((id) => single(who, id)),
        ...jobs.map(async (job) => mustBe(await world.operations.replays.command(job.id, "start", who)).state),
      ]);
      const alone = did.filter((one) => one === "ok" || one === "marking");
      assert.equal(alone.length, LIMITS.approval.count, did.join());
    }
  });
  test("two at one instant see each other", async () => {
    const who = person(3);
    const jobs = [await previewed(await parked(2), who), await previewed(await parked(2), who)];
    const states = await Promise.all(jobs.map(async (job) => mustBe(await world.operations.replays.command(job.id, "start", who)).state));
    assert.deepEqual([...states].sort(), ["awaiting-approval", "marking"]);
  });
});

describe("A16 what nobody commanded", () => {
  const FORGED: readonly (readonly [string, (job: ReplayJob) => Promise<unknown>])[] = [
    [
      "a job is let go by SQL",
      ({ id }) =>
        world.sql(
          "update replay_job set state = 'marking', approved_by = '李工', approved_hash = hash, approved_at = now() where id = $1",
          [id],
        ),
    ],
    [
      "its need of a second person is taken away",
      ({ id }) => world.sql("update replay_job set state = 'marking', approval = '{}', started_at = now() where id = $1", [id]),
    ],
    [
      "another job's approval is copied to it",
      async ({ id }) => {
        const { job: genuine } = await waiting();
        mustBe(await approve(genuine, {}));
        await world.sql(
          `update replay_job j set state = 'marking', approved_by = g.approved_by, approved_account = g.approved_account, command_ms = g.command_ms, command_mac = g.command_mac
           from replay_job g where g.id = $2 and j.id = $1`,
          [id, genuine.id],
        );
        await world.operations.replays.command(genuine.id, "cancel", WANG);
      },
    ],
    [
      "the approver is exchanged after the approval",
      async (job) => {
        mustBe(await approve(job, {}));
        await world.sql("update replay_job set approved_by = '赵工' where id = $1", [job.id]);
      },
    ],
    [
      "its terms are changed after the approval",
      async (job) => {
        mustBe(await approve(job, {}));
        await world.sql("update replay_job set include_superseded = true where id = $1", [job.id]);
      },
    ],
  ];
  for (const [name, forge] of FORGED)
    test(`${name}: nothing is done, the job is cancelled and it is on record`, async () => {
      const { job, ids } = await waiting();
      await forge(job);
      assert.equal(await letGo(ids), 0);
      assert.equal(mustBe(await world.operations.replays.get(job.id)).state, "cancelled");
      const [refused] = await world.sql<{ who: string; reason: string }>(
        "select who, reason from operator_action where target_id = $1 and action = 'refuse'",
        [job.id],
      );
      assert.match(refused?.reason ?? "", /NOT_GENUINE/);
    });
  test("an item put into an approved job by SQL is refused, the others are done", async () => {
    const { job, ids } = await waiting();
    const [more = ""] = await parked(1);
    mustBe(await approve(job, {}));
    await world.sql(
      `insert into replay_item (job, n, target, lane, seq, amount_fen, how, superseded, state, attempts, at, mac)
       select job, 99, $2::uuid, null, seq, amount_fen, how, superseded, 'planned', attempts, at, mac from replay_item where job = $1 and n = 0`,
      [job.id, more],
    );
    assert.equal(await letGo(ids), 3);
    assert.equal(await letGo([more]), 0);
    assert.deepEqual(await world.sql("select state, code from replay_item where job = $1 and n = 99", [job.id]), [
      { state: "refused", code: "NOT_GENUINE" },
    ]);
  });
  test("a proposed edit made by SQL, or signed by another name, is approved by nobody", async () => {
    const [id = ""] = await parked(1);
    const edit = mustBe(await world.operations.edits.propose(id, { text: "<confirm>5</confirm>" }, { ...WANG, confirmedChecked: true }));
    // So that the one who proposed it could approve it himself.
    await world.sql("update replay_edit set proposed_by = '李工', proposed_account = $2 where id = $1", [edit.id, LI.account]);
    assert.equal(codeOf(await world.operations.edits.approve(edit.id, { ...WANG, hash: edit.hash })), "NOT_GENUINE");
    assert.deepEqual(await world.sql("select 1 from write_back where replay_of = $1", [id]), []);
  });
});
