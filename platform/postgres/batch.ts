/** Rows as arrays: one prepared statement takes a batch of any size through `unnest` (design.md decision 4). */
import { type BinaryType, binaryArray } from "./binary.ts";

export type ColumnType =
  | "uuid"
  | "text"
  | "bigint"
  | "integer"
  | "double precision"
  | "boolean"
  | "jsonb"
  | "date"
  | "timestamptz"
  | "bytea";

type ValueOf<T extends ColumnType> = T extends "bytea"
  ? Uint8Array
  : T extends "boolean"
    ? boolean
    : T extends "integer" | "double precision"
      ? number
      : T extends "bigint"
        ? bigint | number
        : string;
export type RowOf<S extends Readonly<Record<string, ColumnType>>> = { readonly [K in keyof S]: ValueOf<S[K]> | null };

export interface Batch<S extends Readonly<Record<string, ColumnType>>> {
  /** The rows as a table `(columns…, ord)`; `ord` counts from 1 in the order given. Parameters are numbered from `first`. */
  readonly from: string;
  /** Number of the first parameter that is free after the batch's own. */
  readonly next: number;
  params(rows: readonly RowOf<S>[]): unknown[];
}

/** Declares a batch's columns. `alias` is the table's name in the statement. jsonb values are given as JSON text. */
export function batchOf<const S extends Readonly<Record<string, ColumnType>>>(alias: string, columns: S, first = 1): Batch<S> {
  const names = Object.keys(columns) as (keyof S & string)[];
  const at = (index: number): number => first + index;
  const arrays = names.map((name, index) => `$${at(index)}::${BY_TEXT.has(columns[name] as string) ? "text" : columns[name]}[]`);
  const outer = names.map((name) => (BY_TEXT.has(columns[name] as string) ? `u.${name}::${columns[name]} as ${name}` : `u.${name}`));
  const from = `(select ${outer.join(", ")}, u.ord from unnest(${arrays.join(", ")}) with ordinality as u(${names.join(", ")}, ord)) as ${alias}`;
  const types = names.map((name) => (BY_TEXT.has(columns[name] as string) ? "text" : columns[name]) as BinaryType);
  return {
    from,
    next: at(names.length),
    params: (rows) => names.map((name, index) => binaryArray(types[index] ?? "text", rows, (row) => row[name])),
  };
}

/** Read by the server from their text. */
const BY_TEXT: ReadonlySet<string> = new Set(["date", "timestamptz"]);
