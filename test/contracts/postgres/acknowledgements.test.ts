/** Acknowledgements on PostgreSQL: the contract, and what only a database can get wrong. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createUuid7 } from "../../../platform/postgres/clock.ts";
import type { SealWriteBackEvent } from "../../../domain/writeback/events.ts";
import { type AcknowledgementWorld, acknowledgementContract, DEFERRED } from "../acknowledgements.ts";
import { endOf, UNCLEAR } from "../write-backs.ts";
import { event, oweOne, parkedEvent, type PostgresWorld, postgresWorld } from "./world.ts";

const uuid7 = createUuid7();
/** Events of their own ids; what they hold is tested where they are sealed. */
const seal: SealWriteBackEvent = (draft) => ({
  ok: true,
  event: event(`${draft.type} ${draft.identity} ${draft.ordinal}`, draft.type, draft.source),
});

async function acknowledgementWorld(passesParked = false): Promise<AcknowledgementWorld & Pick<PostgresWorld, "own">> {
  const world = await postgresWorld();
  const stores = { journal: world.own.journal({ parkedEvent }), settle: world.own.settle({ parkedEvent, after: () => undefined }) };
  const rows = async <R extends object>(text: string, values: readonly unknown[]): Promise<R[]> =>
    (await world.own.reads.query<R>(text, [...values])).rows;
  return {
    own: world.own,
    store: world.own.acknowledgements({ parkedEvent, seal, after: () => undefined, passesParked: () => passesParked }),
    writeBacks: world.own.writeBacks({ strayCheckMs: 0 }),
    owe: async (about) => {
      const id = await oweOne(stores, about);
      const serial = `serial of ${about.key}`;
      await rows("update write_back set serial = $2 where id = $1", [id, serial]);
      await rows(
        "insert into business_key (kind, value, message_id, partner) select 'serial', $2, message_id, 'his' from write_back where id = $1",
        [id, serial],
      );
      return { id, serial };
    },
    message: async (partner) => {
      const raw = new TextEncoder().encode(uuid7(Date.now()));
      const journaled = await stores.journal.append({ door: "http", partner, kind: "payment-confirm-answer", headers: {}, raw });
      if (journaled.kind !== "accepted") throw new Error(`not accepted: ${journaled.kind}`);
      return journaled.message;
    },
    row: async (id) => {
      const [row] = await rows<{ state: string; how: string | null; park: string | null; may: boolean }>(
        "select state, how, park->>'code' as park, may_have_taken_effect as may from write_back where id = $1",
        [id],
      );
      if (!row) return undefined;
      const { state, how, park, may } = row;
      return { state, ...(how === null ? {} : { how }), ...(park === null ? {} : { park }), mayHaveTakenEffect: may };
    },
    recorded: async (messageId) => {
      const [row] = await rows<{ state: string | null; about: string | null; message: string; code: string | null }>(
        `select a.state, a.write_back_id as about, m.state as message, m.park->>'code' as code
         from message m left join acknowledgement a on a.message_id = m.id where m.id = $1`,
        [messageId],
      );
      if (!row) throw new Error("no such message");
      const { state, about, message, code } = row;
      return {
        ...(state === null ? {} : { state }),
        ...(about === null ? {} : { writeBackId: about }),
        message,
        ...(code === null ? {} : { code }),
      };
    },
    events: async (id) =>
      (
        await rows<{ type: string }>(
          "select e.type from event e join write_back w on w.message_id = e.message_id where w.id = $1 and e.type like 'writeback.%' order by e.seq",
          [id],
        )
      ).map((row) => row.type),
    openAttempts: async (id) =>
      (
        await rows<object>(
          "select 1 from attempt a join write_back w on w.message_id = a.message_id where w.id = $1 and a.ended_at is null",
          [id],
        )
      ).length,
    advance: world.advance,
    close: world.close,
  };
}

acknowledgementContract("PostgreSQL", acknowledgementWorld);

test("a refusal of one that is queued again behind another of its lane parks it, and leaves the lane its one head", async (t) => {
  const world = await acknowledgementWorld();
  t.after(() => world.close());
  const { own } = world;
  const about = { lane: "bill:again", destination: "his-again" };
  const first = await world.owe({ key: "again-1", ...about });
  const [claimed] = await world.writeBacks.claim(about.destination, 1, 30_000, "ask");
  assert.ok(claimed);
  const { receipt: _, how: __, ...unclear } = endOf(claimed, UNCLEAR);
  const park = { code: "UNCLEAR", zh: "不明", en: "Unclear", advice: { zh: "核实", en: "Check" } };
  await world.writeBacks.settle({ ...unclear, step: "park", park, letsNextGo: true });
  const second = await world.owe({ key: "again-2", ...about });
  // As a person's replay leaves it while another of the lane is under way (operations-write-back-deeds.ts).
  await own.reads.query("update write_back set state = 'queued', blocks = true, park = null, token = token + 1 where id = $1", [first.id]);
  const applied = await world.store.apply({
    message: await world.message(about.destination),
    mapping: "his/payment-confirm",
    correlation: { by: "key", value: "again-1" },
    reading: { outcome: "rejected", code: "E1", why: "test" },
    keys: [],
    saying: "rejected",
    writeBackId: first.id,
  });
  assert.deepEqual([applied.state, applied.settled.kind], ["late", "settled"]);
  assert.deepEqual([(await world.row(first.id))?.park, (await world.row(second.id))?.state], ["REJECTED", "waiting"]);
});

test("where lanes go on past parked heads, a later refusal lets the next go, and a later answer of another amount does not", async (t) => {
  const world = await acknowledgementWorld(true);
  t.after(() => world.close());
  for (const [outcome, next] of [
    ["rejected", "waiting"],
    ["acknowledged", "queued"],
  ] as const) {
    const about = { lane: `bill:${outcome}`, destination: `his-${outcome}` };
    const first = await world.owe({ key: `${outcome}-1`, ...about });
    const [claimed] = await world.writeBacks.claim(about.destination, 1, 30_000, "ask");
    assert.ok(claimed);
    const { receipt: _, how: __, ...deferred } = endOf(claimed, DEFERRED);
    await world.writeBacks.settle(deferred);
    const second = await world.owe({ key: `${outcome}-2`, ...about });
    const saying = outcome === "rejected" ? ("rejected" as const) : ("other" as const);
    await world.store.apply({
      message: await world.message(about.destination),
      mapping: "his/payment-confirm",
      correlation: { by: "key", value: `${outcome}-1` },
      reading: { outcome, code: "E1", why: "test", ...(outcome === "acknowledged" ? { how: "reply" as const, amountFen: 1n } : {}) },
      keys: [],
      saying,
      writeBackId: first.id,
    });
    assert.deepEqual([(await world.row(first.id))?.state, (await world.row(second.id))?.state], ["parked", next], outcome);
  }
});
