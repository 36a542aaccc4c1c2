/**
 * What must be on the broker (design.md section 6, decision 2). Everything is given at declaration, because policies cannot be set over AMQP. Declaring again
 * what is there with other arguments answers 406: the engine then refuses to start and says what to do, instead of working on a queue that loses messages.
 *
 * Written for RabbitMQ 3.10 and 4.x; run on 3.10.8. `x-delivery-limit` is always positive: 3.10 drops a message at its first nack when it is -1.
 */
import type { Channel } from "amqplib";
import { messageOf, RPC_TIMEOUT_MS, TopologyRefused, within } from "./connection.ts";

/** Deliveries before the broker gives up on a message and moves it to the dead-letter queue. */
export const DELIVERY_LIMIT = 20;
/** The dead-letter queue is the last stop: reading it again and again must not drop anything, so its limit is out of reach. */
const DEAD_DELIVERY_LIMIT = 1_000_000;
/** The engine's own queue of events is never read: it is there so that every event is routable. The oldest are dropped; the truth is the outbox. */
const ALL_EVENTS_LENGTH = 1_000;

/** Names on the broker. `root` is `huiliu` except in tests that share a broker. */
export interface Names {
  readonly inbound: string;
  readonly events: string;
  readonly unrouted: string;
  readonly unroutedQueue: string;
  readonly allEvents: string;
  readonly dead: string;
  readonly queueOf: (partner: string) => string;
  /** Who may declare it consumes the queue: one worker at a time. */
  readonly turnOf: (queue: string) => string;
  /** Workers tell each other here that something is due. */
  readonly pointers: string;
  /** Its presence says that the broker is the one that events were published to. */
  readonly epochOf: (id: string) => string;
  readonly subscriberQueueOf: (subscriber: string) => string;
  /** Whether a queue belongs to the engine: nobody's reply-to may name it. */
  readonly isOurs: (queue: string) => boolean;
}

export const namesOf = (root = "huiliu"): Names => ({
  inbound: `${root}.inbound`,
  events: `${root}.events`,
  unrouted: `${root}.unrouted`,
  unroutedQueue: `${root}.inbound.unrouted`,
  allEvents: `${root}.events.all`,
  dead: `${root}.dead`,
  queueOf: (partner) => `${root}.inbound.${partner}`,
  turnOf: (queue) => `${queue}.turn`,
  pointers: `${root}.pointers`,
  epochOf: (id) => `${root}.epoch.${id}`,
  subscriberQueueOf: (subscriber) => `${root}.events.${subscriber}`,
  isOurs: (queue) => queue === root || queue.startsWith(`${root}.`),
});

interface Declaration {
  readonly what: string;
  readonly declare: (channel: Channel) => Promise<unknown>;
}

type Arguments = Readonly<Record<string, string | number>>;

const exchange = (name: string, type: "topic" | "fanout", alternateExchange?: string): Declaration => ({
  what: `exchange ${name}`,
  declare: (channel) =>
    channel.assertExchange(name, type, { durable: true, ...(alternateExchange === undefined ? {} : { alternateExchange }) }),
});
const queue = (name: string, args: Arguments): Declaration => ({
  what: `queue ${name}`,
  declare: (channel) => channel.assertQueue(name, { durable: true, arguments: { "x-queue-type": "quorum", ...args } }),
});
const bind = (name: string, source: string, pattern: string): Declaration => ({
  what: `binding of ${name}`,
  declare: (channel) => channel.bindQueue(name, source, pattern),
});

/** Inbound queues keep what they cannot pass on: at-least-once dead-lettering needs reject-publish, else the broker silently falls back (reference/delivery.md 2, row 6). */
const inboundArguments = (names: Names): Arguments => ({
  "x-delivery-limit": DELIVERY_LIMIT,
  "x-dead-letter-exchange": names.dead,
  "x-dead-letter-strategy": "at-least-once",
  "x-overflow": "reject-publish",
});

/** Everything that must be there, in the order of declaration. */
function declarations(names: Names, partners: readonly string[]): readonly Declaration[] {
  return [
    exchange(names.dead, "fanout"),
    queue(names.dead, { "x-delivery-limit": DEAD_DELIVERY_LIMIT }),
    bind(names.dead, names.dead, ""),
    exchange(names.unrouted, "fanout"),
    queue(names.unroutedQueue, inboundArguments(names)),
    bind(names.unroutedQueue, names.unrouted, ""),
    exchange(names.inbound, "topic", names.unrouted),
    exchange(names.events, "topic"),
    queue(names.allEvents, { "x-delivery-limit": DELIVERY_LIMIT, "x-max-length": ALL_EVENTS_LENGTH, "x-overflow": "drop-head" }),
    bind(names.allEvents, names.events, "#"),
    ...partners.flatMap((partner) => [
      queue(names.queueOf(partner), inboundArguments(names)),
      bind(names.queueOf(partner), names.inbound, `${partner}.#`),
    ]),
  ];
}

/** A broker's refusal in words that say what to do; anything else as it is. */
export function refusedBy(what: string, error: unknown): Error {
  const said = messageOf(error);
  const code = /\b(403|405|406)\b/.exec(said)?.[1];
  if (code === "406") {
    return new TopologyRefused(
      `RabbitMQ has ${what} with other arguments than the engine needs. Empty it, delete it (rabbitmqctl delete_queue, or the management page) and start again; or give the engine a virtual host of its own. The broker says: ${said}`,
    );
  }
  if (code === "403" || code === "405") {
    return new TopologyRefused(
      `The engine's RabbitMQ user may not declare ${what}. Give it configure, write and read permission on names that begin with "huiliu" (rabbitmqctl set_permissions). The broker says: ${said}`,
    );
  }
  return error instanceof Error ? error : new Error(said);
}

/**
 * Declares everything, on one channel of its own. Rejects with TopologyRefused when the broker has something of the same name with other arguments, or
 * forbids it; with another error when the link broke.
 */
export async function declareTopology(open: () => Promise<Channel>, names: Names, partners: readonly string[]): Promise<void> {
  const channel = await open();
  for (const declaration of declarations(names, partners)) {
    try {
      await within(RPC_TIMEOUT_MS, `declaring ${declaration.what}`, declaration.declare(channel));
    } catch (error) {
      throw refusedBy(declaration.what, error); // the broker has closed the channel
    }
  }
  await channel.close();
}

/** How many messages each of the engine's queues holds. A message in `dead` is an alarm: nobody has worked on it. */
export async function queueDepths(channel: Channel, names: Names, partners: readonly string[]): Promise<Readonly<Record<string, number>>> {
  const depths: Record<string, number> = {};
  for (const name of [names.dead, names.unroutedQueue, ...partners.map(names.queueOf)])
    depths[name] = (await channel.checkQueue(name)).messageCount;
  return depths;
}
