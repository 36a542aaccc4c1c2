/** JSON as envelopes need it: numbers keep the digits they were written with (188.50 stays 188.50: a signature is over the text), and nothing but plain data. */

export type JsonObject = Readonly<Record<string, unknown>>;

interface RawJson {
  rawJSON(text: string): unknown;
  isRawJSON(value: unknown): boolean;
}
/** Of V8 since 11.4 (Node 22 and 24); the type library does not know it yet. */
const raw = JSON as unknown as RawJson;

const decoder = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !raw.isRawJSON(value);

/** The object that the text is; undefined when it is none. Numbers are held as they were written. */
export function parseObject(text: string): JsonObject | undefined {
  try {
    const keepDigits = (_key: string, value: unknown, context: { readonly source?: string }): unknown =>
      typeof value === "number" && context.source !== undefined ? raw.rawJSON(context.source) : value;
    const value: unknown = JSON.parse(text, keepDigits as (key: string, value: unknown) => unknown);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined; // not JSON: the caller says what that means
  }
}

/** As `parseObject`, of UTF-8 bytes (a byte order mark is passed over). */
export function objectOf(body: Uint8Array): JsonObject | undefined {
  try {
    return parseObject(decoder.decode(body));
  } catch {
    return undefined; // not UTF-8
  }
}

export const bytesOf = (value: JsonObject): Uint8Array => encoder.encode(JSON.stringify(value));

/** The text of a string or number; "" for everything else. */
export function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  return raw.isRawJSON(value) || typeof value === "number" ? JSON.stringify(value) : "";
}

/** Keys sorted at every depth; null and "" dropped, {} and [] kept (domain.md 1.9, step 3). */
export function sortedWithoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedWithoutEmpty);
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(([, one]) => one !== null && one !== undefined && one !== "");
  return Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, one]) => [name, sortedWithoutEmpty(one)]));
}
