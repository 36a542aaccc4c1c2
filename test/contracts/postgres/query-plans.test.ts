/**
 * Every hot statement is planned to look up by key: in an empty database (a plan made then is kept while the tables grow) and with 100,000 rows.
 * The SQL is production's own.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import * as acknowledgements from "../../../platform/postgres/acknowledgements-sql.ts";
import { NAMING } from "../../../platform/postgres/reversals-ahead.ts";
import * as journal from "../../../platform/postgres/journal-sql.ts";
import * as failures from "../../../platform/postgres/failure-groups.ts";
import * as overtaken from "../../../platform/postgres/overtaken.ts";
import * as outbox from "../../../platform/postgres/outbox.ts";
import * as replay from "../../../platform/postgres/replay-sql.ts";
import * as settle from "../../../platform/postgres/settle-sql.ts";
import { dayOf, daysOf } from "../../../platform/postgres/sql.ts";
import * as writeBacks from "../../../platform/postgres/write-back-sql.ts";
import { uuidFloor } from "../../../platform/postgres/partitions.ts";
import { type PostgresWorld, postgresWorld } from "./world.ts";

const ROWS = 100_000;

interface Node {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Name"?: string;
  readonly "Index Cond"?: string;
  readonly Plans?: readonly Node[];
}

interface Hot {
  readonly name: string;
  readonly sql: string;
  /** Indexes that must be used; a day's own end with its date. */
  readonly indexes: readonly string[];
  /** Read in order from their beginning up to a limit, not looked up. */
  readonly ordered?: RegExp;
}

