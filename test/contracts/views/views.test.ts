/** The view door against a real PostgreSQL: the engine's marks in one database, the partner's view in another. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import pg from "pg";
import type { DoorPolicy, Intake } from "../../../domain/journal/intake.ts";
import { type Inbound, type Journaled, JournalBusy, type JournaledMessage } from "../../../domain/journal/ports.ts";
import type { Log } from "../../../domain/log.ts";
import type { ViewDoor } from "../../../domain/partners/doors/views.ts";
import { createPostgres, type Postgres } from "../../../platform/postgres/index.ts";
import { createLead } from "../../../platform/postgres/lead.ts";
import { openViewDoor, type OpenedViewDoor } from "../../../platform/transports/views/door.ts";
import { createMarks } from "../../../platform/transports/views/marks.ts";
import { createPostgresSource } from "../../../platform/transports/views/postgres.ts";
import { startLisView } from "../../hospital/lis-view/lis-view.ts";
import { testDatabase, type TestDatabase } from "../postgres/database.ts";

const none = (): void => undefined;
const log: Log = { debug: none, info: none, warn: none, error: none };
const NEVER = 86_400_000;

let ours: TestDatabase;
let theirs: TestDatabase;
let engines: Postgres[];
let source: pg.Client;
let doors: OpenedViewDoor[] = [];
let taken: Inbound[] = [];
let busy = false;
let said: (string | undefined)[] = [];

before(async () => {
  ours = await testDatabase();
  theirs = await testDatabase();
  engines = await Promise.all(["a", "b"].map((name) => createPostgres({ url: ours.url, workerName: name })));
  source = new pg.Client({ connectionString: theirs.url });
  await source.connect();
  await source.query(`create table orders (order_no varchar(20), at timestamp(3), patient text, amount numeric(12,2), note text, picture bytea);
    create view v_orders as select order_no, at, patient, amount, note, picture from orders`);
});
after(async () => {
  await source?.end();
  await Promise.all((engines ?? []).map((one) => one.close()));
  await ours?.drop();
  await theirs?.drop();
});
afterEach(async () => {
  await Promise.all(doors.map((door) => door.close()));
  doors = [];
  taken = [];
  busy = false;
  said = [];
  await source.query("truncate orders");
  await engines[0]?.pool.query("truncate view_mark, view_row");
});

const policy: DoorPolicy = {
  partner: "lis",
  vendor: "lis-view",
  bytesMax: 2_000,
  perSecond: 10,
  charset: "utf-8",
  kinds: new Set(["order-row"]),
  exchanges: new Set(),
};
const intake: Intake = {
  policy: () => policy,
  partners: () => [policy],
  async accept(inbound): Promise<Journaled> {
    if (busy) throw new JournalBusy("full");
    taken.push(inbound);
    return { kind: "accepted", message: { id: "m" } as JournaledMessage };
  },
  verdict: async () => ({ verdict: "accepted", messageId: "m" }),
};

function open(more: Partial<ViewDoor> = {}, engine = 0): OpenedViewDoor {
  const postgres = engines[engine];
  assert.ok(postgres);
  const door: ViewDoor = {
    url: theirs.url,
    view: "v_orders",
    watermark: "at",
    key: "order_no",
    columns: ["order_no", "at", "patient", "amount", "note", "picture"],
    message: "order-row",
    everyMs: NEVER,
    rowsMax: 3,
    overlapMs: 60_000,
    ...more,
  };
  const task = "view:lis:v_orders";
  const opened = openViewDoor({
    partner: "lis",
    door,
    source: createPostgresSource({ door, password: decodeURIComponent(new URL(theirs.url).password) }),
    marks: createMarks(postgres.pool, { partner: "lis", view: door.view }, task),
    lead: createLead(postgres.pool, postgres.worker),
    task,
    worker: postgres.worker.id,
    intake,
    changed: async (why) => void said.push(why),
    surveyEveryMs: 0,
    log,
  });
  doors.push(opened);
  return opened;
}
const insert = (no: string | null, at: string, more = "null, null, null, null"): Promise<unknown> =>
  source.query(`insert into orders values ($1, $2, ${more})`, [no, at]);
const orders = (): string[] => taken.map((one) => JSON.parse(Buffer.from(one.raw).toString()).order_no);
const age = (ms: number): Promise<unknown> =>
  (engines[0] ?? assert.fail()).pool.query("update view_mark set at = at - $1 * interval '1 millisecond'", [ms]);
/** The first look runs by itself when the door opens. */
const opened = async (more?: Partial<ViewDoor>): Promise<OpenedViewDoor> => {
  const door = open(more);
  await door.look();
  return door;
};

