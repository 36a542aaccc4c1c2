/**
 * The day's trends (domain/live/views.ts): every process counts in memory and adds its counts to the minute's rows every few seconds. A day is at most 1,440 minutes
 * × partners × three counts, read by the primary key; nothing of the journal is counted again.
 */
import { READ_TIMEOUT_MS } from "../../domain/operations/ports.ts";
import { type Answered, answered } from "../../domain/operations/refusals.ts";
import type { Log } from "../../domain/log.ts";
import type { TrendsAsked } from "../../domain/live/ports.ts";
import { TREND_HOURS, TREND_RECENT_MINUTES, type TrendCount, type Trends } from "../../domain/live/views.ts";
import { chinaDateTimeOf } from "../../domain/time.ts";
import { reading } from "./operations-sql.ts";
import type { Pool } from "./pool.ts";
import { run } from "./sql.ts";

const WRITE_EVERY_MS = 5_000;
/** One read of the same thing for everybody who asks within this time. */
const READ_KEPT_MS = 5_000;
const READS_KEPT_MAX = 20;
/** Partners and counts in memory between two writes; names come from profiles, so this is never reached. */
const COUNTS_MAX = 3_000;
const MINUTE_MS = 60_000;
/** Rows older than the trends go back, and an hour. */
const KEPT = `interval '${TREND_HOURS + 1} hours'`;
const DELETE_EVERY = 120;

const ADD = `insert into trend as t (at, partner, what, n)
  select date_trunc('minute', (select huiliu_now())), c.partner, c.what, c.n from unnest($1::text[], $2::text[], $3::bigint[]) as c (partner, what, n)
  order by c.partner, c.what
  on conflict (at, partner, what) do update set n = t.n + excluded.n`;
const DELETE = `delete from trend where at < (select huiliu_now()) - ${KEPT}`;
/** $1 minutes of a step, $2 steps before the present one, $3 the partners, or null for all. */
const STEPS = `with now as materialized (select date_bin($1::integer * interval '1 minute', (select huiliu_now()), timestamptz '2000-01-01 00:00+08') as step)
  select extract(epoch from date_bin($1::integer * interval '1 minute', t.at, timestamptz '2000-01-01 00:00+08'))::bigint * 1000 as at, t.what, sum(t.n)::bigint as n
  from trend t where t.at >= (select step from now) - $2::integer * $1::integer * interval '1 minute' and ($3::text[] is null or t.partner = any($3))
  group by 1, 2`;
/** The whole minutes before this one, and what there is of it. */
const RECENT = `select t.partner, t.what, sum(t.n)::bigint as n from trend t
  where t.at >= date_trunc('minute', (select huiliu_now())) - ${TREND_RECENT_MINUTES} * interval '1 minute'
    and t.partner <> '' and ($1::text[] is null or t.partner = any($1))
  group by 1, 2 order by 1`;

export interface TrendCounter {
  /** One more. `partner` "": nobody's in particular. Never throws. */
  count(partner: string, what: TrendCount, n?: number): void;
  /** Writes down what was counted; rejects when the database is away, and what was counted is kept. */
  write(): Promise<void>;
  stop(): Promise<void>;
}

type Counted = Record<TrendCount, number>;
const none = (): Counted => ({ accepted: 0, acknowledged: 0, parked: 0 });