function hotStatements(messageId: string): readonly Hot[] {
  const days = daysOf([messageId], () => true);
  const day = `_${dayOf(messageId).replaceAll("-", "")}`;
  const eventOnce = `event${day}_message_id_hashtextextended_idx`;
  return [
    {
      name: "journal: reclaim",
      sql: journal.RECLAIM,
      indexes: [`message${day}_seq_idx`, `message${day}_pkey`],
      ordered: /^message_.*_seq_idx$/,
    },
    // Rare, and only over open work: it reads the partial index of what is received.
    { name: "journal: disown", sql: journal.DISOWN, indexes: [`message${day}_seq_idx`], ordered: /^message_.*_seq_idx$/ },
    { name: "journal: extend", sql: journal.extend(days), indexes: [`message${day}_pkey`] },
    { name: "journal: regain", sql: journal.regain(days), indexes: [`message${day}_pkey`] },
    { name: "journal: release", sql: journal.release(days), indexes: [`message${day}_pkey`] },
    { name: "journal: identity's owner", sql: journal.OWNERS, indexes: ["message_identity_pkey", `message${day}_pkey`] },
    { name: "journal: conflicts", sql: journal.CONFLICTS, indexes: ["message_conflict_pkey"] },
    { name: "journal: exchange parts", sql: journal.PARTS, indexes: ["exchange_part_pkey"] },
    { name: "journal: complete an exchange", sql: journal.completeMessages(days), indexes: [`message${day}_pkey`] },
    { name: "journal: lonely parts", sql: journal.LONELY, indexes: [`message${day}_received_at_idx`] },
    { name: "failures: enter groups", sql: failures.ENTER_GROUPS, indexes: ["write_back_pkey"] },
    { name: "failures: count", sql: failures.UPSERT_GROUPS, indexes: [] },
    { name: "replay: due items", sql: replay.DUE_ITEMS, indexes: ["replay_item_state", "replay_item_lane"] },
    { name: "replay: claim items", sql: replay.MARK, indexes: ["replay_item_state", "replay_item_open", "replay_item_pkey"] },
    { name: "replay: step items", sql: replay.STEP_ITEMS, indexes: ["replay_item_pkey"] },
    {
      name: "replay: follow write-backs",
      sql: replay.FOLLOW_WRITE_BACKS,
      indexes: ["replay_item_state", "write_back_pkey", "replay_item_pkey"],
    },
    { name: "replay: lock write-backs", sql: replay.LOCK_WRITE_BACKS, indexes: ["write_back_pkey", "write_back_copies"] },
    { name: "replay: do them again", sql: replay.REPLAY_MANY, indexes: ["write_back_pkey", "write_back_head"] },
    { name: "settle: fence", sql: settle.fence(days), indexes: [`message${day}_pkey`] },
    { name: "settle: fence event deliveries", sql: settle.FENCE_DELIVERIES, indexes: ["event_delivery_pkey"] },
    { name: "settle: facts", sql: settle.FACTS, indexes: ["business_identity_pkey"] },
    { name: "settle: stored events", sql: settle.storedEvents(days), indexes: [eventOnce] },
    { name: "settle: bills", sql: settle.BILLS, indexes: ["bill_pkey"] },
    { name: "settle: held write-backs", sql: settle.HELD, indexes: ["write_back_held"] },
    { name: "settle: existing write-backs", sql: settle.EXISTING, indexes: ["write_back_key_key", `write_back_body${day}_pkey`] },
    { name: "settle: busy lanes", sql: settle.BUSY, indexes: ["write_back_head", "write_back_queue", "write_back_of_order"] },
    { name: "settle: shut lanes", sql: settle.SHUT, indexes: ["destination_pkey", "lane_hold_pkey"] },
    {
      name: "settle: open write-backs of orders",
      sql: overtaken.OPEN_OF_ORDERS,
      indexes: ["write_back_head", "write_back_queue", "write_back_held", "write_back_of_order", "write_back_passed_by"],
      ordered: /^destination_pkey$/,
    },
    { name: "settle: lock open write-backs", sql: overtaken.LOCK_OPEN, indexes: ["write_back_pkey"] },
    { name: "settle: supersede", sql: overtaken.SUPERSEDE, indexes: ["write_back_pkey"] },
    { name: "settle: hold again", sql: overtaken.HOLD_AGAIN, indexes: ["write_back_pkey"] },
    { name: "settle: release held", sql: settle.RELEASE_HELD, indexes: ["write_back_pkey"] },
    {
      name: "settle: keys of a further run",
      sql: settle.INSERT_KEYS_AGAIN,
      indexes: ["order", "patient", "visit", "bill", "serial", "message"].map((kind) => `business_key_${kind}`),
    },
    { name: "settle: messages", sql: settle.updateMessages(days), indexes: [`message${day}_pkey`] },
    { name: "settle: reclaim events", sql: settle.RECLAIM_EVENTS, indexes: ["event_delivery_open"], ordered: /^event_delivery_open$/ },
    {
      name: "write-backs: claim",
      sql: writeBacks.CLAIM,
      indexes: ["write_back_due", "write_back_pkey", "write_back_queue", "destination_pkey", "lane_hold_pkey"],
    },
    { name: "write-backs: bodies", sql: writeBacks.bodies(days), indexes: [`write_back_body${day}_pkey`] },
    { name: "write-backs: strays", sql: writeBacks.STRAYS, indexes: ["write_back_sending"] },
    { name: "write-backs: expire", sql: writeBacks.EXPIRE, indexes: ["write_back_sending", `attempt${day}_pkey`] },
    { name: "acknowledgements: by key", sql: acknowledgements.FIND.key, indexes: ["write_back_key_key"] },
    { name: "acknowledgements: by serial", sql: acknowledgements.FIND.serial, indexes: ["business_key_serial", "write_back_message"] },
    {
      name: "acknowledgements: by the partner's number",
      sql: acknowledgements.FIND.reference,
      indexes: ["write_back_reference_pkey", "write_back_pkey"],
    },
    { name: "acknowledgements: lock", sql: acknowledgements.LOCK, indexes: ["write_back_pkey", "write_back_queue"] },
    { name: "reversals ahead: who names the settlement", sql: NAMING, indexes: ["business_key_message", "business_key_serial"] },
    { name: "write-backs: fence", sql: writeBacks.FENCE, indexes: ["write_back_pkey"] },
    { name: "write-backs: end attempts", sql: writeBacks.endAttempts(days), indexes: [`attempt${day}_pkey`, "write_back_pkey"] },
    { name: "write-backs: promote", sql: writeBacks.PROMOTE, indexes: ["write_back_queue", "write_back_head", "write_back_pkey"] },
    { name: "write-backs: next due", sql: writeBacks.NEXT_DUE, indexes: ["write_back_due", "write_back_sending"] },
    { name: "outbox: pending", sql: outbox.PENDING, indexes: ["outbox_pkey", eventOnce] },
    { name: "outbox: done", sql: outbox.DONE, indexes: ["outbox_pkey"] },
  ];
}

