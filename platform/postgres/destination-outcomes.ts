/**
 * How the attempts of the last hour at one destination ended. No index holds attempts by time (it would cost every one of them a write): those on messages of the last hour
 * are found by their ids, which are times; those on older ones by the open write-backs, and by what was acknowledged lately. Each part is bounded, and says so.
 */
import { READ_TIMEOUT_MS } from "../../domain/operations/ports.ts";
import { type Answered, answered, refused } from "../../domain/operations/refusals.ts";
import { ATTEMPTS_COUNTED_MAX, OUTCOMES_SPAN_MS, type OutcomesView } from "../../domain/operations/views-destinations.ts";
import type { OperationsDeps } from "./operations-deps.ts";
import { whyView } from "./operations-rows.ts";
import { moment, present, reading } from "./operations-sql.ts";
import { uuidFloor } from "./partitions.ts";

/** Looking through what older messages were acknowledged lately may not take longer: the rest is worth more. */
const OLDER_TIMEOUT_MS = 1_000;
const CODES_SHOWN_MAX = 20;

const COLUMNS = `to_char(date_trunc('minute', a.ended_at) at time zone 'Asia/Shanghai', 'YYYY-MM-DD"T"HH24:MI:SS.MS"+08:00"') as at, a.outcome, a.code, a.status, a.why`;
const ENDED = "a.ended_at > $2::timestamptz and a.outcome is not null";
/** $1 destination, $2 since, $3 the least id of a message received since. */
const RECENT = `select ${COLUMNS} from attempt a join write_back w on w.id = a.write_back_id and w.destination = $1
  where a.message_id >= $3::uuid and ${ENDED} order by a.message_id desc limit ${ATTEMPTS_COUNTED_MAX}`;
/** Open ones of older messages. */
const OPEN = `select ${COLUMNS} from write_back w join attempt a on a.message_id = w.message_id and a.write_back_id = w.id
  where w.destination = $1 and w.message_id < $3::uuid and w.state in ('waiting', 'deferred', 'parked') and w.last_at > $2::timestamptz and ${ENDED} limit ${ATTEMPTS_COUNTED_MAX}`;
/** Older ones that were acknowledged lately. */
const CLOSED = `select ${COLUMNS} from write_back w join attempt a on a.message_id = w.message_id and a.write_back_id = w.id
  where w.destination = $1 and w.message_id < $3::uuid and w.business_date >= ($2::timestamptz at time zone 'Asia/Shanghai')::date - 1
    and w.state = 'acknowledged' and w.closed_at > $2::timestamptz and ${ENDED} limit ${ATTEMPTS_COUNTED_MAX}`;
const NOW = `select (extract(epoch from huiliu_now()) * 1000)::double precision as now, ${moment(`(huiliu_now() - interval '${OUTCOMES_SPAN_MS} milliseconds')`)} as since`;

interface Ended {
  readonly at: string;
  readonly outcome: string;
  readonly code: string | null;
  readonly status: number | null;
  readonly why: string | null;
}

/** Counts by minute and outcome, and by how they ended. */
function counted(ended: readonly Ended[]): Pick<OutcomesView, "minutes" | "codes"> {
  const minutes = Map.groupBy(ended, (one) => `${one.at} ${one.outcome}`);
  const codes = Map.groupBy(ended, ({ outcome, code, status, why }) => JSON.stringify([outcome, code, status, why]));
  const first = (list: readonly Ended[]): Ended | undefined => list[0];
  return {
    minutes: [...minutes.values()]
      .map((list) => ({ at: first(list)?.at ?? "", outcome: first(list)?.outcome ?? "", count: list.length }))
      .sort((a, b) => (a.at < b.at ? -1 : 1)),
    codes: [...codes.values()]
      .map((list) => {
        const { outcome = "", code = null, status = null, why = null } = first(list) ?? {};
        const { whyCode: _code, ...told }: Partial<ReturnType<typeof whyView>> = why === null ? {} : whyView(why);
        return {
          ...present({ outcome, code, status, count: list.length }),
          ...told,
        } as OutcomesView["codes"][number];
      })
      .sort((a, b) => b.count - a.count)
      .slice(0, CODES_SHOWN_MAX),
  };
}

export function createOutcomes(deps: Pick<OperationsDeps, "reads" | "partners">) {
  return async (destination: string): Promise<Answered<OutcomesView>> => {
    if (deps.partners().every((one) => one.partner !== destination)) return refused("UNKNOWN_PARTNER");
    const recent = await reading(deps.reads, READ_TIMEOUT_MS, async (client) => {
      const [time] = (await client.query<{ now: number; since: string }>(NOW)).rows;
      const values = [destination, time?.since ?? "", uuidFloor(Math.floor(time?.now ?? 0) - OUTCOMES_SPAN_MS)];
      const [newer, open] = [(await client.query<Ended>(RECENT, values)).rows, (await client.query<Ended>(OPEN, values)).rows];
      return answered({ values, since: time?.since ?? "", newer, open });
    });
    if (!recent.ok) return recent;
    const { values, since, newer, open } = recent.value;
    const closed = await reading(deps.reads, OLDER_TIMEOUT_MS, async (client) =>
      answered((await client.query<Ended>(CLOSED, values)).rows),
    );
    const older = closed.ok ? closed.value : [];
    const cut = !closed.ok || [newer, open, older].some((part) => part.length >= ATTEMPTS_COUNTED_MAX);
    return answered({ since, cut, ...counted([...newer, ...open, ...older]) });
  };
}
