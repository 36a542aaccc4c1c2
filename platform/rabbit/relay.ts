/**
 * Empties the outbox into `huiliu.events`. Events come here in process right after their commit, and once more from the outbox whatever happened to that
 * hand-off: nothing is lost, something may be published twice (subscribers dedupe by event id). While the broker is away nothing is kept in memory.
 */
import { failpoint } from "../../domain/failpoint.ts";
import type { AfterSettle, OutboxStore } from "../../domain/delivery/ports.ts";
import { eventText } from "../../domain/events/event.ts";
import type { Log } from "../../domain/log.ts";
import { messageOf } from "./connection.ts";
import type { PublishAnswer, Publisher } from "./publisher.ts";

type Item = AfterSettle["outbox"][number];

export interface RelayOptions {
  readonly publisher: Publisher;
  readonly outbox: OutboxStore;
  /** The topic exchange; routing key is the event's type. */
  readonly exchange: string;
  readonly log: Log;
  /** Called when the broker had no queue for an event: the topology is declared again. */
  readonly repair?: () => Promise<void>;
  /** A queue did not take an event: gives it to each subscriber by itself. True when every one has it, or is owed it. */
  readonly undelivered?: (item: Item) => Promise<boolean>;
  /** Of several workers one at a time reads the outbox for what was left over. Default: this one. */
  readonly leads?: () => boolean;
  /** Other workers hand over events of their own: what the outbox holds may be on its way. Default: there are none. */
  readonly shared?: () => boolean;
  /** How often the outbox is read for what was left over. */
  readonly everyMs?: number;
}

export interface Relay {
  /** Events just committed. Never blocks; what cannot be taken is read back from the outbox. */
  offer(items: readonly Item[]): void;
  /** True until everything that was left over is published: hand-offs are not taken meanwhile, so that order holds. */
  behind(): boolean;
  inFlight(): number;
  published(): number;
  /** Waits for confirms at most `capMs`; the rest stays in the outbox. */
  stop(capMs: number): Promise<void>;
}

export const EVENT_CONTENT_TYPE = "application/cloudevents+json; charset=utf-8";
const PAGE = 500;
/** Below what a publisher buffers, with a page of the outbox beside it. */
const IN_FLIGHT_MAX = 3_000;
const DONE_BATCH = 512;
/** Marking may wait: an event that is published but not marked is published again after a crash, at worst. */
const MARK_AFTER_MS = 50;
const EVERY_MS = 3_000;
const BEHIND_EVERY_MS = 1_000;
/** A page read before its rows were marked done may still name them; after this long a row that is pending is pending. */
const JUST_DONE_MS = 5_000;
/** While a queue that its owner bound is dead, nothing is confirmed: events go on at this pace, and each subscriber gets them by itself. */
const HURRY_MS = 1_000;
const HURRY_FOR_MS = 30_000;

