/** PostgreSQL, RabbitMQ and Redis as the engine needs them: reachable, of a version that was tried, durable, and on the same time. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import amqp from "amqplib";
import { Redis } from "ioredis";
import pg from "pg";
import { type Check, type Finding, fine, lineOf, type Patient, wrong } from "./finding.ts";

const CONNECT_MS = 20_000;
/** Oldest versions that Huiliu is tested with. */
const POSTGRES_MIN = 140_000;
const RABBIT_MIN: readonly [major: number, minor: number] = [3, 10];
/** Ages and leases are compared between machines. */
const CLOCK_WARN_MS = 2_000;
const CLOCK_BAD_MS = 30_000;
/** A database that does not do these loses payments at a power cut. */
const DURABLE: readonly (readonly [setting: string, refused: readonly string[]])[] = [
  ["fsync", ["off"]],
  ["full_page_writes", ["off"]],
  ["synchronous_commit", ["off", "local"]],
];

export const servers: Check = async (patient) => (await Promise.all([postgres(patient), rabbit(patient), redis(patient)])).flat();

const unset = (name: string, variable: string): Finding =>
  wrong(
    "servers",
    "warn",
    name,
    ["没有地址：引擎未运行，环境变量也未设置", "no address: the engine does not run and the environment names none"],
    [`npm start，或设置 ${variable}`, `npm start, or set ${variable}`],
  );

type InBoth = readonly [zh: string, en: string];

function unreachable(name: string, state: "warn" | "bad", error: unknown, next: InBoth): Finding {
  const why = lineOf(error);
  return wrong("servers", state, name, [`连不上：${why}`, `cannot be reached: ${why}`], next);
}

/** `next`: what to do about one that is too old; absent, any version will do. */
const versionFinding = (name: string, version: string, isNew = true, next: InBoth = ["", ""]): Finding =>
  isNew
    ? fine("servers", name, `版本 ${version}`, `version ${version}`)
    : wrong("servers", "bad", name, [`版本 ${version} 过旧`, `version ${version} is too old`], next);

async function postgres({ root, postgres: url, nowMs }: Patient): Promise<readonly Finding[]> {
  if (url === undefined) return [unset("PostgreSQL", "HUILIU_POSTGRES_URL")];
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_MS, query_timeout: CONNECT_MS });
  client.on("error", () => undefined); // told by the query that fails
  try {
    await client.connect();
    return [await versionOf(client), ...(await durability(client)), await clockOf(client, nowMs), await migrations(client, root)];
  } catch (error) {
    return [
      unreachable("PostgreSQL", "bad", error, [
        "检查服务、地址、口令与防火墙",
        "check the server, the address, the password and the firewall",
      ]),
    ];
  } finally {
    await client.end().catch(() => undefined); // it may never have been open
  }
}

async function versionOf(client: pg.Client): Promise<Finding> {
  const { rows } = await client.query<{ number: number; version: string }>(
    "select current_setting('server_version_num')::integer as number, current_setting('server_version') as version",
  );
  const { number = 0, version = "?" } = rows[0] ?? {};
  return versionFinding("PostgreSQL", version, number >= POSTGRES_MIN, ["升级到 14 以上", "upgrade it to 14 or later"]);
}

async function durability(client: pg.Client): Promise<readonly Finding[]> {
  const { rows } = await client.query<{ name: string; setting: string }>("select name, setting from pg_settings where name = any($1)", [
    DURABLE.map(([name]) => name),
  ]);
  const found = DURABLE.flatMap(([name, refused]) => {
    const value = rows.find((row) => row.name === name)?.setting ?? "";
    return refused.includes(value)
      ? [
          wrong(
            "servers",
            "bad",
            `PostgreSQL ${name}`,
            [`${name} = ${value}：断电会丢失已应答的付款`, `${name} = ${value}: a power cut loses payments that were answered for`],
            [`在 postgresql.conf 中设 ${name} = on`, `set ${name} = on in postgresql.conf`],
          ),
        ]
      : [];
  });
  return found.length > 0
    ? found
    : [fine("servers", "PostgreSQL", "断电不丢数据（fsync 等已开启）", "durable at a power cut (fsync and the like are on)")];
}

