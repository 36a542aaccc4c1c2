/** The partner's front door: an HTTP server that can really be gone (nobody listens) or cut connections before reading, and comes back on its port. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Faults } from "./faults.ts";

export interface Listener {
  readonly url: string;
  readonly port: number;
  /** Puts the refuse fault in force as the table of faults has it now. */
  apply(): Promise<void>;
  listening(): boolean;
  close(): Promise<void>;
}

const REOPEN_TRIES = 50;
const REOPEN_WAIT_MS = 100;
const KEEP_ALIVE_MS = 75_000;

/** Opens the door on loopback; port 0 takes a free one, which is kept over every refusal. */
export async function createListener(
  port: number,
  faults: Faults,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Listener> {
  let server = open();
  let timer: NodeJS.Timeout | null = null;
  let closed = false;

  function open(): Server {
    const made = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, noDelay: true }, (request, response) => {
      // A request on an old connection while the door is shut is refused too: unread, undone.
      if (faults.refusing() === null) return handle(request, response);
      faults.resetConnection();
      request.socket.resetAndDestroy();
    });
    made.prependListener("connection", (socket) => {
      const refusal = faults.refusing();
      if (refusal === null) return;
      faults.resetConnection();
      socket.resetAndDestroy();
    });
    return made;
  }

  async function listen(at: number): Promise<number> {
    for (let left = REOPEN_TRIES; ; left -= 1) {
      try {
        await new Promise<void>((resolve, reject) => {
          server.once("error", reject);
          server.listen(at, "127.0.0.1", () => {
            server.off("error", reject);
            resolve();
          });
        });
        return (server.address() as AddressInfo).port;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE" || at === 0 || left === 0) throw error;
        await new Promise((resolve) => setTimeout(resolve, REOPEN_WAIT_MS));
      }
    }
  }

  async function shut(): Promise<void> {
    if (!server.listening) return;
    // Requests being worked on are answered; only the idle connections are cut.
    const shutting = server;
    await new Promise<void>((resolve) => {
      shutting.close(() => undefined);
      shutting.closeIdleConnections();
      resolve();
    });
  }

  async function apply(): Promise<void> {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (closed) return;
    const refusal = faults.refusing();
    if (refusal === null) {
      if (!server.listening) {
        server = open();
        await listen(bound);
      }
      return;
    }
    // Counted: the door stays open, so that connections can be counted, and each is reset unread. Otherwise nobody listens.
    if (refusal.count !== undefined) server.closeIdleConnections();
    else await shut();
    if (refusal.ms === undefined) return;
    timer = setTimeout(() => {
      apply().catch((error: unknown) => {
        process.stderr.write(`the hospital cannot open its port ${bound} again: ${String(error)}\n`);
        process.exit(1);
      });
    }, refusal.ms + 1);
  }

  const bound = await listen(port);
  return {
    url: `http://127.0.0.1:${bound}`,
    port: bound,
    apply,
    listening: () => server.listening,
    async close() {
      closed = true;
      if (timer !== null) clearTimeout(timer);
      await shut();
      server.closeAllConnections();
    },
  };
}
