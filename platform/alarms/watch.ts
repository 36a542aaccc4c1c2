/**
 * Watches: one worker at a time measures and judges every two seconds, writes what changed, and tells the sinks what is owed to them. A worker that dies or sleeps
 * is followed by another, which finds everything in the rows: nothing is told twice in the normal case, and nothing is forgotten.
 */
import { conditionsOf } from "../../domain/alarms/conditions.ts";
import { evaluate } from "../../domain/alarms/evaluate.ts";
import type { AlarmSink, AlarmStore, Measurer } from "../../domain/alarms/ports.ts";
import { failpoint } from "../../domain/failpoint.ts";
import type { Log } from "../../domain/log.ts";

const ALARM_TASK = "alarms";
const EVERY_MS = 2_000;
/** Longer than a look may take with every probe at its limit; a dead leader is followed at once all the same (lead.ts). */
export const LEAD_MS = 30_000;
const NOTICES_AT_ONCE = 20;
const RETRY_FIRST_MS = 5_000;
const RETRY_MAX_MS = 300_000;
/** So many looks in a row that fail are told to the log as the alarm they are: nothing can be written where alarms are kept. */
const BLIND_AFTER = 15;

export interface WatchDeps {
  readonly lead: { take(task: string, leaseMs: number): Promise<bigint | undefined>; give(task: string): Promise<void> };
  readonly measurer: Measurer;
  readonly store: AlarmStore;
  readonly sinks: readonly AlarmSink[];
  /** The worker's heartbeat. */
  readonly seen: () => Promise<void>;
  readonly log: Log;
  readonly everyMs?: number;
}

export interface Watch {
  /** One look, as the timer makes it. True: we lead. Rejects when the database is away. */
  look(): Promise<boolean>;
  /** Ends the look under way and gives the lead to whoever is next. */
  stop(): Promise<void>;
}

const retryMs = (tries: number): number => Math.min(RETRY_FIRST_MS * 2 ** Math.min(tries, 16), RETRY_MAX_MS);
const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Tells one sink what is due, oldest first; ends at the first failure, so that a dead sink is asked once and not once for each notice. */
async function tellAll({ store, log }: Pick<WatchDeps, "store" | "log">, sink: AlarmSink): Promise<void> {
  for (const due of await store.due(sink.name, NOTICES_AT_ONCE)) {
    failpoint("alarms.before-tell");
    const told = await sink.tell(due.notice);
    if (told.ok) {
      await store.told(due.id);
      if (told.but !== undefined)
        log.error({ alarm: "sink-partly", sink: sink.name, target: sink.target, why: told.but }, "an alarm was not told to everybody");
      continue;
    }
    log.error(
      { alarm: "sink-down", sink: sink.name, target: sink.target, why: told.why, tries: due.tries + 1 },
      "an alarm could not be told; tried again",
    );
    await store.failed(due.id, told.why, retryMs(due.tries));
    return;
  }
}

/** Starts watching at once. */
export function startWatch(deps: WatchDeps): Watch {
  const { lead, measurer, store, sinks, log } = deps;
  const names = sinks.map((sink) => sink.name);
  const telling = new Map<string, Promise<void>>();
  let stopped = false;
  let failures = 0;
  let looking: Promise<unknown> = Promise.resolve();

  /** A slow sink delays neither the looks nor the other sinks. */
  const tell = (sink: AlarmSink): void => {
    if (telling.has(sink.name)) return;
    const done = tellAll(deps, sink)
      .catch((error: unknown) =>
        log.warn({ sink: sink.name, error: textOf(error) }, "what is owed to a sink could not be read or noted; tried again"),
      )
      .finally(() => telling.delete(sink.name));
    telling.set(sink.name, done);
  };

  const lookNow = async (): Promise<boolean> => {
    await deps.seen();
    const token = await lead.take(ALARM_TASK, LEAD_MS);
    if (token === undefined) return false;
    const measured = await measurer.measure();
    const open = await store.open();
    const changes = evaluate(open, conditionsOf(measured), measured.nowMs, measured.unknown);
    if (!(await store.apply(changes, names, { task: ALARM_TASK, token }))) return false;
    for (const sink of sinks) tell(sink);
    return true;
  };

  /** One at a time: two looks of one process would both begin what neither has seen. */
  let last: Promise<unknown> = Promise.resolve();
  const look = (): Promise<boolean> => {
    const mine = last.then(lookNow);
    last = mine.catch(() => undefined);
    return mine;
  };

  const tick = async (): Promise<void> => {
    try {
      await look();
      if (failures >= BLIND_AFTER) log.warn({ alarm: "blind", what: "end", looks: failures }, "alarms are judged again");
      failures = 0;
    } catch (error) {
      failures += 1;
      const fields = { error: textOf(error), looks: failures };
      if (failures === BLIND_AFTER)
        log.error({ alarm: "blind", what: "start", ...fields }, "alarms cannot be judged: the database does not answer");
      else log.warn(fields, "a look of the alarms failed; tried again");
    }
  };

  let timer: NodeJS.Timeout | undefined;
  const again = (): void => {
    looking = tick().finally(() => {
      if (!stopped) timer = setTimeout(again, deps.everyMs ?? EVERY_MS);
    });
  };
  again();

  return {
    look,
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await looking;
      clearTimeout(timer);
      await Promise.all(telling.values());
      await lead
        .give(ALARM_TASK)
        .catch((error: unknown) => log.warn({ error: textOf(error) }, "the lead of the alarms ends with its lease"));
      await Promise.all(sinks.map((sink) => sink.close()));
    },
  };
}
