/**
 * Searches of messages go by their indexes and open only days that can hold what is asked for, on tables filled as the benchmark fills them
 * (`npm run bench -- --only search --messages 10000000` measures the same at ten millions). The SQL is production's own.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { MessageFilter } from "../../../domain/operations/ports.ts";
import { createMessageSearch, idsOfKeys, pageSql } from "../../../platform/postgres/message-search.ts";
import { suffixOf, uuidFloor } from "../../../platform/postgres/partitions.ts";
import { createPool, type Pool } from "../../../platform/postgres/pool.ts";
import { type Filled, fill, PARTNER_NAMES, RARE_PARTNER } from "../../bench/search/fill.ts";
import { type TestDatabase, testDatabase } from "./database.ts";

const MESSAGES = 24_000;
const DAYS = 3;
const LAST = "ffffffff-ffff-ffff-ffff-ffffffffffff";

interface Node {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Name"?: string;
  readonly "Index Cond"?: string;
  readonly "Plan Rows"?: number;
  readonly Plans?: readonly Node[];
}
const nodesOf = (node: Node): readonly Node[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

describe("plans of searches", () => {
  let database: TestDatabase;
  let pool: Pool;
  let filled: Filled;
  before(async () => {
    database = await testDatabase();
    filled = await fill({ url: database.url, messages: MESSAGES, days: DAYS, ownServer: false, log: () => undefined });
    pool = createPool({ url: database.url, applicationName: "test search plans", max: 2, plans: "reads" });
  });
  after(async () => {
    await pool?.end();
    await database?.drop();
  });

  const planned = async (asked: { readonly sql: string; readonly values: readonly unknown[] }): Promise<readonly Node[]> => {
    const found = await pool.query<{ "QUERY PLAN": readonly { Plan: Node }[] }>(`explain (format json) ${asked.sql}`, [...asked.values]);
    const root = found.rows[0]?.["QUERY PLAN"][0]?.Plan;
    return root ? nodesOf(root) : [];
  };
  const readWhole = (nodes: readonly Node[]) =>
    nodes
      .filter((node) => node["Node Type"] === "Seq Scan" && !/_default$/.test(node["Relation Name"] ?? ""))
      .map((node) => node["Relation Name"]);
  const indexes = (nodes: readonly Node[]) => new Set(nodes.flatMap((node) => node["Index Name"] ?? []));
  /** Days of messages that the plan opens. */
  const opened = (nodes: readonly Node[]) =>
    new Set(nodes.flatMap((node) => (/^message_\d{8}$/.test(node["Relation Name"] ?? "") ? [node["Relation Name"]] : [])));
  const today = () => filled.days.at(-1) ?? "";
  const idOf = async (n: number): Promise<string> =>
    (
      await pool.query<{ id: string }>("select k.message_id as id from business_key k where k.kind = 's' and k.value = $1", [
        filled.serial(n),
      ])
    ).rows[0]?.id ?? "";

  const KEYS: readonly (readonly [what: string, of: (filled: Filled, n: number) => string, index: string])[] = [
    ["order no", (all, n) => all.order(n), "business_key_order"],
    ["patient no", (all, n) => all.patient(n), "business_key_patient"],
    ["bill no", (all, n) => all.bill(n), "business_key_bill"],
    ["serial", (all, n) => all.serial(n), "business_key_serial"],
    ["sender's id", (all, n) => all.identity(n), "message_identity_pkey"],
  ];
  for (const count of [1, 50]) {
    for (const [what, of, index] of KEYS) {
      test(`${count} × ${what}: by its index, whole tables left alone`, async () => {
        const keys = Array.from({ length: count }, (_, at) => of(filled, (at * 397) % MESSAGES));
        const nodes = await planned(idsOfKeys({ keys }, PARTNER_NAMES));
        assert.deepEqual(readWhole(nodes), []);
        assert.ok(indexes(nodes).has(index), [...indexes(nodes)].join(", "));
        for (const node of nodes.filter((one) => one["Index Name"])) assert.ok(node["Index Cond"], `${node["Index Name"]} is walked`);
      });
    }
  }

  test("messages that keys lead to: only their days are opened", async () => {
    const nodes = await planned(pageSql({}, { ids: [await idOf(10)] }, 51));
    assert.deepEqual(readWhole(nodes), []);
    assert.deepEqual([...opened(nodes)], [`message${suffixOf(filled.days[0] ?? "")}`]);
  });

  const SPANS: readonly (readonly [what: string, filter: MessageFilter, index: string])[] = [
    ["nothing else", {}, "pkey"],
    ["a common partner", { partner: "his" }, "pkey"],
    ["a rare partner", { partner: RARE_PARTNER }, "partner_kind_flow_state_idx"],
    [
      "a rare partner's flow and state",
      { partner: RARE_PARTNER, flow: "file-statements", state: "settled" },
      "partner_kind_flow_state_idx",
    ],
    ["failures", { state: "parked" }, "id_idx"],
  ];
  for (const [what, filter, index] of SPANS) {
    test(`a day's first page of ${what}: by ${index}, no other day opened`, async () => {
      const from = uuidFloor(Date.parse(`${today()}T00:00:00+08:00`));
      const nodes = await planned(pageSql(filter, { before: LAST, from }, 51));
      const day = `message${suffixOf(today())}`;
      assert.deepEqual(readWhole(nodes), []);
      assert.ok(indexes(nodes).has(`${day}_${index}`), [...indexes(nodes)].join(", "));
      assert.deepEqual(
        [...opened(nodes)].filter((name) => name !== undefined && name < day),
        [],
      );
    });
  }

  test("a kind belongs to its partner: together they are not taken for rarer than they are", async () => {
    const day = `message${suffixOf(today())}`;
    const sql = `select m.id from ${day} m where m.partner = $1 and m.kind = $2 and m.flow = $3`;
    for (const values of [
      ["pacs", "mpps-set", "exam-charges"],
      ["nhsa", "2206", "insurance-settlement"],
    ]) {
      const [root] = await planned({ sql, values });
      const rows = (await pool.query(sql, values)).rowCount ?? 0;
      const expected = root?.["Plan Rows"] ?? 0;
      assert.ok(rows > 0 && expected > rows / 2 && expected < rows * 2, `${expected} expected, ${rows} there`);
    }
  });

  test("a list that is looked up in parts: every message once, newest first, page by page, whatever filters", async () => {
    const search = createMessageSearch({ reads: pool, partners: () => PARTNER_NAMES.map((partner) => ({ partner }) as never) });
    const of = [filled.order, filled.bill, filled.serial, filled.identity, filled.patient];
    const keys = Array.from({ length: 70 }, (_, at) => of[at % of.length]?.((at * 331) % MESSAGES) ?? "");
    keys.push(await idOf(5), await idOf(5_000), filled.serial(0), "nobody's");
    for (const filter of [{}, { partner: "his" }, { state: "settled", limit: 50 }, { fromMs: Date.parse(`${today()}T00:00:00+08:00`) }]) {
      const truth = await pool.query<{ id: string }>(
        `select m.id from message m where (m.id in (select k.message_id from business_key k where k.value = any($1)) or m.identity = any($1) or m.id::text = any($1))
           and ($2::text is null or m.partner = $2) and ($3::text is null or m.state = $3) and m.id >= $4::uuid order by m.id desc`,
        [keys, filter.partner ?? null, filter.state ?? null, uuidFloor(filter.fromMs ?? 0)],
      );
      assert.ok(truth.rows.length > 7, `${truth.rows.length} with ${JSON.stringify(filter)}`);
      const seen: string[] = [];
      for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
        const page = await search.messages({ limit: 7, ...filter, keys, ...(cursor === undefined ? {} : { after: cursor }) });
        assert.ok(page.ok);
        if (first) assert.deepEqual(page.value.unknown, ["nobody's"]);
        assert.ok(page.value.items.every((one) => one.legs !== undefined));
        seen.push(...page.value.items.map((one) => one.id));
        cursor = page.value.after;
      }
      assert.deepEqual(
        seen,
        truth.rows.map(({ id }) => id),
        JSON.stringify(filter),
      );
    }
  });

  test("every question of the benchmark finds what was put there", async () => {
    const search = createMessageSearch({ reads: pool, partners: () => PARTNER_NAMES.map((partner) => ({ partner }) as never) });
    const counted = async (filter: MessageFilter): Promise<number> => {
      const found = await search.messages(filter);
      assert.ok(found.ok);
      return found.value.items.length;
    };
    assert.equal(await counted({ keys: [filled.order(100)] }), 2);
    assert.equal(await counted({ keys: [filled.bill(99)] }), 3);
    assert.equal(await counted({ keys: [filled.serial(7)] }), 1);
    assert.equal(await counted({ keys: [filled.identity(7)] }), 1);
    assert.equal(await counted({ keys: [await idOf(7)] }), 1);
    assert.equal(await counted({ keys: Array.from({ length: 50 }, (_, n) => filled.serial(n * 300)) }), 50);
    assert.equal(await counted({ keys: [filled.order(100)], fromMs: Date.now() }), 0);
    const parked = await pool.query("select 1 from message where state = 'parked' limit 50");
    assert.equal(await counted({ state: "parked" }), parked.rowCount);
    const rare = await pool.query("select 1 from message where partner = $1 limit 50", [RARE_PARTNER]);
    assert.equal(await counted({ partner: RARE_PARTNER }), rare.rowCount);
  });
});