describe("view door", { concurrency: false }, () => {
  test("each row is one JSON message: NULL is not the empty text, numbers are their digits, bytes are hexadecimal, Chinese is whole", async () => {
    await insert("A1", "2026-11-20 09:00:00.120", `'测试患者甲', 12.50, '', '\\xfeff'`);
    await insert("A2", "2026-11-20 09:00:01", "null, 99999999.99, null, null");
    await opened();
    assert.deepEqual(
      taken.map((one) => JSON.parse(Buffer.from(one.raw).toString())),
      [
        { order_no: "A1", at: "2026-11-20 09:00:00.12", patient: "测试患者甲", amount: "12.50", note: "", picture: "\\xfeff" },
        { order_no: "A2", at: "2026-11-20 09:00:01", patient: null, amount: "99999999.99", note: null, picture: null },
      ],
    );
    const [one] = taken;
    assert.deepEqual([one?.door, one?.partner, one?.kind, one?.charset], ["view", "lis", "order-row", "utf-8"]);
    assert.deepEqual(one?.headers, { "view-name": "v_orders", "view-watermark": "2026-11-20 09:00:00.12" });
    assert.match(one?.identity ?? "", /^view:v_orders:[0-9a-f]{40}$/);
  });

  test("no row comes twice: not at the next look, not after a start, not across pages, not where watermarks are equal", async () => {
    for (let row = 0; row < 10; row += 1) await insert(`B${row}`, "2026-11-20 09:00:00");
    const door = await opened();
    assert.deepEqual(orders(), ["B0", "B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B9"]);
    assert.equal(await door.look(), 0);
    await door.close();
    doors = [];
    await insert("B95", "2026-11-20 09:00:00");
    await opened();
    assert.deepEqual(orders().slice(10), ["B95"]);
  });

  test("a row whose transaction commits after later rows were taken is found within the overlap", async () => {
    await insert("C1", "2026-11-20 09:00:00");
    const door = await opened();
    const late = new pg.Client({ connectionString: theirs.url });
    await late.connect();
    await late.query("begin");
    await late.query("insert into orders values ('C2', '2026-11-20 09:00:05')");
    await insert("C3", "2026-11-20 09:00:10");
    assert.equal(await door.look(), 1);
    await late.query("commit");
    await late.end();
    assert.equal(await door.look(), 1);
    assert.deepEqual(orders(), ["C1", "C3", "C2"]);
    await age(61_000); // beyond the overlap the walk begins at the highest watermark
    await insert("C0", "2026-11-20 08:00:00");
    await insert("C4", "2026-11-20 09:00:11");
    assert.equal(await door.look(), 1);
    assert.deepEqual(orders().at(-1), "C4");
  });

  test("a changed row with a new watermark is a new message; what the journal does not take is read again", async () => {
    await insert("D1", "2026-11-20 09:00:00");
    const door = await opened();
    await source.query("update orders set patient = 'x', at = '2026-11-20 09:00:01' where order_no = 'D1'");
    busy = true;
    await assert.rejects(door.look(), JournalBusy);
    busy = false;
    assert.equal(await door.look(), 1);
    assert.deepEqual(orders(), ["D1", "D1"]);
    assert.notEqual(taken[0]?.identity, taken[1]?.identity);
  });

  test("limits: a row too large and a row without a key are refused with their bytes, and their neighbours are taken", async () => {
    await insert("E1", "2026-11-20 09:00:00");
    await insert("E2", "2026-11-20 09:00:01", `repeat('x', 3000), null, null, null`);
    await insert(null, "2026-11-20 09:00:02");
    await opened({ rowsMax: 100 });
    assert.deepEqual(
      taken.map((one) => one.refusal?.code),
      [undefined, "TOO_LARGE", "BAD_IDENTITY"],
    );
    assert.equal((taken[1]?.raw.length ?? 0) > 3_000, true);
  });

  test("one worker looks, the other does when the first lets go", async () => {
    await insert("F1", "2026-11-20 09:00:00");
    const first = open();
    assert.equal(await first.look(), 1);
    const second = open({}, 1);
    assert.equal(await second.look(), undefined);
    await first.close();
    await insert("F2", "2026-11-20 09:00:01");
    assert.equal(await second.look(), 1);
    assert.deepEqual(orders(), ["F1", "F2"]);
  });

  test("the session cannot write, and a server that is away is an error that passes", async () => {
    await source.query(
      "create or replace function sneaky() returns int language plpgsql as $$ begin insert into orders values ('G9', now()); return 1; end $$; create view v_sneaky as select 'G' order_no, now()::timestamp at where sneaky() = 1",
    );
    const door = open({ view: "v_sneaky", columns: ["order_no"] });
    await assert.rejects(door.look(), /read-only/);
    await assert.rejects(open({ url: "postgres://nobody@127.0.0.1:1/none" }).look(), /ECONNREFUSED/);
    await assert.rejects(open({ columns: ["no_such_column"] }).look(), /no_such_column/);
    assert.deepEqual(taken, []);
  });

  test("a server that answers what is no message loses its connection; the engine is not hurt, and the next page is read", async () => {
    const folder = await mkdtemp(join(tmpdir(), "garbage-"));
    const laboratory = await startLisView({ name: "lis-view", dataDir: folder, mode: "strict", port: 0, controlPort: 0 });
    const about = { url: laboratory.url ?? "", view: "V_CHARGE", watermark: "UPDATED_AT", key: "CHARGE_NO", columns: ["CHARGE_NO"] };
    const from = createPostgresSource({
      door: { ...about, message: "order-row", everyMs: NEVER, rowsMax: 3 },
      password: laboratory.secrets?.viewPassword,
    });
    assert.deepEqual(await from.page(undefined), []);
    await fetch(laboratory.faults, { method: "POST", body: JSON.stringify({ fault: "garble", count: 1 }) });
    await assert.rejects(from.page(undefined));
    assert.deepEqual(await from.page(undefined), []);
    await from.close();
    await laboratory.close();
    await rm(folder, { recursive: true });
  });

  test("door-away of a view: it cannot be read, and it is there again", async () => {
    await insert("H1", "2026-11-20 09:00:00");
    const door = await opened();
    assert.deepEqual([said, door.up()], [[undefined], true]);
    await source.query("alter view v_orders rename to v_gone");
    await assert.rejects(door.look());
    assert.equal(door.up(), false);
    assert.match(said.at(-1) ?? "", /视图的列变了.*v_orders/);
    await source.query("alter view v_gone rename to v_orders");
    assert.equal(await door.look(), 0);
    assert.deepEqual([said.at(-1), door.up()], [undefined, true]);
  });

  test("door-away of a view: it grows and its watermark stands still, until that moves again", async () => {
    await insert("I1", "2026-11-20 09:00:00");
    const door = await opened();
    await door.look();
    await age(61_000); // what comes behind the watermark is not looked for any more
    await door.look();
    assert.deepEqual(said, [undefined]);
    for (const no of ["I2", "I3"]) await insert(no, "2026-11-20 08:00:00");
    assert.equal(await door.look(), 0);
    assert.match(said.at(-1) ?? "", /多了 2 行.*2 rows more and the watermark stands still/);
    await door.look();
    assert.match(said.at(-1) ?? "", /2 rows more/, "it lasts");
    await insert("I4", "2026-11-20 09:00:01");
    assert.equal(await door.look(), 1);
    assert.equal(said.at(-1), undefined);
    await source.query("delete from orders where order_no = 'I2'");
    await door.look();
    await door.look();
    assert.equal(said.at(-1), undefined, "a view that shrinks is not one that stands still");
  });

  test("door-away of a view: a column that the profile does not name came, another has another type; it is read on", async () => {
    await insert("J1", "2026-11-20 09:00:00");
    const door = await opened({ columns: ["order_no", "at"] });
    await source.query(
      "drop view v_orders; create view v_orders as select order_no, at, patient, amount::text, note, picture, 1 as refunded from orders",
    );
    await insert("J2", "2026-11-20 09:00:01");
    assert.equal(await door.look(), 1);
    assert.match(said.at(-1) ?? "", /columns changed: \+refunded, amount \d+→\d+/);
    await source.query("drop view v_orders; create view v_orders as select order_no, at, patient, amount, note, picture from orders");
    await door.look();
    assert.equal(said.at(-1), undefined);
  });
});
