/** The simulated view against a driver that nobody here wrote: logging in, pages as a reader asks for them, refusals, faults, memory. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import pg from "pg";
import { readLedger } from "../ledger.ts";
import type { RunningPartner } from "../partner.ts";
import { startLisView } from "./lis-view.ts";

let folder: string;
let laboratory: RunningPartner;
const order = async (value: unknown): Promise<number> =>
  (await fetch(laboratory.faults, { method: "POST", body: JSON.stringify(value) })).status;
const charge = (no: string): Promise<number> =>
  order({
    send: {
      ...{ message: "charge", order: no, bill: `DJ${no}`, visit: "MZ1", patient: { no: "P1", name: "测试患者甲" } },
      lines: [{ no: "1", code: "J1", name: "血常规", quantity: "1", price: "67.5000", fen: "6750" }],
    },
  });
const start = async (): Promise<void> => {
  laboratory = await startLisView({ name: "lis-view", dataDir: folder, mode: "strict", port: 0, controlPort: 0 });
};
async function reader(password = laboratory.secrets?.viewPassword ?? ""): Promise<pg.Client> {
  const { hostname, port, username, pathname } = new URL(laboratory.url ?? "");
  const client = new pg.Client({ host: hostname, port: Number(port), user: username, database: pathname.slice(1), password });
  client.on("error", () => undefined); // cut on purpose; the query tells
  await client.connect();
  return client;
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "lis-view-"));
  await start();
});
after(async () => {
  await laboratory.close();
  await rm(folder, { recursive: true });
});

test("pages by watermark and key; NULL is NULL; the watermark never goes back, whatever the clock says", async () => {
  await order({ clock: "2030-01-01T08:00:00+08:00" });
  assert.equal(await charge("A1"), 200);
  await order({ clock: "2026-11-20T08:00:00+08:00" });
  await charge("A2");
  const client = await reader();
  const page = "select CHARGE_NO, ORDER_DOCTOR, UPDATED_AT from V_CHARGE where";
  const all = await client.query({ text: `${page} UPDATED_AT is not null order by UPDATED_AT, CHARGE_NO limit 10`, rowMode: "array" });
  assert.deepEqual(
    all.rows.map(([no, doctor]) => [no, doctor]),
    [
      ["A1-1", null],
      ["A2-1", null],
    ],
  );
  const [first, second] = all.rows.map((row) => String(row[2]));
  assert.ok((first ?? "") < (second ?? "") && (first ?? "").startsWith("2030-01-01 08:00"));
  const behind = await client.query({
    text: `${page} (UPDATED_AT > $1 or (UPDATED_AT = $2 and CHARGE_NO > $3)) order by UPDATED_AT, CHARGE_NO limit 10`,
    values: [first, first, "A1-1"],
  });
  assert.deepEqual(behind.rows, [{ charge_no: "A2-1", order_doctor: null, updated_at: second }]);
  assert.equal((await client.query("select count(*) from V_CHARGE")).rows[0].count, "2");
  assert.equal((await client.query("select * from V_CHARGE limit 0")).fields.length, 17);
  await client.end();
});

test("who has no password, writes, or asks for what is not there is refused in PostgreSQL's words", async () => {
  await assert.rejects(reader("wrong"), /password authentication failed/);
  const client = await reader();
  await assert.rejects(client.query("delete from V_CHARGE"), /read-only/);
  await assert.rejects(client.query("select NOTHING from V_CHARGE where UPDATED_AT >= $1", ["x"]), /column "NOTHING" does not exist/);
  await assert.rejects(client.query("select CHARGE_NO from V_OTHER"), /relation "V_OTHER" does not exist/);
  assert.equal((await client.query("select 1")).rows.length, 1);
  await client.end();
});

test("faults: busy, slow, cut, nobody listens; a row cancelled once; the rows outlive a restart", async () => {
  const client = await reader();
  await order({ fault: "503", count: 1 });
  await assert.rejects(client.query("select CHARGE_NO from V_CHARGE"), /too many clients/);
  await order({ fault: "slow", ms: 50, count: 1 });
  assert.equal((await client.query("select CHARGE_NO from V_CHARGE")).rows.length, 2);
  await order({ fault: "drop-reply", count: 1 });
  await assert.rejects(client.query("select CHARGE_NO from V_CHARGE"));
  await order({ fault: "refuse", ms: 50 });
  await assert.rejects(reader());
  await order({ fault: "none" });
  assert.deepEqual(
    [await order({ send: { message: "cancel", charge: "A1-1" } }), await order({ send: { message: "cancel", charge: "A1-1" } })],
    [200, 400],
  );
  assert.equal(await charge("A2"), 400, "strict: charged already");
  await laboratory.close();
  await start();
  const again = await reader();
  const { rows } = await again.query("select CHARGE_NO, STATUS from V_CHARGE order by UPDATED_AT");
  assert.deepEqual(
    rows.map((row) => [row.charge_no, row.status]),
    [
      ["A2-1", "1"],
      ["A1-1", "2"],
    ],
  );
  await again.end();
  const lines = await readLedger(laboratory.ledger);
  assert.deepEqual(
    lines.map((line) => [line.kind, line.order, line.amount, line.effect]),
    [
      ["charge-row", "DJA1", "6750", true],
      ["charge-row", "DJA2", "6750", true],
      ["charge-row-cancel", "DJA1", "6750", true],
    ],
  );
});
