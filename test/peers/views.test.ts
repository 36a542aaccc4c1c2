/** "What must show" 1 for views: a real MariaDB, started here on a private port, and python3-psycopg2 writing into a PostgreSQL that is the LIS's. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { DoorPolicy, Intake } from "../../domain/journal/intake.ts";
import type { Inbound, JournaledMessage } from "../../domain/journal/ports.ts";
import type { Log } from "../../domain/log.ts";
import type { ViewDoor } from "../../domain/partners/doors/views.ts";
import { createPostgres, type Postgres } from "../../platform/postgres/index.ts";
import { createLead } from "../../platform/postgres/lead.ts";
import { openViewDoor, type OpenedViewDoor } from "../../platform/transports/views/door.ts";
import { createMariadbSource } from "../../platform/transports/views/mariadb.ts";
import { createMarks } from "../../platform/transports/views/marks.ts";
import { createPostgresSource } from "../../platform/transports/views/postgres.ts";
import { testDatabase, type TestDatabase } from "../contracts/postgres/database.ts";
import { until } from "../journeys/harness.ts";
import { needPeers, run } from "./harness.ts";

const PASSWORD = "lis-口令";
const NEVER = 86_400_000;
const START_MS = 60_000;
const none = (): void => undefined;
const log: Log = { debug: none, info: none, warn: none, error: none };

let ours: TestDatabase;
let postgres: Postgres;
let taken: Inbound[] = [];
const policy: DoorPolicy = {
  partner: "lis-view",
  vendor: "lis-view",
  bytesMax: 100_000,
  perSecond: 100,
  charset: "utf-8",
  kinds: new Set(["charge-row"]),
  exchanges: new Set(),
};
const intake: Intake = {
  policy: () => policy,
  partners: () => [policy],
  async accept(inbound) {
    taken.push(inbound);
    return { kind: "accepted", message: { id: "m" } as JournaledMessage };
  },
  verdict: async () => ({ verdict: "accepted", messageId: "m" }),
};
const rows = (): Record<string, string | null>[] =>
  taken.map((one) => JSON.parse(Buffer.from(one.raw).toString()) as Record<string, string | null>);

function open(door: ViewDoor): OpenedViewDoor {
  const task = `view:lis-view:${door.url.slice(0, 8)}:${door.view}:${door.watermark}`;
  const name = { partner: "lis-view", view: `${door.url.slice(0, 8)}:${door.view}:${door.watermark}` };
  const source = door.url.startsWith("mariadb:")
    ? createMariadbSource({ door, password: PASSWORD })
    : createPostgresSource({ door, password: decodeURIComponent(new URL(ours.url).password) });
  const marks = createMarks(postgres.pool, name, task);
  return openViewDoor({
    partner: "lis-view",
    door,
    source,
    marks,
    lead: createLead(postgres.pool, postgres.worker),
    task,
    worker: postgres.worker.id,
    intake,
    log,
  });
}

before(async () => {
  await needPeers(["mariadb-server", "python3-psycopg2"]);
  ours = await testDatabase();
  postgres = await createPostgres({ url: ours.url, workerName: "views" });
});
after(async () => {
  await postgres?.close();
  await ours?.drop();
});

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  return port;
};

describe("a view of a real MariaDB", { concurrency: false }, () => {
  let folder: string;
  let server: ChildProcess;
  let port: number;
  const sql = async (text: string): Promise<string> => {
    const done = await run(
      "mariadb",
      ["--protocol=tcp", "-h127.0.0.1", `-P${port}`, "-uroot", "--default-character-set=utf8mb4", "--batch", "--skip-column-names"],
      {
        input: Buffer.from(text),
      },
    );
    assert.equal(done.code, 0, done.stderr);
    return done.stdout;
  };
  const door = (more: Partial<ViewDoor> = {}): ViewDoor => ({
    url: `mariadb://huiliu@127.0.0.1:${port}/lis`,
    view: "v_charge",
    watermark: "updated_at",
    key: "charge_no",
    columns: ["charge_no", "patient_name", "amount", "big", "note", "blob_column", "updated_at"],
    message: "charge-row",
    everyMs: NEVER,
    rowsMax: 2,
    ...more,
  });

  const start = async (): Promise<void> => {
    const user = process.getuid?.() === 0 ? ["--user=mysql"] : [];
    server = spawn(
      "/usr/sbin/mariadbd",
      [
        "--no-defaults",
        ...user,
        `--datadir=${folder}/data`,
        `--port=${port}`,
        "--bind-address=127.0.0.1",
        `--socket=${folder}/s`,
        `--pid-file=${folder}/pid`,
        "--character-set-server=utf8mb4",
      ],
      { stdio: "ignore" },
    );
    await until(
      "MariaDB answers",
      async () => (await run("mariadb", ["--protocol=tcp", "-h127.0.0.1", `-P${port}`, "-uroot", "-e", "select 1"])).code === 0,
      START_MS,
    );
  };
  const stop = async (): Promise<void> => {
    if (server?.exitCode !== null) return;
    server.kill("SIGTERM");
    await once(server, "exit");
  };

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "huiliu-mariadb-"));
    chmodSync(folder, 0o755);
    if (process.getuid?.() === 0) {
      const id = Number((await run("id", ["-u", "mysql"])).stdout);
      chownSync(folder, id, id);
    }
    const user = process.getuid?.() === 0 ? ["--user=mysql"] : [];
    const made = await run(
      "mariadb-install-db",
      ["--no-defaults", ...user, `--datadir=${folder}/data`, "--auth-root-authentication-method=normal", "--skip-test-db"],
      { ms: START_MS },
    );
    assert.equal(made.code, 0, made.stderr);
    port = await freePort(); // as late as may be: nobody keeps it for us
    await start();
    await sql(`create database lis character set utf8mb4; use lis;
      create table charge (charge_no varchar(20) not null, patient_name varchar(50), amount decimal(12,2), big bigint unsigned, note varchar(200), blob_column blob, seq bigint unsigned not null, updated_at datetime(3) not null);
      create view v_charge as select charge_no, patient_name, amount, big, note, blob_column, seq, updated_at from charge;
      create user huiliu@'127.0.0.1' identified by '${PASSWORD}'; grant all on lis.* to huiliu@'127.0.0.1';`);
  });
  after(async () => {
    await stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("S0-9 rows arrive once, whole: Chinese, NULL and the empty text, money and numbers to the last digit, bytes", async () => {
    taken = [];
    await sql(`use lis; insert into charge values
      ('C1', '测试患者甲𠮷', 12.50, 18446744073709551615, '', x'00ff', 9007199254740993, '2026-11-20 09:00:00.120'),
      ('C2', null, 0.10, null, null, null, 9007199254740995, '2026-11-20 09:00:00.120'),
      ('C3', 'x', 99999999.99, 0, 'a\\'b', null, 9007199254740997, '2026-11-20 09:00:01')`);
    const one = open(door());
    await one.look();
    assert.deepEqual(rows(), [
      {
        charge_no: "C1",
        patient_name: "测试患者甲𠮷",
        amount: "12.50",
        big: "18446744073709551615",
        note: "",
        blob_column: "\\x00ff",
        updated_at: "2026-11-20 09:00:00.120",
      },
      {
        charge_no: "C2",
        patient_name: null,
        amount: "0.10",
        big: null,
        note: null,
        blob_column: null,
        updated_at: "2026-11-20 09:00:00.120",
      },
      {
        charge_no: "C3",
        patient_name: "x",
        amount: "99999999.99",
        big: "0",
        note: "a'b",
        blob_column: null,
        updated_at: "2026-11-20 09:00:01.000",
      },
    ]);
    await sql("use lis; insert into charge values ('C4', 'y', 1, 1, 'n', null, 9007199254740999, '2026-11-20 09:00:01')");
    assert.equal(await one.look(), 1);
    assert.equal(await one.look(), 0);
    await one.close();
  });

  test("a watermark of sixty-four bits is compared as a number, not as a float", async () => {
    taken = [];
    const one = open(door({ watermark: "seq", columns: ["charge_no"], overlapMs: 0 }));
    await one.look();
    await sql("use lis; insert into charge values ('C5', 'z', 1, 1, 'n', null, 9007199254741001, '2026-11-20 09:00:02')");
    assert.equal(await one.look(), 1);
    assert.equal(rows().at(-1)?.charge_no, "C5");
    await one.close();
  });

  test("the session reads and cannot write; a server that is away and back loses nothing", async () => {
    taken = [];
    await sql(
      [
        "use lis;",
        "delimiter //",
        "create function sneaky() returns int modifies sql data begin insert into charge (charge_no, seq, updated_at) values ('S', 1, now()); return 1; end//",
        "delimiter ;",
        "create view v_sneaky as select 'S' charge_no, now() updated_at from dual where sneaky() = 1;",
      ].join("\n"),
    );
    const sneaky = open(door({ view: "v_sneaky", columns: ["charge_no"] }));
    await assert.rejects(sneaky.look(), /READ ONLY/i);
    await sneaky.close();
    const one = open(door({ overlapMs: 0 }));
    await one.look();
    await stop();
    await assert.rejects(one.look());
    await start();
    await sql("use lis; insert into charge values ('C6', 'z', 1, 1, 'n', null, 9007199254741003, '2026-11-20 09:00:09')");
    assert.equal(await one.look(), 1);
    assert.equal(rows().at(-1)?.charge_no, "C6");
    await one.close();
    const wrong = open(door({ url: door().url.replace("huiliu@", "nobody@") }));
    await assert.rejects(wrong.look(), /denied/i);
    await wrong.close();
  });
});

describe("a PostgreSQL view that python3-psycopg2 fills", () => {
  test("S0-9 what another client commits arrives once, in order", async () => {
    taken = [];
    const theirs = await testDatabase();
    const write = async (statements: readonly (readonly [string, readonly unknown[]])[]): Promise<void> => {
      const done = await run("/usr/bin/python3", [join(import.meta.dirname, "views-writer.py"), theirs.url], {
        input: Buffer.from(JSON.stringify(statements)),
      });
      assert.equal(done.code, 0, done.stderr);
    };
    const insert = (no: string, name: string): readonly [string, readonly unknown[]] => [
      "insert into charge values (%s, %s, %s, clock_timestamp())",
      [no, name, "12.50"],
    ];
    await write([
      ["create table charge (charge_no text, patient_name text, amount numeric(12,2), updated_at timestamptz)", []],
      ["create view v_charge as select * from charge", []],
      insert("P1", "测试患者甲"),
      insert("P2", ""),
    ]);
    const one = open({
      url: theirs.url,
      view: "v_charge",
      watermark: "updated_at",
      key: "charge_no",
      columns: ["charge_no", "patient_name", "amount"],
      message: "charge-row",
      everyMs: NEVER,
      rowsMax: 100,
    });
    await one.look();
    await write([insert("P3", "丙")]);
    assert.equal(await one.look(), 1);
    assert.deepEqual(rows(), [
      { charge_no: "P1", patient_name: "测试患者甲", amount: "12.50" },
      { charge_no: "P2", patient_name: "", amount: "12.50" },
      { charge_no: "P3", patient_name: "丙", amount: "12.50" },
    ]);
    await one.close();
    await theirs.drop();
  });
});
