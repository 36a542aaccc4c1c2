/**
 * Publishes with confirms. A confirm alone proves nothing: an unroutable message is confirmed, too, unless it is mandatory and its `return` is watched
 * (reference/reliability.md section 0, item 5); a dead link confirms nothing for ever. Every message therefore ends in one of four answers, in time.
 */
import { failpoint } from "../../domain/failpoint.ts";
import type { ConfirmChannel, Message } from "amqplib";
import { type RabbitConnection, within } from "./connection.ts";
import type { Log } from "../../domain/log.ts";

/**
 * - `confirmed` at least one queue has it on disk
 * - `unroutable` no queue wanted it; nobody has it
 * - `nacked` a queue said no (full); the others that it was routed to have it
 * - `overdue` the link is up and no confirm came in time: a queue of those that it was routed to is dead; it may be in the others
 * - `unclear` written to the wire of a link that broke: it may be in the queue. Publish it again under the same message id
 * - `refused` never written (link down or buffer full for too long)
 */
export type PublishAnswer = "confirmed" | "unroutable" | "nacked" | "overdue" | "unclear" | "refused";

export interface Publication {
  readonly exchange: string;
  readonly routingKey: string;
  /** Names the message for its return; subscribers dedupe by it. */
  readonly messageId: string;
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly correlationId?: string;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The publisher's own when absent. */
  readonly confirmWithinMs?: number;
  /** Default true. False only for what nobody misses after a broker restart. */
  readonly persistent?: boolean;
}

export interface PublisherOptions {
  readonly connection: RabbitConnection;
  readonly log: Log;
  readonly name?: string;
  /** Unconfirmed messages on the wire. */
  readonly window?: number;
  readonly confirmTimeoutMs?: number;
  /** How long a message may wait for the link or for room in the window. */
  readonly waitMs?: number;
  readonly waitingMax?: number;
  readonly waitingBytesMax?: number;
}

export interface Publisher {
  /** Never rejects. Messages go to the wire in the order of the calls. */
  publish(publication: Publication): Promise<PublishAnswer>;
  /** Whether a message would go to the wire now or soon: the channel is open and the broker takes publications. */
  isOpen(): boolean;
  onOpen(listener: () => void): () => void;
  waiting(): number;
  unconfirmed(): number;
  stop(): Promise<void>;
}

const WINDOW = 512;
const CONFIRM_TIMEOUT_MS = 15_000;
export const WAIT_MS = 30_000;
const WAITING_MAX = 4_096;
const WAITING_BYTES_MAX = 64 * 1024 * 1024;
const WINDOW_BYTES_MAX = 32 * 1024 * 1024;
const SCAN_EVERY_MS = 250;
/** A broker that does not even open a channel within this is not there. */
const PROBE_MS = 2_000;
/** The client remembers every message without a confirm: a channel with more of them is opened anew. */
const UNHEARD_MAX = 5_000;

interface Entry {
  readonly publication: Publication;
  readonly answer: (answer: PublishAnswer) => void;
  /** Monotonic clock: when to give up waiting, and later when to give up on the confirm. */
  dueAt: number;
  answered: boolean;
  returned: boolean;
  judged?: boolean;
}

const now = (): number => performance.now();

