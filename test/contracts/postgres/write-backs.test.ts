import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { writeBackContract } from "../write-backs.ts";
import { oweOne, parkedEvent, type PostgresWorld, postgresWorld, writeBackWorld } from "./world.ts";

writeBackContract("PostgreSQL", writeBackWorld);

let world: PostgresWorld;
before(async () => {
  world = await postgresWorld();
});
after(() => world.close());

test("a write-back without a body is claimed to be parked, and its neighbours go on", async () => {
  const postgres = await world.connect();
  const stores = { journal: postgres.journal({ parkedEvent }), settle: postgres.settle({ parkedEvent, after: () => undefined }) };
  const writeBacks = postgres.writeBacks({});
  for (const key of ["bare", "whole"]) await oweOne(stores, { key, lane: `bill:${key}`, destination: "bodies" });
  await postgres.pool.query("delete from write_back_body b using write_back w where w.id = b.write_back_id and w.key = 'bare'");
  const claims = await writeBacks.claim("bodies", 10, 30_000, "ask");
  assert.deepEqual(claims.map(({ key, action, because, body }) => [key, action, because, body.byteLength > 0]).sort(), [
    ["bare", "park", "no-body", false],
    ["whole", "send", undefined, true],
  ]);
});
