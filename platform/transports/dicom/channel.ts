/**
 * The wire below dcmjs-dimse: whole PDUs of bounded size go up to it, one at a time, and data sets stay here, bounded, as the bytes they are. The library is
 * given empty ones in their place: it would gather any number of bytes of any length, and decode what is no text without saying so.
 */
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { LIMITS } from "./limits.ts";

const ASSOCIATE = 0x01;
const DATA = 0x04;
const RELEASE = 0x05;
const ABORT = 0x07;
const HEAD_BYTES = 6;
/** Length, context and flags of a fragment. */
const FRAGMENT_HEAD_BYTES = 6;
const COMMAND = 1;
const LAST = 2;

/** A data set as it came. */
export interface Received {
  readonly context: number;
  readonly bytes: Uint8Array;
  /** More came than is kept. */
  readonly cut: boolean;
}

/** What dcmjs-dimse takes for the socket. */
export interface Channel extends EventEmitter {
  readonly remoteAddress: string | undefined;
  setTimeout(ms: number): void;
  write(bytes: Uint8Array): boolean;
  end(): void;
  destroy(): void;
  /** The data set that belongs to the request in hand; undefined: it has none. Once. */
  taken(): Received | undefined;
  /** The request is answered: the next one may come. */
  next(): void;
}

const pduOf = (type: number, body: Uint8Array): Buffer => {
  const head = Buffer.alloc(HEAD_BYTES);
  head[0] = type;
  head.writeUInt32BE(body.length, 2);
  return Buffer.concat([head, body]);
};
const fragmentOf = (context: number, flags: number, bytes: Uint8Array): Buffer => {
  const head = Buffer.alloc(FRAGMENT_HEAD_BYTES);
  head.writeUInt32BE(bytes.length + 2, 0);
  head[4] = context;
  head[5] = flags;
  return Buffer.concat([head, bytes]);
};

export interface ChannelDeps {
  readonly socket: Socket;
  /** Hung up on, with the reason for the log. */
  readonly refused: (why: string) => void;
}

class Broken extends Error {}

/** What has been gathered of one request: a command, then its data set. */
interface Gathering {
  command: Buffer[];
  commandBytes: number;
  data: Uint8Array[];
  kept: number;
  total: number;
  context: number | undefined;
}
const nothing = (): Gathering => ({ command: [], commandBytes: 0, data: [], kept: 0, total: 0, context: undefined });

