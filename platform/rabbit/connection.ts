/**
 * One supervised connection to RabbitMQ (design.md decision 3, reference/delivery.md section 5). amqplib's own recovery brings back the connection but
 * neither channels nor consumers, so the supervision is ours: dial with back-off and jitter, prepare the topology, open one channel per role, and do it
 * again for whatever breaks. Every emitter has its `error` listener: one without it ends the process.
 */
import type { Writable } from "node:stream";
import { type Channel, type ChannelModel, connect } from "amqplib";
import type { Log } from "../../domain/log.ts";

/** `blocked`: the broker takes no publications (memory or disk alarm). `refused`: it runs, but its topology is not ours (see topology.ts). */
export type LinkState = "connecting" | "up" | "blocked" | "refused" | "stopped";

/** Seconds. A dead link is noticed after at most two beats and a half. */
const HEARTBEAT_S = 5;
const CONNECT_TIMEOUT_MS = 10_000;
/** Any question to the broker (open a channel, declare, consume) that takes longer means that the link is dead. */
export const RPC_TIMEOUT_MS = 10_000;
/** A close that the other side does not answer (reference/nodered.md 3.2, rule 8) is not waited for. */
const CLOSE_TIMEOUT_MS = 500;
const BACKOFF_FIRST_MS = 100;
const BACKOFF_MAX_MS = 2_000;
const REFUSED_RETRY_MS = 5_000;

/** The broker's topology differs from ours, or we may not declare it: start-up is refused; `message` says what to do. */
export class TopologyRefused extends Error {
  override readonly name = "TopologyRefused";
}

export interface RabbitOptions {
  readonly url: string;
  /** Shown by the broker beside the connection. */
  readonly name: string;
  readonly log: Log;
  /** Declares what must be there; called after every connect and whenever a role's channel broke. Rejects with TopologyRefused to refuse. */
  readonly prepare?: (open: () => Promise<Channel>) => Promise<void>;
}

/** One user of the connection, with a channel of its own: an error on it closes only that one. */
export interface Role<C extends Channel> {
  readonly name: string;
  open(model: ChannelModel): Promise<C>;
  /** The channel of a new epoch is here. A rejection closes it, and it is opened anew after a wait. */
  setup(channel: C, epoch: number): Promise<void>;
  /** The channel of this epoch is gone: whatever was in flight on it is unclear (published) or will be delivered again (consumed). */
  lost(epoch: number): void;
}

export interface RoleHandle {
  /** Closes the channel and opens a new one. */
  recycle(why: string): void;
  stop(): Promise<void>;
}

