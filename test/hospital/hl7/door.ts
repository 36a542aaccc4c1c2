/** The MLLP door of a simulated HL7 system: really gone while it refuses, back on its port afterwards. */
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { Faults } from "../faults.ts";
import type { Said } from "./desk.ts";
import { FrameReader } from "./wire.ts";

export interface Door {
  readonly url: string;
  /** Puts the refuse fault in force as the table has it now. */
  apply(): Promise<void>;
  listening(): boolean;
  close(): Promise<void>;
}

const AGAIN_MS = 100;
const TRIES = 50;

export async function openDoor(port: number, faults: Faults, handle: (body: Buffer) => Promise<Said>): Promise<Door> {
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  let bound = port;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const serve = (socket: Socket): void => {
    if (faults.refusing() !== null) {
      faults.resetConnection();
      socket.resetAndDestroy();
      return;
    }
    const reader = new FrameReader();
    let turn: Promise<void> = Promise.resolve();
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => {
      const bodies = reader.push(chunk);
      if (bodies === null) {
        socket.destroy();
        return;
      }
      for (const body of bodies) {
        turn = turn.then(async () => {
          const { frames, cut } = await handle(body);
          for (const frame of frames) socket.write(frame);
          if (cut) socket.end(() => socket.destroy());
        });
        turn.catch((error: unknown) => {
          process.stderr.write(`an HL7 system failed on a message: ${error instanceof Error ? (error.stack ?? "") : String(error)}\n`);
          socket.destroy();
        });
      }
    });
  };
  const listen = async (): Promise<void> => {
    for (let left = TRIES; ; left -= 1) {
      const made = createServer(serve);
      try {
        await new Promise<void>((resolve, reject) => {
          made.once("error", reject);
          made.listen(bound, "127.0.0.1", () => {
            made.off("error", reject);
            resolve();
          });
        });
        server = made;
        bound = (made.address() as AddressInfo).port;
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE" || bound === 0 || left === 0) throw error;
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  };
  const shut = (): void => {
    server?.close();
    server = undefined;
    for (const socket of sockets) socket.destroy();
  };
  const apply = async (): Promise<void> => {
    clearTimeout(timer);
    if (closed) return;
    const refusal = faults.refusing();
    if (refusal === null) {
      if (server === undefined) await listen();
      return;
    }
    // Counted: the door stays open, so that connections can be counted. Otherwise nobody listens.
    if (refusal.count !== undefined) for (const socket of sockets) socket.destroy();
    else shut();
    if (refusal.ms === undefined) return;
    timer = setTimeout(() => {
      apply().catch((error: unknown) => {
        process.stderr.write(`an HL7 system cannot open its port ${bound} again: ${String(error)}\n`);
        process.exit(1);
      });
    }, refusal.ms + 1);
  };
  await listen();
  return {
    url: `mllp://127.0.0.1:${bound}`,
    apply,
    listening: () => server !== undefined,
    close: async () => {
      closed = true;
      clearTimeout(timer);
      shut();
    },
  };
}
