/** A child process that holds no library: it does what the test says with each call. */
import type { FromChild, ToChild } from "../../../platform/transports/dll/child.ts";
import type { Description } from "../../../platform/transports/dll/description.ts";
import type { Child } from "../../../platform/transports/dll/session.ts";

export type Deed =
  | {
      readonly reply: string | Uint8Array;
      readonly returned?: number;
      readonly overrun?: true;
      readonly ended?: false;
      readonly afterMs?: number;
    }
  | "hang"
  | "crash"
  | { readonly failed: string };

export interface FakeChildren {
  readonly spawn: () => Child;
  /** Calls that the library saw, INIT among them, as `<function> <request>`. */
  readonly seen: string[];
  readonly started: () => number;
  readonly killed: () => number;
  /** What the next calls of BUSINESS_HANDLE do; then `usual`. */
  next(...deeds: Deed[]): void;
  init(deed: Deed): void;
}

const bytes = (given: string | Uint8Array): Uint8Array => (typeof given === "string" ? new TextEncoder().encode(given) : given);

export function fakeChildren(usual: Deed = { reply: "1^1^ok^", returned: 0 }): FakeChildren {
  const seen: string[] = [];
  const queue: Deed[] = [];
  let initDeed: Deed = { reply: "", returned: 0 };
  let started = 0;
  let killed = 0;

  const spawn = (): Child => {
    started += 1;
    let gone = false;
    let hear: (message: FromChild) => void = () => undefined;
    let over: (how: string) => void = () => undefined;
    const end = (how: string): void => {
      if (gone) return;
      gone = true;
      queueMicrotask(() => over(how));
    };
    const say = (message: FromChild): void => {
      queueMicrotask(() => {
        if (!gone) hear(message);
      });
    };
    const call = (message: Extract<ToChild, { kind: "call" }>): void => {
      seen.push(`${message.function} ${new TextDecoder().decode(message.request)}`.trim());
      const deed = message.function === "INIT" ? initDeed : (queue.shift() ?? usual);
      if (deed === "hang") return;
      if (deed === "crash") {
        end("SIGSEGV");
        return;
      }
      if ("failed" in deed) {
        say({ kind: "failed", no: message.no, why: deed.failed });
        return;
      }
      const { reply, returned = 0, overrun = false, ended = true, afterMs = 0 } = deed;
      const answer = (): void => say({ kind: "returned", no: message.no, returned, reply: bytes(reply), outs: {}, overrun, ended });
      if (afterMs === 0) answer();
      else setTimeout(answer, afterMs);
    };
    return {
      send: (message) => (message.kind === "load" ? say({ kind: "loaded" }) : call(message)),
      onMessage: (listener) => {
        hear = listener;
      },
      onExit: (listener) => {
        over = listener;
      },
      kill: () => {
        killed += 1;
        end("SIGKILL");
      },
    };
  };
  return {
    spawn,
    seen,
    started: () => started,
    killed: () => killed,
    next: (...deeds) => void queue.push(...deeds),
    init: (deed) => {
      initDeed = deed;
    },
  };
}

export const DESCRIPTION: Description = {
  name: "fake",
  library: "none.so",
  charset: "gbk",
  convention: "cdecl",
  init: { function: "INIT" },
  functions: {
    INIT: { parameters: [{ kind: "reply", bytes: 64 }], returns: { kind: "int", atLeast: 0 }, timeMs: 200 },
    BUSINESS_HANDLE: {
      parameters: [
        { kind: "request", bytes: 256 },
        { kind: "reply", bytes: 1024 },
      ],
      returns: { kind: "int", atLeast: 0 },
      timeMs: 120,
      replyPattern: "^[^^]{1,64}\\^-?[0-9]{1,4}\\^",
    },
    APPLY: {
      parameters: [
        { kind: "int", name: "code" },
        { kind: "double", name: "no" },
        { kind: "request", bytes: 64 },
        { kind: "reply", bytes: 1024, fill: "space" },
      ],
      returns: { kind: "int", atLeast: 0 },
      timeMs: 120,
    },
  },
};