export function createChannel({ socket, refused }: ChannelDeps): Channel {
  const channel = new EventEmitter() as Channel & EventEmitter;
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  let associated = false;
  let working = false;
  let received: Received | undefined;
  let gathering = nothing();
  let deadline: NodeJS.Timeout | undefined;

  const hangUp = (why: string): void => {
    refused(why);
    socket.destroy();
  };
  const within = (ms: number, why: string): void => {
    clearTimeout(deadline);
    deadline = setTimeout(() => hangUp(why), ms);
  };
  const up = (pdu: Buffer): void => {
    channel.emit("data", pdu);
  };

  const fragment = (context: number, flags: number, bytes: Uint8Array): void => {
    if (gathering.context !== undefined && gathering.context !== context) throw new Broken("a request in two presentation contexts");
    gathering.context = context;
    if ((flags & COMMAND) !== 0) {
      if (gathering.total > 0 || received !== undefined) throw new Broken("a command inside a data set");
      gathering.commandBytes += bytes.length;
      if (gathering.commandBytes > LIMITS.commandBytes) throw new Broken(`a command of more than ${LIMITS.commandBytes} bytes`);
      gathering.command.push(Buffer.from(bytes));
      if ((flags & LAST) === 0) return;
      const command = Buffer.concat(gathering.command);
      gathering = nothing();
      up(pduOf(DATA, fragmentOf(context, COMMAND | LAST, command)));
      return;
    }
    gathering.total += bytes.length;
    if (gathering.total > LIMITS.storeBytes) throw new Broken(`a data set of more than ${LIMITS.storeBytes} bytes`);
    const room = LIMITS.datasetBytes - gathering.kept;
    if (room > 0) {
      const part = bytes.subarray(0, room);
      gathering.data.push(part);
      gathering.kept += part.length;
    }
    if ((flags & LAST) === 0) return;
    received = { context, bytes: Buffer.concat(gathering.data), cut: gathering.total > gathering.kept };
    gathering = nothing();
    up(pduOf(DATA, fragmentOf(context, LAST, new Uint8Array(0))));
  };

  const fragments = (body: Buffer): void => {
    for (let at = 0; at < body.length; ) {
      const length = at + FRAGMENT_HEAD_BYTES > body.length ? 0 : body.readUInt32BE(at);
      if (length < 2 || at + 4 + length > body.length) throw new Broken("a fragment that is cut short");
      fragment(body[at + 4] ?? 0, body[at + 5] ?? 0, body.subarray(at + FRAGMENT_HEAD_BYTES, at + 4 + length));
      at += 4 + length;
    }
  };

  const pdu = (type: number, body: Buffer): void => {
    if (type === ASSOCIATE ? associated : !associated) throw new Broken(`a PDU of type ${type} at the wrong time`);
    associated = true;
    if (type === DATA) fragments(body);
    else up(pduOf(type, body));
  };

  const limitOf = (type: number): number => {
    if (type === ASSOCIATE) return LIMITS.associateBytes;
    if (type === DATA) return LIMITS.pduBytes;
    if (type >= RELEASE && type <= ABORT) return 4;
    throw new Broken(`an unknown PDU type ${type}`);
  };

  /** Passes on what is whole, until a request is in hand: one at a time, in their order. */
  const drain = (): void => {
    while (!working && waitingBytes >= HEAD_BYTES) {
      let bytes = waiting.length === 1 ? waiting[0] : undefined;
      if (!bytes) {
        bytes = Buffer.concat(waiting);
        waiting = [bytes];
      }
      const length = bytes.readUInt32BE(2);
      if (length > limitOf(bytes[0] ?? 0)) throw new Broken(`a PDU of ${length} bytes`);
      if (bytes.length < HEAD_BYTES + length) break;
      waiting = bytes.length === HEAD_BYTES + length ? [] : [bytes.subarray(HEAD_BYTES + length)];
      waitingBytes -= HEAD_BYTES + length;
      pdu(bytes[0] ?? 0, bytes.subarray(HEAD_BYTES, HEAD_BYTES + length));
    }
    if (working) return void socket.pause();
    if (waitingBytes > 0) within(LIMITS.pduMs, "a PDU that came too slowly");
    else
      within(
        associated ? LIMITS.idleMs : LIMITS.associateMs,
        associated ? "nothing came on the association" : "no association was asked for",
      );
    socket.resume();
  };
  const guarded = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      hangUp(error instanceof Error ? error.message : String(error));
    }
  };

  socket.on("data", (bytes: Buffer) => {
    waiting.push(bytes);
    waitingBytes += bytes.length;
    // A PDU that is still growing is not put together again for each piece of it; one that is too long is refused by its head.
    const first = waiting[0];
    const length = first && first.length >= HEAD_BYTES ? first.readUInt32BE(2) : 0;
    const wanted = length > LIMITS.pduBytes ? 0 : length + HEAD_BYTES;
    if (waitingBytes >= wanted) guarded(drain);
  });
  socket.on("error", (error) => refused(error.message));
  socket.on("close", () => {
    clearTimeout(deadline);
    channel.emit("close");
  });
  guarded(drain);

  return Object.assign(channel, {
    remoteAddress: socket.remoteAddress,
    setTimeout: () => undefined, // the times are kept here
    write: (bytes: Uint8Array) => socket.writable && socket.write(bytes),
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
    taken: () => {
      clearTimeout(deadline);
      working = true;
      const dataset = received;
      received = undefined;
      return dataset;
    },
    next: () => {
      working = false;
      if (!socket.destroyed) guarded(drain);
    },
  });
}
