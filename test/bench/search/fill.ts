/**
 * Fills the tables as if messages had come in for a month: straight by `insert … select`, a day at a time on two connections, indexes built behind the rows. Partners,
 * kinds, flows, states and keys are spread as a hospital's are: one partner sends half, some hardly ever; a patient has dozens of messages, an order one or two;
 * nearly everything is settled and acknowledged, what failed is of today.
 */
import pg from "pg";
import { ensurePartitions, dayBounds, messageStatistics, PARTITIONED, suffixOf } from "../../../platform/postgres/partitions.ts";
import { createPool } from "../../../platform/postgres/pool.ts";
import { migrate } from "../../../platform/postgres/migrate.ts";
import { addDays, epochMsOf } from "../../../domain/time.ts";

export interface FillOptions {
  readonly url: string;
  readonly messages: number;
  readonly days: number;
  readonly log: (line: string) => void;
  /** Gives up durability while filling: for a server that serves nothing else. */
  readonly ownServer: boolean;
}

/** What can be asked for afterwards: the n-th message has these. */
export interface Filled {
  readonly messages: number;
  readonly perDay: number;
  readonly days: readonly string[];
  readonly seconds: number;
  readonly bytes: number;
  order(n: number): string;
  patient(n: number): string;
  bill(n: number): string;
  serial(n: number): string;
  identity(n: number): string;
}

const PATIENTS = 400_000;
const DAY_MS = 86_400_000;
/** Just after midnight today has no room for its messages: then some are of times to come after all. */
const TODAY_LEAST_MS = 600_000;
/** Share of partners, in thousandths, cumulative; kinds and flows of each. */
const PARTNERS = [
  [450, "his", ["payment", "charge", "refund"], ["payment-confirm", "charges", "payment-confirm"]],
  [620, "nhsa", ["2206", "2207"], ["insurance-settlement", "insurance-settlement"]],
  [760, "lis", ["ORM", "ORU"], ["lis-charges", "report-ready"]],
  [860, "pharmacy", ["dispense"], ["prescriptions"]],
  [920, "emr", ["prescription"], ["prescriptions"]],
  [960, "pacs", ["mpps-create", "mpps-set"], ["exam-charges", "exam-charges"]],
  [990, "jkt", ["pay-order", "register"], ["platform-registrations", "registrations"]],
  [999, "adt", ["A01"], ["registrations"]],
  [1_000, "bank", ["statement"], ["file-statements"]],
] as const;

/** Partners' names, for whoever searches by the sender's id. */
export const PARTNER_NAMES: readonly string[] = PARTNERS.map(([, name]) => name);
/** The one of which there are hardly any messages. */
export const RARE_PARTNER = "bank";

const cases = (of: (row: (typeof PARTNERS)[number]) => string): string =>
  `case ${PARTNERS.map((row) => `when r < ${row[0]} then ${of(row)}`).join(" ")} end`;
const pick = (values: readonly string[]): string => `(array[${values.map((one) => `'${one}'`).join(",")}])[1 + n % ${values.length}]`;

/** A day's messages before they are spread over the tables: none is of a time that is still to come. */
const staging = (
  table: string,
  from: number,
  to: number,
  startMs: number,
  lengthMs: number,
  today: boolean,
): string => `create temporary table ${table} as
  select n, (lpad(to_hex(${startMs} + (n - ${from}) * ${lengthMs}::bigint / ${Math.max(1, to - from)}), 12, '0') || '7' || substr(h, 1, 3) || 'a' || substr(h, 4, 15))::uuid as id,
    to_timestamp((${startMs} + (n - ${from}) * ${lengthMs}::bigint / ${Math.max(1, to - from)}) / 1000.0) as at,
    ${cases((row) => `'${row[1]}'`)} as partner, ${cases((row) => pick(row[2]))} as kind, ${cases((row) => pick(row[3]))} as flow, h,
    case when ${today} and f < 30 then 'parked' when f < 1 then 'parked' when f < 90 then 'duplicate' when f < 100 then 'resolved' else 'settled' end as state, f
  from (select n, md5(n::text) as h, (('x' || substr(md5(n::text), 1, 7))::bit(28)::integer % 1000) as r,
    (('x' || substr(md5(n::text), 8, 7))::bit(28)::integer % 10000) as f from generate_series(${from}, ${to - 1}) as n) as s`;

