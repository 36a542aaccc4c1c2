/** The few statements that a reader of the view needs, over rows in memory. Whatever else is asked is answered as PostgreSQL would refuse it. */
import type { Column } from "./messages.ts";

/** Type numbers of varchar and bigint in pg_type. */
const VARCHAR = 1043;
const BIGINT = 20;

export type Row = Readonly<Record<string, string | null>>;

export interface View {
  readonly name: string;
  /** In the order of the view. */
  readonly columns: readonly string[];
  rows(): readonly Row[];
}

export type Selected =
  | { readonly ok: true; readonly columns: readonly Column[]; readonly rows: readonly (readonly (string | null)[])[]; readonly tag: string }
  | { readonly ok: false; readonly code: string; readonly words: string };

const no = (code: string, words: string): Selected => ({ ok: false, code, words });
const SELECT =
  /^select\s+(?<list>.+?)(?:\s+from\s+(?<view>[\w.]+)(?:\s+where\s+(?<where>.+?))?(?:\s+order\s+by\s+(?<order>[\w\s,]+?))?(?:\s+limit\s+(?<limit>\d+))?)?\s*;?$/is;
const WRITES = /^(insert|update|delete|merge|truncate|create|drop|alter|grant)\b/i;
/** Session statements that change nothing here. */
const SESSION = /^(set|begin|commit|rollback|show|discard|start\s+transaction)\b/i;

type Keep = (row: Row) => boolean;

/** Values of another bind than the statement names are NULL, and NULL compares with nothing. */
function whereOf(text: string | undefined, at: (name: string) => string | undefined, values: readonly (string | null)[]): Keep | Selected {
  if (text === undefined) return () => true;
  const names: string[] = [];
  const column = (name: string): string => {
    const known = at(name);
    if (known === undefined) names.push(name);
    return known ?? "";
  };
  const value = (place: string): string | null => values[Number(place) - 1] ?? null;
  const compared = (name: string, sign: string, place: string): Keep => {
    const [of, other] = [column(name), value(place)];
    return (row) => {
      const cell = row[of] ?? null;
      if (cell === null || other === null) return false;
      return sign === "=" ? cell === other : sign === ">" ? cell > other : cell >= other;
    };
  };
  const [notNull, one, two] = [
    /^(\w+) is not null$/i.exec(text),
    /^(\w+) (>=|>|=) \$(\d)$/.exec(text),
    /^\((\w+) > \$(\d) or \((\w+) = \$(\d) and (\w+) > \$(\d)\)\)$/i.exec(text),
  ];
  let keep: Keep | undefined;
  if (notNull) {
    const of = column(notNull[1] ?? "");
    keep = (row) => row[of] !== null && row[of] !== undefined;
  } else if (one) keep = compared(one[1] ?? "", one[2] ?? "", one[3] ?? "");
  else if (two) {
    const [above, same, behind] = [
      compared(two[1] ?? "", ">", two[2] ?? ""),
      compared(two[3] ?? "", "=", two[4] ?? ""),
      compared(two[5] ?? "", ">", two[6] ?? ""),
    ];
    keep = (row) => above(row) || (same(row) && behind(row));
  }
  if (names.length > 0) return no("42703", `column "${names[0]}" does not exist`);
  return keep ?? no("42601", `syntax error at or near "${text.slice(0, 20)}"`);
}

/** Answers a statement as the server of the view would. Texts compare by their characters, as with the collation "C". */
export function select(view: View, statement: string, values: readonly (string | null)[]): Selected {
  const bare = statement.trim();
  if (WRITES.test(bare)) return no("25006", "cannot execute this statement in a read-only transaction");
  if (SESSION.test(bare)) return { ok: true, columns: [], rows: [], tag: bare.split(/\s+/, 1)[0]?.toUpperCase() ?? "" };
  const parts = SELECT.exec(bare)?.groups;
  if (parts === undefined) return no("42601", `syntax error at or near "${bare.slice(0, 20)}"`);
  if (parts.view === undefined) {
    if (!/^\d+$/.test(parts.list ?? "")) return no("42601", "only numbers are selected from nowhere");
    return { ok: true, columns: [{ name: "?column?", type: BIGINT }], rows: [[parts.list ?? ""]], tag: "SELECT 1" };
  }
  if (parts.view.replace(/^public\./i, "").toLowerCase() !== view.name.toLowerCase())
    return no("42P01", `relation "${parts.view}" does not exist`);
  const at = (name: string): string | undefined => view.columns.find((one) => one.toLowerCase() === name.toLowerCase());
  const keep = whereOf(parts.where, at, values);
  if (typeof keep !== "function") return keep;
  const kept = view.rows().filter(keep);
  if (/^count\(\*\)$/i.test(parts.list ?? ""))
    return { ok: true, columns: [{ name: "count", type: BIGINT }], rows: [[String(kept.length)]], tag: "SELECT 1" };
  const asked = parts.list === "*" ? view.columns : (parts.list ?? "").split(",").map((name) => name.trim());
  const order = (parts.order ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  const unknown = [...asked, ...order].find((name) => at(name) === undefined);
  if (unknown !== undefined) return no("42703", `column "${unknown}" does not exist`);
  const compare = (one: Row, other: Row): number => {
    for (const name of order) {
      const [a, b] = [one[at(name) ?? ""] ?? "", other[at(name) ?? ""] ?? ""];
      if (a !== b) return a < b ? -1 : 1;
    }
    return 0;
  };
  const sorted = order.length === 0 ? kept : [...kept].sort(compare);
  const limited = parts.limit === undefined ? sorted : sorted.slice(0, Number(parts.limit));
  return {
    ok: true,
    columns: asked.map((name) => ({ name: name.toLowerCase(), type: VARCHAR })),
    rows: limited.map((row) => asked.map((name) => row[at(name) ?? ""] ?? null)),
    tag: `SELECT ${limited.length}`,
  };
}
