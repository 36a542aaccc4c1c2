/** What an account of some partners is refused altogether: a closed list. Whoever adds a way into the operators' side decides here or in domain/access/scope.ts. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { scoped, unruled } from "../../../domain/access/scope.ts";
import { alarmPartner } from "../../../domain/access/alarm-partner.ts";
import { ALARM_KINDS } from "../../../domain/alarms/kinds.ts";
import type { Principal } from "../../../domain/access/rights.ts";
import { operationsWorld, type World } from "../operations/world.ts";

/** Of the engine as a whole, or of everybody's deeds: for accounts of every partner. */
const WHOLE_ONLY = [
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