const RAW = `'\\x' || repeat('3c50617469656e74206e6f3d2250303030303031223e', 10)`;
const PARK = `'{"code":"NOT_TRANSLATABLE","zh":"报文无法翻译为事件","en":"could not be translated"}'::jsonb`;
/** A key of this kind that n gives; the same in `Filled`. */
const KEYS = {
  o: "'O' || lpad((n / 2)::text, 11, '0')",
  p: `'P' || lpad(((n::bigint * 2654435761) % ${PATIENTS})::text, 8, '0')`,
  v: "'MZ' || lpad((n / 4)::text, 11, '0')",
  b: "'DJ' || lpad((n / 3)::text, 11, '0')",
  s: "'ZF' || lpad(n::text, 20, '0')",
  m: "'MSG' || lpad(n::text, 15, '0')",
} as const;

const message = (
  target: string,
  table: string,
): string => `insert into ${target} (id, seq, door, partner, kind, identity, content_type, charset, headers, raw, received_at, state, state_at, run, flow, mapping, park)
  select id, n, 'amqp', partner, kind, 'HIS' || lpad(n::text, 15, '0'), 'application/xml', 'utf-8', '{}', (${RAW})::bytea, at, state, at, 1, flow, partner || '/' || kind || '@1',
    case when state = 'parked' then ${PARK} end from ${table} order by n`;
const history = (target: string, table: string): string =>
  `insert into ${target} (message_id, at, state, by) select id, at, state, flow from ${table} order by n`;
const event = (
  target: string,
  table: string,
): string => `insert into ${target} (message_id, id, seq, ordinal, type, subject, partner, business_date, time, stored_at, published, body)
  select id, h || h, n, 0, 'payment.settled', 'bill:' || n / 3, partner, at::date, at, at, true,
    '\\x00'::bytea || convert_to('{"specversion":"1.0","id":"' || h || '","type":"payment.settled","source":"' || partner || '","subject":"bill:' || n / 3 || '","data":{"total":"1650","missing":[]}}', 'UTF8')
  from ${table} where state = 'settled' order by n`;
const body = (target: string, table: string): string =>
  `insert into ${target} (message_id, write_back_id, body) select id, id, (${RAW})::bytea from ${table} where state = 'settled' and n % 10 < 7 order by n`;
const attempt = (
  target: string,
  table: string,
): string => `insert into ${target} (message_id, write_back_id, n, action, started_at, ended_at, worker, outcome, step, status, code, why)
  select id, id, 1, 'send', at, at + interval '20 milliseconds', 1, 'acknowledged', 'finish', 200, '0', 'acknowledged' from ${table} where state = 'settled' and n % 10 < 7 order by n`;

const identity = (table: string): string =>
  `insert into message_identity select partner, 'HIS' || lpad(n::text, 15, '0'), id, decode(h, 'hex') from ${table} order by n`;
const fact = (table: string): string =>
  `insert into business_identity select partner, 'fact ' || n, id, h || h, h from ${table} where state = 'settled' order by n`;
const keys = (table: string): string =>
  Object.entries(KEYS)
    .map(
      ([kind, value]) =>
        `insert into business_key (kind, value, message_id, partner) select '${kind}', ${value}, id, partner from ${table} order by n`,
    )
    .join(";\n");
/** Of today some wait, some are parked. */
const writeBack = (
  table: string,
  today: boolean,
): string => `insert into write_back (id, key, message_id, destination, kind, mapping, lane, lane_seq, cause_event_id, cause_type,
    content_type, charset, amount_fen, serial, business_date, flow, node, state, next_at, attempts, owed_at, first_sent_at, closed_at, how, receipt, park, failure_group)
  select id, h, id, 'his', 'payment-confirm', 'his/payment-confirm', 'bill:' || n, n, h || h, 'payment.settled', 'application/xml', 'utf-8', 1650, 'ZF' || lpad(n::text, 20, '0'),
    at::date, flow, 'n1', s, case when s = 'waiting' then at end, 1, at, at, case when s = 'acknowledged' then at end, case when s = 'acknowledged' then 'reply' end,
    case when s = 'acknowledged' then '{"code":"0"}'::jsonb end,
    case when s = 'parked' then '{"code":"REJECTED","zh":"对方拒绝","en":"refused","advice":{"zh":"核对","en":"check"}}'::jsonb end,
    case when s <> 'acknowledged' then 'group ' || n % 40 end
  from (select *, case when ${today} and f % 100 = 7 then 'waiting' when ${today} and f % 100 = 8 and f < 3000 then 'parked' else 'acknowledged' end as s
    from ${table} where state = 'settled' and n % 10 < 7) as w order by n`;

