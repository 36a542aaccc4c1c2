import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/** Below the kernel's ephemeral range (32768…): a client that reconnects to a port of that range while its server is down can connect to itself. */
const FIRST_PORT = 20_000;
const LAST_PORT = 31_999;
const TRIES = 200;

/** Whether nobody listens on a loopback port right now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** A loopback port that is free now: the preferred one if it is, else one at random. Another process may take it before it is used; callers try again. */
export async function freePort(preferred?: number): Promise<number> {
  if (preferred !== undefined && preferred >= FIRST_PORT && preferred <= LAST_PORT && (await isFree(preferred))) return preferred;
  for (let tried = 0; tried < TRIES; tried += 1) {
    const port = randomInt(FIRST_PORT, LAST_PORT + 1);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free loopback port found between ${FIRST_PORT} and ${LAST_PORT} in ${TRIES} tries`);
}
