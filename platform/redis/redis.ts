/**
 * Redis: inbound rates, the registry of workers, a cache. Never an authority (design.md decision 1): each port has a local fallback, so that the engine
 * stays right, and says so once, when Redis is empty, slow or gone.
 */
import { Redis } from "ioredis";
import type { Log } from "../../domain/log.ts";
import type { RateGate } from "../../domain/partners/rates.ts";
import { type Ask, PREFIX } from "./ask.ts";
import { type Cache, createCache } from "./cache.ts";
import { createRates } from "./rates.ts";
import { createRegistry, type Registry } from "./registry.ts";

export interface RedisOptions {
  /** Undefined: no Redis at all; everything is local, and `state` is down. */
  readonly url: string | undefined;
  readonly log: Log;
}

export interface RedisPorts {
  readonly rates: RateGate;
  readonly workers: Registry;
  readonly cache: Cache;
  state(): "up" | "down";
  /** Calls `listener` at every change. */
  onState(listener: (state: "up" | "down") => void): () => void;
  close(): Promise<void>;
}

/** A Redis slower than this is no help to anybody. Our own time-out: commands of ioredis 6.0.0 can wait for ever (reference/reliability.md section 0, item 3). */
const COMMAND_TIMEOUT_MS = 150;
const CONNECT_TIMEOUT_MS = 3_000;
const CHECK_EVERY_MS = 1_000;
const RECONNECT_MAX_MS = 2_000;
/** Unanswered commands at once; a Redis that hangs does not fill the memory. */
const PENDING_MAX = 1_000;
/** Says that this Redis has not been emptied since we last looked. */
const MARKER = `${PREFIX}marker`;

function connectRedis(url: string): Redis {
  return new Redis(url, {
    connectTimeout: CONNECT_TIMEOUT_MS,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: CONNECT_TIMEOUT_MS, // the last resort, so that ioredis forgets a command that nobody waits for any more
    retryStrategy: (times) => Math.min(100 * times, RECONNECT_MAX_MS) * (0.5 + Math.random() / 2),
    connectionName: "huiliu",
  });
}

/** Connects in the background; usable at once. */
export function createRedis({ url, log }: RedisOptions): RedisPorts {
  const redis = url === undefined ? undefined : connectRedis(url);
  const listeners = new Set<(state: "up" | "down") => void>();
  let state: "up" | "down" = "down";
  let marked = false;
  let pending = 0;
  let checking = false;
  let closed = false;
  let lastError = "not connected yet";

  const change = (next: "up" | "down", why: string): void => {
    if (state === next || closed) return;
    state = next;
    if (next === "up") log.info({ redis: next }, "redis is there: rates, registry and cache are shared");
    else log.warn({ redis: next, why }, "redis is gone: rates, registry and cache are kept by each worker alone");
    for (const listener of [...listeners]) listener(next);
  };
  const attempt = async <T>(client: Redis, command: (redis: Redis) => Promise<T>): Promise<T> => {
    if (pending >= PENDING_MAX) throw new Error("too many commands without an answer");
    pending += 1;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${COMMAND_TIMEOUT_MS} ms`)), COMMAND_TIMEOUT_MS);
    });
    const answered = command(client).finally(() => {
      pending -= 1;
    });
    answered.catch(() => undefined); // a rejection after our time-out has no other listener
    return Promise.race([answered, late]).finally(() => clearTimeout(timer));
  };
  const ask: Ask = async (command) => {
    if (redis === undefined || state === "down") return undefined;
    try {
      return await attempt(redis, command);
    } catch (error) {
      lastError = error instanceof Error ? error.message : String(error);
      change("down", lastError);
      return undefined;
    }
  };
  /** The only way back to "up": an answer in time. Sees, too, that Redis was emptied. */
  const check = async (): Promise<void> => {
    if (redis === undefined || checking || closed) return;
    checking = true;
    try {
      const there = await attempt(redis, (client) => client.set(MARKER, "1", "GET"));
      if (there === null && marked) log.warn({}, "redis was emptied: rates, registry and cache begin anew");
      marked = true;
      change("up", "");
    } catch (error) {
      lastError = error instanceof Error ? error.message : String(error);
      change("down", lastError);
    } finally {
      checking = false;
    }
  };
  redis?.on("error", (error: Error) => {
    lastError = error.message; // without a listener ioredis prints to the console; the change is logged once, by `change`
  });
  redis?.on("ready", () => void check());
  redis?.on("close", () => change("down", lastError));
  const timer = redis === undefined ? undefined : setInterval(() => void check(), CHECK_EVERY_MS).unref();
  if (redis === undefined) log.info({ redis: "none" }, "no redis configured: rates, registry and cache are kept by this worker alone");

  return {
    rates: createRates(ask),
    workers: createRegistry(ask),
    cache: createCache(ask),
    state: () => state,
    onState(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async close() {
      closed = true;
      state = "down";
      clearInterval(timer);
      redis?.disconnect();
    },
  };
}