/** Counts in memory; writes every WRITE_EVERY_MS. */
export function createTrendCounter({ pool, log }: { readonly pool: Pool; readonly log: Log }): TrendCounter {
  let counted = new Map<string, { readonly partner: string; readonly what: TrendCount; n: number }>();
  let writes = 0;
  let stopped = false;

  const count = (partner: string, what: TrendCount, n = 1): void => {
    const key = `${what} ${partner}`;
    const found = counted.get(key);
    if (found !== undefined) found.n += n;
    else if (counted.size < COUNTS_MAX) counted.set(key, { partner, what, n });
  };

  const write = async (): Promise<void> => {
    if (counted.size === 0) return;
    const rows = [...counted.values()];
    counted = new Map();
    try {
      await run(pool, "trend-add", ADD, [rows.map((row) => row.partner), rows.map((row) => row.what), rows.map((row) => row.n)]);
    } catch (error) {
      for (const row of rows) count(row.partner, row.what, row.n);
      throw error;
    }
    writes += 1;
    if (writes % DELETE_EVERY === 1) await run(pool, "trend-delete", DELETE, []);
  };

  let timer: NodeJS.Timeout;
  let writing: Promise<void> = Promise.resolve();
  const again = (): void => {
    timer = setTimeout(() => {
      writing = write()
        .catch((error: unknown) => log.warn({ error: String(error) }, "the trends' counts were not written; they are kept"))
        .finally(() => {
          if (!stopped) again();
        });
    }, WRITE_EVERY_MS).unref();
  };
  again();

  return {
    count,
    write,
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await writing;
      await write().catch((error: unknown) => log.warn({ error: String(error) }, "the trends' last counts were not written"));
    },
  };
}

/** Reads them; one read for everybody who asks the same within READ_KEPT_MS. */
export function createTrendReads(reads: Pool): (asked: TrendsAsked) => Promise<Answered<Trends>> {
  const kept = new Map<string, { readonly atMs: number; readonly answer: Promise<Answered<Trends>> }>();

  const readNow = ({ stepMinutes, partners }: TrendsAsked): Promise<Answered<Trends>> =>
    reading(reads, READ_TIMEOUT_MS, async (client) => {
      const steps = Math.ceil((TREND_HOURS * 60) / stepMinutes);
      const only = partners === "*" ? null : [...partners];
      const clock = await client.query<{ ms: string }>("select (extract(epoch from (select huiliu_now())) * 1000)::bigint::text as ms");
      const nowMs = Number(clock.rows[0]?.ms);
      const stepRows = (await client.query<StepRow>(STEPS, [stepMinutes, steps - 1, only])).rows;
      const recent = (await client.query<RecentRow>(RECENT, [only])).rows;
      return answered(trendsOf(nowMs, stepMinutes, steps, stepRows, recent));
    });

  return (asked) => {
    const key = JSON.stringify([asked.stepMinutes, asked.partners === "*" ? "*" : [...asked.partners].sort()]);
    const found = kept.get(key);
    const atMs = performance.now();
    if (found !== undefined && atMs - found.atMs < READ_KEPT_MS) return found.answer;
    if (kept.size >= READS_KEPT_MAX) kept.clear();
    const answer = readNow(asked);
    kept.set(key, { atMs, answer });
    answer.then(
      ({ ok }) => ok || kept.delete(key),
      () => kept.delete(key),
    );
    return answer;
  };
}

interface StepRow {
  readonly at: bigint;
  readonly what: TrendCount;
  readonly n: bigint;
}
interface RecentRow {
  readonly partner: string;
  readonly what: TrendCount;
  readonly n: bigint;
}

/** Every step is there, with nothing in it where nothing was counted. China's days begin on whole hours of the epoch, so steps of 5, 15 and 60 min do, too. */
function trendsOf(nowMs: number, stepMinutes: number, steps: number, stepRows: readonly StepRow[], recent: readonly RecentRow[]): Trends {
  const stepMs = stepMinutes * MINUTE_MS;
  const lastMs = Math.floor(nowMs / stepMs) * stepMs;
  const points = new Map(Array.from({ length: steps }, (_, index) => [lastMs - (steps - 1 - index) * stepMs, none()]));
  for (const row of stepRows) {
    const point = points.get(Number(row.at));
    if (point) point[row.what] += Number(row.n); // counts of a day: far from where a float ends
  }
  const partners = new Map<string, Counted>();
  for (const row of recent) {
    const partner = partners.get(row.partner) ?? none();
    partner[row.what] += Number(row.n);
    partners.set(row.partner, partner);
  }
  return {
    at: chinaDateTimeOf(nowMs),
    stepMinutes,
    points: [...points].map(([ms, counts]) => ({ at: chinaDateTimeOf(ms), ...counts })),
    partners: [...partners].map(([partner, counts]) => ({ partner, ...counts })),
    recentMinutes: TREND_RECENT_MINUTES,
  };
}
