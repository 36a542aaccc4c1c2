/**
 * What an account that is limited to some partners sees and touches of the operators' side, in one place (reference/reliability.md A07): lists without the others',
 * the others' objects as if they were not there, and nothing at all of what is not named here. A message belongs to the partner that sent it, a write-back to its
 * destination; what belongs to the engine as a whole is shown where it names no partner, and changed by accounts of every partner only.
 */
import { writeBacksOf } from "../live/told.ts";
import { type Operations, PAGE_DEFAULT } from "../operations/ports.ts";
import { type Answered, answered, type OperationCode, refused } from "../operations/refusals.ts";
import type { Page } from "../operations/views.ts";
import type { ReplayJob } from "../operations/views-replay.ts";
import type { SelectionGiven } from "../replay/selection.ts";
import { alarmPartner } from "./alarm-partner.ts";
import { mayTouch, type Principal } from "./rights.ts";

/** Ids asked for in one search (operations/ports.ts KEYS_MAX). */
const CHUNK = 100;
/** Pages of everybody's looked through for one page of an account's own; what is left then is told by the page's cursor. */
const ROUNDS_MAX = 20;

type Call = (...args: never[]) => unknown;
type Scoped<T> = { readonly [K in keyof T]?: T[K] extends Call ? T[K] : Scoped<T[K]> };
type Owns = (partner: string) => boolean;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === "object" && value !== null;

/** The operators' side as this principal has it. */
export function scoped(operations: Operations, who: Principal): Operations {
  const { partners } = who;
  if (partners === "*") return operations;
  const rules: Scoped<Operations> = rulesOf(operations, partners, (partner) => mayTouch(who, partner));
  return filled(operations, rules);
}

/** Names of what an account of some partners is refused altogether, for the test that looks through them. */
export function unruled(operations: Operations): readonly string[] {
  const without = (all: object, rules: object, path: string): readonly string[] =>
    Object.entries(all).flatMap(([name, value]) => {
      const rule = (rules as Readonly<Record<string, unknown>>)[name];
      if (isRecord(value)) return without(value, isRecord(rule) ? rule : {}, `${path}${name}.`);
      return typeof value === "function" && rule === undefined ? [`${path}${name}`] : [];
    });
  return without(
    operations,
    rulesOf(operations, [], () => false),
    "",
  );
}

/** What has no rule is refused: whoever adds a way in must say here what it means for an account of some partners. */
function filled<T extends object>(all: T, rules: object): T {
  const given = all as Readonly<Record<string, unknown>>;
  const known = rules as Readonly<Record<string, unknown>>;
  const made = Object.keys(given).map((name): [string, unknown] => {
    const [value, rule] = [given[name], known[name]];
    if (typeof value === "function") return [name, rule ?? (async () => refused("FORBIDDEN"))];
    return [name, isRecord(value) ? filled(value, isRecord(rule) ? rule : {}) : value];
  });
  return Object.fromEntries(made) as T;
}

interface Theirs {
  message(id: string): Promise<Answered<unknown> | undefined>;
  writeBack(id: string): Promise<Answered<unknown> | undefined>;
  destination(name: string): Answered<never> | undefined;
  messages(ids: readonly string[]): Promise<ReadonlySet<string>>;
  writeBacks(ids: readonly string[]): Promise<ReadonlySet<string>>;
  job(job: Pick<ReplayJob, "of" | "selection">): Promise<boolean>;
}

/** Whether things are this account's; a refusal where they are not, the one of what is not there. */
function theirs(o: Operations, mine: readonly string[], owns: Owns): Theirs {
  const inChunks = async (ids: readonly string[], search: (keys: readonly string[]) => Promise<Answered<{ items: { id: string }[] }>>) => {
    const found = new Set<string>();
    for (let from = 0; from < ids.length; from += CHUNK) {
      const page = await search(ids.slice(from, from + CHUNK));
      if (page.ok) for (const { id } of page.value.items) found.add(id);
    }
    return found;
  };
  const messages: Theirs["messages"] = (ids) => inChunks(ids, (keys) => o.messages({ keys, partners: mine, limit: CHUNK }));
  const writeBacks: Theirs["writeBacks"] = (ids) => inChunks(ids, (keys) => o.writeBacks({ keys, destinations: mine, limit: CHUNK }));
  return {
    messages,
    writeBacks,
    message: async (id) => {
      const found = await o.message(id);
      if (!found.ok) return found;
      return owns(found.value.message.partner) ? undefined : refused("UNKNOWN_MESSAGE");
    },
    writeBack: async (id) => {
      const found = await o.writeBack(id);
      if (!found.ok) return found;
      return owns(found.value.writeBack.destination) ? undefined : refused("UNKNOWN_WRITE_BACK");
    },
    destination: (name) => (owns(name) ? undefined : refused("UNKNOWN_PARTNER")),
    job: async ({ of, selection }) => {
      const { ids, group, partner } = isRecord(selection) ? selection : {};
      if (typeof partner === "string") return owns(partner);
      if (typeof group === "string") {
        const found = await o.failures.get(group);
        return found.ok && owns(found.value.partner);
      }
      if (!Array.isArray(ids)) return false;
      const found = await (of === "messages" ? messages(ids) : writeBacks(ids));
      return ids.every((id) => found.has(id));
    },
  };
}

