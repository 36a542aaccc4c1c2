/** What an account of some partners is refused altogether: a closed list. Whoever adds a way into the operators' side decides here or in domain/access/scope.ts. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { scoped, unruled } from "../../../domain/access/scope.ts";
import { alarmPartner } from "../../../domain/access/alarm-partner.ts";
import { ALARM_KINDS } from "../../../domain/alarms/kinds.ts";
import type { Principal } from "../../../domain/access/rights.ts";
import type { Answered } from "../../../domain/operations/refusals.ts";
import { previewOf } from "../operations/replay-world.ts";
import { mustBe, operationsWorld, parkedWriteBack, type World } from "../operations/world.ts";

/** Of the engine as a whole, or of everybody's deeds: for accounts of every partner. */
const WHOLE_ONLY = [
  "acceptRestore.approve",
  "acceptRestore.ask",
  "alarms.open",
  "audit",
  "retention.nightly",
  "retention.run",
  "retention.setPolicy",
  "retention.simulate",
  "sample",
  "subscribers.checkpoint",
  "subscribers.list",
  "subscribers.register",
  "subscribers.remove",
  "subscribers.republish",
  "verifyAudit",
];

let world: World;
before(async () => {
  world = await operationsWorld();
});
after(() => world.close());

test("A07 every way in has a rule for accounts of some partners, or is closed to them", () =>
  assert.deepEqual([...unruled(world.operations)].sort(), WHOLE_ONLY));

test("A07 what has no rule is refused, and changes nothing", async () => {
  const who: Principal = { id: "x", name: "某人", roles: ["administrator"], partners: ["his"], via: "session" };
  const limited = scoped(world.operations, who);
  assert.deepEqual(await limited.subscribers.remove("x", { by: "x", reason: "测试测试" }), { ok: false, code: "FORBIDDEN" });
  assert.deepEqual(await limited.retention.simulate("x"), { ok: false, code: "FORBIDDEN" });
  assert.equal(scoped(world.operations, { ...who, partners: "*" }), world.operations);
});

test("A07 an alarm of a partner is that partner's; what names none is everybody's", () => {
  for (const [kind, subject, partner] of [
    ["write-back-age", "his", "his"],
    ["totals-differ", "2026-11-20/his/payment-confirm", "his"],
    ["not-written-back", "event:jkt/payment.settled", "jkt"],
    ["not-written-back", "his", "his"],
    ["message-parked", "jkt", "jkt"],
    ["disk-low", "database", undefined],
  ] as const) {
    assert.ok((ALARM_KINDS as readonly string[]).includes(kind));
    assert.equal(alarmPartner({ kind, subject }), partner, kind);
  }
});

