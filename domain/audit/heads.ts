/** Signed heads of the audit's chain: that the chain was this long and ended in this hash at this time, said by somebody who holds a key the database does not have. */

export interface Head {
  /** The chain's length. */
  readonly n: string;
  /** The n-th hash. */
  readonly hash: string;
  /** When it was signed, ISO 8601. */
  readonly at: string;
  /** Entries up to this one were there before the engine marked its entries. */
  readonly since: string;
  /** Which key signed it: the first characters of the public key's hash. */
  readonly key: string;
  /** Base64. */
  readonly signature: string;
}

/** The text that is signed. */
export const headText = ({ n, hash, at, since, key }: Omit<Head, "signature">): string =>
  JSON.stringify(["huiliu audit head 1", n, hash, at, since, key]);

const NUMBER = /^\d{1,18}$/;
const isHead = (value: unknown): value is Head => {
  if (typeof value !== "object" || value === null) return false;
  const { n, hash, at, since, key, signature } = value as Partial<Record<keyof Head, unknown>>;
  const texts = [n, hash, at, since, key, signature].every((one) => typeof one === "string");
  return texts && NUMBER.test(String(n)) && NUMBER.test(String(since)) && /^[0-9a-f]{64}$/.test(String(hash));
};

/** One line of the file outside. Undefined: no head (a probe that the file can be written, or half a line of a crash). */
export function headOfLine(line: string): Head | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isHead(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