/** A page that was asked for with the account's partners: nothing of others is in it, and should it be, it goes no further. */
const filteredPage = async <P extends { items: readonly unknown[] }>(
  page: Promise<Answered<P>>,
  keep: (one: P["items"][number]) => boolean,
): Promise<Answered<P>> => {
  const found = await page;
  return found.ok ? answered({ ...found.value, items: found.value.items.filter(keep) }) : found;
};
/** A full page of those that `keep` says yes to, of a list that cannot be asked by it: page after page of everybody's is looked through. */
async function filledPage<F extends { readonly after?: string; readonly limit?: number }, T>(
  filter: F,
  list: (filter: F) => Promise<Answered<Page<T>>>,
  keep: (one: T) => Promise<boolean>,
  cursorOf: (one: T) => string,
): Promise<Answered<Page<T>>> {
  const limit = filter.limit ?? PAGE_DEFAULT;
  const items: T[] = [];
  let { after } = filter;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const found = await list({ ...filter, ...(after === undefined ? {} : { after }) });
    if (!found.ok) return found;
    const kept = await Promise.all(found.value.items.map(keep));
    items.push(...found.value.items.filter((_, index) => kept[index] === true));
    const last = items[limit - 1];
    if (items.length > limit && last !== undefined) return answered({ items: items.slice(0, limit), after: cursorOf(last) });
    after = found.value.after;
    if (after === undefined) return answered({ items });
  }
  return answered({ items, ...(after === undefined ? {} : { after }) });
}
/** The first that says no, else what is asked. */
const unless = async <T>(no: Answered<unknown> | undefined | Promise<Answered<unknown> | undefined>, then: () => Promise<Answered<T>>) => {
  const refusal = await no;
  return refusal !== undefined && !refusal.ok ? refusal : then();
};

function rulesOf(o: Operations, mine: readonly string[], owns: Owns): Scoped<Operations> {
  const own = theirs(o, mine, owns);
  return {
    ...readsOf(o, mine, owns, own),
    ...deedsOf(o, mine, own),
    ...replaysOf(o, mine, owns, own),
    lanes: {
      list: (filter) => filteredPage(o.lanes.list({ ...filter, destinations: mine }), (lane) => owns(lane.destination)),
      unblock: (deed) => unless(own.destination(deed.destination), () => o.lanes.unblock(deed)),
      skip: (deed) => unless(own.destination(deed.destination), () => o.lanes.skip(deed)),
      hold: (deed) => unless(own.destination(deed.destination), () => o.lanes.hold(deed)),
      release: (deed) => unless(own.destination(deed.destination), () => o.lanes.release(deed)),
      park: (id, deed) => unless(own.writeBack(id), () => o.lanes.park(id, deed)),
    },
    gates: {
      pause: (name, deed) => unless(own.destination(name), () => o.gates.pause(name, deed)),
      resume: (name, deed) => unless(own.destination(name), () => o.gates.resume(name, deed)),
      drain: (name, deed) => unless(own.destination(name), () => o.gates.drain(name, deed)),
    },
    profiles: {
      get: (name) => unless(own.destination(name), () => o.profiles.get(name)),
      check: (name, profile) => unless(own.destination(name), () => o.profiles.check(name, profile)),
      outcomes: (name) => unless(own.destination(name), () => o.profiles.outcomes(name)),
      set: (name, deed) => unless(own.destination(name), () => o.profiles.set(name, deed)),
      history: (name, filter) => unless(own.destination(name), () => o.profiles.history(name, filter)),
      revert: (name, deed) => unless(own.destination(name), () => o.profiles.revert(name, deed)),
    },
    alarms: {
      list: (filter) => filteredPage(o.alarms.list({ ...filter, partners: mine }), (one) => ownAlarm(one, owns)),
      sinks: () => o.alarms.sinks(),
      act: async (id, what, deed) => {
        // The list goes downwards from its cursor: from the next number on the first is this one.
        const found = await o.alarms.list({ after: String(BigInt(id) + 1n), limit: 1 });
        if (!found.ok) return found;
        const alarm = found.value.items.find((one) => one.id === id);
        if (alarm === undefined || !ownAlarm(alarm, owns)) return refused("UNKNOWN_ALARM");
        // Of the engine as a whole: whoever has every partner decides.
        return alarmPartner(alarm) === undefined ? refused("FORBIDDEN") : o.alarms.act(id, what, deed);
      },
    },
    retention: { policy: () => o.retention.policy() },
    auditReady: () => o.auditReady(),
    mappings: {
      list: () => o.mappings.list(),
      read: (id) => o.mappings.read(id),
      tryOn: (asked) => unless(own.message(asked.messageId), () => o.mappings.tryOn(asked)),
      saveExample: (asked, deed) => unless(own.message(asked.messageId), () => o.mappings.saveExample(asked, deed)),
      write: (asked) => o.mappings.write({ ...asked, within: mine }),
      saveWritten: (asked, deed) => o.mappings.saveWritten({ ...asked, within: mine }, deed),
    },
    inspect: {
      trace: (id) => o.inspect.trace(id, mine),
      raw: (id, range, _scope, unmask) => o.inspect.raw(id, range, mine, unmask),
      export: (filter, language, deed) => o.inspect.export({ ...filter, partners: mine }, language, deed),
    },
  };
}

