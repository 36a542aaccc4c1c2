/** Numbers and sign-ins shared by workers: one number for a write-back for ever, one sign-in at a time, whoever dies and whatever day it is. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createNumbers } from "../../../bin/engine/numbers.ts";
import { createSessions, REFUSED_PAUSE_MS, type SessionCall, SIGN_IN, SIGN_OUT } from "../../../bin/engine/sessions.ts";
import type { Adapter, AdapterContext, Session } from "../../../domain/partners/adapter.ts";
import type { Partner } from "../../../domain/partners/profile.ts";
import { createCallStore } from "../../../platform/postgres/calls.ts";
import { type PostgresWorld, postgresWorld } from "./world.ts";

const WORKERS = 2;
const HOUR_MS = 3_600_000;
const WAIT_MS = 2_000;
let world: PostgresWorld;
let stores: ReturnType<typeof createCallStore>[];

before(async () => {
  world = await postgresWorld();
  const workers = await Promise.all(Array.from({ length: WORKERS }, () => world.connect()));
  stores = workers.map((one) => createCallStore(one.pool));
});
after(() => world.close());

const storeOf = (index: number) => {
  const store = stores[index % WORKERS];
  assert.ok(store);
  return store;
};
const text = (body: string) => ({ kind: "reply", status: 200, body: new TextEncoder().encode(body), ms: 1 }) as const;

describe("S0-8 numbers of calls", () => {
  /** A partner whose numbers are soon used up: candidates collide all the time. */
  const adapter: Adapter = {
    name: "few",
    title: { zh: "少", en: "few" },
    secrets: {},
    number: ({ key = "" }, tries) => `N${(key.length + tries) % 100}`,
  };
  const partner = { partner: "few", vendor: "few", constants: {} } as unknown as Partner;
  const numbersOf = (index: number, has = true) =>
    createNumbers({
      store: storeOf(index),
      partner: (name) => (name === "few" ? partner : undefined),
      adapterOf: () => (has ? adapter : undefined),
      nowMs: () => 0,
    });

  test("one for a slot for ever, told “first” once, whatever worker asks and however many at once; no two slots share one", async () => {
    const asked = Array.from({ length: 120 }, (_, index) => ({ index, slot: `key-${index % 30}` }));
    const told = await Promise.all(asked.map(async ({ index, slot }) => ({ slot, told: await numbersOf(index).of("few", slot) })));
    const bySlot = Map.groupBy(told, (one) => one.slot);
    assert.equal(bySlot.size, 30);
    for (const [slot, all] of bySlot) {
      assert.equal(new Set(all.map((one) => one.told?.number)).size, 1, slot);
      assert.equal(all.filter((one) => one.told?.first).length, 1, slot);
    }
    assert.equal(new Set(told.map((one) => one.told?.number)).size, 30);
  });
  test("a slot whose call had no effect gets another number; the old one stays taken", async () => {
    const numbers = numbersOf(0);
    const first = await numbers.of("few", "a:reversal");
    await numbers.over("few", "a:reversal");
    const second = await numbersOf(1).of("few", "a:reversal");
    assert.equal(second?.first, true);
    assert.notEqual(second?.number, first?.number);
  });
  test("nobody's number where the partner has none; no number at all is an error, never a made-up one", async () => {
    assert.equal(await numbersOf(0, false).of("few", "x"), undefined);
    assert.equal(await numbersOf(0).of("stranger", "x"), undefined);
    await assert.rejects(async () => {
      for (let index = 0; index < 200; index += 1) await numbersOf(0).of("few", `full-${index}`);
    }, /no free number/);
  });
});

