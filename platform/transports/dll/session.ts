/**
 * One session with a library in a child process: loaded, INIT, then one call at a time. A call that outlives its time limit, a process that ends under it, a buffer written
 * over its end and a reply that is none all end the process; what the call did is then unclear, and the next begins with a new process and a new INIT.
 */
import type { FromChild, ToChild } from "./child.ts";
import { type Description, wentWell } from "./description.ts";
import type { LibraryCall } from "./library.ts";

/** Why nobody knows what a call did. */
export type UnclearCode = "HUNG" | "CRASHED" | "OVERRUN" | "UNENDED" | "GARBLED" | "FAILED" | "BRIDGE_STOPPED";

export type Ended =
  /** The library did not see it. */
  | { readonly kind: "not-begun"; readonly code: "NOT_READY" | "STOPPING"; readonly why: string }
  | { readonly kind: "unclear"; readonly code: UnclearCode; readonly why: string; readonly reply?: Uint8Array }
  | {
      readonly kind: "done";
      /** By the function's own return convention. */
      readonly ok: boolean;
      readonly returned?: number;
      readonly reply: Uint8Array;
      readonly outs: Readonly<Record<string, Uint8Array>>;
    };

/** The process that holds the library, as the session sees it. */
export interface Child {
  send(message: ToChild): void;
  onMessage(listener: (message: FromChild) => void): void;
  /** Once, when it is gone for whatever reason. */
  onExit(listener: (how: string) => void): void;
  /** At once and for certain. */
  kill(): void;
}

export interface SessionDeps {
  readonly description: Description;
  readonly spawn: () => Child;
  readonly nowMs: () => number;
  readonly log: (message: string, about: Readonly<Record<string, unknown>>) => void;
}

export type SessionState = "idle" | "loading" | "ready" | "calling" | "waiting" | "stopped";

export interface Session {
  /** Never rejects. One at a time: the caller queues. */
  call(call: LibraryCall): Promise<Ended>;
  state(): SessionState;
  /** How often a process was started, and why the last one ended. */
  starts(): { readonly count: number; readonly lastEnd?: string };
  /** Loads and says INIT where that is due, so that a call need only be made; answers why it cannot. Never rejects. */
  prepare(): Promise<string | undefined>;
  stop(): Promise<void>;
}

/** How long loading the library may take. */
const LOAD_MS = 30_000;
/** Pauses before the next try when the library cannot be loaded or INIT says no. */
const BROKEN_FIRST_MS = 200;
const BROKEN_MAX_MS = 30_000;
const DAY_MS = 86_400_000;
/** Business days of the insurers are China's. */
const CHINA_MS = 8 * 3_600_000;

type Told = FromChild | "time" | { readonly gone: string };

interface Live {
  readonly child: Child;
  readonly gone: Promise<string>;
  /** Who waits for its next word. */
  heard: (told: FromChild | { readonly gone: string }) => void;
  /** Day of its INIT. */
  day: number;
}