const ownAlarm = (alarm: { readonly kind: string; readonly subject: string }, owns: Owns): boolean => {
  const partner = alarmPartner(alarm);
  return partner === undefined || owns(partner);
};

function readsOf(o: Operations, mine: readonly string[], owns: Owns, own: Theirs): Scoped<Operations> {
  return {
    about: o.about,
    trends: (asked) => o.trends({ ...asked, partners: mine }),
    messages: async (filter) => {
      const found = await o.messages({ ...filter, partners: mine });
      if (!found.ok) return found;
      const { pastRetention, ...page } = found.value;
      const gone = pastRetention?.filter((one) => owns(one.partner)) ?? [];
      return answered({
        ...page,
        items: page.items.filter((one) => owns(one.partner)),
        ...(gone.length === 0 ? {} : { pastRetention: gone }),
      });
    },
    message: (id, unmask) =>
      unless(own.message(id), async () => {
        const found = await o.message(id, unmask);
        if (!found.ok) return found;
        const writeBacks = found.value.writeBacks.filter((one) => owns(one.writeBack.destination));
        const shown = new Set(writeBacks.map((one) => one.writeBack.id));
        const differences = found.value.differences.filter((one) => shown.has(one.writeBackId));
        return answered({ ...found.value, writeBacks, differences });
      }),
    events: (filter, unmask) => {
      const look = () => filteredPage(o.events({ ...filter, partners: mine }, unmask), (one) => owns(one.partner));
      return filter.messageId === undefined ? look() : unless(own.message(filter.messageId), look);
    },
    writeBacks: (filter) => filteredPage(o.writeBacks({ ...filter, destinations: mine }), (one) => owns(one.destination)),
    writeBack: (id, unmask) => unless(own.writeBack(id), () => o.writeBack(id, unmask)),
    parkedEventDeliveries: () => o.parkedEventDeliveries(mine),
    destinations: async () => {
      const found = await o.destinations();
      return found.ok ? answered(found.value.filter((one) => owns(one.destination))) : found;
    },
    partners: async () => {
      const found = await o.partners();
      return found.ok ? answered(found.value.filter((one) => owns(one.partner))) : found;
    },
    partner: (name) => unless(own.destination(name), () => o.partner(name)),
    totals: async (filter) => {
      const found = await o.totals(filter);
      if (!found.ok) return found;
      const rows = found.value.rows.filter((one) => owns(one.partner));
      return answered({ ...found.value, rows, balanced: rows.every((one) => one.balanced) });
    },
    status: async () => {
      const [found, all] = await Promise.all([o.status(), o.destinations()]);
      if (!found.ok) return found;
      if (!all.ok) return all;
      const writeBacks = writeBacksOf(all.value.filter((one) => owns(one.destination)));
      return answered({ ...found.value, writeBacks, paused: found.value.paused.filter(owns) });
    },
    acknowledgements: {
      list: (filter) => filteredPage(o.acknowledgements.list({ ...filter, destinations: mine }), (one) => owns(one.destination)),
    },
  };
}