const GROUPS = `insert into failure_group (id, of, partner, code, reason, first_at, last_at, items, failures, example_id, example)
  select 'group ' || g, 'write-backs', 'his', 'E' || g, '单据 <id> 不存在', huiliu_now() - interval '1 day', huiliu_now(), 10, 10, gen_random_uuid(), '单据不存在' from generate_series(0, 39) g
  union all select 'messages ' || g, 'messages', 'his', 'NOT_TRANSLATABLE', '必填项缺失', huiliu_now() - interval '1 day', huiliu_now(), 10, 10, gen_random_uuid(), '缺失' from generate_series(0, 9) g`;
const MESSAGE_FAILURES =
  "insert into message_failure (message_id, failure_group, at) select id, 'messages ' || (seq % 10), received_at from message where state = 'parked'";

const FAST = [
  "fsync = off",
  "synchronous_commit = off",
  "full_page_writes = off",
  "max_wal_size = '8GB'",
  "checkpoint_timeout = '30min'",
  "autovacuum = off",
  "maintenance_work_mem = '512MB'",
];
const WHOLE_TABLES = ["message_identity", "business_identity", "business_key", "write_back"];

interface Undone {
  readonly make: readonly string[];
}

/** Takes the indexes of a table away; answers how to make them again. */
async function withoutIndexes(client: pg.Client, table: string): Promise<Undone> {
  const constraints = await client.query<{ name: string; definition: string }>(
    "select conname as name, pg_get_constraintdef(oid) as definition from pg_constraint where conrelid = $1::regclass and contype in ('p', 'u')",
    [table],
  );
  const indexes = await client.query<{ name: string; definition: string }>(
    `select c.relname as name, pg_get_indexdef(i.indexrelid) as definition from pg_index i join pg_class c on c.oid = i.indexrelid
     where i.indrelid = $1::regclass and not exists (select 1 from pg_constraint k where k.conindid = i.indexrelid)`,
    [table],
  );
  for (const { name } of constraints.rows) await client.query(`alter table ${table} drop constraint ${name}`);
  for (const { name } of indexes.rows) await client.query(`drop index ${name}`);
  return {
    make: [
      ...constraints.rows.map(({ name, definition }) => `alter table ${table} add constraint ${name} ${definition}`),
      ...indexes.rows.map(({ definition }) => definition),
    ],
  };
}

const PER_DAY = { message, message_history: history, event, write_back_body: body, attempt } as const;

async function fillDay(client: pg.Client, day: string, from: number, to: number, today: boolean): Promise<void> {
  const table = `day_${from}`;
  const { from: first, to: last } = dayBounds(day);
  const startMs = epochMsOf(`${day}T00:00:00+08:00`) ?? 0;
  await client.query(staging(table, from, to, startMs, today ? Math.max(Date.now() - startMs, TODAY_LEAST_MS) : DAY_MS - 1_000, today));
  for (const [name, insert] of Object.entries(PER_DAY)) {
    const target = `${name}${suffixOf(day)}`;
    const column = PARTITIONED[name as keyof typeof PARTITIONED];
    // Rows first, indexes when it is attached; the check spares the server a look at every row.
    await client.query(`create table ${target} (like ${name} including defaults including constraints including storage)`);
    await client.query(`alter table ${target} add constraint of_the_day check (${column} >= '${first}' and ${column} < '${last}')`);
    if (name === "message") await client.query(messageStatistics(target));
    await client.query(insert(target, table));
  }
  await client.query(identity(table));
  await client.query(fact(table));
  await client.query(keys(table));
  await client.query(writeBack(table, today));
  await client.query(`drop table ${table}`);
}

