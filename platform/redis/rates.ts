/** Token buckets: one second's worth of messages per partner, shared through Redis, or of this worker alone. */
import type { RateGate } from "../../domain/partners/rates.ts";
import { type Ask, PREFIX } from "./ask.ts";

interface Bucket {
  tokens: number;
  at: number;
}

interface Credit {
  left: number;
  until: number;
  asking: Promise<void> | undefined;
  /** Until then Redis has nothing to give. */
  emptyUntil: number;
}

/** Tokens are fetched in portions of a fiftieth of a second's worth, so that Redis is asked about fifty times a second and not for every message. */
const PORTIONS_PER_SECOND = 50;
const PORTION_MAX = 200;
/** A portion not used by then is forgotten. */
const PORTION_KEEPS_MS = 500;
const PARTNERS_MAX = 10_000;

/** KEYS[1] bucket; ARGV rate, portion, → granted tokens, wait in ms when none. Time is Redis's own, so workers need not agree. */
const TAKE = `
local t = redis.call('TIME')
local now = t[1] * 1000 + t[2] / 1000
local rate, want = tonumber(ARGV[1]), tonumber(ARGV[2])
local b = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = math.min(rate, (tonumber(b[1]) or rate) + math.max(0, now - (tonumber(b[2]) or now)) * rate / 1000)
local granted = math.min(want, math.floor(tokens))
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens - granted), 'at', tostring(now))
redis.call('PEXPIRE', KEYS[1], 5000)
local wait = 0
if granted < 1 then wait = math.ceil((1 - tokens) * 1000 / rate) end
return {granted, wait}
`;

/** The bucket of this worker alone. Exported for its test. `now` in milliseconds, monotonic. */
export function createLocalBuckets(now: () => number): (partner: string, perSecond: number) => number {
  const buckets = new Map<string, Bucket>();
  /** 0: taken. Else how many milliseconds to wait. */
  return (partner, perSecond) => {
    const at = now();
    const known = buckets.get(partner);
    if (known === undefined && buckets.size >= PARTNERS_MAX) buckets.clear(); // partners are few; names never seen before do not fill the memory
    const bucket = known ?? { tokens: perSecond, at };
    bucket.tokens = Math.min(perSecond, bucket.tokens + ((at - bucket.at) * perSecond) / 1_000);
    bucket.at = at;
    buckets.set(partner, bucket);
    if (bucket.tokens < 1) return Math.ceil(((1 - bucket.tokens) * 1_000) / perSecond);
    bucket.tokens -= 1;
    return 0;
  };
}

/** The shared gate; the local one whenever Redis does not answer. */
export function createRates(ask: Ask, now: () => number = () => performance.now()): RateGate {
  const local = createLocalBuckets(now);
  const credits = new Map<string, Credit>();

  const takeLocally = (partner: string, perSecond: number) => {
    const retryAfterMs = local(partner, perSecond);
    return retryAfterMs === 0 ? ({ ok: true } as const) : ({ ok: false, retryAfterMs } as const);
  };
  const creditOf = (partner: string): Credit => {
    const known = credits.get(partner);
    if (known !== undefined) return known;
    if (credits.size >= PARTNERS_MAX) credits.clear();
    const fresh: Credit = { left: 0, until: 0, asking: undefined, emptyUntil: 0 };
    credits.set(partner, fresh);
    return fresh;
  };
  /** Answers whether Redis did. */
  const refill = async (credit: Credit, partner: string, perSecond: number): Promise<boolean> => {
    const portion = Math.max(1, Math.min(PORTION_MAX, Math.floor(perSecond / PORTIONS_PER_SECOND)));
    const answer = await ask((redis) => redis.eval(TAKE, 1, `${PREFIX}rate:${partner}`, String(perSecond), String(portion)));
    if (!Array.isArray(answer)) return false;
    const granted = Number(answer[0]);
    if (granted < 1) credit.emptyUntil = now() + Math.max(1, Number(answer[1]));
    credit.left = granted;
    credit.until = now() + PORTION_KEEPS_MS;
    return true;
  };
  return {
    async take(partner, perSecond) {
      const credit = creditOf(partner);
      for (;;) {
        const at = now();
        if (credit.left > 0 && credit.until > at) {
          credit.left -= 1;
          return { ok: true };
        }
        if (credit.emptyUntil > at) return { ok: false, retryAfterMs: Math.ceil(credit.emptyUntil - at) };
        if (credit.asking !== undefined) {
          await credit.asking; // one question at a time per partner; whoever waits looks again
          continue;
        }
        const asked = refill(credit, partner, perSecond);
        credit.asking = asked.then(() => undefined);
        const answered = await asked;
        credit.asking = undefined;
        if (!answered) return takeLocally(partner, perSecond);
      }
    },
  };
}
