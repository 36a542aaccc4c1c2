/** A view of PostgreSQL. One connection, read-only, opened when it is needed and dropped after trouble. */
import type { Duplex } from "node:stream";
import pg from "pg";
import {
  CLIENT_MS,
  CONNECT_MS,
  pageSql,
  rowOf,
  type SourceOptions,
  STATEMENT_MS,
  surveySql,
  tlsOf,
  valuesOf,
  ViewChanged,
  type ViewSource,
} from "./source.ts";

const AS_TEXT: pg.CustomTypesConfig = { getTypeParser: (() => (text: string) => text) as pg.CustomTypesConfig["getTypeParser"] };
const PORT = 5_432;
/** SQLSTATEs: no such column, no such table or view; a statement that took too long. */
const CHANGED: ReadonlySet<unknown> = new Set(["42703", "42P01"]);
const TOO_LONG = "57014";
/** Names fold as PostgreSQL folds them; the profile's pattern leaves nothing to quote. */
const plain = (name: string): string => name;

/**
 * The driver's parser throws inside the socket's event where a server sends what is no message (a row whose cells reach past its end): nobody could catch that, and the
 * engine would die of a partner's garbage. Here it ends this connection and nothing else.
 */
function guarded(client: pg.Client): pg.Client {
  const { connection } = client as unknown as { readonly connection: { attachListeners(stream: Duplex): void } };
  const attach = connection.attachListeners.bind(connection);
  connection.attachListeners = (stream) => {
    attach(stream);
    const heard = stream.listeners("data") as ((chunk: unknown) => void)[];
    stream.removeAllListeners("data");
    stream.on("data", (chunk: unknown) => {
      try {
        for (const listener of heard) listener.call(stream, chunk);
      } catch (error) {
        stream.destroy(error instanceof Error ? error : new Error(String(error)));
      }
    });
  };
  return client;
}

export function createPostgresSource({ door, password }: SourceOptions): ViewSource {
  const ssl = tlsOf(door);
  const at = new URL(door.url);
  let client: pg.Client | undefined;

  const drop = async (): Promise<void> => {
    const gone = client;
    client = undefined;
    await gone?.end().catch(() => undefined); // it is being dropped because it failed
  };
  const connected = async (): Promise<pg.Client> => {
    if (client !== undefined) return client;
    const made = guarded(
      new pg.Client({
        // Part by part: what stands in a connection string would win over the secret.
        host: at.hostname,
        port: at.port === "" ? PORT : Number(at.port),
        user: decodeURIComponent(at.username),
        database: decodeURIComponent(at.pathname.replace(/^\//, "")),
        ...(password === undefined ? {} : { password }),
        ...(ssl === undefined ? {} : { ssl }),
        application_name: "huiliu view",
        connectionTimeoutMillis: CONNECT_MS,
        statement_timeout: STATEMENT_MS,
        query_timeout: CLIENT_MS,
        options: "-c default_transaction_read_only=on -c timezone=Asia/Shanghai -c datestyle=ISO -c client_encoding=UTF8",
        keepAlive: true,
      }),
    );
    made.on("error", () => {
      if (client === made) client = undefined; // lost while idle: the next page opens another
    });
    await made.connect();
    client = made;
    return made;
  };

  const asked = async <T>(ask: (on: pg.Client) => Promise<T>): Promise<T> => {
    try {
      return await ask(await connected());
    } catch (error) {
      await drop();
      throw error instanceof Error && CHANGED.has((error as { readonly code?: unknown }).code) ? new ViewChanged(error.message) : error;
    }
  };
  const counted = async (on: pg.Client, text: string): Promise<bigint | undefined> => {
    try {
      const { rows } = await on.query<[string]>({ text, rowMode: "array", types: AS_TEXT });
      return BigInt(rows[0]?.[0] ?? "0");
    } catch (error) {
      if ((error as { readonly code?: unknown }).code === TOO_LONG) return undefined; // a view too large to be counted is not judged by its size
      throw error;
    }
  };

  return {
    page: (from) =>
      asked(async (on) => {
        const text = pageSql(door, from, plain, (n) => `$${n}`);
        const { rows } = await on.query<(string | null)[]>({ text, values: [...valuesOf(from)], rowMode: "array", types: AS_TEXT });
        return rows.map((cells) => rowOf(cells, door.columns.length));
      }),
    survey: () =>
      asked(async (on) => {
        const sql = surveySql(door, plain);
        const { fields } = await on.query({ text: sql.columns, rowMode: "array", types: AS_TEXT });
        return { columns: fields.map(({ name, dataTypeID }) => [name, String(dataTypeID)]), rows: await counted(on, sql.rows) };
      }),
    close: drop,
  };
}
