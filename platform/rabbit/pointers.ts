/**
 * Pointers: what one worker tells the others so that they need not wait for their clocks (docs/decisions/011-one-feeder.md). Transient and disposable: nothing depends on
 * one, every receiver looks by itself at least once a second, and while the broker is away there are none.
 */
import type { Channel } from "amqplib";
import type { Log } from "../../domain/log.ts";
import type { RabbitConnection } from "./connection.ts";

/**
 * - `journal` open messages are in the journal
 * - `lead` nobody feeds flows now
 * - `destination` heads of lanes are due at `name`
 * - `gates` a destination was paused, resumed, opened …; `name` where it is one
 */
export type PointerKind = "journal" | "lead" | "destination" | "gates";
const KINDS: ReadonlySet<string> = new Set<PointerKind>(["journal", "lead", "destination", "gates"]);

export interface Pointer {
  readonly kind: PointerKind;
  readonly name?: string;
}

export interface PointersOptions {
  readonly consuming: RabbitConnection;
  readonly publishing: RabbitConnection;
  /** The fan-out exchange. */
  readonly exchange: string;
  /** Names this worker: what it said itself is not heard. */
  readonly from: string;
  readonly log: Log;
  /** Nothing is said while it answers no: there is nobody to hear it. */
  readonly wanted: () => boolean;
  readonly heard: (pointer: Pointer) => void;
  readonly gatherMs?: number;
}

export interface Pointers {
  /** Says it now, or together with what is said again within 20 ms. Never throws, never waits. */
  tell(kind: PointerKind, name?: string): void;
  stop(): Promise<void>;
}

/** The same is said at most this often. */
const GATHER_MS = 20;
/** A worker that does not read misses the oldest: its clock finds what they were about. */
const QUEUE_LENGTH = 1_000;
const NAME_MAX = 200;

/** What another worker said; undefined: nothing we understand (a newer one may say more). */
function pointerOf(content: Uint8Array, self: string): Pointer | undefined {
  let given: unknown;
  try {
    given = JSON.parse(new TextDecoder().decode(content));
  } catch {
    return undefined; // not ours
  }
  if (typeof given !== "object" || given === null) return undefined;
  const { from, kind, name } = given as Readonly<Record<string, unknown>>;
  if (from === self || typeof kind !== "string" || !KINDS.has(kind)) return undefined;
  return { kind: kind as PointerKind, ...(typeof name === "string" && name.length <= NAME_MAX ? { name } : {}) };
}

export function createPointers(options: PointersOptions): Pointers {
  const { exchange, from, log, heard, wanted } = options;
  const gatherMs = options.gatherMs ?? GATHER_MS;
  /** What was just said; true: it is to be said once more when its time is over. */
  const resting = new Map<string, boolean>();
  let out: Channel | undefined;
  let full = false;
  const declare = (channel: Channel): Promise<unknown> => channel.assertExchange(exchange, "fanout", { durable: false });

  const hearing = options.consuming.role<Channel>({
    name: "pointers heard",
    open: (model) => model.createChannel(),
    async setup(channel) {
      await declare(channel);
      const { queue } = await channel.assertQueue("", { exclusive: true, autoDelete: true, durable: false, maxLength: QUEUE_LENGTH });
      await channel.bindQueue(queue, exchange, "");
      await channel.consume(
        queue,
        (message) => {
          const pointer = message === null ? undefined : pointerOf(message.content, from);
          if (pointer) heard(pointer);
          else if (message === null) hearing.recycle("the broker cancelled the queue of pointers");
        },
        { noAck: true },
      );
    },
    lost: () => undefined, // the queue is gone with its connection
  });
  const saying = options.publishing.role<Channel>({
    name: "pointers said",
    open: (model) => model.createChannel(),
    async setup(channel) {
      await declare(channel);
      channel.on("drain", () => {
        full = false;
      });
      full = false;
      out = channel;
    },
    lost() {
      out = undefined;
    },
  });

  const say = (kind: PointerKind, name: string | undefined): void => {
    if (out === undefined || full || options.publishing.state() !== "up") return;
    try {
      full = !out.publish(exchange, "", Buffer.from(JSON.stringify({ from, kind, ...(name === undefined ? {} : { name }) })), {
        persistent: false,
      });
    } catch (error) {
      log.debug({ error: error instanceof Error ? error.message : String(error) }, "a pointer was not said"); // the channel closed under us
    }
  };
  const tell = (kind: PointerKind, name?: string): void => {
    if (!wanted()) return;
    const key = `${kind} ${name ?? ""}`;
    if (resting.has(key)) {
      resting.set(key, true);
      return;
    }
    resting.set(key, false);
    say(kind, name);
    setTimeout(() => {
      const again = resting.get(key) === true;
      resting.delete(key);
      if (again) tell(kind, name);
    }, gatherMs).unref();
  };
  return {
    tell,
    async stop() {
      await Promise.all([hearing.stop(), saying.stop()]);
    },
  };
}
