/** One MLLP connection: frames in the order they came, answers in the same order, limits of time and number, and an end that leaves nothing half told. */
import type { Socket } from "node:net";
import type { Log } from "../../../domain/log.ts";
import type { Answerer } from "./answerer.ts";
import { COMMIT_NAK, createDeframer, framed, type Piece } from "./framing.ts";

export interface ConnectionOptions {
  readonly socket: Socket;
  readonly partner: string;
  readonly frameMs: number;
  readonly idleMs: number;
  readonly unansweredMax: number;
  readonly bytesMax: () => number;
  readonly answerer: Answerer;
  readonly log: Log;
  readonly closed: () => void;
}

export interface MllpConnection {
  /** Reads nothing more; resolves when everything under way is answered, or after `capMs`; then the connection is closed. */
  end(capMs: number): Promise<void>;
  destroy(): void;
}

/** Answers that a sender does not read, in bytes: beyond it the connection is cut. */
const UNREAD_MAX = 1_048_576;
/** How long a sender may take to read its last answer. */
const LINGER_MS = 1_000;

/** Serves a connection until it ends. */
export function openConnection(options: ConnectionOptions): MllpConnection {
  const { socket, answerer, log, partner } = options;
  const from = socket.remoteAddress ?? "";
  const deframer = createDeframer(options.bytesMax());
  const working = new Set<Promise<unknown>>();
  let turn: Promise<unknown> = Promise.resolve();
  let over = false;
  let frameTimer: NodeJS.Timeout | undefined;

  const write = (bytes: Uint8Array): void => {
    if (socket.destroyed || socket.writableEnded) return;
    socket.write(framed(bytes));
    if (socket.writableLength > UNREAD_MAX) hangUp("answers are not read");
  };
  const hangUp = (why: string): void => {
    if (over) return;
    over = true;
    clearTimeout(frameTimer);
    log.warn({ partner, from, why }, "an MLLP connection is cut");
    socket.pause();
    // What is under way is answered first; nothing more is read.
    void Promise.allSettled([...working]).then(() => {
      socket.end();
      setTimeout(() => socket.destroy(), LINGER_MS).unref();
    });
  };
  const track = (work: Promise<unknown>): void => {
    working.add(work);
    void work.finally(() => {
      working.delete(work);
      if (!over && working.size < options.unansweredMax) socket.resume();
    });
  };
  const serve = (frame: Buffer): void => {
    const { first, later } = answerer.take(frame, from);
    const before = turn;
    const answered = Promise.all([first, before]).then(([bytes]) => {
      if (bytes !== undefined) write(bytes);
    });
    turn = answered;
    track(answered);
    track(
      later.then((bytes) => {
        // After its own first answer, whichever message it is.
        if (bytes !== undefined) return answered.then(() => write(bytes));
        return undefined;
      }),
    );
  };
  const refuse = (piece: Extract<Piece, { kind: "broken" }>): void => {
    const answer = piece.why === "too-large" ? answerer.tooLarge(piece.head) : undefined;
    track(turn.then(() => write(answer ?? Buffer.of(COMMIT_NAK))));
    hangUp(`framing: ${piece.why}`);
  };

  socket.on("data", (chunk: Buffer) => {
    if (over) return;
    const wasOpen = deframer.open();
    const pieces = deframer.push(chunk);
    for (const piece of pieces) {
      if (piece.kind === "frame") serve(piece.bytes);
      else refuse(piece);
    }
    // A frame's time counts from its first byte; others passing by do not lengthen it.
    if (!wasOpen || pieces.length > 0) clearTimeout(frameTimer);
    if (deframer.open() && !over && (!wasOpen || pieces.length > 0)) {
      frameTimer = setTimeout(() => {
        write(Buffer.of(COMMIT_NAK));
        hangUp(`a frame did not end within ${options.frameMs} ms`);
      }, options.frameMs);
    }
    if (working.size >= options.unansweredMax) socket.pause();
  });
  socket.setTimeout(options.idleMs, () => {
    if (working.size === 0) hangUp(`nothing came for ${options.idleMs} ms`);
  });
  socket.setNoDelay(true);
  socket.on("error", (error) => log.debug({ partner, from, error: error.message }, "an MLLP connection broke"));
  socket.on("end", () => {
    // The sender may have closed its side only: its answers are still owed.
    void Promise.allSettled([...working]).then(() => socket.end());
  });
  socket.on("close", () => {
    over = true;
    clearTimeout(frameTimer);
    if (deframer.open()) log.warn({ partner, from }, "an MLLP sender went away in the middle of a frame");
    options.closed();
  });

  return {
    end: async (capMs) => {
      over = true;
      clearTimeout(frameTimer);
      socket.pause();
      let timer: NodeJS.Timeout | undefined;
      const capped = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, capMs);
      });
      await Promise.race([Promise.allSettled([...working]), capped]);
      clearTimeout(timer);
      socket.end();
      setTimeout(() => socket.destroy(), LINGER_MS).unref();
    },
    destroy: () => void socket.destroy(),
  };
}
