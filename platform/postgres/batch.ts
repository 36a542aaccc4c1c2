/**
 * Rows as arrays: one prepared statement takes a batch of any size through `unnest` (design.md decision 4).
 * Bytes travel as one binary parameter, cut apart by offset on the server: hex text in an array literal would be most of the journal's CPU.
 */

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
  const arrays: string[] = [];
  const inner: string[] = [];
  const outer: string[] = [];
  let at = first;
  for (const name of names) {
    if (columns[name] === "bytea") {
      arrays.push(`$${at + 1}::integer[]`, `$${at + 2}::integer[]`);
      inner.push(`${name}_at`, `${name}_length`);
      outer.push(`substring($${at}::bytea from u.${name}_at for u.${name}_length) as ${name}`);
      at += 3;
    } else {
      arrays.push(`$${at}::${columns[name]}[]`);
      inner.push(name);
      outer.push(`u.${name}`);
      at += 1;
    }
  }
  const from = `(select ${outer.join(", ")}, u.ord from unnest(${arrays.join(", ")}) with ordinality as u(${inner.join(", ")}, ord)) as ${alias}`;
  return {
    from,
    next: at,
    params: (rows) =>
      names.flatMap((name): unknown[] => {
        const values = rows.map((row) => row[name]);
        return columns[name] === "bytea" ? packed(values as (Uint8Array | null)[]) : [values];
      }),
  };
}

function packed(values: readonly (Uint8Array | null)[]): [Buffer, (number | null)[], (number | null)[]] {
  let offset = 1;
  const at: (number | null)[] = [];
  const length: (number | null)[] = [];
  const parts: Uint8Array[] = [];
  for (const value of values) {
    at.push(value === null ? null : offset);
    length.push(value === null ? null : value.byteLength);
    if (value === null) continue;
    parts.push(value);
    offset += value.byteLength;
  }
  return [Buffer.concat(parts), at, length];
}