export interface RabbitConnection {
  state(): LinkState;
  /** Connections established so far. */
  epoch(): number;
  /** Resolves when the link is up and prepared; rejects with TopologyRefused, or after `withinMs` with a sentence. */
  ready(withinMs: number): Promise<void>;
  /** Calls `listener` at every change. Returns the way to stop it. */
  onState(listener: (state: LinkState) => void): () => void;
  role<C extends Channel>(role: Role<C>): RoleHandle;
  /** A channel for one piece of work, closed afterwards. Rejects when the link is down. `refusalIsAnAnswer`: that the broker refuses is nothing to warn of. */
  withChannel<T>(work: (channel: Channel) => Promise<T>, options?: { readonly refusalIsAnAnswer?: boolean }): Promise<T>;
  /** Never hangs: what is not closed in 500 ms is cut. */
  stop(): Promise<void>;
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** An answer did not come in time. */
class TookTooLong extends Error {
  override readonly name = "TookTooLong";
}

/** The promise, or a rejection with TookTooLong after `ms`. What comes later is swallowed: the caller has moved on. */
export function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => reject(new TookTooLong(`${what} took longer than ${ms} ms`)), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Half the wait for certain, half at random: workers that lost the broker together do not come back together. */
export const jittered = (ms: number): number => ms / 2 + Math.random() * (ms / 2);

/** amqplib ends a dead socket politely and waits for ever; this cuts it. The stream is not in its types. */
function cut(model: ChannelModel): void {
  const { stream } = model.connection as unknown as { readonly stream?: { destroy(): void } };
  stream?.destroy();
}

/**
 * amqplib writes every frame to the socket by itself, which is a system call a frame: half of what a message costs here. Frames of one turn of the event
 * loop are gathered into one write; none waits for a later turn. Nothing else changes, back-pressure included: the stream counts what it holds.
 */
function gatherWrites(stream: Pick<Writable, "write" | "cork" | "uncork">): void {
  const write = stream.write.bind(stream) as (...given: unknown[]) => boolean;
  let gathering = false;
  stream.write = (...given: unknown[]) => {
    if (!gathering) {
      gathering = true;
      stream.cork();
      process.nextTick(() => {
        gathering = false;
        stream.uncork();
      });
    }
    return write(...given);
  };
}

/** The URL with our heartbeat: a longer one, or none, would leave a dead link unnoticed for minutes. */
function withHeartbeat(url: string): string {
  const parsed = new URL(url);
  const asked = Number(parsed.searchParams.get("heartbeat"));
  if (!(asked >= 1 && asked <= 10)) parsed.searchParams.set("heartbeat", String(HEARTBEAT_S));
  return parsed.href;
}

/** Listens to everything a channel can emit, so that nothing it emits ends the process. */
function guard(channel: Channel, name: string, log: Log, level: "warn" | "debug" = "warn"): void {
  channel.on("error", (error: Error) => log[level]({ role: name, error: error.message }, "amqp channel error"));
  channel.on("handler-error", (error: Error) => log.error({ role: name, error: error.message }, "amqp handler error"));
}

const quietly = (promise: Promise<unknown>): Promise<unknown> => promise.catch(() => undefined); // closing what may be closed already

interface Supervised {
  up(model: ChannelModel): void;
  down(): void;
  stop(): Promise<void>;
}

/** Keeps one role's channel open while there is a connection. */
function supervise<C extends Channel>(role: Role<C>, log: Log, prepareAgain: () => Promise<void>): Supervised & RoleHandle {
  let model: ChannelModel | undefined;
  let channel: C | undefined;
  let epoch = 0;
  let failures = 0;
  let opening = false;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  const again = (): void => {
    if (stopped || timer !== undefined) return;
    if (model === undefined) return; // the next connection opens it
    const wait = failures === 0 ? 0 : jittered(Math.min(BACKOFF_FIRST_MS * 2 ** failures, BACKOFF_MAX_MS));
    timer = setTimeout(() => {
      timer = undefined;
      void open();
    }, wait);
  };
  const closed = (mine: number): void => {
    if (mine !== epoch || channel === undefined) return;
    channel = undefined;
    failures += 1;
    role.lost(mine);
    again();
  };
  const open = async (): Promise<void> => {
    const current = model;
    if (stopped || opening || channel !== undefined || current === undefined) return;
    opening = true;
    const mine = epoch + 1;
    try {
      if (failures > 0) await prepareAgain(); // the channel may have broken because a queue or exchange is gone
      const opened = await within(RPC_TIMEOUT_MS, `opening the channel of ${role.name}`, role.open(current));
      guard(opened, role.name, log);
      epoch = mine;
      channel = opened;
      opened.once("close", () => closed(mine));
      await within(RPC_TIMEOUT_MS, `setting up ${role.name}`, role.setup(opened, mine));
      failures = 0;
    } catch (error) {
      log.warn({ role: role.name, error: messageOf(error), failures }, "amqp role not up");
      if (error instanceof TookTooLong) cut(current); // the link is dead, though nobody has noticed yet
      const broken = epoch === mine ? channel : undefined;
      if (broken !== undefined) await quietly(within(CLOSE_TIMEOUT_MS, "close", broken.close()));
      if (broken === undefined) failures += 1;
      else closed(mine);
    } finally {
      opening = false;
      if (channel === undefined) again();
    }
  };
  return {
    up(next) {
      model = next;
      failures = 0;
      void open();
    },
    down() {
      model = undefined;
    },
    recycle(why) {
      const current = channel;
      if (current === undefined) return;
      log.warn({ role: role.name, why }, "amqp channel reopened");
      const mine = epoch;
      void quietly(within(CLOSE_TIMEOUT_MS, "close", current.close())).then(() => closed(mine));
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      const current = channel;
      if (current !== undefined) await quietly(within(CLOSE_TIMEOUT_MS, "close", current.close()));
      if (channel !== undefined) closed(epoch);
    },
  };
}

/** Connects and stays connected until `stop`. Nothing is awaited here; see `ready`. */
export function createConnection(options: RabbitOptions): RabbitConnection {
  const { log, name } = options;
  const url = withHeartbeat(options.url);
  const roles = new Set<Supervised>();
  const listeners = new Set<(state: LinkState) => void>();
  let state: LinkState = "connecting";
  let model: ChannelModel | undefined;
  let epoch = 0;
  let refused: TopologyRefused | undefined;
  let wake = (): void => undefined;

  const change = (next: LinkState, fields: object = {}): void => {
    if (state === next || state === "stopped") return;
    state = next;
    log[next === "up" || next === "stopped" ? "info" : "warn"]({ connection: name, state: next, ...fields }, "amqp link");
    for (const listener of [...listeners]) listener(next);
  };
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const prepareOn = async (current: ChannelModel): Promise<void> => {
    await options.prepare?.(async () => {
      const channel = await within(RPC_TIMEOUT_MS, "opening a channel", current.createChannel());
      guard(channel, "prepare", log);
      return channel;
    });
  };
  const isStopped = (): boolean => state === "stopped";
  /** Resolves when the connection has ended; until then it is up. */
  const live = async (opened: ChannelModel): Promise<void> => {
    const ended = new Promise<void>((resolve) => opened.once("close", () => resolve()));
    opened.on("error", (error: Error) => log.warn({ connection: name, error: error.message }, "amqp connection error"));
    opened.on("handler-error", (error: Error) => log.error({ connection: name, error: error.message }, "amqp handler error"));
    opened.on("blocked", (reason: string) => change("blocked", { reason }));
    opened.on("unblocked", () => change("up"));
    try {
      await within(RPC_TIMEOUT_MS * 3, "preparing the topology", prepareOn(opened));
      refused = undefined;
    } catch (error) {
      void quietly(within(CLOSE_TIMEOUT_MS, "close", opened.close())).then(() => cut(opened));
      throw error;
    }
    if (isStopped()) {
      cut(opened);
      return;
    }
    model = opened;
    epoch += 1;
    change("up", { epoch });
    for (const role of roles) role.up(opened);
    await ended;
    model = undefined;
    for (const role of roles) role.down();
    cut(opened);
  };
  const dial = async (): Promise<void> => {
    let failures = 0;
    while (!isStopped()) {
      const before = epoch;
      let why = "closed by the broker";
      try {
        const opened = await connect(url, {
          timeout: CONNECT_TIMEOUT_MS,
          noDelay: true,
          keepAlive: true,
          clientProperties: { connection_name: name },
        });
        const { stream } = opened.connection as unknown as { readonly stream: Writable }; // not in its types
        gatherWrites(stream);
        await live(opened);
      } catch (error) {
        why = messageOf(error);
        if (error instanceof TopologyRefused) refused = error;
      }
      failures = epoch > before ? 0 : failures + 1;
      if (isStopped()) return;
      change(refused === undefined ? "connecting" : "refused", { error: why });
      if (failures > 0) log[failures === 1 ? "warn" : "debug"]({ connection: name, error: why, failures }, "amqp connect failed");
      await pause(refused === undefined ? jittered(Math.min(BACKOFF_FIRST_MS * 2 ** failures, BACKOFF_MAX_MS)) : REFUSED_RETRY_MS);
    }
  };
  const dialling = dial();

  return {
    state: () => state,
    epoch: () => epoch,
    ready(withinMs) {
      return new Promise((resolve, reject) => {
        const settled = (): boolean => {
          if (state === "up" || state === "blocked") resolve();
          else if (state === "refused") reject(refused);
          else if (state === "stopped") reject(new Error("the connection was stopped"));
          else return false;
          return true;
        };
        if (settled()) return;
        const timer = setTimeout(() => {
          off();
          reject(
            new Error(`RabbitMQ at ${new URL(url).host} did not answer within ${withinMs} ms; check that it runs and HUILIU_AMQP_URL`),
          );
        }, withinMs);
        const listener = (): void => {
          if (!settled()) return;
          clearTimeout(timer);
          off();
        };
        const off = (): void => void listeners.delete(listener);
        listeners.add(listener);
      });
    },
    onState(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    role(role) {
      const supervised = supervise(role, log, async () => {
        if (model !== undefined) await prepareOn(model);
      });
      roles.add(supervised);
      if (model !== undefined) supervised.up(model);
      return {
        recycle: supervised.recycle,
        async stop() {
          roles.delete(supervised);
          await supervised.stop();
        },
      };
    },
    async withChannel(work, options) {
      if (model === undefined) throw new Error("RabbitMQ is not connected");
      const channel = await within(RPC_TIMEOUT_MS, "opening a channel", model.createChannel());
      guard(channel, "one-off", log, options?.refusalIsAnAnswer ? "debug" : "warn");
      try {
        return await work(channel);
      } finally {
        await quietly(within(CLOSE_TIMEOUT_MS, "close", channel.close()));
      }
    },
    async stop() {
      if (isStopped()) return;
      const current = model;
      await Promise.all([...roles].map((role) => role.stop()));
      change("stopped");
      wake();
      if (current !== undefined) {
        await quietly(within(CLOSE_TIMEOUT_MS, "close", current.close()));
        cut(current);
      }
      await quietly(within(CLOSE_TIMEOUT_MS, "dial", dialling));
    },
  };
}
