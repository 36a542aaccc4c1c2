/**
 * The bridge's memory: every call with its request before the library sees it, and its result before anybody is answered; append-only, on the disk (fsync) each time.
 * A call that began and has no result is unclear for ever. A number is never called twice: asked again, it is answered from here.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import type { Ended, UnclearCode } from "./session.ts";

/** Calls remembered; beyond that a person must put the file away and begin a new one. */
const CALLS_MAX = 2_000_000;
const READ_BYTES = 1_048_576;
const LINE_FEED = 0x0a;

/** One attempt at one call: a sender's key and the number of the attempt. */
export interface CallName {
  readonly key: string;
  readonly attempt: number;
}

/** `send` does what the key stands for · `resolve` undoes or asks for it. */
export type Role = "send" | "resolve";

export type Result = Extract<Ended, { readonly kind: "done" | "unclear" }>;

export interface Recorded extends CallName {
  readonly role: Role;
  readonly function: string;
  readonly sha256: string;
  /** Absent while it runs. */
  readonly state: "begun" | "done" | "unclear";
  /** Of `done`. */
  readonly ok?: boolean;
  /** Of a `resolve`: the attempt whose outcome was unclear. */
  readonly resolves?: number;
}

export interface Begun extends CallName {
  readonly role: Role;
  readonly function: string;
  readonly request: Uint8Array;
  readonly sha256: string;
  readonly args: Readonly<Record<string, string>>;
  readonly resolves?: number;
}

export interface CallRecord {
  /** Every attempt of a key, in the order in which they began. */
  of(key: string): readonly Recorded[];
  find(name: CallName): Recorded | undefined;
  /** Attempts up to this number begin no more; 0: none is closed. */
  closedUpTo(key: string): number;
  /** On the disk when it returns. Throws when the disk refuses; nothing may be called then. */
  begin(call: Begun): void;
  end(name: CallName, result: Result): void;
  /** From now on no attempt up to this one begins. */
  closeUpTo(key: string, attempt: number): void;
  /** The result as it was written down. */
  resultOf(name: CallName): Result | undefined;
  size(): number;
  close(): void;
}

interface Entry extends Recorded {
  /** Where its result stands in the file. */
  readonly at?: readonly [number, number];
}

type Line =
  | {
      readonly t: "begun";
      readonly key: string;
      readonly attempt: number;
      readonly role: Role;
      readonly fn: string;
      readonly sha256: string;
      readonly args: Readonly<Record<string, string>>;
      readonly resolves?: number;
      readonly at: string;
      readonly request: string;
    }
  | {
      readonly t: "done";
      readonly key: string;
      readonly attempt: number;
      readonly at: string;
      readonly ok: boolean;
      readonly returned?: number;
      readonly reply: string;
      readonly outs: Readonly<Record<string, string>>;
    }
  | {
      readonly t: "unclear";
      readonly key: string;
      readonly attempt: number;
      readonly at: string;
      readonly code: UnclearCode;
      readonly why: string;
      readonly reply?: string;
    }
  | { readonly t: "closed"; readonly key: string; readonly attempt: number; readonly at: string }
  | { readonly t: "opened"; readonly at: string; readonly name: string };

export class RecordRefused extends Error {
  override readonly name = "RecordRefused";
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));

export interface RecordOptions {
  readonly file: string;
  /** A new record is begun only when somebody says so: a lost one would answer "never begun" about calls that took effect. */
  readonly create: boolean;
  readonly name: string;
  readonly nowIso: () => string;
}