describe("A07 lists of an account of some partners: full pages of its own, however many of the others' come first", {
  concurrency: false,
}, () => {
  const OLD: Principal = { id: "o", name: "老系统值班", roles: ["operator"], partners: ["old"], via: "session" };
  const mine = () => scoped(world.operations, OLD);
  const THEIRS = 5;
  const OWN = 3;
  const own: string[] = [];
  before(async () => {
    for (let n = 0; n < OWN; n += 1) own.push(await parkedWriteBack(world, `OWN-${n}`, "old", n === 0));
    const theirs: string[] = [];
    for (let n = 0; n < THEIRS; n += 1) theirs.push(await parkedWriteBack(world, `THEIRS-${n}`, "his"));
    const message = await world.receive({ partner: "old" });
    const other = await world.receive({ partner: "jkt" });
    await world.sql(
      `insert into event_delivery (subscriber, event_id, message_id, seq, state, owed_at, park)
       select 's', 'e-' || n, case when n = 1 then $1::uuid else $2::uuid end, n, 'parked', huiliu_now(), '{"code":"X","zh":"x","en":"x"}' from generate_series(1, 501) n`,
      [message.id, other.id],
    );
    await world.sql(
      `insert into alarm (kind, subject, severity, since, started_at, seen_at, details)
       select kind, subject, 'warn', huiliu_now(), huiliu_now(), huiliu_now(), '{}'
       from (values (1, 'backlog', 'old'), (2, 'not-written-back', 'event:old/payment.settled'), (3, 'totals-differ', '2026-11-20/old/payment-confirm'),
         (4, 'disk-low', 'database'), (5, 'backlog', 'his'), (6, 'not-written-back', 'his'), (7, 'not-written-back', 'event:his/payment.settled'),
         (8, 'totals-differ', '2026-11-20/his/payment-confirm'), (9, 'unclear', 'his'), (10, 'message-parked', 'jkt')) as v (n, kind, subject) order by n`,
    );
    await world.sql(
      `insert into acknowledgement (message_id, destination, kind, door, state, outcome, why, received_at, at)
       select (lpad(to_hex(n), 12, '0') || '70009000000000000000')::uuid, case when n <= $1 then 'old' else 'his' end, 'ack', 'amqp', 'unexpected', 'acknowledged', '{}',
         huiliu_now(), huiliu_now() from generate_series(1, $1::integer + $2::integer) n`,
      [OWN, THEIRS],
    );
    // More proposals of others than the list holds, all of them earlier.
    await world.sql(
      `insert into replay_edit (id, write_back_id, message_id, edit_no, state, body, content_hash, proposed_by, reason, confirmed_checked, proposed_at)
       select gen_random_uuid(), case when n = 0 then $1::uuid else gen_random_uuid() end, gen_random_uuid(), 1, 'proposed', '', 'h', 'x', 'x', false,
         huiliu_now() - n * interval '1 second' from generate_series(0, 200) n`,
      [own[0]],
    );
    await previewOf(world, [own[0] ?? ""]);
    await previewOf(world, [own[1] ?? ""]);
    for (const one of theirs.slice(0, 3)) await previewOf(world, [one]);
  });

  type Lister = (paging: {
    readonly limit: number;
    readonly after?: string;
  }) => Promise<Answered<{ items: readonly unknown[]; after?: string }>>;
  const LISTS: readonly (readonly [what: string, total: number, list: Lister])[] = [
    ["blocked lanes", OWN, (paging) => mine().lanes.list({ state: "blocked", ...paging })],
    ["blocked lanes of its own destination", OWN, (paging) => mine().lanes.list({ state: "blocked", destination: "old", ...paging })],
    ["blocked lanes of another's destination", 0, (paging) => mine().lanes.list({ state: "blocked", destination: "his", ...paging })],
    ["alarms, those of the engine among them", 4, (paging) => mine().alarms.list(paging)],
    ["failure groups", 1, (paging) => mine().failures.list(paging)],
    ["acknowledgements", OWN, (paging) => mine().acknowledgements.list(paging)],
    ["replay jobs", 2, (paging) => mine().replays.list(paging)],
    ["write-backs", OWN, (paging) => mine().writeBacks(paging)],
  ];
  for (const [what, total, list] of LISTS)
    for (const limit of [1, 2, 50])
      test(`${what}, ${limit} a page: ${total} in all`, async () => {
        let seen = 0;
        for (let cursor: string | undefined, left = total; ; left -= limit) {
          const page = mustBe(await list({ limit, ...(cursor === undefined ? {} : { after: cursor }) }));
          assert.equal(page.items.length, Math.min(limit, left), "a full page, or the last one");
          seen += page.items.length;
          cursor = page.after;
          if (cursor === undefined) break;
        }
        assert.equal(seen, total);
      });

  test("lists without pages: what waits for a second person, and parked event deliveries, behind as many of the others' as a list holds", async () => {
    assert.deepEqual(
      mustBe(await mine().edits.waiting()).map(({ writeBackId }) => writeBackId),
      [own[0]],
    );
    assert.deepEqual(
      mustBe(await mine().parkedEventDeliveries()).items.map(({ eventId }) => eventId),
      ["e-1"],
    );
    const deed = { by: "王工", reason: "测试测试" };
    assert.deepEqual(await mine().resolveEventDelivery("s", "e-2", deed), { ok: false, code: "UNKNOWN_EVENT_DELIVERY" });
  });

  test("the status adds up its own destinations only; what is unclear and which lanes are blocked is counted, not told by alarms", async () => {
    assert.equal(mustBe(await world.operations.status()).writeBacks.parked, OWN + THEIRS);
    assert.equal(mustBe(await mine().status()).writeBacks.parked, OWN);
    assert.deepEqual(
      mustBe(await mine().destinations()).map(({ destination, unclear, blockedLanes }) => ({ destination, unclear, blockedLanes })),
      [{ destination: "old", unclear: 1, blockedLanes: OWN }],
    );
  });

  test("whose an alarm is: the store's rule and that of one alarm agree", async () => {
    const all = mustBe(await world.operations.alarms.list({})).items;
    for (const partners of [["old"], ["his", "jkt"], ["nobody"], []]) {
      const kept = all.filter((one) => {
        const partner = alarmPartner(one);
        return partner === undefined || partners.includes(partner);
      });
      const told = mustBe(await world.operations.alarms.list({ partners })).items;
      assert.deepEqual(
        told.map(({ id }) => id),
        kept.map(({ id }) => id),
        partners.join(),
      );
    }
  });
});