async function attachDay(client: pg.Client, day: string): Promise<void> {
  const { from, to } = dayBounds(day);
  for (const name of Object.keys(PER_DAY)) {
    const target = `${name}${suffixOf(day)}`;
    await client.query(`alter table ${name} attach partition ${target} for values from ('${from}') to ('${to}')`);
    await client.query(`alter table ${target} drop constraint of_the_day`);
  }
}

async function settings(client: pg.Client, lines: readonly string[], how: "set" | "reset"): Promise<void> {
  for (const line of lines) await client.query(how === "set" ? `alter system set ${line}` : `alter system reset ${line.split(" ")[0]}`);
  await client.query("select pg_reload_conf()");
}

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(
    "set timezone = 'Asia/Shanghai'; set statement_timeout = 0; set maintenance_work_mem = '512MB'; set work_mem = '256MB'",
  );
  return client;
}

const pad = (value: number, width: number): string => String(value).padStart(width, "0");

/** Fills an empty database (it is migrated first); the last day is today. */
export async function fill(options: FillOptions): Promise<Filled> {
  const started = Date.now();
  const pool = createPool({ url: options.url, applicationName: "huiliu bench fill", max: 1, plans: "reads" });
  await migrate(pool);
  await pool.end();
  const main = await connected(options.url);
  const clients = [main, await connected(options.url)];
  try {
    if (options.ownServer) await settings(main, FAST, "set");
    const today = new Date(Date.now() + 8 * 3_600_000).toISOString().slice(0, 10);
    const days = Array.from({ length: options.days }, (_, back) => addDays(today, back - options.days + 1) ?? today);
    const perDay = Math.ceil(options.messages / options.days);
    const undone: Undone[] = [];
    for (const table of WHOLE_TABLES) undone.push(await withoutIndexes(main, table));
    const todo = days.map((day, index) => ({ day, from: index * perDay, to: Math.min((index + 1) * perDay, options.messages) }));
    const waiting = [...todo];
    await Promise.all(
      clients.map(async (client) => {
        for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
          await fillDay(client, one.day, one.from, one.to, one.day === today);
          options.log(`${one.day}: ${one.to - one.from} messages, ${Math.round((Date.now() - started) / 1_000)} s`);
        }
      }),
    );
    // Attaching takes the parent for itself; indexes of whole tables are made beside it.
    const indexes = undone.flatMap(({ make }) => make);
    options.log(`indexes (${indexes.length} of whole tables, and those of each day)`);
    await Promise.all([
      (async () => {
        for (const { day } of todo) await attachDay(clients[0] ?? main, day);
      })(),
      (async () => {
        for (const text of indexes) await (clients[1] ?? main).query(text);
      })(),
    ]);
    await main.query(GROUPS);
    await main.query(MESSAGE_FAILURES);
    await main.query("select setval('message_seq', $1)", [options.messages + 1]);
    options.log("vacuum and analyze");
    await main.query("vacuum (analyze)");
    if (options.ownServer) await settings(main, FAST, "reset");
    await main.query("checkpoint");
    const size = await main.query<{ bytes: string }>("select pg_database_size(current_database())::text as bytes");
    return {
      messages: options.messages,
      perDay,
      days,
      seconds: (Date.now() - started) / 1_000,
      bytes: Number(size.rows[0]?.bytes ?? 0),
      order: (n) => `O${pad(Math.floor(n / 2), 11)}`,
      patient: (n) => `P${pad(Number((BigInt(n) * 2_654_435_761n) % BigInt(PATIENTS)), 8)}`,
      bill: (n) => `DJ${pad(Math.floor(n / 3), 11)}`,
      serial: (n) => `ZF${pad(n, 20)}`,
      identity: (n) => `HIS${pad(n, 15)}`,
    };
  } finally {
    for (const client of clients) await client.end();
    const ahead = createPool({ url: options.url, applicationName: "huiliu bench days", max: 1, plans: "reads" });
    await ensurePartitions(ahead).finally(() => ahead.end());
  }
}
