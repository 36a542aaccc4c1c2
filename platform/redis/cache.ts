/** A cache of reference data. What is not in it is fetched from where it is true; nothing depends on what is in it. */
import { type Ask, PREFIX } from "./ask.ts";

export interface Cache {
  /** Undefined: not cached (or not any more). */
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string, ttlMs: number): Promise<void>;
  drop(key: string): Promise<void>;
}

const ENTRIES_MAX = 5_000;
/** Longer values are not cached. */
const VALUE_MAX = 64 * 1024;
/** Another worker's change is seen after at most this long. */
const LOCAL_TTL_MS = 5_000;

interface Entry {
  readonly value: string;
  readonly until: number;
}

/** `now` in milliseconds, monotonic. While Redis is away, values live here for their whole time. */
export function createCache(ask: Ask, now: () => number = () => performance.now()): Cache {
  const local = new Map<string, Entry>();
  const remember = (key: string, value: string, ttlMs: number): void => {
    local.delete(key);
    local.set(key, { value, until: now() + ttlMs });
    const oldest = local.size > ENTRIES_MAX ? local.keys().next().value : undefined;
    if (oldest !== undefined) local.delete(oldest);
  };
  return {
    async get(key) {
      const known = local.get(key);
      if (known !== undefined) {
        local.delete(key);
        if (known.until > now()) {
          local.set(key, known); // read last, dropped last
          return known.value;
        }
      }
      const value = await ask((redis) => redis.get(`${PREFIX}cache:${key}`));
      if (value === undefined || value === null) return undefined;
      remember(key, value, LOCAL_TTL_MS);
      return value;
    },
    async set(key, value, ttlMs) {
      if (value.length > VALUE_MAX || ttlMs <= 0) return;
      const told = await ask((redis) => redis.set(`${PREFIX}cache:${key}`, value, "PX", Math.ceil(ttlMs)));
      remember(key, value, told === undefined ? ttlMs : Math.min(ttlMs, LOCAL_TTL_MS));
    },
    async drop(key) {
      local.delete(key);
      await ask((redis) => redis.del(`${PREFIX}cache:${key}`));
    },
  };
}
