/** Passwords by scrypt (RFC 7914): 32 MB and about a tenth of a second each, so few at once, and the same work whether there is an account or not. */
import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { HashingBusy, type Hashing } from "../../domain/access/ports.ts";

/** Kept with each hash; those stored under other ones go on. */
const COST = { log2N: 15, r: 8, p: 3 } as const;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
const MEMORY_MAX = 128 * 1024 * 1024;
/** A flood of sign-ins takes one core at most, and waits no longer than people do. */
const AT_ONCE = 2;
const WAITING_MAX = 24;
const LOG2N_MAX = 17;
const STORED = /^scrypt\$(\d{1,2})\$(\d{1,2})\$(\d{1,2})\$([A-Za-z0-9_-]{16,})\$([A-Za-z0-9_-]{32,})$/;

interface Cost {
  readonly log2N: number;
  readonly r: number;
  readonly p: number;
}

const derived = (password: string, salt: Buffer, { log2N, r, p }: Cost): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    scrypt(password, salt, HASH_BYTES, { N: 2 ** log2N, r, p, maxmem: MEMORY_MAX }, (error, key) => (error ? reject(error) : resolve(key)));
  });

/** One task at a time per place; who finds the queue full is refused. */
function places(atOnce: number, waitingMax: number) {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (running >= atOnce) {
      if (waiting.length >= waitingMax) throw new HashingBusy("too many passwords wait");
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
    running += 1;
    try {
      return await work();
    } finally {
      running -= 1;
      waiting.shift()?.();
    }
  };
}

/** `cost`: for tests that sign in often. */
export function createHashing(cost: Cost = COST): Hashing {
  const inTurn = places(AT_ONCE, WAITING_MAX);
  const nobody = { salt: randomBytes(SALT_BYTES), hash: randomBytes(HASH_BYTES) };
  return {
    hash: (password) =>
      inTurn(async () => {
        const salt = randomBytes(SALT_BYTES);
        const key = await derived(password, salt, cost);
        return `scrypt$${cost.log2N}$${cost.r}$${cost.p}$${salt.toString("base64url")}$${key.toString("base64url")}`;
      }),
    verify: (password, stored) =>
      inTurn(async () => {
        const [, log2N, r, p, salt, hash] = STORED.exec(stored ?? "") ?? [];
        const known = salt !== undefined && hash !== undefined && Number(log2N) <= LOG2N_MAX;
        const wanted = known ? Buffer.from(hash, "base64url") : nobody.hash;
        const how = known ? { log2N: Number(log2N), r: Number(r), p: Number(p) } : cost;
        const key = await derived(password, known ? Buffer.from(salt, "base64url") : nobody.salt, how);
        return wanted.length === key.length && timingSafeEqual(wanted, key) && known;
      }),
  };
}
