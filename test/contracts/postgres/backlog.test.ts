/**
 * 200,000 write-backs owed in 20,000 lanes, 200 of them held by a person, at a destination with a gate: a claim touches what it claims and little else. Pages, not
 * milliseconds: they say the same on every machine. `npm run bench -- --backlog` says how fast it is.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { uuidFloor } from "../../../platform/postgres/partitions.ts";
import * as sql from "../../../platform/postgres/write-back-sql.ts";
import { endOf } from "../write-backs.ts";
import { type PostgresWorld, postgresWorld } from "./world.ts";

const PENDING = 200_000;
const LANES = 20_000;
const HELD = 200;
const CLAIM = 128;
const LEASE_MS = 60_000;
const DESTINATION = "deep";
/** Of one claimed head: the due index, its row and the new one, six index entries, the attempt, its lane's queue; about half of it was counted when this was written. */
const PAGES_PER_CLAIM = 120;
/** Heads of held lanes come first and are passed over. */
const PAGES_PER_HELD = 10;
const PAGES_OF_A_LOOK = 200 + HELD * PAGES_PER_HELD;

let world: PostgresWorld;
before(async () => {
  world = await postgresWorld();
  const prefix = uuidFloor((await world.own.now()).ms).slice(0, 24);
  const id = `('${prefix}' || lpad(to_hex(n), 12, '0'))::uuid`;
  const seed = [
    `insert into destination (name, profile, seed_hash) values ('${DESTINATION}', '{}', '')`,
    `insert into write_back (id, key, message_id, destination, kind, mapping, lane, lane_seq, cause_event_id, cause_type, content_type, charset, business_date,
       flow, node, state, next_at, owed_at)
     select ${id}, 'k' || n, ${id}, '${DESTINATION}', 'c', 'm', 'bill:' || n % ${LANES}, n, 'e', 't', 'x', 'y', '2026-11-20', 'f', 'n',
       case when n < ${LANES} then 'waiting' else 'queued' end, case when n < ${LANES} then huiliu_now() end, huiliu_now() from generate_series(0, ${PENDING - 1}) n`,
    "insert into write_back_body select message_id, id, '\\x0078' from write_back",
    `insert into lane_hold select '${DESTINATION}', 'bill:' || n, 'test', huiliu_now(), 'test' from generate_series(0, ${HELD - 1}) n`,
    "analyze",
  ];
  for (const text of seed) await world.own.reads.query(text);
});
after(() => world.close());

interface Explained {
  readonly "Shared Hit Blocks": number;
  readonly "Shared Read Blocks": number;
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly Plans?: readonly Explained[];
}
const nodesOf = (node: Explained): readonly Explained[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

/** Runs a statement of the store as its connections plan it, and takes it back. */
async function pagesOf(text: string, values: string): Promise<{ readonly pages: number; readonly wholes: readonly string[] }> {
  const client = await world.own.pool.connect();
  try {
    await client.query("begin");
    await client.query(`prepare deep as ${text}`);
    const told = await client.query<{ "QUERY PLAN": readonly { Plan: Explained }[] }>(
      `explain (analyze, buffers, format json) execute deep(${values})`,
    );
    const root = told.rows[0]?.["QUERY PLAN"][0]?.Plan;
    assert.ok(root);
    const wholes = nodesOf(root).flatMap((node) =>
      node["Node Type"] === "Seq Scan" && node["Relation Name"] ? [node["Relation Name"]] : [],
    );
    return { pages: root["Shared Hit Blocks"] + root["Shared Read Blocks"], wholes };
  } finally {
    await client.query("rollback");
    client.release(true);
  }
}

test("a claim touches the heads it claims, not the backlog", async () => {
  const { pages, wholes } = await pagesOf(sql.CLAIM, `'${DESTINATION}', ${CLAIM}, 1, ${LEASE_MS}, 'ask', null`);
  assert.deepEqual(
    wholes.filter((name) => name !== "huiliu_clock"),
    [],
  );
  assert.ok(pages <= CLAIM * PAGES_PER_CLAIM + HELD * PAGES_PER_HELD, `${pages} pages for ${CLAIM} claims`);
  process.stdout.write(`${pages} pages for ${CLAIM} claims\n`);
});

test("when the next head is due is told without reading the backlog", async () => {
  const { pages } = await pagesOf(sql.NEXT_DUE, `'${DESTINATION}'`);
  assert.ok(pages <= PAGES_OF_A_LOOK, `${pages} pages`);
});

test("claimed and settled, each lane's next becomes its head; held lanes stay as they are", async () => {
  const store = world.own.writeBacks({ strayCheckMs: 0 });
  const claims = await store.claim(DESTINATION, CLAIM, LEASE_MS, "ask");
  assert.equal(claims.length, CLAIM);
  assert.ok(claims.every((one) => Number(one.lane.slice("bill:".length)) >= HELD));
  const ends = await Promise.all(claims.map((one) => store.settle(endOf(one))));
  assert.deepEqual(new Set(ends), new Set(["settled"]));
  const told = await world.own.reads.query<{ n: bigint }>(
    "select count(*) as n from write_back where lane = any($1) and state = 'waiting'",
    [claims.map((one) => one.lane)],
  );
  assert.equal(Number(told.rows[0]?.n), CLAIM);
});
