/** What only a real server can show: bad rows, cut COMMITs, dead workers, days, changed migrations. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { type Begun, fateOf } from "../../../platform/postgres/group-commit.ts";
import { createPostgres } from "../../../platform/postgres/index.ts";
import { MigrationRefused, migrate } from "../../../platform/postgres/migrate.ts";
import { dayBounds, PARTITIONED, uuidFloor } from "../../../platform/postgres/partitions.ts";
import { createPool } from "../../../platform/postgres/pool.ts";
import { inbound } from "../journal.ts";
import { endOf, freshDestination } from "../write-backs.ts";
import { testDatabase } from "./database.ts";
import { proxyTo } from "./proxy.ts";
import { oweOne, type PostgresWorld, parkedEvent, postgresWorld } from "./world.ts";

const NUL = "a\u0000b";

describe("PostgreSQL under faults", () => {
  let world: PostgresWorld;
  before(async () => {
    world = await postgresWorld();
  });
  after(() => world.close());
  const count = async (text: string, values: readonly unknown[] = []): Promise<number> =>
    Number((await world.own.reads.query<{ n: bigint }>(text, [...values])).rows[0]?.n ?? 0n);

  test("a row the database refuses fails alone; its 255 neighbours are committed (design.md decision 4)", async () => {
    const journal = world.own.journal({ parkedEvent });
    const all = Array.from({ length: 256 }, (_, index) => inbound(index === 100 ? { charset: NUL } : {}));
    const told = await Promise.allSettled(all.map((each) => journal.append(each)));
    assert.deepEqual(
      told.map((each, index) => (each.status === "rejected" ? index : -1)).filter((index) => index >= 0),
      [100],
    );
    const identities = all.map((each) => each.identity);
    assert.equal(await count("select count(*) as n from message where identity = any($1::text[])", [identities]), 255);
  });

  for (const where of ["before", "after"] as const) {
    test(`a COMMIT cut ${where} the server did it is looked up before anyone is answered: each message once`, async () => {
      const proxy = await proxyTo(world.database.url);
      const postgres = await createPostgres({ url: proxy.url, workerName: "cut" });
      const journal = postgres.journal({ parkedEvent });
      for (let round = 0; round < 3; round += 1) {
        const cutBefore = proxy.cuts();
        proxy.cutNextCommit(where);
        const all = Array.from({ length: 50 }, () => inbound());
        const told = await Promise.all(all.map((each) => journal.append(each)));
        assert.deepEqual([...new Set(told.map((each) => each.kind))], ["accepted"]);
        assert.equal(proxy.cuts(), cutBefore + 1);
        const ids = told.map((each) => (each.kind === "accepted" ? each.message.id : ""));
        assert.equal(await count("select count(*) as n from message where id = any($1::uuid[])", [ids]), 50, "what was answered is stored");
        assert.equal(
          await count("select count(*) as n from message where identity = any($1::text[])", [all.map((each) => each.identity)]),
          50,
        );
      }
      await postgres.close();
      await proxy.close();
    });
  }

  test("after a crash a transaction number says nothing: it may have been given to another (S0-42)", async () => {
    const { pool } = world.own;
    const begun = await pool.query<Begun>("select pg_current_xact_id()::text as xid, (select id::text from server_life) as life");
    const [committed] = begun.rows;
    assert.ok(committed?.life);
    const soon = (): number => performance.now() + 2_000;
    assert.equal(await fateOf(pool, committed, performance.now() + 60_000), "committed");
    assert.equal(await fateOf(pool, { ...committed, life: null }, soon()), "unknown");
    // What was given last before a crash may not be given yet after it: such a number of another life is no error, or whoever waits would be told that his data is bad.
    assert.equal(await fateOf(pool, { xid: String(BigInt(committed.xid) + 1_000_000n), life: "0" }, soon()), "unknown");
    await pool.query("truncate server_life"); // what crash recovery does to an unlogged table
    assert.equal(await fateOf(pool, committed, soon()), "unknown");
    const next = await pool.query<{ life: string }>("select id::text as life from server_life");
    assert.notEqual(next.rows[0]?.life, committed.life);
    const known = await pool.query("select relpersistence from pg_class where relname = 'server_life'");
    assert.equal(known.rows[0]?.relpersistence, "u");
  });

  test("a server that is away is JournalGone for the sender, and nothing was stored; then it goes on", async () => {
    const proxy = await proxyTo(world.database.url);
    const postgres = await createPostgres({ url: proxy.url, workerName: "away", goneAfterMs: 300 });
    const journal = postgres.journal({ parkedEvent });
    const writeBacks = postgres.writeBacks({});
    proxy.shut();
    const lost = inbound();
    await assert.rejects(journal.append(lost), { name: "JournalGone" });
    await assert.rejects(journal.reclaim(1), { name: "JournalGone" });
    await assert.rejects(writeBacks.claim("nobody", 1, 1_000, "ask"), { name: "JournalGone" });
    proxy.open();
    // It waits 0.3 s for its server; a loaded machine may need more for a new connection.
    let again = "JournalGone";
    for (const end = performance.now() + 60_000; again === "JournalGone" && performance.now() < end; )
      again = await journal.append(lost).then(
        (one) => one.kind,
        (error: Error) => error.name,
      );
    assert.equal(again, "accepted");
    await postgres.close();
    await proxy.close();
  });

  test("two stores claim from one destination: no head twice, every lane in order (I2, I5)", async () => {
    const stores = { journal: world.own.journal({ parkedEvent }), settle: world.own.settle({ parkedEvent, after: () => undefined }) };
    const destination = freshDestination();
    const LANES = 20;
    const EACH = 10;
    for (let index = 0; index < EACH; index += 1) {
      await Promise.all(
        Array.from({ length: LANES }, (_, lane) => oweOne(stores, { key: `c ${lane} ${index}`, lane: `bill:c${lane}`, destination })),
      );
    }
    const other = await world.connect();
    const done: { readonly lane: string; readonly key: string }[] = [];
    const drain = async (store: ReturnType<typeof other.writeBacks>): Promise<void> => {
      for (let idle = 0; idle < 20; ) {
        const claims = await store.claim(destination, 7, 30_000, "ask");
        idle = claims.length === 0 ? idle + 1 : 0;
        for (const claimed of claims) done.push({ lane: claimed.lane, key: claimed.key });
        assert.ok((await Promise.all(claims.map((claimed) => store.settle(endOf(claimed))))).every((each) => each === "settled"));
      }
    };
    await Promise.all([drain(world.own.writeBacks({})), drain(other.writeBacks({}))]);
    assert.equal(done.length, LANES * EACH);
    for (let lane = 0; lane < LANES; lane += 1) {
      const keys = done.filter((each) => each.lane === `bill:c${lane}`).map((each) => each.key);
      assert.deepEqual(
        keys,
        Array.from({ length: EACH }, (_, index) => `c ${lane} ${index}`),
      );
    }
  });

  test("a dead worker's claims come back at once as unclear; the sweep says where", async () => {
    const stores = { journal: world.own.journal({ parkedEvent }), settle: world.own.settle({ parkedEvent, after: () => undefined }) };
    const destination = freshDestination();
    const id = await oweOne(stores, { key: "dead", lane: "bill:dead", destination });
    const dying = await world.connect();
    const [claimed] = await dying.writeBacks({}).claim(destination, 1, 30_000, "ask");
    assert.equal(claimed?.id, id);
    const due: string[] = [];
    const mine = world.own.writeBacks({ due: (destinations) => due.push(...destinations) });
    assert.deepEqual(await mine.claim(destination, 1, 30_000, "ask"), []);
    await dying.worker.close();
    assert.equal(await mine.sweep(), 1);
    assert.deepEqual(due, [destination]);
    const [again] = await mine.claim(destination, 1, 30_000, "ask");
    assert.deepEqual([again?.action, again?.because, again?.sinceLastPossibleSendMs], ["ask", "lease-expired", 0]);
    const open = "select count(*) as n from attempt where write_back_id = $1 and outcome = 'unclear' and n = 1 and ended_at is not null";
    assert.equal(await count(open, [id]), 1);
  });

  test("the sweep gives a headless lane its head", async () => {
    const stores = { journal: world.own.journal({ parkedEvent }), settle: world.own.settle({ parkedEvent, after: () => undefined }) };
    const destination = freshDestination();
    const first = await oweOne(stores, { key: "h1", lane: "bill:h", destination });
    await oweOne(stores, { key: "h2", lane: "bill:h", destination });
    await world.own.reads.query("update write_back set state = 'resolved', closed_at = huiliu_now() where id = $1", [first]);
    const store = world.own.writeBacks({});
    assert.deepEqual(await store.claim(destination, 9, 30_000, "ask"), []);
    assert.ok((await store.sweep()) >= 1);
    assert.deepEqual(
      (await store.claim(destination, 9, 30_000, "ask")).map((each) => each.key),
      ["h2"],
    );
  });

  test("a second head of a lane cannot be committed", async () => {
    const twice =
      "update write_back set state = 'parked' where lane = 'bill:h' and destination = (select destination from write_back where key = 'h1')";
    await assert.rejects(world.own.reads.query(twice), { code: "23505" });
  });

  test("days are cut at midnight in China (decision 22)", async () => {
    const { from, to } = dayBounds("2026-11-20");
    assert.deepEqual([from, to], [uuidFloor(Date.parse("2026-11-19T16:00:00Z")), uuidFloor(Date.parse("2026-11-20T16:00:00Z"))]);
    const database = await testDatabase();
    const start = Date.parse("2027-03-01T15:59:59.000Z");
    const postgres = await createPostgres({ url: database.url, workerName: "midnight", clockOffsetMs: start - Date.now() });
    const journal = postgres.journal({ parkedEvent });
    const tableOf = async (): Promise<string> => {
      const journaled = await journal.append(inbound());
      assert.equal(journaled.kind, "accepted");
      const id = journaled.kind === "accepted" ? journaled.message.id : "";
      return (
        (await postgres.reads.query<{ name: string }>("select tableoid::regclass::text as name from message where id = $1", [id])).rows[0]
          ?.name ?? ""
      );
    };
    await postgres.setClockOffset(start - Date.now());
    assert.equal(await tableOf(), "message_20270301");
    await postgres.setClockOffset(start + 1_500 - Date.now());
    assert.equal(await tableOf(), "message_20270302");
    await postgres.setClockOffset(start + 30 * 86_400_000 - Date.now());
    assert.equal(await tableOf(), "message_default", "a day nobody made");
    assert.equal((await postgres.ensurePartitions(0)).length, Object.keys(PARTITIONED).length);
    assert.equal((await postgres.reads.query("select 1 from message_20270331")).rowCount, 1, "its row was moved");
    assert.equal((await postgres.reads.query("select 1 from message_default")).rowCount, 0);
    await postgres.close();
    await database.drop();
  });

  test("a migration changed after it was applied is refused, one of a newer version too", async () => {
    const database = await testDatabase();
    const pool = createPool({ url: database.url, applicationName: "test", max: 2, plans: "reads" });
    const folder = await mkdtemp(join(tmpdir(), "huiliu-migrations-"));
    const url = pathToFileURL(`${folder}/`);
    assert.deepEqual(await migrate(pool), [], "the template has them all");
    await assert.rejects(migrate(pool, url), MigrationRefused);
    await writeFile(join(folder, "001-foundation.sql"), "select 1");
    await assert.rejects(migrate(pool, url), /was changed after it was applied/);
    await pool.end();
    await database.drop();
    await rm(folder, { recursive: true });
  });

  test("what a person did cannot be altered", async () => {
    const { reads } = world.own;
    await reads.query(
      "insert into operator_action (at, who, action, target_kind, target_id, reason) values (huiliu_now(), 'w', 'a', 'message', '1', 'r')",
    );
    for (const text of ["update operator_action set who = 'x'", "delete from operator_action", "truncate operator_action"]) {
      await assert.rejects(reads.query(text), /append-only/);
    }
  });
});
