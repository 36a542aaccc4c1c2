import assert from "node:assert/strict";
import { test } from "node:test";
import pg from "pg";

test("private servers are reachable at the addresses the runner gives", async () => {
  const client = new pg.Client({ connectionString: process.env.HUILIU_TEST_POSTGRES_URL });
  await client.connect();
  const { rows } = await client.query("show fsync");
  assert.equal(rows[0].fsync, "on");
  await client.end();
});
