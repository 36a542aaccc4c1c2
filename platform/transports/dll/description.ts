/**
 * A vendor's shared library as data: its functions, what each parameter is, how large its buffers are, what its return value means (reference/domain.md 2.1–2.8).
 * No package is imported here: the bridge runs beside a 32-bit DLL with nothing but koffi.
 */

const CHARSETS = ["gbk", "gb18030", "utf-8"] as const;
export type BridgeCharset = (typeof CHARSETS)[number];

/**
 * - `request` the bytes that the caller sent, with a NUL behind them
 * - `reply` a buffer of ours that the function fills; `name` marks further ones (`reply` without a name is the reply)
 * - `text` a fixed text, or with `name` one that the caller gives (`huiliu-arg-<name>`)
 * - `int`, `double` a number: fixed, or with `name` given by the caller
 * - `session` the handle that the init function returned (PowerSI)
 */
export interface Parameter {
  readonly kind: "request" | "reply" | "text" | "int" | "double" | "session";
  readonly name?: string;
  /** Of `reply`: the buffer's size in bytes, as the vendor's paper says. Of `request`: the most that may be sent. */
  readonly bytes?: number;
  /** Of `reply`: what the buffer holds before the call. */
  readonly fill?: "nul" | "space";
  readonly value?: string | number;
}

export interface Returns {
  /** `int` the vendor's return value · `text` the function returns its reply · `session` a handle kept for `session` parameters · `none`. */
  readonly kind: "int" | "text" | "session" | "none";
  /** Of `int`, exactly one: which values mean that it went well. */
  readonly is?: number;
  readonly atLeast?: number;
}

export interface LibraryFunction {
  readonly parameters: readonly Parameter[];
  readonly returns: Returns;
  /** How long it may take before its process is killed. */
  readonly timeMs: number;
  /** What a reply must look like at least (a pattern for its beginning); anything else is garbage, and the call unclear. */
  readonly replyPattern?: string;
}

export interface Description {
  readonly name: string;
  /** Path of the shared library, relative to `folder`. */
  readonly library: string;
  /** Working directory of the process that loads it: vendor DLLs read their ini files from there. */
  readonly folder?: string;
  readonly charset: BridgeCharset;
  readonly convention: "cdecl" | "stdcall";
  /** Called once after each load, and with `daily` again on the first call of a day. */
  readonly init?: { readonly function: string; readonly daily?: boolean };
  readonly functions: Readonly<Record<string, LibraryFunction>>;
}

/** Largest buffer a function may be given: the largest of any paper known is 20 KB. */
export const BUFFER_BYTES_MAX = 1_048_576;
const TIME_MS_MAX = 600_000;
const PARAMETERS_MAX = 12;
const FUNCTIONS_MAX = 60;
const PATTERN_MAX = 300;

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);
const isName = (value: unknown): value is string => typeof value === "string" && /^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(value);
const isWhole = (value: unknown, least: number, most: number): boolean =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most;
const KINDS = ["request", "reply", "text", "int", "double", "session"];

function surplus(value: Json, known: readonly string[], at: string): string[] {
  return Object.keys(value)
    .filter((name) => !known.includes(name))
    .map((name) => `${at}/${name}: unknown / 未知字段`);
}

function parameterProblems(value: unknown, at: string): string[] {
  if (!isObject(value) || !KINDS.includes(String(value.kind))) return [`${at}/kind: one of ${KINDS.join(", ")}`];
  const problems = surplus(value, ["kind", "name", "bytes", "fill", "value"], at);
  if (value.name !== undefined && !/^[a-z][a-z0-9-]{0,31}$/.test(String(value.name))) problems.push(`${at}/name: a kebab-case name`);
  const sized = value.kind === "request" || value.kind === "reply";
  if (sized !== (value.bytes !== undefined)) problems.push(`${at}/bytes: ${sized ? "is needed / 须写缓冲区字节数" : "belongs to buffers"}`);
  if (value.bytes !== undefined && !isWhole(value.bytes, 1, BUFFER_BYTES_MAX)) problems.push(`${at}/bytes: 1 to ${BUFFER_BYTES_MAX}`);
  if (value.fill !== undefined && value.fill !== "nul" && value.fill !== "space") problems.push(`${at}/fill: nul or space`);
  const given = value.kind === "text" || value.kind === "int" || value.kind === "double";
  if (given && (value.name === undefined) === (value.value === undefined))
    problems.push(`${at}: name or value, exactly one / name 与 value 须恰有其一`);
  if (value.kind === "text" && value.value !== undefined && typeof value.value !== "string") problems.push(`${at}/value: a text`);
  if ((value.kind === "int" || value.kind === "double") && value.value !== undefined && typeof value.value !== "number")
    problems.push(`${at}/value: a number`);
  return problems;
}

