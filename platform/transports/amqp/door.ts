/**
 * The AMQP door: one consumer per partner's queue and one for unrouted messages. It acknowledges a message only when the journal has committed its bytes
 * (design.md section 3), answers `reply-to` with the verdict, and holds no rules of its own.
 */
import { failpoint } from "../../../domain/failpoint.ts";
import { setTimeout as sleep } from "node:timers/promises";
import type { Intake, Verdict } from "../../../domain/journal/intake.ts";
import { type Inbound, type Journaled, JournalBusy, JournalGone } from "../../../domain/journal/ports.ts";
import type { Log } from "../../../domain/log.ts";
import { plain } from "../../../domain/journal/sender.ts";
import { nextOf } from "../../../domain/refusals.ts";
import { messageOf, type RabbitConnection } from "../../rabbit/connection.ts";
import { type Consumer, type ConsumerState, createConsumer, type Delivery } from "../../rabbit/consumer.ts";
import type { Publisher } from "../../rabbit/publisher.ts";
import type { Names } from "../../rabbit/topology.ts";
import { createHold, type Hold } from "./hold.ts";
import { isOversized, readMessage } from "./inbound.ts";

export interface DoorOptions {
  /** For consuming; the publisher has a connection of its own. */
  readonly connection: RabbitConnection;
  readonly publisher: Publisher;
  readonly names: Names;
  readonly intake: Intake;
  readonly log: Log;
  /** Whether the AMQP user that the broker vouches for may speak for a partner. Default: a user of the partner's own name. */
  readonly maySpeakFor?: (user: string, partner: string) => boolean;
  readonly prefetch?: number;
  /** How long messages are held in place before they go back to the queue when the journal takes nothing. */
  readonly holdAllMs?: number;
}

export interface AmqpDoor {
  /** Per queue: state and deliveries not yet settled; `holding` while the journal takes nothing. */
  status(): Readonly<Record<string, { readonly state: ConsumerState; readonly inFlight: number; readonly holding: boolean }>>;
  /** Stops taking messages and waits for those in flight, at most `capMs`. Answers how many are left; the broker delivers them again. */
  drain(capMs: number): Promise<number>;
  resume(): Promise<void>;
  stop(): Promise<void>;
}

/** A sender who waits is told something after this long. */
const VERDICT_WITHIN_MS = 10_000;
/** Senders waiting for a verdict at once; further ones are told `pending` at once. */
const VERDICTS_MAX = 5_000;
/** An accept that fails for no reason the journal knows is tried this often, then dead-lettered: one bad message does not stop its neighbours. */
const TRIES_MAX = 5;
const TRY_FIRST_WAIT_MS = 200;

const utf8 = new TextEncoder();

/** What a sender reads at its reply-to queue (design.md section 6). */
export function verdictBody(verdict: Verdict): Uint8Array {
  const { reason } = verdict;
  const next = reason === undefined ? undefined : nextOf(reason);
  return utf8.encode(
    JSON.stringify({
      verdict: verdict.verdict,
      messageId: verdict.messageId,
      ...(verdict.pending === true ? { pending: true } : {}),
      ...(reason === undefined ? {} : { code: reason.code, text: { zh: reason.zh, en: reason.en } }),
      ...(next === undefined ? {} : { next }),
      ...(reason?.problems === undefined ? {} : { problems: reason.problems }),
      ...(verdict.events === undefined ? {} : { events: verdict.events }),
      ...(verdict.text === undefined ? {} : { answer: verdict.text }),
    }),
  );
}

/** Queues of partners for verdicts are named `reply.<partner>.…` (bin/start/credentials.ts). */
const REPLIES = "reply.";

/** Answers reply-to after the verdict; never in the way of an ack. */
function createReplies({
  publisher,
  names,
  intake,
  log,
}: DoorOptions): (journaled: Journaled, message: Delivery["message"], partner: string | undefined) => void {
  let waiting = 0;
  const reply = async (journaled: Journaled, replyTo: string, correlationId: string | undefined): Promise<void> => {
    const verdict = await intake.verdict(journaled, waiting > VERDICTS_MAX ? 0 : VERDICT_WITHIN_MS);
    const answer = await publisher.publish({
      exchange: "",
      routingKey: replyTo,
      messageId: `verdict-${verdict.messageId}`,
      contentType: "application/json; charset=utf-8",
      type: "huiliu.verdict",
      body: verdictBody(verdict),
      ...(correlationId === undefined ? {} : { correlationId }),
    });
    if (answer !== "confirmed") log.warn({ messageId: verdict.messageId, answer }, "verdict not delivered to reply-to");
  };
  return (journaled, { properties }, partner) => {
    const replyTo: unknown = properties.replyTo;
    if (typeof replyTo !== "string" || replyTo === "") return;
    // We may write to any queue; the sender may not. Else it could speak through us as another partner, or give another partner verdicts.
    if (names.isOurs(replyTo) || (replyTo.startsWith(REPLIES) && !replyTo.startsWith(`${REPLIES}${partner}.`))) {
      log.warn({ replyTo: plain(replyTo, 100) }, "reply-to names a queue that is not the sender's: not answered");
      return;
    }
    const correlationId: unknown = properties.correlationId;
    waiting += 1;
    reply(journaled, replyTo, typeof correlationId === "string" ? correlationId : undefined)
      .catch((error: unknown) => log.warn({ error: messageOf(error) }, "verdict not answered"))
      .finally(() => {
        waiting -= 1;
      });
  };
}

