/**
 * Consumes one queue on a channel of its own. Every delivery remembers the epoch of its channel: settling one of an older epoch does nothing, because the
 * broker delivers it again anyway, and an ack on the wrong channel would close it (reference/nodered.md 3.2, rules 2 and 3).
 */
import { failpoint } from "../../domain/failpoint.ts";
import type { Channel, ConsumeMessage } from "amqplib";
import type { Log } from "../../domain/log.ts";
import { messageOf, type RabbitConnection, RPC_TIMEOUT_MS, within } from "./connection.ts";

/**
 * Unsettled messages at once; 100 to 300 is the useful range (reference/delivery.md 2, row 25). While one batch is being committed the next gathers: a journal's batch
 * holds up to 100 at full speed, and a message that waits in memory is dearer than one in its queue.
 */
const PREFETCH = 256;

/** AMQP's answer when another connection has an exclusive queue. */
const RESOURCE_LOCKED = 405;

/** One message and the way to settle it, once. */
export interface Delivery {
  readonly message: ConsumeMessage;
  /** False when its channel is gone: the broker delivers it again, whatever is done here. */
  isLive(): boolean;
  ack(): void;
  /** Back to the front of the queue. Counts towards the queue's delivery limit: never use it as a back-off. */
  requeue(): void;
  /** To the queue's dead-letter exchange. */
  deadLetter(): void;
}

export interface ConsumerOptions {
  readonly connection: RabbitConnection;
  readonly log: Log;
  readonly queue: string;
  readonly prefetch?: number;
  /**
   * Of all workers one at a time consumes, so that the queue's order is the journal's. Names an exclusive queue: who can declare it has the turn. It goes with the
   * connection that declared it, at the moment at which the broker gives what that connection held back to the queue.
   */
  readonly turn?: string;
  /** How often a worker that stands by tries again. */
  readonly standByMs?: number;
  /** Settles the delivery sooner or later (a throw dead-letters it), well within the broker's consumer timeout (30 min). */
  onDelivery(delivery: Delivery): void;
}

/** `waiting`: the broker or the queue is not there now. `standby`: another worker has the turn. */
export type ConsumerState = "consuming" | "paused" | "waiting" | "standby";

/** A worker that stands by takes over within this. */
const STAND_BY_MS = 1_000;

export interface Consumer {
  state(): ConsumerState;
  /** No new deliveries after it resolves; what is in flight may still be settled. */
  pause(): Promise<void>;
  /** `prefetch` holds until the next resume; the consumer's own when left out. */
  resume(prefetch?: number): Promise<void>;
  /** Pauses and waits until nothing is in flight, at most `capMs`; then another worker may have the turn. Answers how many are left. */
  drain(capMs: number): Promise<number>;
  inFlight(): number;
  stop(): Promise<void>;
}