/** One confirm channel on the given connection. Give it a connection of its own: a broker in alarm stops reading from connections that publish, acks included. */
export function createPublisher(options: PublisherOptions): Publisher {
  const { connection, log, name = "publisher" } = options;
  const window = options.window ?? WINDOW;
  const confirmTimeoutMs = options.confirmTimeoutMs ?? CONFIRM_TIMEOUT_MS;
  const waitMs = options.waitMs ?? WAIT_MS;
  const waitingMax = options.waitingMax ?? WAITING_MAX;
  const waitingBytesMax = options.waitingBytesMax ?? WAITING_BYTES_MAX;
  const onWire = new Set<Entry>();
  const openListeners = new Set<() => void>();
  let queue: Entry[] = [];
  let waitingBytes = 0;
  let wireBytes = 0;
  let channel: ConfirmChannel | undefined;
  let unheard = 0;
  let stopped = false;

  const answerOnce = (entry: Entry, answer: PublishAnswer): void => {
    if (entry.answered) return;
    entry.answered = true;
    entry.answer(answer);
  };
  /** The broker has answered, or its channel is gone: the entry's place in the window is free. */
  const offWire = (entry: Entry, answer: PublishAnswer): void => {
    if (!onWire.delete(entry)) return;
    wireBytes -= entry.publication.body.length;
    answerOnce(entry, answer);
  };
  const isOpen = (): boolean => channel !== undefined && connection.state() === "up";

  const send = (to: ConfirmChannel, entry: Entry): void => {
    const { publication } = entry;
    onWire.add(entry);
    wireBytes += publication.body.length;
    entry.dueAt = now() + (publication.confirmWithinMs ?? confirmTimeoutMs);
    const confirmed = (error: Error | null): void => {
      if (error === null) offWire(entry, entry.returned ? "unroutable" : "confirmed");
      else offWire(entry, error.message === "message nacked" ? "nacked" : "unclear");
      pump();
    };
    try {
      to.publish(
        publication.exchange,
        publication.routingKey,
        Buffer.from(publication.body.buffer, publication.body.byteOffset, publication.body.byteLength),
        {
          mandatory: true,
          persistent: publication.persistent ?? true,
          messageId: publication.messageId,
          contentType: publication.contentType,
          ...(publication.correlationId === undefined ? {} : { correlationId: publication.correlationId }),
          ...(publication.type === undefined ? {} : { type: publication.type }),
          ...(publication.headers === undefined ? {} : { headers: publication.headers }),
        },
        confirmed,
      );
      failpoint("rabbit.after-publish");
    } catch (error) {
      // The channel was closed under us or the properties cannot be encoded: either way nothing was written.
      log.warn({ role: name, error: error instanceof Error ? error.message : String(error) }, "amqp publish refused");
      offWire(entry, "refused");
    }
  };
  function pump(): void {
    let sent = 0;
    while (
      isOpen() &&
      channel !== undefined &&
      sent < queue.length &&
      onWire.size < window &&
      (onWire.size === 0 || wireBytes < WINDOW_BYTES_MAX)
    ) {
      const entry = queue[sent];
      sent += 1;
      if (entry === undefined) break;
      waitingBytes -= entry.publication.body.length;
      send(channel, entry);
    }
    if (sent > 0) queue = queue.slice(sent);
  }

  const returned = (message: Message): void => {
    for (const entry of onWire) {
      if (entry.returned || entry.publication.messageId !== message.properties.messageId) continue;
      entry.returned = true; // the ack that follows answers it
      return;
    }
  };
  /**
   * No confirm in time. Where the broker answers at all it is a queue that is dead, and its place in the window is free for others; where it does not it is the link.
   * What is told afterwards of these messages changes nothing.
   */
  const judge = async (overdue: readonly Entry[]): Promise<void> => {
    const all = overdue.length === onWire.size;
    const answers = await within(
      PROBE_MS,
      "asking the broker",
      connection.withChannel(async () => true),
    ).catch(() => false);
    for (const entry of overdue) offWire(entry, answers ? "overdue" : "unclear");
    unheard += overdue.length;
    if ((all || !answers || unheard > UNHEARD_MAX) && connection.state() === "up") {
      unheard = 0;
      handle.recycle("no confirm in time");
    } else pump();
  };
  const scan = (): void => {
    const at = now();
    const late = [...onWire].filter((entry) => entry.dueAt <= at && !entry.judged);
    if (connection.state() === "up" && late.length > 0) {
      for (const entry of late) entry.judged = true;
      void judge(late);
    } else for (const entry of late) answerOnce(entry, "unclear"); // a blocked broker confirms when the alarm is over; its place is kept till then
    const expired = queue.filter((entry) => entry.dueAt <= at);
    if (expired.length === 0) return;
    queue = queue.filter((entry) => entry.dueAt > at);
    for (const entry of expired) {
      waitingBytes -= entry.publication.body.length;
      answerOnce(entry, "refused");
    }
  };
  const timer = setInterval(scan, SCAN_EVERY_MS).unref();
  const opened = (): void => {
    if (!isOpen()) return;
    pump();
    for (const listener of [...openListeners]) listener();
  };

  const handle = connection.role<ConfirmChannel>({
    name,
    open: (model) => model.createConfirmChannel(),
    async setup(fresh) {
      fresh.on("return", returned);
      channel = fresh;
      opened();
    },
    lost() {
      channel = undefined;
      for (const entry of [...onWire]) offWire(entry, "unclear");
    },
  });
  const offState = connection.onState(opened);

  return {
    publish(publication) {
      const size = publication.body.length;
      if (stopped || queue.length >= waitingMax || (queue.length > 0 && waitingBytes + size > waitingBytesMax))
        return Promise.resolve("refused");
      return new Promise((answer) => {
        queue.push({ publication, answer, dueAt: now() + waitMs, answered: false, returned: false });
        waitingBytes += size;
        pump();
      });
    },
    isOpen,
    onOpen(listener) {
      openListeners.add(listener);
      return () => openListeners.delete(listener);
    },
    waiting: () => queue.length,
    unconfirmed: () => onWire.size,
    async stop() {
      stopped = true;
      clearInterval(timer);
      offState();
      for (const entry of queue) answerOnce(entry, "refused");
      queue = [];
      await handle.stop();
      for (const entry of [...onWire]) offWire(entry, "unclear");
    },
  };
}
