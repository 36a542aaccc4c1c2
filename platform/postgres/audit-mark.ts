/**
 * The marks of audit entries: a MAC over what the engine wrote, with a key that the database does not have. An entry that somebody inserted or changed by SQL has none
 * that fits. Whoever opens a pool says what its entries are marked with.
 */
import { type MarkedContent, markText } from "../../domain/audit/entry.ts";
import type { AuditKeys } from "../audit/keys.ts";
import type { Pool } from "./pool.ts";

/** The mark of an entry, for its column. */
export type Marker = (content: MarkedContent) => string;

const MARKERS = new WeakMap<Pool, Marker>();

export const markerOf = (keys: Pick<AuditKeys, "nonce" | "mac">): Marker => {
  return (content) => {
    const nonce = keys.nonce();
    return `${nonce}.${keys.mac(markText(content, nonce))}`;
  };
};

/** From now on entries written through the pool carry marks. */
export const markEntries = (pool: Pool, marker: Marker): void => void MARKERS.set(pool, marker);

/** Undefined: nobody said (tests without keys); entries then carry no mark, and the verifier tells them as foreign. */
export const markerFor = (pool: Pool): Marker | undefined => MARKERS.get(pool);
