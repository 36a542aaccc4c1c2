/**
 * The pool: how we talk to PostgreSQL, and what a server must be before we trust it with money (reference/reliability.md section 2:
 * synchronous_commit=off lost 2,508 acknowledged rows in five power cuts).
 */
import pg from "pg";

/** Connections of the stores: one per group committer, one for the worker's lock, the rest for claims and leases. */
export const POOL_MAX = 10;
/** Connections for people's reads: few, so that they cannot crowd out the money. */
export const READ_POOL_MAX = 8;
/** Of these, what searches may hold at once: the others stay for lists and for flows that look something up. */
export const SEARCH_CONNECTIONS_MAX = 6;
/** A statement that takes longer is stuck, not slow. A link that died without a word is noticed by it, too: within 20 s (fault run F14). */
const STATEMENT_TIMEOUT_MS = 15_000;
const LOCK_TIMEOUT_MS = 10_000;
/** A transaction whose process fell silent (stopped in its tracks) frees its locks: other workers wait for them no longer than this. */
const IDLE_IN_TRANSACTION_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5_000;
/** The client gives up on a server that does not even report its own time-out. */
const CLIENT_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 2_000;
/** `server_version_num` of the oldest server we run on. */
const SERVER_VERSION_MIN = 150_000;

export type Pool = pg.Pool;
export type Client = pg.PoolClient;

/** What the pool tells about trouble between statements. Never bodies or values. */
export interface Log {
  warn(fields: Readonly<Record<string, unknown>>, text: string): void;
}
export const SILENT: Log = { warn: () => undefined };

const INT8 = 20;
/** Prepared statements that name a day pile up on a connection: a connection is renewed before they matter. */
const MAX_LIFETIME_S = 6 * 3_600;
/**
 * Every statement of a store is a batch of keys looked up by index, prepared once. A plan made while a table was nearly empty would read it whole, and go on
 * doing so when it has grown (measured: 5 to 20 times slower until the next ANALYZE), so other plans are not offered and a look-up by key
 * counts as cheap even in an empty table.
 */
const HOT_PLANS =
  " -c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off" +
  " -c random_page_cost=0.01 -c join_collapse_limit=1 -c jit=off";

/** Makes the pool; connects nobody yet. `bigint` columns come back as JavaScript bigint: fen and sequences must not pass through a float. */
export function createPool(options: {
  readonly url: string;
  readonly applicationName: string;
  readonly max: number;
  /** `hot`: the stores' prepared statements. `reads`: searches, planned for their values. */
  readonly plans: "hot" | "reads";
  readonly log?: Log;
}): Pool {
  const log = options.log ?? SILENT;
  const types: pg.CustomTypesConfig = {
    getTypeParser: ((oid: number, format: "text" | "binary" = "text") =>
      oid === INT8 && format === "text" ? BigInt : pg.types.getTypeParser(oid, format as "text")) as pg.CustomTypesConfig["getTypeParser"],
  };
  const pool = new pg.Pool({
    connectionString: options.url,
    application_name: options.applicationName,
    max: options.max,
    maxLifetimeSeconds: MAX_LIFETIME_S,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: 0,
    keepAlive: true,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    query_timeout: CLIENT_TIMEOUT_MS,
    options: `-c synchronous_commit=on -c timezone=Asia/Shanghai${options.plans === "hot" ? HOT_PLANS : ""}`,
    types,
    // Statements of one transaction that do not wait for each other's answers go out together, and are answered in order (pg ≥ 8.23).
    ...(options.plans === "hot" ? { pipeline: true } : {}),
  });
  // A connection that dies while idle must not end the process; the next statement opens another.
  // While it is lent, nobody listens to the connection itself: without this its loss would end the process. Whoever works on it is told by the statement.
  pool.on("connect", (client) => client.on("error", () => undefined));
  pool.on("error", (error) => log.warn({ error: error.message }, "an idle database connection was lost"));
  return pool;
}

/** The server is not one we may journal into. `problems` lists every reason. */
export class UnsafeServer extends Error {
  override readonly name = "UnsafeServer";
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(
      `PostgreSQL is not safe to journal into: set this in postgresql.conf (or by ALTER SYSTEM) and reload / PostgreSQL 的设置会丢失已确认的报文：请在 postgresql.conf（或 ALTER SYSTEM）中修改后重新加载\n- ${problems.join("\n- ")}`,
    );
    this.problems = problems;
  }
}

/** Asserts what durability rests on. Throws `UnsafeServer` with every problem at once. */
export async function assertServer(pool: Pool): Promise<void> {
  const settings = await pool.query<{ name: string; setting: string }>(
    `select name, setting from pg_settings
      where name in ('synchronous_commit', 'fsync', 'full_page_writes', 'server_version_num', 'server_encoding', 'transaction_read_only')`,
  );
  const of = new Map(settings.rows.map((row) => [row.name, row.setting]));
  const problems: string[] = [];
  const must = (name: string, wanted: string): void => {
    if (of.get(name) !== wanted) problems.push(`${name} is ${of.get(name) ?? "unknown"}, must be ${wanted} / ${name} 应为 ${wanted}`);
  };
  must("synchronous_commit", "on");
  must("fsync", "on");
  must("full_page_writes", "on");
  must("server_encoding", "UTF8");
  must("transaction_read_only", "off");
  const version = Number(of.get("server_version_num") ?? 0);
  if (version < SERVER_VERSION_MIN) problems.push(`server version ${version} is older than 15 / 服务器版本低于 15`);
  if (problems.length > 0) throw new UnsafeServer(problems);
}
