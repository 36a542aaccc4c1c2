/** Which workers run: for people and metrics. Leases and fencing stand in PostgreSQL, never here. */
import { type Ask, PREFIX } from "./ask.ts";

export interface Worker {
  readonly id: string;
  readonly pid: number;
  readonly host: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly version: string;
}

export interface Registry {
  /** Says every 5 s that this worker lives; others see it gone 15 s after the last time. Returns the way to stop and leave. */
  join(worker: Worker): () => Promise<void>;
  /** Every worker known; this one alone when Redis does not answer. Sorted by id. */
  list(): Promise<readonly Worker[]>;
}

const HEARTBEAT_MS = 5_000;
const TTL_MS = 15_000;
const SET_KEY = `${PREFIX}workers`;
const WORKERS_MAX = 1_000;
const keyOf = (id: string): string => `${PREFIX}worker:${id}`;

const isWorker = (value: unknown): value is Worker =>
  typeof value === "object" && value !== null && typeof (value as Worker).id === "string" && typeof (value as Worker).pid === "number";

function parse(text: string | null): Worker | undefined {
  if (text === null) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isWorker(value) ? value : undefined;
  } catch {
    return undefined; // somebody else's value under our key: no worker of ours
  }
}

export function createRegistry(ask: Ask): Registry {
  const own = new Map<string, Worker>();
  const beat = (worker: Worker): Promise<unknown> =>
    ask((redis) => redis.multi().set(keyOf(worker.id), JSON.stringify(worker), "PX", TTL_MS).sadd(SET_KEY, worker.id).exec());
  const shared = async (): Promise<readonly Worker[]> => {
    const ids = (await ask((redis) => redis.srandmember(SET_KEY, WORKERS_MAX))) ?? [];
    if (ids.length === 0) return [];
    const texts = (await ask((redis) => redis.mget(ids.map(keyOf)))) ?? [];
    const gone = ids.filter((_, at) => texts[at] === null);
    if (gone.length > 0) await ask((redis) => redis.srem(SET_KEY, ...gone));
    return texts.map(parse).filter((worker) => worker !== undefined);
  };
  return {
    join(worker) {
      own.set(worker.id, worker);
      void beat(worker);
      const timer = setInterval(() => void beat(worker), HEARTBEAT_MS).unref();
      return async () => {
        clearInterval(timer);
        own.delete(worker.id);
        await ask((redis) => redis.multi().del(keyOf(worker.id)).srem(SET_KEY, worker.id).exec());
      };
    },
    async list() {
      const all = new Map([...(await shared()), ...own.values()].map((worker) => [worker.id, worker]));
      return [...all.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    },
  };
}
