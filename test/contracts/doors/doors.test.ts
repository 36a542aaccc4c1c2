/** What all workers know of the doors, over a real PostgreSQL: a digest counts once whichever worker it comes to; a folder that is away says since when. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { createDoorStore } from "../../../platform/postgres/doors.ts";
import { createPostgres, type Postgres } from "../../../platform/postgres/index.ts";
import { createProofs } from "../../../platform/transports/soap/credentials.ts";
import { testDatabase, type TestDatabase } from "../postgres/database.ts";

let database: TestDatabase;
let workers: Postgres[];

before(async () => {
  database = await testDatabase();
  workers = await Promise.all(["a", "b"].map((name) => createPostgres({ url: database.url, workerName: name })));
});
after(async () => {
  await Promise.all((workers ?? []).map((one) => one.close()));
  await database?.drop();
});

describe("S3-7 doors, as all workers know them", { concurrency: false }, () => {
  test("a WS-Security digest is taken by one worker, once; said again to another it is refused", async () => {
    const keys = new Map([["his", "a-key-of-the-his"]]);
    const created = new Date().toISOString();
    const nonce = Buffer.from("once").toString("base64");
    const password = createHash("sha1").update(Buffer.from(nonce, "base64")).update(created).update("a-key-of-the-his").digest("base64");
    const token = { username: "his", password, digest: true, nonce, created };
    const proofs = workers.map(({ pool }) => createProofs(keys, Date.now, createDoorStore(pool).useNonce));
    const told = await Promise.all([...proofs, ...proofs].map((one) => one.byToken("his", token)));
    assert.equal(told.filter(Boolean).length, 1);
    assert.equal(await proofs[1]?.byToken("his", token), false);
  });

  test("old nonces go", async () => {
    const [one] = workers;
    assert.ok(one);
    const { useNonce } = createDoorStore(one.pool);
    assert.equal(await useNonce("old", Date.now() - 120_000), true);
    assert.equal(await useNonce("new", Date.now() + 60_000), true);
    assert.equal(await useNonce("old", Date.now() + 60_000), true);
  });

  test("a folder that is away keeps since when; back, it is forgotten", async () => {
    const [one, other] = workers.map(({ pool }) => createDoorStore(pool));
    const rows = async () => (await workers[0]?.pool.query("select door, partner, why, since from door_away"))?.rows ?? [];
    await one?.away("files:bank:0", "bank", "no route");
    const [first] = await rows();
    await other?.away("files:bank:0", "bank", "wrong password");
    assert.deepEqual(await rows(), [{ door: "files:bank:0", partner: "bank", why: "wrong password", since: first?.since }]);
    await one?.back("files:bank:0");
    assert.deepEqual(await rows(), []);
  });
});