function deedsOf(o: Operations, mine: readonly string[], own: Theirs): Scoped<Operations> {
  const delivery = async (subscriber: string, eventId: string): Promise<Answered<unknown> | undefined> => {
    const found = await o.parkedEventDeliveries(mine);
    if (!found.ok) return found;
    const one = found.value.items.find((item) => item.subscriber === subscriber && item.eventId === eventId);
    return one === undefined ? refused("UNKNOWN_EVENT_DELIVERY") : undefined;
  };
  return {
    previewMessage: (id) => unless(own.message(id), () => o.previewMessage(id)),
    replayMessage: (id, deed) => unless(own.message(id), () => o.replayMessage(id, deed)),
    resolveMessage: (id, deed) => unless(own.message(id), () => o.resolveMessage(id, deed)),
    replayEventDelivery: (subscriber, id, deed) => unless(delivery(subscriber, id), () => o.replayEventDelivery(subscriber, id, deed)),
    resolveEventDelivery: (subscriber, id, deed) => unless(delivery(subscriber, id), () => o.resolveEventDelivery(subscriber, id, deed)),
    replayWriteBack: (id, deed) => unless(own.writeBack(id), () => o.replayWriteBack(id, deed)),
    resolveWriteBack: (id, deed) => unless(own.writeBack(id), () => o.resolveWriteBack(id, deed)),
  };
}

const selectionTold = (select: SelectionGiven): OperationCode =>
  select.ids !== undefined ? "UNKNOWN_WRITE_BACK" : select.group !== undefined ? "UNKNOWN_FAILURE_GROUP" : "UNKNOWN_PARTNER";

function replaysOf(o: Operations, mine: readonly string[], owns: Owns, own: Theirs): Scoped<Operations> {
  const job = async (id: string): Promise<Answered<unknown> | undefined> => {
    const found = await o.replays.get(id);
    if (!found.ok) return found;
    return (await own.job(found.value)) ? undefined : refused("UNKNOWN_REPLAY");
  };
  const group = async (id: string): Promise<Answered<unknown> | undefined> => {
    const found = await o.failures.get(id);
    if (!found.ok) return found;
    return owns(found.value.partner) ? undefined : refused("UNKNOWN_FAILURE_GROUP");
  };
  const edit = async (id: string): Promise<Answered<unknown> | undefined> => {
    const found = await o.edits.get(id);
    if (!found.ok) return found;
    const no = await own.writeBack(found.value.writeBackId);
    return no === undefined || no.ok ? undefined : refused("UNKNOWN_EDIT");
  };
  return {
    replays: {
      create: async (asked) => {
        const allowed = await own.job({ of: asked.of, selection: asked.select });
        return allowed ? o.replays.create(asked) : refused(selectionTold(asked.select));
      },
      // Whose a job is stands in what it selects, which no list can be asked by.
      list: (filter) => filledPage(filter, o.replays.list, own.job, (job) => job.id),
      get: (id) => unless(job(id), () => o.replays.get(id)),
      items: (id, filter) => unless(job(id), () => o.replays.items(id, filter)),
      terms: () => o.replays.terms(),
      command: (id, command, deed) => unless(job(id), () => o.replays.command(id, command, deed)),
    },
    failures: {
      list: (filter) => filteredPage(o.failures.list({ ...filter, partners: mine }), (one) => owns(one.partner)),
      get: (id) => unless(group(id), () => o.failures.get(id)),
      items: (id, filter) => unless(group(id), () => o.failures.items(id, filter)),
      affected: (id) => unless(group(id), () => o.failures.affected(id)),
      change: (id, change, deed) => unless(group(id), () => o.failures.change(id, change, deed)),
    },
    edits: {
      propose: (id, body, deed) => unless(own.writeBack(id), () => o.edits.propose(id, body, deed)),
      list: (id) => unless(own.writeBack(id), () => o.edits.list(id)),
      get: (id) => unless(edit(id), () => o.edits.get(id)),
      waiting: () => o.edits.waiting(mine),
      approve: (id, deed) => unless(edit(id), () => o.edits.approve(id, deed)),
      withdraw: (id, deed) => unless(edit(id), () => o.edits.withdraw(id, deed)),
    },
  };
}