async function clockOf(client: pg.Client, nowMs: () => number): Promise<Finding> {
  const before = nowMs();
  const { rows } = await client.query<{ ms: number }>("select extract(epoch from clock_timestamp())::double precision * 1000 as ms");
  const apart = Math.round(Math.abs((rows[0]?.ms ?? 0) - (before + nowMs()) / 2));
  if (apart < CLOCK_WARN_MS) return fine("servers", "clock", `与数据库相差 ${apart} 毫秒`, `${apart} ms from the database's`);
  return wrong(
    "servers",
    apart < CLOCK_BAD_MS ? "warn" : "bad",
    "clock",
    [`与数据库相差 ${apart} 毫秒`, `${apart} ms from the database's`],
    ["两台机器均开启 NTP 校时", "have both machines keep time by NTP"],
  );
}

async function migrations(client: pg.Client, root: string): Promise<Finding> {
  const folder = join(root, "platform", "postgres", "migrations");
  const files = new Map(
    readdirSync(folder)
      .filter((name) => name.endsWith(".sql"))
      .map((name) => [
        name,
        createHash("sha256")
          .update(readFileSync(join(folder, name)))
          .digest("hex"),
      ]),
  );
  const known = await client.query<{ there: boolean }>("select to_regclass('migration') is not null as there");
  const { rows } =
    known.rows[0]?.there === true
      ? await client.query<{ name: string; checksum: string }>("select name, checksum from migration")
      : { rows: [] };
  const strange = rows.filter((row) => files.get(row.name) !== row.checksum).map((row) => row.name);
  if (strange.length > 0)
    return wrong(
      "servers",
      "bad",
      "PostgreSQL",
      [`表结构与本版本不符：${strange.join("、")}`, `tables do not fit this version: ${strange.join(", ")}`],
      ["换用与数据库相符的版本；不要修改已执行的迁移文件", "run the version that made them; never change an applied migration"],
    );
  const missing = files.size - rows.length;
  if (missing > 0)
    return wrong(
      "servers",
      "warn",
      "PostgreSQL",
      [`有 ${missing} 项表结构待更新`, `${missing} migrations are not applied yet`],
      ["启动引擎时自动执行", "the engine applies them at its start"],
    );
  return fine("servers", "PostgreSQL", `表结构为最新（${files.size} 项）`, `tables are up to date (${files.size} migrations)`);
}

async function rabbit({ amqp: url }: Patient): Promise<readonly Finding[]> {
  if (url === undefined) return [unset("RabbitMQ", "HUILIU_AMQP_URL")];
  try {
    const connection = await amqp.connect(url, { timeout: CONNECT_MS });
    connection.on("error", () => undefined); // told by what fails
    const version = String(
      (connection as { connection?: { serverProperties?: { version?: unknown } } }).connection?.serverProperties?.version ?? "?",
    );
    await connection.close();
    const [major = 0, minor = 0] = version.split(".").map(Number);
    const old = major < RABBIT_MIN[0] || (major === RABBIT_MIN[0] && minor < RABBIT_MIN[1]);
    return [versionFinding("RabbitMQ", version, !old, ["升级到 3.10 以上（仲裁队列）", "upgrade it to 3.10 or later (quorum queues)"])];
  } catch (error) {
    const next = [
      "引擎仍可经 HTTP 收付；检查服务、账号与 vhost",
      "the engine goes on over HTTP; check the server, the account and the virtual host",
    ] as const;
    return [unreachable("RabbitMQ", "bad", error, next)];
  }
}

async function redis({ redis: url }: Patient): Promise<readonly Finding[]> {
  if (url === undefined) return [unset("Redis", "HUILIU_REDIS_URL")];
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: CONNECT_MS,
    commandTimeout: CONNECT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  client.on("error", () => undefined); // told by the command that fails
  try {
    await client.connect();
    const version = /redis_version:(\S+)/.exec(await client.info("server"))?.[1] ?? "?";
    return [versionFinding("Redis", version)];
  } catch (error) {
    return [
      unreachable("Redis", "warn", error, [
        "只影响提速，不影响钱；检查服务与口令",
        "it costs speed, not money; check the server and the password",
      ]),
    ];
  } finally {
    client.disconnect();
  }
}
