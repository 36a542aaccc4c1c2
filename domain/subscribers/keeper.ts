/**
 * Keeps subscribers' queues: declares them, notices when the broker or one queue was wiped, publishes again what is owed, and takes a queue that takes nothing off the
 * exchange so that the others get theirs. Publishing twice is harmless (subscribers dedupe by event id); owing too little is not: debt is written down first.
 */
import type { Event } from "../events/event.ts";
import { failpoint } from "../failpoint.ts";
import { wants } from "./pattern.ts";
import type { Put, Subscriber, SubscriberQueues, SubscriberStore } from "./ports.ts";

export interface KeeperLimits {
  readonly tickMs: number;
  /** How often queues are looked at: are they there, are they empty. */
  readonly lookMs: number;
  readonly markMs: number;
  /** A queue that took nothing is tried again this often. */
  readonly retryMs: number;
  /** Numbers looked through at once. */
  readonly stretch: number;
  /**
   * An empty queue proves that what went through it was read only this much later: longer than the broker lets a delivery be unacknowledged (30 min).
   */
  readonly readMs: number;
}
export const KEEPER_LIMITS: KeeperLimits = {
  tickMs: 500,
  lookMs: 5_000,
  markMs: 60_000,
  retryMs: 5_000,
  stretch: 1_000,
  readMs: 35 * 60_000,
};

export interface KeeperDeps {
  readonly store: SubscriberStore;
  readonly queues: SubscriberQueues;
  /** Publishes to one queue and nobody else, with a confirm. Never rejects. */
  readonly put: (queue: string, event: Event) => Promise<Put>;
  /** One worker at a time looks and publishes again; every one declares. */
  readonly leads: () => boolean;
  readonly after: (ms: number, run: () => void) => () => void;
  readonly tickMs: () => number;
  readonly log: (level: "info" | "warn" | "error", text: string, fields: Readonly<Record<string, unknown>>) => void;
  readonly limits?: KeeperLimits;
}

/** Declared and answered for by the engine. */
const isOurs = (one: Subscriber): boolean => one.source !== "outsider";

export interface Keeper {
  /** Before anything is published on a new connection: every queue is there, and what it may lack is written down. */
  prepare(): Promise<void>;
  /** The exchange did not take an event: each subscriber's queue gets it by itself. True when every one has it, or is owed it. */
  undelivered(item: { readonly seq: bigint; readonly event: Event }): Promise<boolean>;
  /** Subscribers were changed: look now. */
  look(): void;
  stop(): Promise<void>;
}

