/** Subscribers' queues and who looks after them: one worker at a time publishes again what is owed and reads the outbox for what was left over. */
import type { Channel } from "amqplib";
import type { Partner } from "../../domain/partners/profile.ts";
import { createKeeper, type Keeper } from "../../domain/subscribers/keeper.ts";
import type { EngineLog } from "../../platform/log.ts";
import type { Postgres } from "../../platform/postgres/index.ts";
import { createLead } from "../../platform/postgres/lead.ts";
import { createSubscriberStore } from "../../platform/postgres/subscriber-store.ts";
import type { RabbitConnection } from "../../platform/rabbit/connection.ts";
import type { Publisher } from "../../platform/rabbit/publisher.ts";
import type { RelayOptions } from "../../platform/rabbit/relay.ts";
import { createSubscriberQueues, putInto } from "../../platform/rabbit/subscriber-queues.ts";
import type { Names } from "../../platform/rabbit/topology.ts";
import { after } from "./work.ts";

const TASK = "events";
const LEASE_MS = 4_000;
const RENEW_MS = 1_000;

type Prepare = (open: () => Promise<Channel>) => Promise<void>;

export interface EventQueues {
  /** After the topology, before anything is published on a new connection. */
  before(prepare: Prepare): Prepare;
  keep(publishing: RabbitConnection, publisher: Publisher): Keeper;
  relay(shared: () => boolean): Pick<RelayOptions, "undelivered" | "leads" | "shared">;
  stop(): Promise<void>;
}

export interface EventQueuesDeps {
  readonly postgres: Postgres;
  readonly partners: readonly Partner[];
  readonly names: Names;
  readonly log: EngineLog;
}

/** Takes over what the profiles say of subscriptions. */
export async function createEventQueues({ postgres, partners, names, log }: EventQueuesDeps): Promise<EventQueues> {
  const store = createSubscriberStore(postgres);
  await store.seed(
    partners.flatMap(({ partner, subscription }) =>
      subscription === undefined ? [] : [{ name: partner, queue: names.subscriberQueueOf(partner), patterns: subscription.events }],
    ),
  );
  const lead = createLead(postgres.pool, postgres.worker);
  let leadsUntil = Number.NEGATIVE_INFINITY;
  const leads = (): boolean => performance.now() < leadsUntil;
  const ask = async (): Promise<void> => {
    const sent = performance.now();
    const token = await lead.take(TASK, LEASE_MS);
    leadsUntil = token === undefined ? Number.NEGATIVE_INFINITY : sent + LEASE_MS;
  };
  let stopped = false;
  let cancel: () => void = () => undefined;
  const turn = (): void => {
    cancel = after(RENEW_MS, () => {
      ask()
        .catch((error: unknown) => log.warn({ error: String(error) }, "who looks after events could not be asked; tried again"))
        .finally(() => {
          if (!stopped) turn();
        });
    });
  };
  await ask();
  turn();

  let opening: (() => Promise<Channel>) | undefined;
  let publishing: RabbitConnection | undefined;
  let keeper: Keeper | undefined;
  /** While a connection is being prepared nothing else knows of it yet. */
  const onChannel = async <T>(work: (channel: Channel) => Promise<T>): Promise<T> => {
    if (opening === undefined) {
      if (publishing === undefined) throw new Error("RabbitMQ is not connected");
      return publishing.withChannel(work, { refusalIsAnAnswer: true });
    }
    const channel = await opening();
    try {
      return await work(channel);
    } finally {
      await channel.close().catch(() => undefined); // a refusal has closed it
    }
  };
  return {
    before: (prepare) => async (open) => {
      await prepare(open);
      opening = open;
      try {
        await keeper?.prepare();
      } finally {
        opening = undefined;
      }
    },
    keep: (connection, publisher) => {
      publishing = connection;
      keeper = createKeeper({
        store,
        queues: createSubscriberQueues({ onChannel, names }),
        put: putInto(publisher),
        leads: () => leads() && publisher.isOpen(),
        after,
        tickMs: () => performance.now(),
        log: (level, text, fields) => log[level](fields, text),
      });
      return keeper;
    },
    relay: (shared) => ({ shared, leads, undelivered: (item) => keeper?.undelivered(item) ?? Promise.resolve(false) }),
    stop: async () => {
      stopped = true;
      cancel();
      await keeper?.stop();
      await lead.give(TASK).catch((error: unknown) => log.warn({ error: String(error) }, "the lead of events runs out by itself"));
    },
  };
}