/** Starts consuming as soon as the link is up, and again after every loss. */
export function createConsumer(options: ConsumerOptions): Consumer {
  const { connection, log, queue } = options;
  const normal = options.prefetch ?? PREFETCH;
  /** Delivery tags of this epoch in order, with those acked but not yet told to the broker. */
  const outstanding = new Map<number, "open" | "acked">();
  let channel: Channel | undefined;
  let epoch = 0;
  let tag: string | undefined;
  let wanted = true;
  let prefetch = normal;
  let syncing: Promise<void> = Promise.resolve();
  let flushing = false;
  let idle: (() => void)[] = [];
  let standingBy = false;
  let standByTimer: NodeJS.Timeout | undefined;

  const whenIdle = (): void => {
    if (outstanding.size > 0) return;
    const waiting = idle;
    idle = [];
    for (const resolve of waiting) resolve();
  };
  const onChannel = (what: string, work: (channel: Channel) => void): void => {
    if (channel === undefined) return;
    try {
      work(channel);
    } catch (error) {
      log.debug({ queue, what, error: messageOf(error) }, "amqp settle on a closed channel"); // delivered again by the broker
    }
  };
  const ackTag = (deliveryTag: number, allUpTo: boolean): void =>
    onChannel("ack", (open) => open.ack({ fields: { deliveryTag } } as ConsumeMessage, allUpTo));
  /** Group commit answers many accepts in one turn; their acks go out as one frame up to the first that is still open, then one by one. */
  const flush = (): void => {
    flushing = false;
    let upTo: number | undefined;
    for (const [deliveryTag, state] of outstanding) {
      if (state === "open") break;
      upTo = deliveryTag;
      outstanding.delete(deliveryTag);
    }
    if (upTo !== undefined) {
      failpoint("rabbit.before-ack");
      ackTag(upTo, true);
      failpoint("rabbit.after-ack");
    }
    for (const [deliveryTag, state] of outstanding) {
      if (state === "open") continue;
      outstanding.delete(deliveryTag);
      ackTag(deliveryTag, false);
    }
    whenIdle();
  };
  const deliver = (message: ConsumeMessage, mine: number): void => {
    const { deliveryTag } = message.fields;
    outstanding.set(deliveryTag, "open");
    const isLive = (): boolean => mine === epoch && outstanding.get(deliveryTag) === "open";
    const give = (requeue: boolean): void => {
      if (!isLive()) return;
      outstanding.delete(deliveryTag);
      onChannel("nack", (open) => open.nack(message, false, requeue));
      whenIdle();
    };
    const delivery: Delivery = {
      message,
      isLive,
      ack() {
        if (!isLive()) return;
        outstanding.set(deliveryTag, "acked");
        if (!flushing) setImmediate(flush);
        flushing = true;
      },
      requeue: () => give(true),
      deadLetter: () => give(false),
    };
    try {
      options.onDelivery(delivery);
    } catch (error) {
      log.error({ queue, error: messageOf(error) }, "the handler of a message threw: dead-lettered"); // one bad message does not stop its neighbours
      delivery.deadLetter();
    }
  };
  /** True when the turn is ours. */
  const takeTurn = async (name: string): Promise<boolean> => {
    try {
      await connection.withChannel((own) => own.assertQueue(name, { exclusive: true, durable: false, autoDelete: false }), {
        refusalIsAnAnswer: true,
      });
      return true;
    } catch (error) {
      if ((error as { readonly code?: unknown }).code === RESOURCE_LOCKED) return false;
      throw error;
    }
  };
  const giveTurn = async (): Promise<void> => {
    const { turn } = options;
    if (turn === undefined || standingBy || connection.state() !== "up") return;
    await connection
      .withChannel((own) => own.deleteQueue(turn), { refusalIsAnAnswer: true })
      .catch((error: unknown) => {
        log.debug({ queue, error: messageOf(error) }, "the turn goes with the connection");
      });
  };
  const standBy = (): void => {
    if (!standingBy) log.info({ queue }, "another worker consumes this queue: standing by");
    standingBy = true;
    clearTimeout(standByTimer);
    standByTimer = setTimeout(() => void settleSync(), options.standByMs ?? STAND_BY_MS).unref();
  };
  const subscribe = async (to: Channel, mine: number): Promise<void> => {
    if (options.turn !== undefined && !(await takeTurn(options.turn))) return standBy();
    if (standingBy) log.info({ queue }, "consuming this queue now");
    standingBy = false;
    await to.prefetch(prefetch);
    const { consumerTag } = await to.consume(queue, (message) => {
      if (mine !== epoch) return;
      if (message !== null) return deliver(message, mine);
      tag = undefined; // the broker cancelled us: queue deleted, or its leader moved
      handle.recycle(`the broker cancelled the consumer of ${queue}`);
    });
    if (mine === epoch) tag = consumerTag;
  };
  /** Makes what is so what is wanted; calls are done one after the other. */
  const sync = (): Promise<void> => {
    const step = async (): Promise<void> => {
      const to = channel;
      const mine = epoch;
      if (to === undefined) return;
      if (wanted && tag === undefined) await within(RPC_TIMEOUT_MS, `consuming ${queue}`, subscribe(to, mine));
      else if (!wanted && tag !== undefined) {
        const cancelled = tag;
        tag = undefined;
        await within(RPC_TIMEOUT_MS, `cancelling ${queue}`, to.cancel(cancelled));
      }
    };
    const next = syncing.then(step);
    syncing = next.catch((error: unknown) => log.warn({ queue, error: messageOf(error) }, "amqp consumer not changed"));
    return next;
  };
  const settleSync = (): Promise<void> => sync().catch(() => handle.recycle("could not pause or resume")); // logged by sync

  const handle = connection.role<Channel>({
    name: `consumer of ${queue}`,
    open: (model) => model.createChannel(),
    async setup(fresh, mine) {
      channel = fresh;
      epoch = mine;
      tag = undefined;
      await sync();
    },
    lost() {
      channel = undefined;
      epoch = -1;
      tag = undefined;
      outstanding.clear();
      whenIdle();
    },
  });

  return {
    state: () => (!wanted ? "paused" : tag !== undefined ? "consuming" : standingBy ? "standby" : "waiting"),
    inFlight: () => outstanding.size,
    pause() {
      wanted = false;
      return settleSync();
    },
    resume(limit) {
      wanted = true;
      prefetch = limit ?? normal;
      return settleSync();
    },
    async drain(capMs) {
      wanted = false;
      await settleSync();
      if (outstanding.size > 0) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, capMs);
          idle.push(() => {
            clearTimeout(timer);
            resolve();
          });
        });
      }
      if (outstanding.size === 0) await giveTurn();
      return outstanding.size;
    },
    async stop() {
      wanted = false;
      clearTimeout(standByTimer);
      await handle.stop();
    },
  };
}