export function createKeeper(deps: KeeperDeps): Keeper {
  const { store, queues, log } = deps;
  const limits = deps.limits ?? KEEPER_LIMITS;
  /** As last read; good enough to declare queues while the database is away. */
  let known: readonly Subscriber[] | undefined;
  let epoch: { readonly id: string; readonly marked: boolean } | undefined;
  const catching = new Map<string, Promise<void>>();
  const retryAt = new Map<string, number>();
  let lookedAt = Number.NEGATIVE_INFINITY;
  let markedAt = Number.NEGATIVE_INFINITY;
  let outsiderToldAt = Number.NEGATIVE_INFINITY;
  let stopped = false;

  const list = async (): Promise<readonly Subscriber[]> => {
    try {
      known = await store.all();
    } catch (error) {
      if (known === undefined) throw error;
      log("warn", "subscribers could not be read; those known before count", { error: String(error) });
    }
    return known;
  };
  /** The queue was not there: the debt is written down before it is made, or a crash between would forget it. */
  const renew = async (one: Subscriber, why: "wiped" | "queue-missing"): Promise<void> => {
    await store.owe(one.name, why);
    failpoint("subscribers.before-declare");
    await queues.declare(one, true);
    if (one.stalledWhy === undefined) await store.oweUpToNow(one.name);
    else await store.unstall(one.name);
    failpoint("subscribers.after-declare");
    if (why === "queue-missing")
      log("warn", "a subscriber's queue was gone: it is made anew and gets its events again", { subscriber: one.name });
  };
  const prepare = async (): Promise<void> => {
    epoch ??= await store.epoch();
    const subscribers = await list();
    const wiped = !epoch.marked || !(await queues.hasMarker(epoch.id));
    if (wiped && epoch.marked)
      log("warn", "the broker has forgotten everything: queues are made anew, events are published again", {
        subscribers: subscribers.length,
      });
    for (const one of subscribers.filter(isOurs)) {
      if (wiped && !epoch.marked) await queues.declare(one, true);
      else if (wiped) await renew(one, "wiped");
      else if ((await queues.depth(one.queue)) === undefined) await renew(one, "queue-missing");
      else await queues.declare(one, one.stalledWhy === undefined);
    }
    if (!wiped) return;
    failpoint("subscribers.before-marker");
    await queues.setMarker(epoch.id);
    await store.marked(epoch.marked);
    epoch = { id: epoch.id, marked: true };
  };

  const stall = async (one: Subscriber, from: bigint, why: string): Promise<void> => {
    await store.stall(one.name, from, why);
    failpoint("subscribers.after-stall");
    retryAt.set(one.name, deps.tickMs() + limits.retryMs);
    log("error", "a subscriber's queue takes no events: it is off the exchange until it does, and gets its events then", {
      subscriber: one.name,
      queue: one.queue,
      why,
    });
    await queues.unbind(one);
    known = known?.map((each) => (each.name === one.name ? { ...each, stalledWhy: why } : each));
  };

  /** One stretch; false when it must be tried later. */
  const publishStretch = async (one: Subscriber, from: bigint, to: bigint | undefined): Promise<bigint | undefined> => {
    const { events, to: end } = await store.stretch(from, limits.stretch, to);
    const wanted = events.filter(({ event }) => wants(one.patterns, event.type));
    failpoint("subscribers.before-republish");
    const puts = await Promise.all(wanted.map(({ event }) => deps.put(one.queue, event)));
    if (puts.includes("broker-away")) return undefined;
    const refused = puts.find((put) => put !== "taken");
    if (refused !== undefined && one.source === "outsider") {
      log("error", "a queue that somebody asked a republish for takes nothing: given up", { queue: one.queue, why: refused });
      await store.remove(one.name);
      return undefined;
    }
    if (refused !== undefined) {
      if (one.stalledWhy === undefined) await stall(one, from, refused);
      return undefined;
    }
    failpoint("subscribers.after-republish");
    await store.progress(one.name, end, wanted.length);
    return end;
  };
  /** A queue that took nothing is given what it is owed first; what is stored from the binding on reaches it by itself. */
  const tryStalled = async (one: Subscriber): Promise<boolean> => {
    if (deps.tickMs() < (retryAt.get(one.name) ?? 0) || one.owed === undefined) return false;
    retryAt.set(one.name, deps.tickMs() + limits.retryMs);
    for (let from = one.owed.from; ; ) {
      const { events, to } = await store.stretch(from, limits.stretch, undefined);
      const first = events.find(({ event }) => wants(one.patterns, event.type));
      if (first === undefined && to > from) {
        from = to;
        continue;
      }
      if (first !== undefined && (await deps.put(one.queue, first.event)) !== "taken") return false;
      break;
    }
    await queues.declare(one, true);
    await store.unstall(one.name);
    log("info", "a subscriber's queue takes events again", { subscriber: one.name });
    return true;
  };
  const catchUp = async (name: string): Promise<void> => {
    for (let count = 0; !stopped && deps.leads(); count += 1) {
      const one = (await store.all()).find((each) => each.name === name);
      if (one?.owed === undefined) {
        if (one?.source === "outsider") await store.remove(name);
        if (count > 0) log("info", "a subscriber has its events again", { subscriber: name });
        return;
      }
      if (one.stalledWhy !== undefined) {
        if (!(await tryStalled(one))) return;
      } else if (one.owed.to === undefined) await store.oweUpToNow(name);
      else if ((await publishStretch(one, one.owed.from, one.owed.to)) === undefined) return;
    }
  };
  const lookAtQueues = async (subscribers: readonly Subscriber[]): Promise<void> => {
    for (const one of subscribers.filter(isOurs)) {
      const depth = await queues.depth(one.queue);
      if (depth === undefined) await renew(one, "queue-missing");
      else if (depth === 0 && one.owed === undefined) await store.seenEmpty(one.name, limits.readMs);
    }
  };
  /** Queues follow their patterns, and let go of a subscriber that was removed: left bound, its queue would fill and then refuse everybody's events. */
  const rebind = async (): Promise<void> => {
    for (const { name, queue, removed, add, drop } of await store.loose()) {
      const there = (await queues.depth(queue)) !== undefined;
      // Its queue is made, and bound by everything, by whoever misses it.
      if (!there && !removed) continue;
      if (there) await queues.bind({ queue, patterns: add });
      if (there) await queues.unbind({ queue, patterns: drop });
      await store.bound(name, add, drop);
      log("info", "a subscriber's queue follows its patterns", { subscriber: name, queue, removed });
    }
  };
  const tick = async (): Promise<void> => {
    if (!deps.leads()) return;
    // Before what is owed up to now is counted: what is stored after that must reach the queue by itself.
    await rebind();
    const at = deps.tickMs();
    if (at - markedAt >= limits.markMs) {
      await store.mark();
      markedAt = at;
    }
    const subscribers = await list();
    for (const { name, owed, source } of subscribers) {
      if ((owed === undefined && source !== "outsider") || catching.has(name)) continue;
      const work = catchUp(name)
        .catch((error: unknown) =>
          log("warn", "a subscriber could not be given its events; tried again", { subscriber: name, error: String(error) }),
        )
        .finally(() => catching.delete(name));
      catching.set(name, work);
    }
    if (at - lookedAt < limits.lookMs) return;
    lookedAt = at;
    await lookAtQueues(subscribers);
  };
  let cancel: () => void = () => undefined;
  let ticking: Promise<void> = Promise.resolve();
  const turn = (): void => {
    cancel = deps.after(limits.tickMs, () => {
      ticking = tick()
        .catch((error: unknown) => log("warn", "subscribers could not be looked after; tried again", { error: String(error) }))
        .finally(() => {
          if (!stopped) turn();
        });
    });
  };
  turn();

  return {
    prepare,
    undelivered: async ({ seq, event }) => {
      const wanting = (await list()).filter((one) => isOurs(one) && one.stalledWhy === undefined && wants(one.patterns, event.type));
      const puts = await Promise.all(wanting.map(async (one) => ({ one, put: await deps.put(one.queue, event) })));
      if (puts.some(({ put }) => put === "broker-away")) return false;
      const dead = puts.filter(({ put }) => put !== "taken");
      for (const { one, put } of dead) await stall(one, seq - 1n, put);
      if (dead.length === 0 && deps.tickMs() - outsiderToldAt > limits.markMs) {
        outsiderToldAt = deps.tickMs();
        log(
          "error",
          "a queue that its owner bound to huiliu.events takes no events (full, or without a leader): its owner must empty or delete it, and can ask for a republish",
          {
            type: event.type,
          },
        );
      }
      return true;
    },
    look: () => {
      lookedAt = Number.NEGATIVE_INFINITY;
      retryAt.clear();
    },
    stop: async () => {
      stopped = true;
      cancel();
      await ticking;
      await Promise.allSettled(catching.values());
    },
  };
}
