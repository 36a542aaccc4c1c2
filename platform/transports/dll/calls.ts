/**
 * What the bridge does with a call: known ones are answered from the record, new ones wait their turn in a bounded queue, are written down, made, and written down again.
 * An answer is given only of what the disk holds.
 */
import { createHash } from "node:crypto";
import type { Description } from "./description.ts";
import { type CallName, type CallRecord, type Recorded, RecordRefused, type Result, type Role } from "./record.ts";
import type { Session } from "./session.ts";

/** Calls that wait behind the one that runs. */
const QUEUE_MAX = 8;
/** Longest a call waits for its turn. */
const QUEUE_MS = 20_000;

export interface AskedCall extends CallName {
  readonly role: Role;
  readonly function: string;
  readonly request: Uint8Array;
  readonly args: Readonly<Record<string, string>>;
  /** With `resolve`: nothing is called; only the record is asked. */
  readonly recordOnly: boolean;
}

/** Why nothing was called. The caller may come again where `again`. */
export type NotBegunCode =
  | "BUSY"
  | "NOT_READY"
  | "STOPPING"
  | "RUNNING"
  | "CLOSED"
  | "OTHER_REQUEST"
  | "UNKNOWN_FUNCTION"
  | "BAD_ARGUMENT"
  | "TOO_LARGE"
  | "RECORD_FULL";

export type Answered =
  | { readonly kind: "not-begun"; readonly code: NotBegunCode; readonly why: string }
  /** `from`: the call itself, the record of it, or - to a resolve - the record of the send it asks about. */
  | { readonly kind: "ended"; readonly result: Result; readonly from: "call" | "record" | "send" }
  /** To a resolve: no send of the key has begun, and none will. */
  | { readonly kind: "nothing" }
  /** To a resolve that may not call: the send began and its outcome is unclear for ever. */
  | { readonly kind: "unclear-by-record"; readonly why: string };

export interface Calls {
  /** Never rejects. */
  ask(call: AskedCall): Promise<Answered>;
  counts(): { readonly waiting: number; readonly running: boolean; readonly recorded: number };
  /** Takes nothing new; what runs ends (its time limit holds). */
  stop(): Promise<void>;
}

export interface CallsDeps {
  readonly description: Description;
  readonly session: Session;
  readonly record: CallRecord;
  readonly queueMax?: number;
  readonly queueMs?: number;
}

const idOf = ({ key, attempt }: CallName): string => `${attempt} ${key}`;
const hashOf = (call: AskedCall): string =>
  createHash("sha256")
    .update(JSON.stringify([call.function, call.role, Object.entries(call.args).sort()]))
    .update(call.request)
    .digest("hex");
const notBegun = (code: NotBegunCode, why: string): Answered => ({ kind: "not-begun", code, why });

