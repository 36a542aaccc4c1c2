/** What one account is told of one look at the engine: all of it, or what belongs to its partners; and whether that is news. */
import { alarmPartner } from "../access/alarm-partner.ts";
import { mayTouch, type Principal } from "../access/rights.ts";
import type { AlarmView } from "../operations/views-alarms.ts";
import type { FailureGroup } from "../operations/views-replay.ts";
import type { DestinationView, Status } from "../operations/views.ts";
import { LIVE_TOPICS, type LiveTold, type LiveTopic } from "./views.ts";

/** One look, the same for everybody. A topic whose read was refused is absent: nothing is told of it. */
export interface Look {
  readonly status?: Status;
  readonly destinations?: readonly DestinationView[];
  readonly alarms?: readonly AlarmView[];
  readonly failures?: readonly FailureGroup[];
}

function mayKnowAlarm(who: Principal, alarm: Pick<AlarmView, "kind" | "subject">): boolean {
  const partner = alarmPartner(alarm);
  return partner === undefined || mayTouch(who, partner);
}

const STATES = ["held", "queued", "waiting", "sending", "deferred", "parked"] as const;

/** What is owed to these destinations, added up. */
export function writeBacksOf(destinations: readonly DestinationView[]): Status["writeBacks"] {
  const sum = (state: (typeof STATES)[number]): number => destinations.reduce((total, { backlog }) => total + backlog[state], 0);
  const ages = destinations.flatMap(({ oldestAgeSeconds }) => (oldestAgeSeconds === undefined ? [] : [oldestAgeSeconds]));
  return {
    ...(Object.fromEntries(STATES.map((state) => [state, sum(state)])) as Record<(typeof STATES)[number], number>),
    ...(ages.length === 0 ? {} : { oldestAgeSeconds: Math.max(...ages) }),
  };
}

const kept = <T extends object, K extends keyof T>(from: T, ...names: readonly K[]): Pick<T, K> =>
  Object.fromEntries(names.flatMap((name) => (from[name] === undefined ? [] : [[name, from[name]]]))) as Pick<T, K>;

/** What `who` may know of a look. Names of partners that are not theirs appear nowhere in it. */
export function toldTo(who: Principal, look: Look): Partial<LiveTold> {
  const all = who.partners === "*";
  const mine = look.destinations?.filter(({ destination }) => mayTouch(who, destination));
  const alarms = look.alarms?.filter((alarm) => mayKnowAlarm(who, alarm));
  const { status } = look;
  return {
    ...(status === undefined || mine === undefined
      ? {}
      : {
          status: {
            writeBacks: all ? status.writeBacks : writeBacksOf(mine),
            ...(all
              ? {
                  messages: kept(status.messages, "received", "awaitingPart", "parked", "oldestReceivedAgeSeconds"),
                  eventDeliveries: status.eventDeliveries,
                  outbox: status.outbox,
                }
              : {}),
            services: status.services,
            paused: status.paused.filter((name) => mayTouch(who, name)),
          },
        }),
    ...(mine === undefined ? {} : { destinations: mine }),
    ...(alarms === undefined
      ? {}
      : {
          alarms: {
            open: alarms.length,
            page: alarms.filter(({ severity }) => severity === "page").length,
            items: alarms.map((alarm) =>
              kept(alarm, "id", "kind", "subject", "severity", "owner", "note", "acknowledgedBy", "snoozedUntil"),
            ) as LiveTold["alarms"]["items"],
          },
        }),
    ...(look.failures === undefined
      ? {}
      : {
          failures: look.failures
            .filter(({ partner }) => mayTouch(who, partner))
            .map((group) => kept(group, "id", "of", "partner", "code", "open", "snoozed", "owner")) as LiveTold["failures"],
        }),
  };
}

/** Ages and forecasts tick by themselves; a page counts them on from the moments that stand beside them. */
const TICKING: ReadonlySet<string> = new Set(["oldestAgeSeconds", "oldestReceivedAgeSeconds", "drainEtaSeconds"]);

/** By what one telling is compared with the one before. */
export const marksOf = (told: Partial<LiveTold>): ReadonlyMap<LiveTopic, string> =>
  new Map(
    LIVE_TOPICS.flatMap((topic) =>
      told[topic] === undefined
        ? []
        : [[topic, JSON.stringify(told[topic], (name, value: unknown) => (TICKING.has(name) ? undefined : value))] as const],
    ),
  );
