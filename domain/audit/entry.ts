/**
 * An entry of the audit as it is marked and linked (docs/decisions/018-audit-chain.md). Two texts are made of an entry: what the engine's mark is over, and what the
 * chain's hash is over. Pure: hashes are ports.
 */

/** An entry as the database gives it, every column as text. */
export interface StoredEntry {
  readonly id: string;
  /** Microseconds since 1970. */
  readonly micros: string;
  readonly who: string;
  readonly action: string;
  readonly targetKind: string;
  readonly targetId: string;
  readonly reason: string;
  readonly approvedBy: string | null;
  readonly before: string | null;
  readonly after: string | null;
  /** `<nonce>.<mac>`; null: written before there was a chain, or not by the engine. */
  readonly mark: string | null;
}

/** What a mark is over. */
export interface MarkedContent {
  readonly atMs: number;
  readonly who: string;
  readonly action: string;
  readonly targetKind: string;
  readonly targetId: string;
  readonly reason: string;
  readonly approvedBy?: string | null | undefined;
  /** Any JSON value; what JSON cannot say is left out, as it is when it is stored. */
  readonly before?: unknown;
  readonly after?: unknown;
}

/** A JSON value with its members in one order: the database keeps no order of its own that we could count on. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, member]) => [name, ordered(member)]));
}

const canonical = (value: unknown): string | null =>
  value === undefined || value === null ? null : JSON.stringify(ordered(JSON.parse(JSON.stringify(value))));

/** The text that the engine's mark is a MAC over. `nonce` makes two entries of one content two. */
export const markText = (content: MarkedContent, nonce: string): string =>
  JSON.stringify([
    "huiliu audit entry 1",
    nonce,
    content.atMs,
    content.who,
    content.action,
    content.targetKind,
    content.targetId,
    content.reason,
    content.approvedBy ?? null,
    canonical(content.before),
    canonical(content.after),
  ]);

/** What a stored entry's mark must be over; undefined when its JSON or its moment is none. */
export function markTextOf(entry: StoredEntry, nonce: string): string | undefined {
  try {
    const parsed = (text: string | null): unknown => (text === null ? null : JSON.parse(text));
    const { micros, before, after, ...rest } = entry;
    // The engine writes whole milliseconds.
    if (!/^\d+000$/.test(micros)) return undefined;
    return markText({ ...rest, atMs: Number(micros.slice(0, -3)), before: parsed(before), after: parsed(after) }, nonce);
  } catch {
    return undefined;
  }
}

const ENCODER = new TextEncoder();
/** A field with its length before it: no two entries have one text. As audit_field() of the migration. */
const field = (text: string | null): string => (text === null ? "-" : `${ENCODER.encode(text).byteLength}:${text}`);

/** What the chain's n-th hash is over: the hash before it, the place, the whole entry. As audit_link_text() of the migration. */
export const linkText = (previous: string, n: string, entry: StoredEntry): string =>
  previous +
  [
    n,
    entry.id,
    entry.micros,
    entry.who,
    entry.action,
    entry.targetKind,
    entry.targetId,
    entry.reason,
    entry.approvedBy,
    entry.before,
    entry.after,
    entry.mark,
  ]
    .map(field)
    .join("");
