import { randomInt } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";

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

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};

/**
 * Notes that this process means to use the port: several starts at once (tests do it all the time) look for free ports long before they listen. False when another
 * living process of this user noted it. A note is good as long as its process lives; a folder that cannot be written leaves everybody as they were without notes.
 */
function reserve(port: number): boolean {
  const folder = join(tmpdir(), `huiliu-ports-${userInfo().uid}`);
  const note = join(folder, String(port));
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(note, String(process.pid), { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") return true;
  }
  try {
    const owner = Number(readFileSync(note, "utf8"));
    if (owner !== process.pid && Number.isInteger(owner) && owner > 0 && alive(owner)) return false;
    writeFileSync(note, String(process.pid));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return reserve(port); // its owner tidied up in between
  }
  return true;
}

/** A loopback port that is free now: the preferred one if it is, else one at random. A stranger may take it before it is used; callers try again. */
export async function freePort(preferred?: number): Promise<number> {
  if (preferred !== undefined && preferred >= FIRST_PORT && preferred <= LAST_PORT && (await isFree(preferred)) && reserve(preferred))
    return preferred;
  for (let tried = 0; tried < TRIES; tried += 1) {
    const port = randomInt(FIRST_PORT, LAST_PORT + 1);
    if ((await isFree(port)) && reserve(port)) return port;
  }
  throw new Error(`no free loopback port found between ${FIRST_PORT} and ${LAST_PORT} in ${TRIES} tries`);
}