export function createSession(deps: SessionDeps): Session {
  const { description, log } = deps;
  let live: Live | undefined;
  let state: SessionState = "idle";
  let starts = 0;
  let lastEnd: string | undefined;
  let callNo = 0;
  let brokenTimes = 0;
  let brokenUntilMs = 0;
  let opening: Promise<Live | string> | undefined;
  const decoder = new TextDecoder(description.charset, { fatal: true });
  const today = (): number => Math.floor((deps.nowMs() + CHINA_MS) / DAY_MS);

  const end = (one: Live, why: string): void => {
    if (live === one) live = undefined;
    lastEnd = why;
    one.child.kill();
  };

  /** What the child answers next, its end, or that the time is over. */
  const answer = (one: Live, wanted: (message: FromChild) => boolean, timeMs: number): Promise<Told> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => resolve("time"), timeMs);
      one.heard = (told) => {
        if (!("gone" in told) && !wanted(told)) return;
        clearTimeout(timer);
        resolve(told);
      };
    });

  const run = async (one: Live, call: LibraryCall): Promise<Ended> => {
    const declared = description.functions[call.function];
    if (!declared) return { kind: "not-begun", code: "NOT_READY", why: `no function ${call.function}` };
    callNo += 1;
    const no = callNo;
    const waiting = answer(one, (message) => message.kind !== "loaded" && message.no === no, declared.timeMs);
    one.child.send({ kind: "call", no, ...call });
    const told = await waiting;
    const unclear = (code: UnclearCode, why: string, reply?: Uint8Array): Ended => {
      log("a call's outcome is unclear; its process is ended", { function: call.function, code, why });
      end(one, `${code} ${why}`);
      return { kind: "unclear", code, why, ...(reply === undefined ? {} : { reply }) };
    };
    if (told === "time") return unclear("HUNG", `${call.function} did not return within ${declared.timeMs} ms`);
    if ("gone" in told) return unclear("CRASHED", told.gone);
    if (told.kind === "failed") return unclear("FAILED", told.why);
    if (told.kind !== "returned") return unclear("FAILED", "the child said something else");
    if (told.overrun) return unclear("OVERRUN", "the function wrote beyond a buffer");
    if (!told.ended) return unclear("UNENDED", "the buffer came back full, without an end", told.reply);
    const garbled = garbledBy(told.reply, declared.replyPattern);
    if (garbled) return unclear("GARBLED", garbled, told.reply);
    const { returned, reply, outs } = told;
    return { kind: "done", ok: wentWell(declared.returns, returned), reply, outs, ...(returned === undefined ? {} : { returned }) };
  };

  const garbledBy = (reply: Uint8Array, pattern: string | undefined): string | undefined => {
    let text: string;
    try {
      text = decoder.decode(reply);
    } catch {
      return `the reply is no ${description.charset}`;
    }
    return pattern === undefined || new RegExp(pattern, "u").test(text) ? undefined : "the reply has not the form of one";
  };

  const init = async (one: Live): Promise<string | undefined> => {
    const name = description.init?.function;
    if (name === undefined) return undefined;
    const done = await run(one, { function: name, request: new Uint8Array(0), args: {} });
    if (done.kind !== "done") return `${name}: ${done.why}`;
    one.day = today();
    return done.ok ? undefined : `${name} returned ${done.returned}: ${decoder.decode(done.reply).trim().slice(0, 200)}`;
  };

  const open = async (): Promise<Live | string> => {
    if (isStopped()) return "stopping";
    if (deps.nowMs() < brokenUntilMs) return `not tried again yet: ${lastEnd ?? ""}`;
    state = "loading";
    starts += 1;
    const child = deps.spawn();
    const gone = new Promise<string>((resolve) => child.onExit(resolve));
    const one: Live = { child, gone, day: today(), heard: () => undefined };
    child.onMessage((message) => one.heard(message));
    void gone.then((how) => {
      one.heard({ gone: how });
      if (live === one) end(one, `ended by itself: ${how}`);
    });
    const loading = answer(one, (message) => message.kind === "loaded" || message.kind === "failed", LOAD_MS);
    child.send({ kind: "load", description });
    const told = await loading;
    const wrong = whyNotLoaded(told) ?? (await init(one));
    if (isStopped()) {
      end(one, "stopped");
      return "stopping";
    }
    if (wrong !== undefined) {
      brokenTimes += 1;
      brokenUntilMs = deps.nowMs() + Math.min(BROKEN_FIRST_MS * 2 ** (brokenTimes - 1), BROKEN_MAX_MS);
      log("the library is not ready", { library: description.library, why: wrong });
      end(one, wrong);
      state = "waiting";
      return wrong;
    }
    brokenTimes = 0;
    live = one;
    state = "ready";
    return one;
  };

  /** One opening at a time, whoever asks for it. */
  const opened = (): Promise<Live | string> => {
    opening ??= open().finally(() => {
      opening = undefined;
    });
    return opening;
  };

  const ready = async (): Promise<Live | string> => {
    const one = live ?? (await opened());
    if (typeof one === "string" || description.init?.daily !== true || one.day === today()) return one;
    const wrong = await init(one);
    return wrong === undefined ? one : wrong;
  };

  return {
    async call(call) {
      if (isStopped()) return { kind: "not-begun", code: "STOPPING", why: "the bridge is stopping" };
      const one = await ready();
      if (typeof one === "string") return { kind: "not-begun", code: "NOT_READY", why: one };
      state = "calling";
      const done = await run(one, call);
      if (isStopped()) return done;
      state = live ? "ready" : "idle";
      // The next call finds a process that has loaded and said INIT already.
      if (!live) void opened();
      return done;
    },
    state: () => state,
    starts: () => ({ count: starts, ...(lastEnd === undefined ? {} : { lastEnd }) }),
    prepare: async () => {
      if (isStopped()) return "the bridge is stopping";
      const one = await ready();
      return typeof one === "string" ? one : undefined;
    },
    async stop() {
      state = "stopped";
      await opening;
      const one = live;
      if (!one) return;
      end(one, "stopped");
      await one.gone;
    },
  };

  function isStopped(): boolean {
    return state === "stopped";
  }
}

function whyNotLoaded(told: Told): string | undefined {
  if (told === "time") return `not loaded within ${LOAD_MS} ms`;
  if ("gone" in told) return `ended while it was loaded: ${told.gone}`;
  return told.kind === "failed" ? told.why : undefined;
}