describe("S0-28 sign-ins", () => {
  const session: Session = {
    lifetimeMs: 12 * HOUR_MS,
    daily: true,
    who: ({ message }) => (message === "free" ? undefined : "OP1"),
    signIn: () => ({ headers: {}, body: new Uint8Array() }),
    signOut: ({ session: held }) => ({ headers: {}, body: new TextEncoder().encode(held?.no ?? "") }),
    read: ({ body }) => {
      const no = new TextDecoder().decode(body);
      return no.startsWith("S") ? { no } : undefined;
    },
    lost: () => false,
  };
  const context = (partner: string): AdapterContext => ({
    partner,
    message: "call",
    constants: {},
    secrets: {},
    nowMs: 0,
    random: (bytes) => new Uint8Array(bytes),
  });
  const log = { info: () => undefined, warn: () => undefined };
  const sessionsOf = (index: number) => createSessions({ store: storeOf(index), log });
  /** A front machine that counts who signs in, and takes its time. */
  function machine(answer: (times: number) => string = (times) => `S${times}`, ms = 30) {
    const calls: string[] = [];
    const call: SessionCall = async (message, envelope) => {
      calls.push(message === SIGN_OUT ? `${message} ${new TextDecoder().decode(envelope.body)}` : message);
      const times = calls.length;
      await new Promise((resolve) => setTimeout(resolve, ms));
      return text(answer(times));
    };
    return { call, calls };
  }
  const many = (partner: string, call: SessionCall, count = 12) =>
    Promise.all(Array.from({ length: count }, (_, index) => sessionsOf(index).of(session, context(partner), call, WAIT_MS)));
  const nos = (all: Awaited<ReturnType<typeof many>>) => [...new Set(all.map((one) => (one.ok ? one.held?.no : `! ${one.why}`)))];

  test("a dozen calls of two workers at once: one sign-in, one number; lost, then signed in anew once", async () => {
    const { call, calls } = machine();
    assert.deepEqual(nos(await many("a", call)), ["S1"]);
    const [held] = await many("a", call, 1);
    assert.ok(held);
    await Promise.all([sessionsOf(0).lost("a", held), sessionsOf(1).lost("a", held)]);
    assert.deepEqual(nos(await many("a", call)), ["S2"]);
    await sessionsOf(1).lost("a", held); // told late: it is another one's by now
    assert.deepEqual(nos(await many("a", call)), ["S2"]);
    assert.deepEqual(calls, [SIGN_IN, SIGN_IN]);
    assert.deepEqual(await sessionsOf(0).of(session, { ...context("a"), message: "free" }, call, WAIT_MS), {
      ok: true,
      version: 0,
      who: "",
    });
  });
  test("a refused sign-in is told to everybody who waits, and not tried again at once", async () => {
    const { call, calls } = machine((times) => (times === 1 ? "操作员已锁定" : "S9"));
    const all = await many("b", call);
    assert.ok(
      all.every((one) => !one.ok && one.why.includes("操作员已锁定")),
      JSON.stringify(nos(all)),
    );
    assert.equal(calls.length, 1);
    await world.advance(REFUSED_PAUSE_MS + 1);
    assert.deepEqual(nos(await many("b", call)), ["S9"]);
  });
  test("a worker that dies while it signs in holds the others up for its lease only", async () => {
    const store = storeOf(0);
    assert.equal(await store.claimSession("c", "OP1", 0, 60_000), 1);
    const { call, calls } = machine();
    const [waited] = await Promise.all([sessionsOf(1).of(session, context("c"), call, 200)]);
    assert.deepEqual([waited.ok, calls.length], [false, 0]);
    await world.advance(60_001);
    assert.deepEqual(nos(await many("c", call, 3)), ["S1"]);
    assert.equal(await store.keepSession("c", "OP1", 1, { no: "late" }), false, "the dead one's late answer changes nothing");
  });
  test("too old, or of another day in China: signed in anew", async () => {
    const { call, calls } = machine();
    await many("d", call, 1);
    await world.advance(13 * HOUR_MS);
    await many("d", call, 2);
    assert.equal(calls.length, 2);
    const { rows } = await world.own.reads.query<{ hours: string }>(
      "select extract(epoch from (date_trunc('day', huiliu_now() at time zone 'Asia/Shanghai') + interval '1 day') - (huiliu_now() at time zone 'Asia/Shanghai')) / 3600 as hours",
    );
    const left = Number(rows[0]?.hours);
    if (left < 11) await world.advance(Math.ceil(left * HOUR_MS) + 1_000);
    else await world.advance(12 * HOUR_MS + 1);
    await many("d", call, 2);
    assert.equal(calls.length, 3);
  });
  test("signed out with its own number, once; where nobody answers it is forgotten all the same", async () => {
    const { call, calls } = machine();
    await many("e", call, 1);
    const reach = (partner: string) => (partner === "e" ? { session, context: context("e"), call } : undefined);
    await sessionsOf(0).signOut(reach);
    await sessionsOf(1).signOut(reach);
    assert.deepEqual(calls, [SIGN_IN, `${SIGN_OUT} S1`]);
    const dead: SessionCall = async () => ({ kind: "no-reply", why: "gone", ms: 1 });
    const told = await sessionsOf(0).of(session, context("e"), dead, WAIT_MS);
    assert.ok(!told.ok && told.why.includes("gone"));
  });
});
