/** What a batch of the journal is made of: entries as handed in, drafts as they will be inserted. Nothing here asks the database. */
import { identityGiven, identityTaken } from "../../domain/journal/identity.ts";
import type { Inbound, Journaled, MessageState, ParkReason } from "../../domain/journal/ports.ts";
import type { MessageRow } from "./journal-rows.ts";

/** What a caller hands in, with its fingerprint. */
export interface Entry {
  readonly inbound: Inbound;
  readonly fingerprint: Buffer;
  /** Part of an exchange that is to be paired; a refused part is journaled as it is. */
  readonly pairs: boolean;
  /** The name it takes; absent when the sender gave none. */
  readonly identity?: string;
}

/** The entry of an inbound. Its fingerprint covers everything the fact consists of: kind, request bytes, reply bytes and return value (decision 5). */
export function entryOf(sha256: (bytes: Uint8Array) => Uint8Array, inbound: Inbound): Entry {
  const returned = inbound.exchange?.returnValue ?? inbound.returnValue ?? "";
  const { kind, raw, reply = new Uint8Array() } = inbound;
  // Lengths in front: no byte of one part can pass for a byte of the next.
  const head = Buffer.from(JSON.stringify([kind, returned, raw.length, reply.length]), "utf8");
  const fingerprint = Buffer.from(sha256(Buffer.concat([head, raw, reply])));
  const pairs = inbound.exchange !== undefined && inbound.refusal === undefined;
  const identity = identityTaken(inbound, fingerprint.toString("hex"));
  return { inbound, fingerprint, pairs, ...(identity === undefined ? {} : { identity }) };
}

/** A message about to be inserted. An exchange whose parts come in one batch is completed here, before it is written. */
export interface Draft {
  readonly id: string;
  readonly entry: Entry;
  readonly identity?: string;
  /** Journal order; known once it is inserted. */
  seq: bigint;
  state: MessageState;
  raw?: Uint8Array;
  reply?: Uint8Array;
  returnValue?: string;
  /** Whose content type, charset and headers speak for it: the request's. */
  spokenFor: Inbound;
  readonly park?: ParkReason;
  readonly duplicateOf?: string;
}

/** A message that had an identity, or an exchange part, before. `draft` when it is of this very batch. */
export interface Owner {
  readonly messageId: string;
  readonly fingerprint: Buffer;
  state: MessageState;
  readonly park?: ParkReason;
  readonly draft?: Draft;
}

/** What the batch has gathered so far. Answers that need the rows' numbers are made at the end. */
export interface Gathered {
  readonly drafts: Draft[];
  readonly answers: Map<Entry, () => Journaled>;
  readonly completions: { readonly entry: Entry; readonly id: string }[];
  readonly parts: { readonly entry: Entry; readonly messageId: string }[];
  readonly conflicts: { readonly entry: Entry; readonly owner: Owner }[];
}

export const pairKey = (one: string, two: string): string => JSON.stringify([one, two]);
export const exchangeKey = (inbound: Inbound): string => JSON.stringify([inbound.partner, inbound.kind, inbound.exchange?.id]);

export function draftOf(
  entry: Entry,
  id: string,
  given: { readonly state: MessageState; readonly park?: ParkReason; readonly duplicateOf?: string },
): Draft {
  const { inbound } = entry;
  const isReply = inbound.exchange?.part === "reply";
  const identity = entry.pairs && inbound.exchange ? `exchange:${inbound.exchange.id}` : identityGiven(inbound);
  const returnValue = inbound.exchange?.returnValue ?? inbound.returnValue;
  return {
    id,
    entry,
    seq: 0n,
    spokenFor: inbound,
    ...given,
    ...(identity === undefined ? {} : { identity }),
    ...(isReply ? { reply: inbound.raw } : { raw: inbound.raw }),
    ...(inbound.reply === undefined ? {} : { reply: inbound.reply }),
    ...(returnValue === undefined ? {} : { returnValue }),
  };
}

/** The row of a draft just inserted, leased to us. */
export const rowOf = (draft: Draft, nowMs: number): MessageRow => ({
  id: draft.id,
  seq: draft.seq,
  partner: draft.entry.inbound.partner,
  kind: draft.entry.inbound.kind,
  door: draft.entry.inbound.door,
  identity: draft.identity ?? null,
  content_type: draft.spokenFor.contentType ?? null,
  charset: draft.spokenFor.charset ?? null,
  headers: draft.spokenFor.headers,
  raw: draft.raw ?? new Uint8Array(),
  raw_bytes: null,
  reply: draft.reply ?? null,
  return_value: draft.returnValue ?? null,
  traceparent: draft.entry.inbound.traceparent ?? null,
  received_ms: nowMs,
  lease_token: 1n,
  run: 1,
  replayed: false,
});