interface Lane {
  readonly queue: string;
  readonly consumer: Consumer;
  readonly hold: Hold;
  drain(capMs: number): Promise<number>;
  resume(): Promise<void>;
  stop(): Promise<void>;
}

function openLane(options: DoorOptions, partner: string | undefined, reply: ReturnType<typeof createReplies>): Lane {
  const { connection, names, intake, log } = options;
  const queue = partner === undefined ? names.unroutedQueue : names.queueOf(partner);
  const maySpeakFor = options.maySpeakFor ?? ((user: string, name: string) => user === name);
  const stopping = new AbortController();

  let paused = false;

  const accepted = (delivery: Delivery, journaled: Journaled): void => {
    hold.proved();
    failpoint("amqp-door.before-ack");
    delivery.ack();
    reply(journaled, delivery.message, partner);
  };
  const again = async (delivery: Delivery, inbound: Inbound): Promise<boolean> => {
    try {
      accepted(delivery, await intake.accept(inbound));
      return true;
    } catch (error) {
      if (error instanceof JournalBusy || error instanceof JournalGone) return false;
      void retryOdd(delivery, inbound, error);
      return true;
    }
  };
  /** Neither busy nor gone: a bug or a message the journal cannot hold. */
  const retryOdd = async (delivery: Delivery, inbound: Inbound, first: unknown): Promise<void> => {
    let error = first;
    for (let tried = 1; tried < TRIES_MAX; tried += 1) {
      await sleep(TRY_FIRST_WAIT_MS * 2 ** tried, undefined, { signal: stopping.signal }).catch(() => undefined); // stopping: looked at next
      if (stopping.signal.aborted || !delivery.isLive()) return;
      try {
        return accepted(delivery, await intake.accept(inbound));
      } catch (next) {
        error = next;
        if (next instanceof JournalBusy || next instanceof JournalGone)
          return hold.hold({ delivery, again: () => again(delivery, inbound) });
      }
    }
    log.error({ queue, kind: inbound.kind, error: messageOf(error) }, "the journal cannot take this message: dead-lettered");
    delivery.deadLetter();
  };
  const onDelivery = (given: Delivery): void => {
    // What is too large for the journal is journaled by its beginning, so that a person sees it, and kept whole by the broker.
    const delivery: Delivery = isOversized(given.message) ? { ...given, ack: () => given.deadLetter() } : given;
    const inbound = readMessage(delivery.message, { names, partner, policy: (name) => intake.policy(name), maySpeakFor });
    failpoint("amqp-door.before-journal");
    intake.accept(inbound).then(
      (journaled) => accepted(delivery, journaled),
      (error: unknown) => {
        if (error instanceof JournalBusy || error instanceof JournalGone) hold.hold({ delivery, again: () => again(delivery, inbound) });
        else void retryOdd(delivery, inbound, error);
      },
    );
  };
  const consumer = createConsumer({
    connection,
    log,
    queue,
    onDelivery,
    turn: names.turnOf(queue),
    ...(options.prefetch === undefined ? {} : { prefetch: options.prefetch }),
  });
  const hold = createHold(
    { pause: () => consumer.pause(), resume: (prefetch) => (paused ? Promise.resolve() : consumer.resume(prefetch)) },
    log,
    queue,
    options.holdAllMs,
  );
  return {
    queue,
    consumer,
    hold,
    drain(capMs) {
      paused = true;
      return consumer.drain(capMs);
    },
    async resume() {
      paused = false;
      if (!hold.isHolding()) await consumer.resume(); // else the hold does, once the journal takes messages
    },
    async stop() {
      stopping.abort();
      hold.stop();
      await consumer.stop();
    },
  };
}

/** Opens the door for every partner the intake knows. The topology must be declared by the connection's `prepare`. */
export function openAmqpDoor(options: DoorOptions): AmqpDoor {
  const reply = createReplies(options);
  const lanes = [undefined, ...options.intake.partners().map((policy) => policy.partner)].map((partner) =>
    openLane(options, partner, reply),
  );
  return {
    status: () =>
      Object.fromEntries(
        lanes.map(({ queue, consumer, hold }) => [
          queue,
          { state: consumer.state(), inFlight: consumer.inFlight(), holding: hold.isHolding() },
        ]),
      ),
    async drain(capMs) {
      const left = await Promise.all(lanes.map((lane) => lane.drain(capMs)));
      return left.reduce((sum, one) => sum + one, 0);
    },
    async resume() {
      await Promise.all(lanes.map((lane) => lane.resume()));
    },
    async stop() {
      await Promise.all(lanes.map((lane) => lane.stop()));
    },
  };
}
