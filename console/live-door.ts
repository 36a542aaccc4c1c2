/**
 * What changes, told while a page is open (GET /api/v1/live, Server-Sent Events). One look at the engine for all who listen, and none while nobody does; each is told
 * the topics that are new to it, of its own partners. Nothing is replayed: a page that was away asks again. Lasts no longer than the session.
 */
import type { ServerResponse } from "node:http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Principal } from "../domain/access/rights.ts";
import { LIVE_TOPICS } from "../domain/live/views.ts";
import { type Look, marksOf, toldTo } from "../domain/live/told.ts";
import type { Log } from "../domain/log.ts";
import type { Operations } from "../domain/operations/ports.ts";
import { type Answered, answered, errorBody, OPERATION_REFUSAL, refused } from "../domain/operations/refusals.ts";
import type { Door } from "./door.ts";
import { API } from "./route.ts";

/** The route's pattern, for whoever lists routes. */
export const LIVE_PATH = "/live";
export const LIVE_URL = `${API}${LIVE_PATH}`;
const LIVE_NEED = "look";

const LOOK_EVERY_MS = 2_000;
/** How often the stream says that it lives, and asks whether the session still does. */
const BEAT_EVERY_MS = 10_000;
export const LISTENERS_MAX = 100;
export const LISTENERS_PER_ACCOUNT_MAX = 12;
/** A page that takes nothing is let go once so much waits for it; it comes back when it can. */
const WAITING_BYTES_MAX = 1_048_576;
/** Open alarms and failure groups that are told; pages ask for the rest. */
const ROWS_MAX = 100;

export interface LiveDeps {
  look(): Promise<Look>;
  /** Whether whoever listens still may. Never rejects. */
  still(request: FastifyRequest): Promise<boolean>;
  readonly log: Log;
  readonly lookEveryMs?: number;
  readonly beatEveryMs?: number;
}

export interface Live {
  /** Takes the reply over and tells it what changes until either side ends; or refuses. */
  listen(who: Principal, request: FastifyRequest, reply: FastifyReply): Answered<undefined>;
  /** Of now. */
  listeners(): number;
  /** Ends every stream. */
  close(): void;
}

interface Listener {
  readonly who: Principal;
  readonly request: FastifyRequest;
  readonly stream: ServerResponse;
  marks: ReturnType<typeof marksOf>;
}

/** What the engine's operations say, each topic by itself: one that is refused leaves the others. */
async function lookAt(operations: Operations): Promise<Look> {
  const [status, destinations, alarms, failures] = await Promise.all([
    operations.status(),
    operations.destinations(),
    operations.alarms.list({ state: "open", limit: ROWS_MAX }),
    operations.failures.list({ limit: ROWS_MAX }),
  ]);
  return {
    ...(status.ok ? { status: status.value } : {}),
    ...(destinations.ok ? { destinations: destinations.value } : {}),
    ...(alarms.ok ? { alarms: alarms.value.items } : {}),
    ...(failures.ok ? { failures: failures.value.items } : {}),
  };
}

const eventOf = (name: string, data: unknown): string => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

export function createLive(deps: LiveDeps): Live {
  const { lookEveryMs = LOOK_EVERY_MS, beatEveryMs = BEAT_EVERY_MS, log } = deps;
  const listeners = new Set<Listener>();
  let looking: NodeJS.Timeout | undefined;
  let beating: NodeJS.Timeout | undefined;
  let last: Look | undefined;
  /** A look is under way; it outlives those who wanted it. */
  let busy = false;

  const leave = (listener: Listener): void => {
    listeners.delete(listener);
    if (!listener.stream.writableEnded) listener.stream.end();
    if (listeners.size > 0) return;
    clearTimeout(looking);
    clearInterval(beating);
    [looking, beating, last] = [undefined, undefined, undefined];
  };

  const write = (listener: Listener, text: string): void => {
    const { stream } = listener;
    if (stream.destroyed || stream.writableLength > WAITING_BYTES_MAX) {
      leave(listener);
      stream.destroy();
    } else stream.write(text);
  };

  const tell = (listener: Listener, look: Look): void => {
    const told = toldTo(listener.who, look);
    const marks = marksOf(told);
    const news = LIVE_TOPICS.filter((topic) => marks.has(topic) && marks.get(topic) !== listener.marks.get(topic));
    // What could not be read this time keeps its mark.
    listener.marks = new Map([...listener.marks, ...marks]);
    if (news.length > 0) write(listener, news.map((topic) => eventOf(topic, told[topic])).join(""));
  };

  const tick = async (): Promise<void> => {
    looking = undefined;
    busy = true;
    try {
      const look = await deps.look();
      last = look;
      for (const listener of [...listeners]) tell(listener, look);
    } catch (error) {
      log.warn({ err: error }, "a look for the open pages failed; tried again");
    }
    busy = false;
    if (listeners.size > 0) looking = setTimeout(() => void tick(), lookEveryMs).unref();
  };

  const beat = async (listener: Listener): Promise<void> => {
    const still = await deps.still(listener.request);
    if (!listeners.has(listener)) return;
    write(listener, eventOf(still ? "beat" : "end", {}));
    if (!still) leave(listener);
  };

  const join = (listener: Listener): void => {
    listeners.add(listener);
    beating ??= setInterval(() => {
      for (const one of listeners) void beat(one);
    }, beatEveryMs).unref();
    if (last !== undefined) tell(listener, last);
    if (!busy) looking ??= setTimeout(() => void tick(), 0);
  };

  return {
    listen: (who, request, reply) => {
      const own = [...listeners].filter((one) => one.who.id === who.id).length;
      if (own >= LISTENERS_PER_ACCOUNT_MAX || listeners.size >= LISTENERS_MAX) return refused("TOO_MANY_LISTENERS");
      reply.hijack();
      const stream = reply.raw;
      const headers = Object.entries(reply.getHeaders()).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
      stream.writeHead(200, {
        ...Object.fromEntries(headers),
        "content-type": "text/event-stream; charset=utf-8",
        "x-accel-buffering": "no",
      });
      const listener: Listener = { who, request, stream, marks: new Map() };
      stream.on("close", () => leave(listener)).on("error", () => leave(listener));
      stream.write(eventOf("beat", {}));
      join(listener);
      return answered(undefined);
    },
    listeners: () => listeners.size,
    close: () => {
      for (const listener of [...listeners]) leave(listener);
    },
  };
}

/** Puts the stream on the server; it ends before the server waits for its connections. */
export function mountLive(
  app: FastifyInstance,
  door: Door,
  { operations, log }: { readonly operations: Operations; readonly log: Log },
): void {
  const live = createLive({ look: () => lookAt(operations), still: (request) => door.still(request, LIVE_NEED), log });
  app.get(LIVE_URL, { exposeHeadRoute: false, config: { need: LIVE_NEED } }, async (request, reply) => {
    const answer = live.listen(door.who(request), request, reply);
    return answer.ok ? reply : reply.code(OPERATION_REFUSAL[answer.code].http).send(errorBody(answer));
  });
  app.addHook("preClose", async () => live.close());
}
