/**
 * MLLP framing (HL7 "Minimal Lower Layer Protocol", release 1 and 2): `0B` message `1C 0D`. Our own, in bytes: `@medplum/hl7` and `node-hl7-server` decode while they cut,
 * with replacement characters where the charset is another, wait for ever for the end of a frame, and acknowledge by themselves. Here nothing is decoded, every frame has a
 * limit, and what is no frame is told apart (docs/decisions/016-mllp.md).
 */

const START = 0x0b;
const END = 0x1c;
const CR = 0x0d;
const LF = 0x0a;
/** Release 2: a frame of this one byte says "stored", of the other "not stored". */
export const COMMIT_ACK = 0x06;
export const COMMIT_NAK = 0x15;
/** Of a frame that grows beyond its limit: as much is kept as tells whose it was. */
const HEAD_KEPT = 4_096;

/** What was cut out of the stream. After `broken` nothing more can be cut: where the next frame begins is anybody's guess. */
export type Piece =
  | { readonly kind: "frame"; readonly bytes: Buffer }
  | {
      readonly kind: "broken";
      /** Bytes outside a frame · a frame beyond the limit · a start inside a frame (the one before was cut off) · an end without its CR. */
      readonly why: "garbage" | "too-large" | "restarted" | "end";
      /** The beginning of the frame it happened in; empty outside. */
      readonly head: Buffer;
    };

export interface Deframer {
  push(chunk: Buffer): readonly Piece[];
  /** A frame has begun and not ended. */
  open(): boolean;
}

/** Cuts a stream into frames of at most `bytesMax` bytes; keeps at most one unfinished frame. CR and LF between frames are let pass, as many senders add them. */
export function createDeframer(bytesMax: number): Deframer {
  let parts: Buffer[] | undefined;
  let size = 0;
  let ended = false;
  let dead = false;

  const broken = (why: Extract<Piece, { kind: "broken" }>["why"]): Piece => {
    const head = Buffer.concat(parts ?? []).subarray(0, HEAD_KEPT);
    dead = true;
    parts = undefined;
    return { kind: "broken", why, head };
  };

  /** One step from `at`; answers where the next begins. */
  const step = (chunk: Buffer, at: number, found: Piece[]): number => {
    if (parts === undefined) {
      const byte = chunk[at];
      if (byte === START) {
        parts = [];
        size = 0;
      } else if (byte !== CR && byte !== LF) found.push(broken("garbage"));
      return at + 1;
    }
    if (ended) {
      if (chunk[at] !== CR) {
        found.push(broken("end"));
        return at;
      }
      found.push({ kind: "frame", bytes: Buffer.concat(parts, size) });
      parts = undefined;
      ended = false;
      return at + 1;
    }
    const end = chunk.indexOf(END, at);
    const piece = chunk.subarray(at, end < 0 ? chunk.length : end);
    const restarted = piece.includes(START);
    parts.push(piece);
    size += piece.length;
    if (restarted) found.push(broken("restarted"));
    else if (size > bytesMax) found.push(broken("too-large"));
    else ended = end >= 0;
    return end < 0 ? chunk.length : end + 1;
  };

  return {
    open: () => parts !== undefined,
    push: (chunk) => {
      const found: Piece[] = [];
      for (let at = 0; at < chunk.length && !dead; ) at = step(chunk, at, found);
      return found;
    },
  };
}

/** A message in its frame. */
export const framed = (bytes: Uint8Array): Buffer => Buffer.concat([Buffer.of(START), bytes, Buffer.of(END, CR)]);

/** True when a message cannot stand in a frame: it holds one of the frame's own bytes. */
export const isUnframable = (bytes: Uint8Array): boolean => bytes.includes(START) || bytes.includes(END);