function returnProblems(value: unknown, at: string): string[] {
  if (!isObject(value) || !["int", "text", "session", "none"].includes(String(value.kind)))
    return [`${at}/kind: int, text, session or none`];
  const problems = surplus(value, ["kind", "is", "atLeast"], at);
  const rules = [value.is, value.atLeast].filter((one) => one !== undefined);
  if (value.kind === "int" && (rules.length !== 1 || typeof rules[0] !== "number"))
    problems.push(`${at}: an int needs is or atLeast / 整数返回值须写 is 或 atLeast`);
  if (value.kind !== "int" && rules.length > 0) problems.push(`${at}: is and atLeast belong to an int`);
  return problems;
}

function functionProblems(value: unknown, at: string): string[] {
  if (!isObject(value) || !Array.isArray(value.parameters)) return [`${at}/parameters: a list is needed / 须为数组`];
  const problems = surplus(value, ["parameters", "returns", "timeMs", "replyPattern"], at);
  if (value.parameters.length > PARAMETERS_MAX) problems.push(`${at}/parameters: at most ${PARAMETERS_MAX}`);
  problems.push(...value.parameters.flatMap((one, index) => parameterProblems(one, `${at}/parameters/${index}`)));
  const of = (kind: string): number => (value.parameters as Json[]).filter((one) => one?.kind === kind && one.name === undefined).length;
  if (of("request") > 1 || of("reply") > 1) problems.push(`${at}/parameters: one request and one reply without a name at most`);
  problems.push(...returnProblems(value.returns, `${at}/returns`));
  if (!isWhole(value.timeMs, 1, TIME_MS_MAX)) problems.push(`${at}/timeMs: 1 to ${TIME_MS_MAX}`);
  if (value.replyPattern !== undefined && !isPattern(value.replyPattern)) problems.push(`${at}/replyPattern: no pattern`);
  return problems;
}

function isPattern(value: unknown): boolean {
  if (typeof value !== "string" || value.length > PATTERN_MAX) return false;
  try {
    return new RegExp(value, "u") instanceof RegExp;
  } catch {
    return false; // no pattern at all
  }
}

export type CheckedDescription =
  | { readonly ok: true; readonly description: Description }
  | { readonly ok: false; readonly problems: readonly string[] };

/** The description, or everything that is wrong with it, each with a JSON pointer. */
export function checkDescription(value: unknown): CheckedDescription {
  if (!isObject(value)) return { ok: false, problems: ["/: an object / 须为对象"] };
  const problems = surplus(value, ["$schema", "name", "library", "folder", "charset", "convention", "init", "functions"], "");
  if (!isName(value.name)) problems.push("/name: a name");
  if (typeof value.library !== "string" || value.library === "") problems.push("/library: a path / 须为路径");
  if (value.folder !== undefined && typeof value.folder !== "string") problems.push("/folder: a path");
  if (!CHARSETS.includes(value.charset as BridgeCharset)) problems.push(`/charset: one of ${CHARSETS.join(", ")}`);
  if (value.convention !== "cdecl" && value.convention !== "stdcall") problems.push("/convention: cdecl or stdcall");
  const functions = isObject(value.functions) ? value.functions : {};
  const names = Object.keys(functions);
  if (names.length === 0 || names.length > FUNCTIONS_MAX) problems.push(`/functions: 1 to ${FUNCTIONS_MAX}`);
  for (const name of names) {
    if (!isName(name)) problems.push(`/functions/${name}: no name of a C function`);
    problems.push(...functionProblems(functions[name], `/functions/${name}`));
  }
  const { init } = value;
  if (init !== undefined) {
    if (!isObject(init) || typeof init.function !== "string" || !Object.hasOwn(functions, init.function))
      problems.push("/init/function: names no function / 未在 functions 中声明");
    else problems.push(...surplus(init, ["function", "daily"], "/init"));
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, description: value as unknown as Description };
}

/** True when the return value says that it went well. Functions without an int are judged by their reply alone. */
export const wentWell = (returns: Returns, value: number | undefined): boolean =>
  returns.kind !== "int" || (value !== undefined && (returns.is === undefined ? value >= (returns.atLeast ?? 0) : value === returns.is));
