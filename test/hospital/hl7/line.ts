/** The line to the engine: a few connections, one message at a time on each, the same MSH-10 again until somebody has said what became of it. */
import { connect, type Socket } from "node:net";
import { type Charset, decode, encode, FrameReader, fieldOf, frameOf, segmentsOf } from "./wire.ts";

export interface Heard {
  /** AA, AE, AR, or CA, CE, CR where nothing more is to come. */
  readonly code: string;
  readonly text: string;
}

const CONNECT_MS = 3_000;
const ANSWER_MS = 15_000;

/** One connection. */
class Line {
  #socket: Socket | undefined;
  #reader = new FrameReader();
  #heard: ((body: Buffer | null) => void) | undefined;

  #open(address: URL): Promise<Socket> {
    const old = this.#socket;
    if (old && !old.destroyed) return Promise.resolve(old);
    return new Promise((resolve, reject) => {
      const socket = connect(Number(address.port), address.hostname);
      const timer = setTimeout(() => socket.destroy(new Error("no connection")), CONNECT_MS);
      this.#reader = new FrameReader();
      socket.on("data", (chunk) => {
        const bodies = this.#reader.push(chunk);
        if (bodies === null) socket.destroy();
        else for (const body of bodies) this.#heard?.(body);
      });
      socket.on("error", (error) => reject(error));
      socket.on("close", () => {
        clearTimeout(timer);
        reject(new Error("the connection was closed"));
        this.#heard?.(null);
      });
      socket.once("connect", () => {
        clearTimeout(timer);
        this.#socket = socket;
        resolve(socket);
      });
    });
  }

  /** One message and its acknowledgement; null when none came. `deaf`: goes away before it hears anything. */
  async say(address: URL, body: Buffer, id: string, enhanced: boolean, deaf: boolean): Promise<Heard | null> {
    let socket: Socket;
    try {
      socket = await this.#open(address);
    } catch {
      return null; // nobody there: tried again
    }
    return new Promise((resolve) => {
      const end = (heard: Heard | null): void => {
        clearTimeout(timer);
        this.#heard = undefined;
        if (heard === null) socket.destroy();
        resolve(heard);
      };
      const timer = setTimeout(() => end(null), ANSWER_MS);
      this.#heard = (answer) => {
        if (answer === null) return end(null);
        const segments = segmentsOf(decode(answer) ?? "");
        if (fieldOf(segments, "MSA", 2) !== id) return;
        const heard = { code: fieldOf(segments, "MSA", 1), text: fieldOf(segments, "MSA", 3) };
        // Stored is not yet done: the application's answer follows.
        if (enhanced && heard.code === "CA") return;
        end(heard);
      };
      socket.write(frameOf(body), () => {
        if (deaf) end(null);
      });
    });
  }

  close(): void {
    this.#socket?.destroy();
  }
}

export interface Outbox {
  /** Null: nobody answered. */
  say(address: string, text: string, id: string, options: { enhanced: boolean; charset: Charset; deaf: boolean }): Promise<Heard | null>;
  close(): void;
}

export function createOutbox(lines: number): Outbox {
  const free = Array.from({ length: lines }, () => new Line());
  const all = [...free];
  const waiting: ((line: Line) => void)[] = [];
  const take = (): Promise<Line> => {
    const line = free.pop();
    return line ? Promise.resolve(line) : new Promise((resolve) => waiting.push(resolve));
  };
  return {
    async say(address, text, id, { enhanced, charset, deaf }) {
      const line = await take();
      try {
        return await line.say(new URL(address), encode(text, charset), id, enhanced, deaf);
      } finally {
        const next = waiting.shift();
        if (next) next(line);
        else free.push(line);
      }
    },
    close() {
      for (const line of all) line.close();
    },
  };
}