/** Opens the record. What had begun and not ended when the bridge went down is written down as unclear. Throws {@link RecordRefused}. */
export function openRecord(options: RecordOptions): CallRecord {
  const exists = existsSync(options.file);
  if (!exists && !options.create)
    throw new RecordRefused(`${options.file}: there is no record; --create begins a new one / 没有调用日志，首次启动须加 --create`);
  const unlock = lock(`${options.file}.lock`);
  const descriptor = openSync(options.file, "a+");
  const calls = new Map<string, Map<number, Entry>>();
  const closed = new Map<string, number>();
  let size = 0;
  let count = 0;
  /** Half a line stands at the end and could not be taken back. */
  let broken = false;

  const put = (entry: Entry): void => {
    const known = calls.get(entry.key) ?? new Map<number, Entry>();
    if (!known.has(entry.attempt)) count += 1;
    known.set(entry.attempt, entry);
    calls.set(entry.key, known);
  };

  const take = (line: Line, at: readonly [number, number]): void => {
    if (line.t === "opened") return;
    if (line.t === "closed") {
      closed.set(line.key, Math.max(closed.get(line.key) ?? 0, line.attempt));
      return;
    }
    const { key, attempt } = line;
    if (line.t === "begun") {
      const { role, fn, sha256, resolves } = line;
      put({ key, attempt, role, function: fn, sha256, state: "begun", ...(resolves === undefined ? {} : { resolves }) });
      return;
    }
    const known = calls.get(key)?.get(attempt);
    if (known) put({ ...known, state: line.t, at, ...(line.t === "done" ? { ok: line.ok } : {}) });
  };

  /** Whole lines only: half a line at the end is a write that never returned, so nobody acted upon it. */
  const load = (): void => {
    let rest = Buffer.alloc(0);
    const block = Buffer.alloc(READ_BYTES);
    for (;;) {
      const read = readSync(descriptor, block, 0, READ_BYTES, size + rest.length);
      if (read === 0) break;
      let text = Buffer.concat([rest, block.subarray(0, read)]);
      for (let end = text.indexOf(LINE_FEED); end >= 0; end = text.indexOf(LINE_FEED)) {
        const line = parse(text.subarray(0, end), size, options.file);
        if (line) take(line, [size, end]);
        size += end + 1;
        text = text.subarray(end + 1);
      }
      rest = text;
    }
    if (rest.length > 0) append(Buffer.from("\n"), rest.length);
  };

  /** Whole or not at all: a disk that fills up takes part of a line without an error, and the line after it would be lost with it. */
  const append = (bytes: Buffer, after = 0): void => {
    if (broken) throw new RecordRefused(`${options.file}: cannot be written any more / 调用日志已无法写入`);
    try {
      if (writeSync(descriptor, bytes) !== bytes.length) throw new RecordRefused(`${options.file}: the disk is full / 磁盘已满`);
      fsyncSync(descriptor);
    } catch (error) {
      broken = true;
      ftruncateSync(descriptor, size + after);
      broken = false;
      throw error;
    }
    size += after + bytes.length;
  };

  const write = (line: Line): void => {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    const at: readonly [number, number] = [size, bytes.length - 1];
    append(bytes);
    take(line, at);
  };

  const at = (): { readonly at: string } => ({ at: options.nowIso() });
  load();
  if (!exists) write({ t: "opened", name: options.name, ...at() });
  for (const known of [...calls.values()])
    for (const { key, attempt, state } of [...known.values()])
      if (state === "begun")
        write({ t: "unclear", key, attempt, code: "BRIDGE_STOPPED", why: "the bridge ended during the call", ...at() });

  return {
    of: (key) => [...(calls.get(key)?.values() ?? [])],
    find: ({ key, attempt }) => calls.get(key)?.get(attempt),
    closedUpTo: (key) => closed.get(key) ?? 0,
    begin({ key, attempt, role, function: fn, request, sha256, args, resolves }) {
      if (count >= CALLS_MAX) throw new RecordRefused(`${options.file}: holds ${CALLS_MAX} calls; put it away and begin a new one`);
      const undone = resolves === undefined ? {} : { resolves };
      write({ t: "begun", key, attempt, role, fn, sha256, args, ...undone, ...at(), request: base64(request) });
    },
    end({ key, attempt }, result) {
      if (result.kind === "unclear") {
        const { code, why, reply } = result;
        write({ t: "unclear", key, attempt, code, why, ...at(), ...(reply === undefined ? {} : { reply: base64(reply) }) });
        return;
      }
      const { ok, returned, reply, outs } = result;
      write({
        t: "done",
        key,
        attempt,
        ...at(),
        ok,
        ...(returned === undefined ? {} : { returned }),
        reply: base64(reply),
        outs: Object.fromEntries(Object.entries(outs).map(([name, bytes]) => [name, base64(bytes)])),
      });
    },
    closeUpTo(key, attempt) {
      if ((closed.get(key) ?? 0) < attempt) write({ t: "closed", key, attempt, ...at() });
    },
    resultOf({ key, attempt }) {
      const where = calls.get(key)?.get(attempt)?.at;
      if (!where) return undefined;
      const bytes = Buffer.alloc(where[1]);
      readSync(descriptor, bytes, 0, where[1], where[0]);
      return resultIn(JSON.parse(bytes.toString("utf8")) as Line);
    },
    size: () => count,
    close() {
      closeSync(descriptor);
      unlock();
    },
  };
}

/** Two bridges with one record would both say "never begun". The lock of a process that is gone is taken over. */
function lock(file: string): () => void {
  if (existsSync(file)) {
    const pid = Number(readFileSync(file, "utf8"));
    if (Number.isSafeInteger(pid) && pid > 0 && pid !== process.pid && isAlive(pid))
      throw new RecordRefused(`${file}: process ${pid} has this record open / 进程 ${pid} 正在使用该调用日志`);
  }
  writeFileSync(file, String(process.pid));
  return () => rmSync(file, { force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function parse(bytes: Buffer, at: number, file: string): Line | undefined {
  const text = bytes.toString("utf8");
  if (text.trim() === "") return undefined;
  try {
    return JSON.parse(text) as Line;
  } catch {
    // The half line of a write that was cut: the line feed behind it was written by the start after it. Anything else is a damaged record.
    if (text.startsWith('{"t":"')) return undefined;
    throw new RecordRefused(`${file}: damaged at byte ${at} / 调用日志在第 ${at} 字节处损坏`);
  }
}

function resultIn(line: Line): Result | undefined {
  if (line.t === "done") {
    const { ok, returned, reply, outs } = line;
    return {
      kind: "done",
      ok,
      ...(returned === undefined ? {} : { returned }),
      reply: bytesOf(reply),
      outs: Object.fromEntries(Object.entries(outs).map(([name, text]) => [name, bytesOf(text)])),
    };
  }
  if (line.t !== "unclear") return undefined;
  return { kind: "unclear", code: line.code, why: line.why, ...(line.reply === undefined ? {} : { reply: bytesOf(line.reply) }) };
}
