/** The probes of the alarms stay cheap whatever is owed or was ever closed: each is answered by the partial index of one state, and a slow one is asked less often. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createMeasurer, REST_FACTOR } from "../../../platform/postgres/alarms-measure.ts";
import * as sql from "../../../platform/postgres/alarms-sql.ts";
import { mustBe, operationsWorld, PARTNERS, type World } from "./world.ts";

const CLOSED = 3_000;
const OWED = 300;

let world: World;
before(async () => {
  world = await operationsWorld();
  const { messageId } = await world.pay("P-1");
  const columns =
    "id, key, message_id, destination, kind, mapping, lane, lane_seq, cause_event_id, cause_type, content_type, charset, amount_fen, business_date, flow, node, state, next_at, owed_at, closed_at";
  await world.sql(
    `insert into write_back (${columns}) select gen_random_uuid(), 'k' || n, $1, 'his', 'k', 'm', 'lane-' || (n % 100), nextval('lane_seq'), 'e' || n, 't', 'x', 'utf-8', 1, '2026-11-20', 'f', 'n',
      case when n <= $2 then 'acknowledged' when n <= $2 + 100 then 'waiting' else 'queued' end, huiliu_now(), huiliu_now() - interval '20 minutes',
      case when n <= $2 then huiliu_now() end from generate_series(1, $2::integer + $3::integer) as n`,
    [messageId, CLOSED, OWED],
  );
  await world.sql("insert into destination (name, profile, seed_hash) values ('his', $1, '')", [
    JSON.stringify({ alarms: { backlog: 250 } }),
  ]);
});
after(() => world.close());

interface Node {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Name"?: string;
  readonly Plans?: readonly Node[];
}
const scans = (node: Node): string[] => [
  ...(node["Relation Name"] === "write_back" && node["Index Name"] !== undefined ? [node["Index Name"]] : []),
  ...(node["Node Type"] === "Bitmap Index Scan" ? [node["Index Name"] ?? ""] : []),
  ...(node["Node Type"] === "Seq Scan" && node["Relation Name"] === "write_back" ? ["a scan of everything"] : []),
  ...(node.Plans ?? []).flatMap(scans),
];

describe("probes", () => {
  const PROBES: readonly (readonly [string, string, readonly unknown[], readonly string[]])[] = [
    ["heads", sql.HEADS, [1], ["write_back_due", "write_back_parked", "write_back_sending"]],
    ["blocked lanes", sql.BLOCKED, [], ["write_back_blocking", "write_back_queue"]],
    ["held", sql.HELD, [1], ["write_back_held"]],
    ["queued", sql.QUEUED, ["his", 100], ["write_back_queue"]],
    ["the last hour", sql.LAST_HOUR, [], ["write_back_day"]],
  ];
  for (const [name, text, values, wanted] of PROBES)
    test(`${name}: by ${wanted.join(", ")}`, async () => {
      const client = await world.postgres.reads.connect();
      try {
        await client.query("begin; set local enable_seqscan = off");
        const { rows } = await client.query<{ "QUERY PLAN": readonly { Plan: Node }[] }>(`explain (format json) ${text}`, [...values]);
        const [root] = rows[0]?.["QUERY PLAN"] ?? [];
        assert.ok(root);
        assert.deepEqual([...new Set(scans(root.Plan))].sort(), [...wanted].sort());
      } finally {
        await client.query("rollback");
        client.release();
      }
    });

  test("numbers are right, a backlog is counted no further than the profile asks, and a probe rests after its work", async () => {
    let tick = 0;
    let asked = 0;
    let answered = 0;
    const measurer = createMeasurer({
      pool: world.postgres.pool,
      reads: world.postgres.reads,
      log: { debug() {}, info() {}, warn() {}, error() {} },
      living: () => world.postgres.worker.living(),
      partners: () => PARTNERS,
      totals: async (businessDate) => {
        asked += 1;
        tick += 20_000; // a slow one
        const sums = await world.operations.totals({ businessDate });
        answered += 1;
        return sums;
      },
      dead: async () => ({}),
      disk: async () => ({ totalBytes: 100, freeBytes: 50 }),
      tickMs: () => tick,
    });
    const his = (await measurer.measure()).destinations.find((one) => one.destination === "his");
    const [oldest] = await world.sql<{ ms: number }>(
      "select (extract(epoch from min(owed_at)) * 1000)::double precision as ms from write_back where state in ('waiting', 'queued')",
    );
    assert.equal(his?.oldestOwedMs, oldest?.ms);
    assert.equal(his?.owed, OWED - 100 + 101); // 200 queued, fewer than 250 · 100 heads and the one that was paid
    // The totals are asked beside the looks, which do not wait for them.
    const totals = async (wanted: number): Promise<number> => {
      // Its rest is counted from its end: the clock may not go on before.
      for (const until = performance.now() + 60_000; performance.now() < until && (asked < wanted || answered < asked); )
        await new Promise((resolve) => setTimeout(resolve, 5));
      await new Promise((resolve) => setTimeout(resolve, 20));
      return asked;
    };
    assert.equal(await totals(3), 3);
    tick += 600_000;
    await measurer.measure();
    assert.equal(await totals(3), 3, "a probe that took a minute was asked again after ten");
    tick += REST_FACTOR * 60_000;
    await measurer.measure();
    assert.equal(await totals(6), 6);
    mustBe(await world.operations.alarms.list({}));
  });
});
