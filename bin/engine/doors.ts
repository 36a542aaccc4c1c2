/** Where messages come in and events go out: the broker's two links, the AMQP door, the HTTP gateway, the relay. */
import type { OutboxStore } from "../../domain/delivery/ports.ts";
import type { Intake } from "../../domain/journal/intake.ts";
import { createIntake } from "../../domain/journal/intake-service.ts";
import { JournalBusy } from "../../domain/journal/ports.ts";
import type { RateGate } from "../../domain/partners/rates.ts";
import type { Config } from "../../platform/config.ts";
import type { EngineLog } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { createDoorStore } from "../../platform/postgres/doors.ts";
import type { Postgres } from "../../platform/postgres/index.ts";
import { createConnection } from "../../platform/rabbit/connection.ts";
import { createPointers } from "../../platform/rabbit/pointers.ts";
import { createPublisher } from "../../platform/rabbit/publisher.ts";
import { createRelay } from "../../platform/rabbit/relay.ts";
import { declareTopology, namesOf } from "../../platform/rabbit/topology.ts";
import { openAmqpDoor } from "../../platform/transports/amqp/door.ts";
import { createGateway } from "../../platform/transports/http/gateway.ts";
import type { SoapDoors } from "../../platform/transports/soap/routes.ts";
import type { Catalogued } from "./catalogue.ts";
import { createEventQueues } from "./event-queues.ts";
import type { Credentials } from "./partners.ts";
import { openWires } from "./wires.ts";
import type { Work } from "./work.ts";

/** The broker may be away at start: the engine opens without it and the AMQP door follows when it is there. */
const BROKER_READY_MS = 15_000;
const RELAY_STOP_MS = 2_000;
const DOOR_STOP_MS = 3_000;

export interface Doors {
  readonly gateway: string;
  /** Addresses of further wires, by wire and partner. */
  readonly wires: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Journals what the engine's own calls brought. */
  readonly intake: Intake;
  brokerUp(): boolean;
  /** Messages in the dead-letter queue; undefined while the broker does not say. */
  deadLetters(): Promise<Readonly<Record<string, number>> | undefined>;
  /** Subscribers were changed by a person. */
  lookAtSubscribers(): void;
  /** Takes nothing new and waits for what is being journaled. */
  pause(): Promise<void>;
  /** Waits for the broker's confirms; the rest stays in the outbox. */
  stopRelay(): Promise<void>;
  close(): Promise<void>;
}

export interface DoorsDeps {
  readonly config: Config;
  readonly catalogue: Catalogued;
  readonly postgres: Postgres;
  readonly rates: RateGate;
  readonly work: Work;
  readonly metrics: Metrics;
  readonly log: EngineLog;
}

