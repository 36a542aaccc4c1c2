/**
 * The library itself: loads it through koffi and calls its functions with buffers of ours. Runs in a process of its own (child.ts), which may hang, crash or be killed.
 * Each buffer stands between guards; whoever writes over them has destroyed memory of this process, and nothing it says later is believed.
 */
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { BUFFER_BYTES_MAX, type Description, type LibraryFunction, type Parameter } from "./description.ts";

/** Bytes before and behind each buffer that no function may touch. */
const GUARD_BYTES = 4_096;
const GUARD = 0xa5;
const SPACE = 0x20;

export interface LibraryCall {
  readonly function: string;
  readonly request: Uint8Array;
  /** Values of named parameters. */
  readonly args: Readonly<Record<string, string>>;
}

export interface LibraryReturned {
  readonly returned?: number;
  /** Up to the first NUL; without one, the whole buffer. Padding is kept. */
  readonly reply: Uint8Array;
  readonly outs: Readonly<Record<string, Uint8Array>>;
  /** A guard was written over. */
  readonly overrun: boolean;
  /** False: a buffer that is filled with NULs came back without one: whether it holds the whole reply cannot be told. */
  readonly ended: boolean;
}

export interface Library {
  call(call: LibraryCall): LibraryReturned;
}

/** What of koffi is used. */
interface Koffi {
  load(path: string): {
    func(name: string, result: string, parameters: readonly string[]): Callable;
    func(convention: string, name: string, result: string, parameters: readonly string[]): Callable;
  };
  decode(pointer: unknown, offset: number, type: string): unknown;
}
type Callable = (...args: readonly unknown[]) => unknown;

interface Guarded {
  readonly all: Buffer;
  readonly buffer: Buffer;
  readonly parameter: Parameter;
}

function guarded(parameter: Parameter): Guarded {
  const bytes = parameter.bytes ?? 0;
  const all = Buffer.alloc(bytes + 2 * GUARD_BYTES, GUARD);
  const buffer = all.subarray(GUARD_BYTES, GUARD_BYTES + bytes);
  buffer.fill(parameter.fill === "space" ? SPACE : 0);
  return { all, buffer, parameter };
}

const isIntact = ({ all, buffer }: Guarded): boolean => {
  const before = all.subarray(0, GUARD_BYTES);
  const behind = all.subarray(GUARD_BYTES + buffer.length);
  return before.every((byte) => byte === GUARD) && behind.every((byte) => byte === GUARD);
};

const textOf = (buffer: Buffer): Uint8Array => {
  const end = buffer.indexOf(0);
  return new Uint8Array(end < 0 ? buffer : buffer.subarray(0, end));
};

/** The text that a returned pointer points at: bytes up to the NUL, in the library's own charset. */
function textAt(koffi: Koffi, pointer: unknown): Uint8Array {
  if (pointer === null) return new Uint8Array(0);
  const bytes: number[] = [];
  for (let at = 0; at < BUFFER_BYTES_MAX; at += 1) {
    const byte = Number(koffi.decode(pointer, at, "uint8_t"));
    if (byte === 0) break;
    bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

const withNul = (bytes: Uint8Array): Buffer => Buffer.concat([bytes, Buffer.alloc(1)]);

const TYPES: Readonly<Record<Parameter["kind"], string>> = {
  request: "uint8_t *",
  reply: "_Inout_ uint8_t *",
  text: "uint8_t *",
  int: "int",
  double: "double",
  session: "void *",
};
const RESULTS = { int: "int", text: "uint8_t *", session: "void *", none: "void" } as const;

/** Loads the library and finds every function of its description. Throws with the loader's own words. */
export function loadLibrary(description: Description): Library {
  const require = createRequire(import.meta.url);
  const koffi = require("koffi") as Koffi;
  const file = resolve(description.folder ?? ".", description.library);
  const library = koffi.load(file);
  // Only 32-bit Windows has more than one convention; elsewhere the word would be refused.
  const stdcall = description.convention === "stdcall" && process.platform === "win32" && process.arch === "ia32";
  const functions = new Map<string, Callable>();
  for (const [name, { parameters, returns }] of Object.entries(description.functions)) {
    const types = parameters.map(({ kind }) => TYPES[kind]);
    const result = RESULTS[returns.kind];
    functions.set(name, stdcall ? library.func("__stdcall", name, result, types) : library.func(name, result, types));
  }
  let session: unknown = null;

  return {
    call({ function: name, request, args }) {
      const declared: LibraryFunction | undefined = description.functions[name];
      const callable = functions.get(name);
      if (!declared || !callable) throw new Error(`no function ${name}`);
      const buffers: Guarded[] = [];
      const values: unknown[] = [];
      for (const parameter of declared.parameters) {
        const given = parameter.value ?? args[parameter.name ?? ""] ?? "";
        if (parameter.kind === "reply") {
          const made = guarded(parameter);
          buffers.push(made);
          values.push(made.buffer);
        } else if (parameter.kind === "request") values.push(withNul(request));
        else if (parameter.kind === "text") values.push(withNul(Buffer.from(String(given), "latin1")));
        else values.push(parameter.kind === "session" ? session : Number(given));
      }
      const result = callable(...values);
      if (declared.returns.kind === "session") session = result;
      const main = buffers.find(({ parameter }) => parameter.name === undefined);
      const outs = buffers.filter(({ parameter }) => parameter.name !== undefined);
      const returnedText = declared.returns.kind === "text" ? textAt(koffi, result) : undefined;
      return {
        ...(declared.returns.kind === "int" ? { returned: Number(result) } : {}),
        reply: returnedText ?? (main ? textOf(main.buffer) : new Uint8Array(0)),
        outs: Object.fromEntries(outs.map(({ parameter, buffer }) => [parameter.name ?? "", textOf(buffer)])),
        overrun: !buffers.every(isIntact),
        ended: buffers.every(({ parameter, buffer }) => parameter.fill === "space" || buffer.includes(0)),
      };
    },
  };
}