/** Starts at once, with whatever an earlier run left. */
export function createRelay(options: RelayOptions): Relay {
  const { publisher, outbox, exchange, log } = options;
  const everyMs = options.everyMs ?? EVERY_MS;
  const flying = new Set<bigint>();
  /** Confirmed, not yet marked in the outbox. */
  const confirmed = new Set<bigint>();
  const justDone = new Map<bigint, number>();
  let hurryUntil = 0;
  /** Highest number of the last pass: what is still there at the next one is on nobody's way. */
  let seenLast = 0n;
  let behind = true;
  let dropped = false;
  let draining = false;
  let marking = false;
  let stopped = false;
  let count = 0;
  let lastDrain = 0;
  let markTimer: NodeJS.Timeout | undefined;
  let landed = (): void => undefined;

  const isKnown = (seq: bigint): boolean => flying.has(seq) || justDone.has(seq) || confirmed.has(seq);
  const fallBehind = (why: string): void => {
    if (!behind) log.warn({ why }, "event relay behind: reading back from the outbox");
    behind = true;
    dropped = true;
  };
  /** Marks in batches, one at a time. What could not be marked is tried again; published again at worst. */
  const mark = async (): Promise<void> => {
    if (marking) return;
    marking = true;
    try {
      for (let first = true; confirmed.size > 0 && (first || stopped || confirmed.size >= DONE_BATCH); first = false) {
        const batch = [...confirmed].slice(0, DONE_BATCH);
        await outbox.done(batch);
        const until = performance.now() + JUST_DONE_MS;
        for (const seq of batch) {
          justDone.set(seq, until);
          confirmed.delete(seq);
        }
      }
    } catch (error) {
      log.warn({ error: messageOf(error), events: confirmed.size }, "published events could not be marked; trying again");
    } finally {
      marking = false;
      if (confirmed.size > 0) markSoon();
    }
  };
  /** At once when a batch is full, else when others have had time to join. */
  const markSoon = (): void => {
    if (confirmed.size >= DONE_BATCH) void mark();
    else markTimer ??= setTimeout(markNow, MARK_AFTER_MS).unref();
  };
  const markNow = (): void => {
    clearTimeout(markTimer);
    markTimer = undefined;
    void mark();
  };
  const send = async ({ seq, event }: Item): Promise<PublishAnswer> => {
    flying.add(seq);
    failpoint("relay.before-publish");
    let answer = await publisher.publish({
      ...(performance.now() < hurryUntil ? { confirmWithinMs: HURRY_MS } : {}),
      exchange,
      routingKey: event.type,
      messageId: event.id,
      type: event.type,
      contentType: EVENT_CONTENT_TYPE,
      body: Buffer.from(eventText(event)),
      ...(event.traceparent === undefined ? {} : { headers: { traceparent: event.traceparent } }),
    });
    if ((answer === "nacked" || answer === "overdue") && options.undelivered !== undefined) {
      hurryUntil = performance.now() + HURRY_FOR_MS;
      if (await options.undelivered({ seq, event }).catch(() => false)) answer = "confirmed"; // else it stays in the outbox and is tried again
    }
    flying.delete(seq);
    if (answer === "confirmed") {
      failpoint("relay.after-confirm");
      count += 1;
      confirmed.add(seq);
      markSoon();
    } else {
      fallBehind(answer);
      if (answer === "unroutable") log.error({ type: event.type }, "no queue takes this event; declaring the topology again");
    }
    if (flying.size === 0) landed();
    return answer;
  };
  /** Publishes page after page in order of commit. False when it must be tried again. */
  const drainOnce = async (): Promise<boolean> => {
    dropped = false;
    const shared = options.shared?.() === true;
    const seenBefore = seenLast;
    for (let after = 0n; ; ) {
      const page = await outbox.pending(after, PAGE);
      const last = page.at(-1);
      if (last === undefined) return !dropped;
      if (last.seq > seenLast) seenLast = last.seq;
      const isOld = ({ seq }: Item): boolean => !shared || behind || seq <= seenBefore;
      const answers = await Promise.all(page.filter((item) => !isKnown(item.seq) && isOld(item)).map(send));
      if (answers.includes("unroutable")) await options.repair?.();
      if (stopped || answers.some((answer) => answer !== "confirmed")) return false;
      after = last.seq;
    }
  };
  const drain = async (): Promise<void> => {
    if (draining || stopped || !publisher.isOpen()) return;
    if (options.leads?.() === false) {
      behind = false; // what could not be taken here is in the outbox, and whoever leads reads it
      return;
    }
    draining = true;
    lastDrain = performance.now();
    try {
      if (await drainOnce()) {
        if (behind) log.info({ published: count }, "event relay has caught up");
        behind = false;
      }
    } catch (error) {
      log.warn({ error: messageOf(error) }, "event relay could not read the outbox; trying again");
    } finally {
      draining = false;
    }
  };
  const tick = (): void => {
    const at = performance.now();
    for (const [seq, until] of justDone) if (until <= at) justDone.delete(seq);
    if (behind || at - lastDrain >= everyMs) void drain();
  };
  const timer = setInterval(tick, Math.min(BEHIND_EVERY_MS, everyMs)).unref();
  const offOpen = publisher.onOpen(() => void drain());
  void drain();

  return {
    offer(items) {
      if (items.length === 0 || stopped) return;
      if (behind || !publisher.isOpen() || flying.size + items.length > IN_FLIGHT_MAX) {
        fallBehind("hand-off not taken");
        return;
      }
      for (const item of items) if (!isKnown(item.seq)) void send(item);
    },
    behind: () => behind,
    inFlight: () => flying.size,
    published: () => count,
    async stop(capMs) {
      stopped = true;
      clearInterval(timer);
      offOpen();
      if (flying.size > 0) {
        await new Promise<void>((resolve) => {
          const cap = setTimeout(resolve, capMs);
          landed = () => {
            clearTimeout(cap);
            resolve();
          };
        });
      }
      await mark();
    },
  };
}