/** Opens the doors. Rejects when the broker holds queues that would lose messages (TopologyRefused), not when it is away. */
export async function openDoors({ config, catalogue, postgres, rates, work, metrics, log }: DoorsDeps): Promise<Doors> {
  const { dialects, credentials } = catalogue;
  const names = namesOf();
  const prepare = (open: Parameters<typeof declareTopology>[0]): Promise<void> =>
    declareTopology(open, names, [...dialects.policies().keys()]);
  // Two links: a broker in alarm stops reading from those who publish, acknowledgements included.
  const events = await createEventQueues({ postgres, partners: [...catalogue.partners.values()], names, log });
  const consuming = createConnection({ url: config.amqpUrl, name: "huiliu consumer", log, prepare });
  const publishing = createConnection({ url: config.amqpUrl, name: "huiliu publisher", log, prepare: events.before(prepare) });
  const publisher = createPublisher({ connection: publishing, log });
  const keeper = events.keep(publishing, publisher);
  const repair = (): Promise<void> => publishing.withChannel((channel) => prepare(async () => channel));
  const stored = postgres.outbox();
  const outbox: OutboxStore = {
    ...stored,
    done: async (seqs) => {
      await stored.done(seqs);
      metrics.published(seqs.length);
    },
  };
  const relay = createRelay({ publisher, outbox, exchange: names.events, log, repair, ...events.relay(work.deliveries.amongOthers) });
  work.publishBy((items) => relay.offer(items));

  const pointers = createPointers({
    consuming,
    publishing,
    exchange: names.pointers,
    from: String(postgres.worker.id),
    log,
    wanted: work.deliveries.amongOthers,
    heard: work.heard,
  });
  work.tellBy(pointers.tell);

  await consuming.ready(BROKER_READY_MS).catch((error: unknown) => {
    if (error instanceof Error && error.name === "TopologyRefused") throw error;
    log.warn({ error: String(error) }, "the broker is not there yet; the AMQP door opens when it is");
  });
  const intake = counted(createIntake({ journal: work.journal, deliveries: work.deliveries, policies: dialects.policies }), metrics);
  // What waits for room waits in the broker: the journal's own overflow costs more.
  const patient: Intake = {
    ...intake,
    accept: async (inbound) => {
      await work.deliveries.room();
      return intake.accept(inbound);
    },
  };
  const door = openAmqpDoor({ connection: consuming, publisher, names, intake: patient, log, maySpeakFor: maySpeakFor(credentials) });
  const keys = new Map(Object.entries(credentials.partners).map(([name, one]) => [name, one.key]));
  const gateway = createGateway({
    host: config.host,
    port: config.gatewayPort,
    shared: config.gatewayShared === "yes",
    intake,
    keys,
    rates,
    log,
    dialect: dialects.gatewayDialect,
    soap: soapDoors(catalogue.partners),
    useNonce: createDoorStore(postgres.pool).useNonce,
  });
  const wires = await openWires({
    host: config.host,
    shared: config.gatewayShared === "yes",
    root: config.root,
    partners: [...catalogue.partners.values()],
    intake: patient,
    rates,
    secretOf: (partner, name) => catalogue.secretsOf(partner)[name],
    postgres,
    log,
  });
  metrics.doorsFrom(wires.states);
  return {
    gateway: await gateway.open(),
    wires: wires.addresses,
    intake,
    brokerUp: () => consuming.state() === "up",
    deadLetters: () =>
      consuming.state() !== "up"
        ? Promise.resolve(undefined)
        : publishing
            .withChannel(async (channel) => ({ [names.dead]: (await channel.checkQueue(names.dead)).messageCount }))
            .catch(() => undefined), // not said: the broker is going away, and its alarms stay as they are
    pause: async () => {
      gateway.pause();
      await wires.pause();
      await door.drain(DOOR_STOP_MS);
    },
    stopRelay: () => relay.stop(RELAY_STOP_MS),
    lookAtSubscribers: keeper.look,
    close: async () => {
      await events.stop();
      await pointers.stop();
      await wires.close();
      await door.stop();
      await gateway.stop(DOOR_STOP_MS);
      await publisher.stop();
      await Promise.all([consuming.stop(), publishing.stop()]);
    },
  };
}

/** The intake with its numbers: what doors brought, and how long the journal took. */
function counted(intake: Intake, metrics: Metrics): Intake {
  // Senders choose the names of partners nobody knows: as labels they would grow without end.
  const label = (partner: string): string => (intake.policy(partner) === undefined ? "unknown" : partner);
  return {
    ...intake,
    accept: async (inbound) => {
      const since = performance.now();
      try {
        const journaled = await intake.accept(inbound);
        metrics.journaled(performance.now() - since);
        metrics.accepted(inbound.door, label(inbound.partner), journaled.kind);
        return journaled;
      } catch (error) {
        metrics.accepted(inbound.door, label(inbound.partner), error instanceof JournalBusy ? "busy" : "refused");
        throw error;
      }
    },
  };
}

function soapDoors(partners: Catalogued["partners"]): SoapDoors {
  return new Map([...partners.values()].flatMap(({ partner, inbound }) => (inbound?.doors?.soap ? [[partner, inbound.doors.soap]] : [])));
}

/** A broker's user speaks for the partner it was made for; the observer of the development profile for every one. */
function maySpeakFor(credentials: Credentials): (user: string, partner: string) => boolean {
  return (user, partner) => user === credentials.observer?.amqpUser || user === credentials.partners[partner]?.amqpUser;
}
