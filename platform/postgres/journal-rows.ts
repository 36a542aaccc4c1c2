/** A message's row as the domain knows it. */
import type { Door, JournaledMessage } from "../../domain/journal/ports.ts";
import { chinaDateTimeOf } from "../../domain/time.ts";

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
  readonly reply: Uint8Array | null;
  readonly return_value: string | null;
  readonly traceparent: string | null;
  readonly received_ms: number;
  readonly lease_token: bigint;
  readonly run: number;
  readonly replayed: boolean;
}

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
  raw: row.raw,
  ...(row.reply === null ? {} : { reply: row.reply }),
  ...(row.return_value === null ? {} : { returnValue: row.return_value }),
  ...(row.traceparent === null ? {} : { traceparent: row.traceparent }),
  receivedAt: chinaDateTimeOf(Math.floor(row.received_ms)),
  token: Number(row.lease_token),
  run: row.run,
  replayed: row.replayed,
});
