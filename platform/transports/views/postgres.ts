/** A view of PostgreSQL. One connection, read-only, opened when it is needed and dropped after trouble. */
import pg from "pg";
import { CLIENT_MS, CONNECT_MS, pageSql, rowOf, type SourceOptions, STATEMENT_MS, tlsOf, valuesOf, type ViewSource } from "./source.ts";

const AS_TEXT: pg.CustomTypesConfig = { getTypeParser: (() => (text: string) => text) as pg.CustomTypesConfig["getTypeParser"] };
const PORT = 5_432;
/** Names fold as PostgreSQL folds them; the profile's pattern leaves nothing to quote. */
const plain = (name: string): string => name;

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
    const made = new pg.Client({
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
    });
    made.on("error", () => {
      if (client === made) client = undefined; // lost while idle: the next page opens another
    });
    await made.connect();
    client = made;
    return made;
  };

  return {
    page: async (from) => {
      const text = pageSql(door, from, plain, (n) => `$${n}`);
      try {
        const on = await connected();
        const { rows } = await on.query<(string | null)[]>({ text, values: [...valuesOf(from)], rowMode: "array", types: AS_TEXT });
        return rows.map((cells) => rowOf(cells, door.columns.length));
      } catch (error) {
        await drop();
        throw error;
      }
    },
    close: drop,
  };
}