const nodesOf = (node: Node): readonly Node[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

const SEED = [
  `insert into message (id, seq, door, partner, kind, headers, raw, received_at, state, state_at, run)
   select ('UUID' || lpad(to_hex(n), 12, '0'))::uuid, n, 'amqp', 'his', 'charge', '{}', 'x', huiliu_now(),
     case when n % 50 = 0 then 'received' when n % 997 = 0 then 'awaiting-part' else 'settled' end, huiliu_now(), 1 from generate_series(1, ROWS) n`,
  "insert into message_identity select 'his', 'i' || n, ('UUID' || lpad(to_hex(n), 12, '0'))::uuid, 'f' from generate_series(1, ROWS) n",
  "insert into exchange_part select 'his', 'k', 'x' || n, 'request', ('UUID' || lpad(to_hex(n), 12, '0'))::uuid, 'f', huiliu_now() from generate_series(1, ROWS) n",
  "insert into business_identity select 'his', 'b' || n, ('UUID' || lpad(to_hex(n), 12, '0'))::uuid, 'e' || n, 'f' from generate_series(1, ROWS) n",
  "insert into bill select 'bill:' || n, '{}', huiliu_now() from generate_series(1, ROWS) n",
  `insert into event select ('UUID' || lpad(to_hex(n), 12, '0'))::uuid, 'e' || n, n, 0, 't', 's', 'his', null, null, huiliu_now(), true, '\\x00' from generate_series(1, ROWS) n`,
  "insert into outbox select n, 'e' || n, ('UUID' || lpad(to_hex(n), 12, '0'))::uuid from generate_series(1, ROWS) n",
  `insert into event_delivery select 'node', 'e' || n, ('UUID' || lpad(to_hex(n), 12, '0'))::uuid, n, 'received', huiliu_now() from generate_series(1, ROWS) n`,
  `insert into write_back (id, key, message_id, destination, kind, mapping, lane, lane_seq, bill, cause_event_id, cause_type, content_type, charset, business_date,
     flow, node, state, next_at, owed_at, closed_at, lease_worker, lease_until)
   select ('UUID' || lpad(to_hex(n), 12, '0'))::uuid, 'k' || n, ('UUID' || lpad(to_hex(n), 12, '0'))::uuid, 'his', 'c', 'm', 'bill:' || n / 5 * 5,
     n, 'bill:' || n, 'e', 't', 'x', 'y', '2026-11-20', 'f', 'n', s, huiliu_now(), huiliu_now(), case when s = 'acknowledged' then huiliu_now() end, 0, huiliu_now()
   from (select n, case when n % 5 = 0 then (array['waiting', 'sending', 'acknowledged'])[1 + n / 5 % 3] when n % 5 = 1 then 'held'
     else 'queued' end as s from generate_series(1, ROWS) n) as r`,
  "insert into write_back_body select message_id, id, 'x' from write_back",
  "insert into attempt (message_id, write_back_id, n, action, started_at, worker) select message_id, id, 1, 'send', huiliu_now(), 0 from write_back",
];

describe("query plans", () => {
  let world: PostgresWorld;
  let messageId = "";
  before(async () => {
    world = await postgresWorld();
    messageId = uuidFloor((await world.own.now()).ms);
  });
  after(() => world.close());

  /** The generic plan, as the stores' connections make it. */
  const plan = async (sql: string): Promise<readonly Node[]> => {
    const client = await world.own.pool.connect();
    try {
      await client.query(`prepare hot as ${sql}`);
      const count = Math.max(0, ...[...sql.matchAll(/\$(\d+)/g)].map((found) => Number(found[1])));
      const explained = await client.query<{ "QUERY PLAN": readonly { Plan: Node }[] }>(
        `explain (format json) execute hot${count === 0 ? "" : `(${Array.from({ length: count }, () => "null").join(", ")})`}`,
      );
      const root = explained.rows[0]?.["QUERY PLAN"][0]?.Plan;
      return root ? nodesOf(root) : [];
    } finally {
      await client.query("deallocate all");
      client.release(true);
    }
  };

  for (const seeded of [false, true]) {
    test(`with ${seeded ? ROWS : 0} rows every hot statement goes by its index`, async (context) => {
      if (seeded) {
        const prefix = `${messageId.slice(0, 24)}`;
        for (const text of SEED) await world.own.reads.query(text.replaceAll("UUID", prefix).replaceAll("ROWS", String(ROWS)));
        await world.own.reads.query("analyze");
      }
      for (const hot of hotStatements(messageId)) {
        await context.test(hot.name, async () => {
          const nodes = await plan(hot.sql);
          const whole = nodes.filter((node) => node["Node Type"] === "Seq Scan" && node["Relation Name"] !== "huiliu_clock");
          assert.deepEqual(
            whole.map((node) => node["Relation Name"]),
            [],
            "reads a whole table",
          );
          const walked = nodes.filter(
            (node) => node["Index Name"] && node["Index Cond"] === undefined && !hot.ordered?.test(node["Index Name"]),
          );
          assert.deepEqual(
            walked.map((node) => node["Index Name"]),
            [],
            "walks a whole index",
          );
          const used = new Set(nodes.flatMap((node) => node["Index Name"] ?? []));
          for (const index of hot.indexes) assert.ok(used.has(index), `${index} is not used; used: ${[...used].join(", ")}`);
        });
      }
    });
  }
});
