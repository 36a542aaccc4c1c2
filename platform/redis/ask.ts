import type { Redis } from "ioredis";

/** One command to Redis, in time or not at all. Undefined: Redis did not answer; use the fallback. */
export type Ask = <T>(command: (redis: Redis) => Promise<T>) => Promise<T | undefined>;

/** All our keys begin so. */
export const PREFIX = "huiliu:";
