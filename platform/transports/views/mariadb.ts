/** A view of MariaDB or MySQL. One connection, read-only, opened when it is needed and dropped after trouble. */
import { connect, type Socket } from "node:net";
import { type Connection, createConnection } from "mariadb";
import {
  CLIENT_MS,
  CONNECT_MS,
  hexOf,
  pageSql,
  type Position,
  rowOf,
  type SourceOptions,
  STATEMENT_MS,
  surveySql,
  tlsOf,
  valuesOf,
  ViewChanged,
  type ViewSource,
} from "./source.ts";

const PORT = 3_306;
/** Numbers of errors: no such column, no such table or view, a view over what is not there; a statement that took too long. */
const CHANGED: ReadonlySet<unknown> = new Set([1054, 1146, 1356]);
const TOO_LONG = 1969;
const WHOLE_NUMBER = /^-?\d{1,20}$/;
/** Types that hold bytes where their collation is binary; dates and numbers have that collation, too. */
const BYTES = /BLOB|STRING|VARCHAR|^BIT$/;
const INTEGERS: ReadonlySet<string> = new Set(["TINY", "SHORT", "INT", "INT24", "BIGINT", "YEAR"]);
/** Read-only for the session; its own limit on a statement; China time for what it converts. */
const SESSION = ["SET SESSION TRANSACTION READ ONLY", `SET SESSION max_statement_time=${STATEMENT_MS / 1_000}`, "SET time_zone='+08:00'"];

const quote = (name: string): string => `\`${name}\``;

interface Field {
  readonly type: string;
  /** Absent of protocol details: `binary` for bytes. */
  readonly collation?: { readonly name: string };
  string(): string | null;
  buffer(): Buffer | null;
}

/** Text as the server wrote it; bytes in hexadecimal. */
function castField(field: Field): string | null {
  const isBytes = field.collation?.name.toLowerCase() === "binary" && BYTES.test(field.type);
  if (!isBytes) return field.string();
  const bytes = field.buffer();
  return bytes === null ? null : hexOf(bytes);
}

/**
 * The driver throws inside the socket's event where a server's greeting is none: nobody could catch that, and the engine would die of a partner's garbage. Here it ends this
 * connection and nothing else. (With TLS the driver reads from a socket of its own behind this one; such a server has shown its certificate before.)
 */
function guardedSocket(port: number, host: string): Socket {
  const socket = connect(port, host).setNoDelay(true);
  const emit = socket.emit.bind(socket) as (event: string | symbol, ...given: unknown[]) => boolean;
  socket.emit = ((event: string | symbol, ...given: unknown[]) => {
    try {
      return emit(event, ...given);
    } catch (error) {
      socket.destroy(error instanceof Error ? error : new Error(String(error)));
      return true;
    }
  }) as typeof socket.emit;
  return socket;
}

export function createMariadbSource({ door, password }: SourceOptions): ViewSource {
  const at = new URL(door.url);
  const ssl = tlsOf(door);
  let connection: Connection | undefined;
  /** Whole-number columns are compared as numbers: as texts MariaDB would compare them as floats, and lose digits. */
  let numeric: readonly [boolean, boolean] = [false, false];

  const drop = async (): Promise<void> => {
    const gone = connection;
    connection = undefined;
    gone?.destroy();
  };
  const connected = async (): Promise<Connection> => {
    if (connection !== undefined) return connection;
    const port = at.port === "" ? PORT : Number(at.port);
    const made = await createConnection({
      host: at.hostname,
      port,
      stream: () => guardedSocket(port, at.hostname),
      user: decodeURIComponent(at.username),
      database: decodeURIComponent(at.pathname.replace(/^\//, "")),
      ...(password === undefined ? {} : { password }),
      ...(ssl === undefined ? {} : { ssl }),
      charset: "utf8mb4",
      connectTimeout: CONNECT_MS,
      socketTimeout: CLIENT_MS,
      dateStrings: true,
      typeCast: (field: unknown) => castField(field as Field),
      allowPublicKeyRetrieval: false,
    });
    made.on("error", () => {
      if (connection === made) connection = undefined; // lost while idle: the next page opens another
    });
    for (const statement of SESSION) await made.query(statement);
    const [meta] = [
      await made.query({ sql: `${pageSql({ ...door, rowsMax: 1 }, undefined, quote, () => "?")}`, rowsAsArray: true, metaAsArray: true }),
    ];
    const fields = (meta as readonly [unknown, readonly { readonly type: string }[]])[1];
    const isInteger = (index: number): boolean => INTEGERS.has(fields[index]?.type ?? "");
    numeric = [isInteger(door.columns.length), isInteger(door.columns.length + 1)];
    connection = made;
    return made;
  };
  const typed = (from: Position | undefined): readonly (string | bigint)[] =>
    valuesOf(from).map((value, index) => {
      const whole = index === 2 ? numeric[1] : numeric[0];
      return whole && WHOLE_NUMBER.test(value) ? BigInt(value) : value;
    });

  const asked = async <T>(ask: (on: Connection) => Promise<T>): Promise<T> => {
    try {
      return await ask(await connected());
    } catch (error) {
      await drop();
      throw error instanceof Error && CHANGED.has((error as { readonly errno?: unknown }).errno) ? new ViewChanged(error.message) : error;
    }
  };
  const counted = async (on: Connection, sql: string): Promise<bigint | undefined> => {
    try {
      const rows: (string | null)[][] = await on.query({ sql, rowsAsArray: true });
      return BigInt(rows[0]?.[0] ?? "0");
    } catch (error) {
      if ((error as { readonly errno?: unknown }).errno === TOO_LONG) return undefined; // a view too large to be counted is not judged by its size
      throw error;
    }
  };

  return {
    page: (from) =>
      asked(async (on) => {
        const sql = pageSql(door, from, quote, () => "?");
        const rows: (string | null)[][] = await on.query({ sql, rowsAsArray: true }, [...typed(from)]);
        return rows.map((cells) => rowOf(cells, door.columns.length));
      }),
    survey: () =>
      asked(async (on) => {
        const sql = surveySql(door, quote);
        const [, fields] = (await on.query({ sql: sql.columns, rowsAsArray: true, metaAsArray: true })) as readonly [
          unknown,
          readonly { readonly type: string; name(): string }[],
        ];
        return { columns: fields.map((field) => [field.name(), field.type]), rows: await counted(on, sql.rows) };
      }),
    close: drop,
  };
}
