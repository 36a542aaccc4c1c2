/** A message's row as the domain knows it. */
import type { Door, JournaledMessage } from "../../domain/journal/ports.ts";
import { chinaDateTimeOf } from "../../domain/time.ts";
import { pack, unpack } from "./packed.ts";

export interface MessageRow {
  readonly id: string;
  readonly seq: bigint;
  readonly partner: string;
  readonly kind: string;
  readonly door: Door;
  readonly identity: string | null;
  readonly content_type: string | null;
  readonly charset: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly raw: Uint8Array;
  /** How long the request is, where `raw` is packed; null: it stands as it came. */
  readonly raw_bytes: number | null;
  readonly reply: Uint8Array | null;
  readonly return_value: string | null;
  readonly traceparent: string | null;
  readonly received_ms: number;
  readonly lease_token: bigint;
  readonly run: number;
  readonly replayed: boolean;
}

/** Shorter requests stand as they came: next to nothing is gained. */
const RAW_FROM_BYTES = 256;
/** Longer ones, too: the server packs those by itself, and here they would hold up all others. */
const RAW_TO_BYTES = 16_384;

/** A request as it is stored. */
export function rawColumns(raw: Uint8Array | undefined): { readonly raw: Uint8Array | null; readonly raw_bytes: number | null } {
  if (raw === undefined || raw.byteLength < RAW_FROM_BYTES || raw.byteLength > RAW_TO_BYTES) return { raw: raw ?? null, raw_bytes: null };
  return { raw: pack(raw, "told"), raw_bytes: raw.byteLength };
}

/** A request as it came. */
export const rawOf = (row: Pick<MessageRow, "raw" | "raw_bytes">): Uint8Array => (row.raw_bytes === null ? row.raw : unpack(row.raw));

/** Absent is absent: a null column is no property. */
export const messageOf = (row: MessageRow): JournaledMessage => ({
  id: row.id,
  seq: row.seq,
  partner: row.partner,
  kind: row.kind,
  door: row.door,
  ...(row.identity === null ? {} : { identity: row.identity }),
  ...(row.content_type === null ? {} : { contentType: row.content_type }),
  ...(row.charset === null ? {} : { charset: row.charset }),
  headers: row.headers,
  raw: rawOf(row),
  ...(row.reply === null ? {} : { reply: row.reply }),
  ...(row.return_value === null ? {} : { returnValue: row.return_value }),
  ...(row.traceparent === null ? {} : { traceparent: row.traceparent }),
  receivedAt: chinaDateTimeOf(Math.floor(row.received_ms)),
  token: Number(row.lease_token),
  run: row.run,
  replayed: row.replayed,
});
