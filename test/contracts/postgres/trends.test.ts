/** The day's counts: what several processes count is added up by minute, partner and kind; what is a day old goes; a database that is away loses nothing counted. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createTrendCounter, createTrendReads } from "../../../platform/postgres/trends.ts";
import { createPostgres, type Postgres } from "../../../platform/postgres/index.ts";
import { testDatabase } from "./database.ts";

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

describe("trends of a day", () => {
  let database: Awaited<ReturnType<typeof testDatabase>>;
  let postgres: Postgres;
  before(async () => {
    database = await testDatabase();
    postgres = await createPostgres({ url: database.url, workerName: "trends", log });
  });
  after(async () => {
    await postgres.close();
    await database.drop();
  });
  const read = async (stepMinutes: number, partners: "*" | readonly string[] = "*") => {
    const answer = await createTrendReads(postgres.reads)({ stepMinutes, partners });
    assert.ok(answer.ok);
    return answer.value;
  };

  test("two processes add up; every step of the day is there; an account of one partner sees its own", async () => {
    const [one, other] = [createTrendCounter({ pool: postgres.pool, log }), createTrendCounter({ pool: postgres.pool, log })];
    one.count("his", "accepted", 3);
    one.count("", "parked");
    other.count("his", "accepted", 2);
    other.count("lis", "acknowledged");
    await Promise.all([one.write(), other.write()]);
    one.count("his", "accepted");
    await one.stop();
    await other.stop();
    // Yesterday, within the day and beyond it.
    await postgres.pool.query(
      `insert into trend select date_trunc('minute', huiliu_now()) - gap, 'his', 'accepted', n from (values (interval '23 hours', 10), (interval '24 hours 30 minutes', 100)) as v (gap, n)`,
    );
    const all = await read(15);
    assert.equal(all.points.length, 96);
    const sum = (of: "accepted" | "acknowledged" | "parked", trends: typeof all): number =>
      trends.points.reduce((total, point) => total + point[of], 0);
    assert.deepEqual([sum("accepted", all), sum("acknowledged", all), sum("parked", all)], [16, 1, 1]);
    const recent = new Map(all.partners.map(({ partner, ...counts }) => [partner, counts]));
    assert.deepEqual(recent.get("his"), { accepted: 6, acknowledged: 0, parked: 0 });
    assert.deepEqual(recent.get("lis"), { accepted: 0, acknowledged: 1, parked: 0 });
    assert.equal(recent.has(""), false, "what is nobody's in particular is no partner");
    assert.ok(
      all.points.every(({ at }, index) => index === 0 || Date.parse(at) - Date.parse(all.points[index - 1]?.at ?? "") === 15 * 60_000),
      "steps are whole and in order",
    );
    const mine = await read(60, ["lis"]);
    assert.deepEqual([mine.points.length, sum("accepted", mine), sum("acknowledged", mine), sum("parked", mine)], [24, 0, 1, 0]);
    assert.deepEqual(
      mine.partners.map(({ partner }) => partner),
      ["lis"],
    );
  });

  test("what could not be written is kept and written with the next; what is older than a day and an hour goes", async () => {
    await postgres.pool.query("delete from trend");
    await postgres.pool.query("insert into trend select date_trunc('minute', huiliu_now()) - interval '26 hours', 'his', 'accepted', 1");
    const counter = createTrendCounter({ pool: postgres.pool, log });
    counter.count("his", "parked", 2);
    await postgres.pool.query("alter table trend rename to trend_away");
    await assert.rejects(counter.write());
    await postgres.pool.query("alter table trend_away rename to trend");
    counter.count("his", "parked");
    await counter.write();
    await counter.stop();
    const { rows } = await postgres.pool.query("select partner, what, n from trend");
    assert.deepEqual(rows, [{ partner: "his", what: "parked", n: 3n }]);
  });
});
