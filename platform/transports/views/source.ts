/**
 * A partner's view, read and never written: a session that is read-only, identifiers from the profile's closed patterns, every value as the server writes it.
 * PostgreSQL by `pg`, MariaDB and MySQL by `mariadb`.
 */
import { readFileSync } from "node:fs";
import type { ViewDoor } from "../../../domain/partners/doors/views.ts";

/** How long a connection may take, and one page of rows, milliseconds. */
export const CONNECT_MS = 5_000;
export const STATEMENT_MS = 15_000;
/** The client gives up on a server that does not report its own time-out. */
export const CLIENT_MS = STATEMENT_MS + 2_000;

/** Null is the database's NULL; "" is an empty text. Numbers are their digits. */
export type Cell = string | null;

/** One row: the columns of the profile in their order, then watermark and key. */
export interface Row {
  readonly cells: readonly Cell[];
  readonly watermark: Cell;
  readonly key: Cell;
}

/** Where a walk stands: behind this row, or - `key` absent - at the first row of this watermark. */
export interface Position {
  readonly watermark: string;
  readonly key?: string;
}

/** What a view looks like beside its rows. */
export interface Survey {
  /** How many rows it has; undefined where counting took too long. */
  readonly rows: bigint | undefined;
  /** Every column it has, also those that the profile does not name, with its type as the driver numbers or names it. */
  readonly columns: readonly (readonly [name: string, type: string])[];
}

/** A column or the view itself is not there any more: no trouble of the network, and it does not pass by itself. */
export class ViewChanged extends Error {
  override readonly name = "ViewChanged";
  constructor(text: string) {
    super(`视图的列变了 / the view's columns changed: ${text}`);
  }
}

export interface ViewSource {
  /** At most `rowsMax` rows in the order of watermark and key, from a position on. Rejects when the server is away, slow, or refuses. */
  page(from: Position | undefined): Promise<readonly Row[]>;
  /** Rejects as `page` does. */
  survey(): Promise<Survey>;
  close(): Promise<void>;
}

export interface SourceOptions {
  readonly door: ViewDoor;
  readonly password: string | undefined;
}

export const tlsOf = ({ tls }: ViewDoor): { readonly rejectUnauthorized: true; readonly ca?: Buffer } | undefined =>
  tls === undefined ? undefined : { rejectUnauthorized: true, ...(tls.ca === undefined ? {} : { ca: readFileSync(tls.ca) }) };

/** Bytes as text that can be told from any other. */
export const hexOf = (bytes: Uint8Array): string => `\\x${Buffer.from(bytes).toString("hex")}`;

/** `quote`: the dialect's way to name a column. `place`: its way to mark the n-th value. */
export function pageSql(door: ViewDoor, from: Position | undefined, quote: (name: string) => string, place: (n: number) => string): string {
  const { columns, view, watermark, key, rowsMax } = door;
  const [mark, name] = [quote(watermark), quote(key)];
  const selected = [...columns, watermark, key].map(quote).join(", ");
  const table = view.split(".").map(quote).join(".");
  const behind =
    from?.key === undefined ? `${mark} >= ${place(1)}` : `(${mark} > ${place(1)} or (${mark} = ${place(2)} and ${name} > ${place(3)}))`;
  const where = from === undefined ? `${mark} is not null` : behind;
  return `select ${selected} from ${table} where ${where} order by ${mark}, ${name} limit ${rowsMax}`;
}

/** `quote`: as above. One tells the columns, the other counts. */
export const surveySql = (door: ViewDoor, quote: (name: string) => string): { readonly columns: string; readonly rows: string } => {
  const table = door.view.split(".").map(quote).join(".");
  return { columns: `select * from ${table} limit 0`, rows: `select count(*) from ${table}` };
};

export const valuesOf = (from: Position | undefined): readonly string[] =>
  from === undefined ? [] : from.key === undefined ? [from.watermark] : [from.watermark, from.watermark, from.key];

/** A row as the drivers give it: columns, watermark, key. */
export function rowOf(cells: readonly Cell[], columns: number): Row {
  return { cells: cells.slice(0, columns), watermark: cells[columns] ?? null, key: cells[columns + 1] ?? null };
}