export function createCalls(deps: CallsDeps): Calls {
  const { description, session, record } = deps;
  const { queueMax = QUEUE_MAX, queueMs = QUEUE_MS } = deps;
  /** What waits or runs, by name: the same call asked twice at once is one call. */
  const open = new Map<string, Promise<Answered>>();
  let waiting = 0;
  let running: string | undefined;
  let stopping = false;
  let last: Promise<unknown> = Promise.resolve();

  const argumentProblem = (call: AskedCall): Answered | undefined => {
    const declared = description.functions[call.function];
    if (!declared || description.init?.function === call.function) return notBegun("UNKNOWN_FUNCTION", call.function);
    const most = declared.parameters.find(({ kind }) => kind === "request")?.bytes ?? 0;
    if (call.request.length > most) return notBegun("TOO_LARGE", `${call.request.length} bytes, at most ${most}`);
    if (call.request.includes(0)) return notBegun("BAD_ARGUMENT", "the request holds a NUL");
    for (const { kind, name } of declared.parameters) {
      if (name === undefined || kind === "reply" || kind === "session") continue;
      const given = call.args[name];
      if (given === undefined) return notBegun("BAD_ARGUMENT", `${name} is missing`);
      if (kind === "int" && !/^-?\d{1,9}$/.test(given)) return notBegun("BAD_ARGUMENT", `${name} is no int`);
      if (kind === "double" && !/^-?\d{1,15}(?:\.\d{1,6})?$/.test(given)) return notBegun("BAD_ARGUMENT", `${name} is no number`);
    }
    return undefined;
  };

  const fromRecord = (known: Recorded, from: "record" | "send"): Answered => {
    const result = record.resultOf(known);
    // Begun, not running, no result: the disk refused it.
    return result
      ? { kind: "ended", result, from }
      : { kind: "ended", result: { kind: "unclear", code: "BRIDGE_STOPPED", why: "its result could not be written down" }, from };
  };

  /** In its turn: nothing else is with the library. */
  const make = async (call: AskedCall, sha256: string, resolves: number | undefined): Promise<Answered> => {
    if (call.role === "send" && call.attempt <= record.closedUpTo(call.key))
      return notBegun("CLOSED", "this attempt was given up before it began");
    const notReady = await session.prepare();
    if (notReady !== undefined) return notBegun("NOT_READY", notReady);
    try {
      record.begin({ ...call, sha256, ...(resolves === undefined ? {} : { resolves }) });
    } catch (error) {
      return notBegun("RECORD_FULL", error instanceof RecordRefused ? error.message : String(error));
    }
    const ended = await session.call(call);
    const result: Result = ended.kind === "not-begun" ? { kind: "unclear", code: "FAILED", why: ended.why } : ended;
    try {
      record.end(call, result);
    } catch (error) {
      return {
        kind: "ended",
        result: { kind: "unclear", code: "BRIDGE_STOPPED", why: `not written down: ${String(error)}` },
        from: "call",
      };
    }
    return { kind: "ended", result, from: "call" };
  };

  const queued = async (call: AskedCall, work: () => Promise<Answered>): Promise<Answered> => {
    const before = last;
    let leave: () => void = () => undefined;
    last = new Promise<void>((resolve) => {
      leave = resolve;
    });
    waiting += 1;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(() => resolve("late"), queueMs);
    });
    const turn = await Promise.race([before.then(() => "now" as const), late]);
    clearTimeout(timer);
    waiting -= 1;
    if (turn === "late" || stopping) {
      // Its place is left only when those before it have ended: nobody overtakes.
      void before.then(leave);
      return stopping ? notBegun("STOPPING", "the bridge is stopping") : notBegun("BUSY", `no turn within ${queueMs} ms`);
    }
    running = idOf(call);
    try {
      return await work();
    } finally {
      running = undefined;
      leave();
    }
  };

  const enter = (call: AskedCall, work: () => Promise<Answered>): Promise<Answered> => {
    if (stopping) return Promise.resolve(notBegun("STOPPING", "the bridge is stopping"));
    if (waiting >= queueMax) return Promise.resolve(notBegun("BUSY", `${waiting} calls are waiting`));
    const id = idOf(call);
    const answer = queued(call, work).finally(() => open.delete(id));
    open.set(id, answer);
    return answer;
  };

  /** Of an inquiry or a 冲正: what became of the sends of its key, and only where nobody knows, the call itself. */
  const resolve = (call: AskedCall, sha256: string): Promise<Answered> | Answered => {
    try {
      record.closeUpTo(call.key, call.attempt);
    } catch (error) {
      return notBegun("RECORD_FULL", String(error));
    }
    const sends = record.of(call.key).filter(({ role }) => role === "send");
    const latest = sends.at(-1);
    if (!latest) return { kind: "nothing" };
    if (running === idOf(latest) || open.has(idOf(latest))) return notBegun("RUNNING", "the call that it asks about is still under way");
    if (latest.state === "done") return fromRecord(latest, "send");
    const undone = record.of(call.key).findLast((one) => one.role === "resolve" && one.resolves === latest.attempt && one.ok === true);
    if (undone) return fromRecord(undone, "record");
    if (!call.recordOnly) return enter(call, () => make(call, sha256, latest.attempt));
    const told = record.resultOf(latest);
    return { kind: "unclear-by-record", why: told?.kind === "unclear" ? `${told.code} ${told.why}` : "its result was never written down" };
  };

  return {
    async ask(call) {
      const sha256 = hashOf(call);
      const known = record.find(call);
      if (known && known.sha256 !== sha256) return notBegun("OTHER_REQUEST", "this number was used for another request");
      const under = open.get(idOf(call));
      if (under) return under;
      if (known) return fromRecord(known, "record");
      const wrong = call.recordOnly ? undefined : argumentProblem(call);
      if (wrong) return wrong;
      if (call.role === "resolve") return resolve(call, sha256);
      if (call.attempt <= record.closedUpTo(call.key)) return notBegun("CLOSED", "this attempt was given up before it began");
      return enter(call, () => make(call, sha256, undefined));
    },
    counts: () => ({ waiting, running: running !== undefined, recorded: record.size() }),
    async stop() {
      stopping = true;
      await last;
    },
  };
}
