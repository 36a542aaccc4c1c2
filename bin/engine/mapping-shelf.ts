/** The mapping documents as integrators work on them: as they lie in mappings/, compiled anew for every trial, never taken over by the engine that runs. */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { JournaledMessage } from "../../domain/journal/ports.ts";
import { encodeText } from "../../domain/mapping/charset.ts";
import type { compileMapping, InboundMapping, Mapping, OutboundMapping, Translated } from "../../domain/mapping/mapping.ts";
import { disguise, personalOf } from "../../domain/operations/disguise.ts";
import type { MappingShelf, PreparedExample } from "../../domain/operations/mapping-bench.ts";
import { maskText, maskValue } from "../../domain/operations/masking.ts";
import { type Answered, answered, refused } from "../../domain/operations/refusals.ts";
import type { MappingProblem, MappingRow, MappingTrial } from "../../domain/operations/views-mappings.ts";
import type { Partner } from "../../domain/partners/profile.ts";
import { type Problem, problem } from "../../domain/problem.ts";
import type { EventRegistry } from "../../domain/events/event.ts";
import { exampleInput, exampleNames, runExamples } from "../../platform/catalogue/examples.ts";
import { type LoadedMappings, loadMappings, sha256Hex, compileMessage } from "../../platform/catalogue/mappings.ts";
import { disguised, type OutboundDeps, tryWriting, writesOf } from "./mapping-outbound.ts";

export interface ShelfDeps extends OutboundDeps {
  readonly root: string;
  readonly profile: "development" | "production";
  readonly registry: EventRegistry;
  readonly partners: ReadonlyMap<string, Partner>;
  /** A message as its mapping reads it: opened, with the partner's constants. */
  readonly readWith: (mapping: InboundMapping, message: JournaledMessage) => Opened;
}

/** `raw`: without its envelope; sealed ones differ from what was received. */
export type Opened =
  | { readonly ok: true; readonly result: Translated; readonly raw: Uint8Array; readonly reply?: Uint8Array | undefined }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Documents are read anew this long after they were read, so that a person who edits files sees them and a person who types is not slowed down. */
const FRESH_MS = 2_000;

const problemOf = ({ code, at, place, zh, en }: Problem): MappingProblem => ({
  code,
  at,
  place: maskText(place),
  zh: maskText(zh),
  en: maskText(en),
});
const events = (result: Translated): MappingTrial["events"] =>
  result.ok ? result.events.map(({ type, subject, ...event }) => ({ type, subject: maskText(subject), event: maskValue(event) })) : [];
const json = (value: unknown): string =>
  `${JSON.stringify(value, (_name, one: unknown) => (typeof one === "bigint" ? one.toString() : one), 2)}\n`;

/** Everything is read from the folders: nothing here touches the catalogue of the engine that runs. */
export function createMappingShelf(deps: ShelfDeps): MappingShelf {
  let kept: { readonly atMs: number; readonly loaded: Promise<LoadedMappings> } | undefined;
  const loaded = (): Promise<LoadedMappings> => {
    const now = performance.now();
    if (kept === undefined || now - kept.atMs > FRESH_MS) kept = { atMs: now, loaded: loadMappings(deps.root, deps.registry) };
    return kept.loaded;
  };
  const rowOf = async (all: LoadedMappings, id: string): Promise<MappingRow | undefined> => {
    const mapping = all.mappings.get(id);
    const vendor = id.split("/")[0] ?? "";
    const document = all.vendors.get(vendor);
    if (!mapping || !document) return undefined;
    const examples = await exampleNames(deps.root, id);
    const { direction, document: own } = mapping;
    return { id, vendor, vendorName: document.name, direction, version: own.version, examples: examples.length };
  };

  return {
    list: async () => {
      const all = await loaded();
      const rows = await Promise.all([...all.mappings.keys()].map((id) => rowOf(all, id)));
      return answered({ items: rows.filter((row) => row !== undefined), editable: deps.profile === "development" });
    },
    read: async (id) => {
      const row = await rowOf(await loaded(), id);
      if (!row) return refused("UNKNOWN_MAPPING");
      const text = await readFile(join(deps.root, "mappings", id, "mapping.json"), "utf8");
      const mapping = (await loaded()).mappings.get(id);
      return answered({ ...row, text, ...(mapping?.direction === "outbound" ? { writes: await writesOf(deps, id, mapping) } : {}) });
    },
    tryOn: async (id, document, message) => tryOn(deps, await loaded(), id, document, message),
    prepare: async (id, name, message) => {
      if (deps.profile !== "development") return refused("MAPPINGS_READ_ONLY");
      return prepare(deps, await loaded(), id, name, message);
    },
    write: async (id, document, from) => {
      const all = await loaded();
      const stored = storedOutbound(all, id);
      if (!stored.ok) return stored;
      const compiled = document === undefined ? undefined : compiledText(deps, all, id, document);
      if (compiled?.ok === true && compiled.mapping.direction !== "outbound") return refused("NOT_OUTBOUND");
      return tryWriting(deps, all, id, { stored: stored.value, compiled: compiled as OutboundCompiled }, from);
    },
    prepareWritten: async (id, name, source) => {
      if (deps.profile !== "development") return refused("MAPPINGS_READ_ONLY");
      const all = await loaded();
      const stored = storedOutbound(all, id);
      if (!stored.ok) return stored;
      const ready = await disguised(deps, all, id, name, stored.value, source);
      if (!ready.ok) return ready;
      const { parts, ...example } = ready.value;
      return answered({ ...example, write: () => writeExample(deps, example.folder, id, name, stored.value, parts) });
    },
  };
}

type OutboundCompiled = Parameters<typeof tryWriting>[3]["compiled"];

function storedOutbound(all: LoadedMappings, id: string): Answered<OutboundMapping> {
  const mapping = all.mappings.get(id);
  if (!mapping) return refused("UNKNOWN_MAPPING");
  return mapping.direction === "outbound" ? answered(mapping) : refused("NOT_OUTBOUND");
}

function storedInbound(all: LoadedMappings, id: string): Answered<InboundMapping> {
  const mapping = all.mappings.get(id);
  if (!mapping) return refused("UNKNOWN_MAPPING");
  return mapping.direction === "inbound" ? answered(mapping) : refused("NOT_INBOUND");
}

function tryOn(
  deps: ShelfDeps,
  all: LoadedMappings,
  id: string,
  text: string | undefined,
  message: JournaledMessage,
): Answered<MappingTrial> {
  const stored = storedInbound(all, id);
  if (!stored.ok) return stored;
  const before = deps.readWith(stored.value, message);
  const asStored = before.ok ? events(before.result) : [];
  const none = { keys: [], events: [], stored: asStored };
  const compiled = text === undefined ? { ok: true as const, mapping: stored.value } : compiledText(deps, all, id, text);
  if (!compiled.ok) return answered({ stage: "document", problems: compiled.problems.map(problemOf), ...none });
  if (compiled.mapping.direction !== "inbound") return refused("NOT_INBOUND");
  const read = deps.readWith(compiled.mapping, message);
  if (!read.ok) return answered({ stage: "message", problems: read.problems.map(problemOf), ...none });
  const { result } = read;
  const keys = result.keys.map(({ kind, value }) => ({ kind, value }));
  if (!result.ok) return answered({ stage: "message", problems: result.problems.map(problemOf), ...none, keys });
  return answered({
    stage: "done",
    problems: [],
    case: result.case,
    ...(result.messageIdentity === undefined ? {} : { identity: result.messageIdentity }),
    keys,
    events: events(result),
    stored: asStored,
  });
}

function compiledText(deps: ShelfDeps, all: LoadedMappings, id: string, text: string): ReturnType<typeof compileMapping> {
  const [vendor = "", message = ""] = id.split("/");
  const document = all.vendors.get(vendor);
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { ok: false, problems: [problem("document", "", { zh: `不是 JSON：${why}`, en: `not JSON: ${why}` })] };
  }
  if (!document) return { ok: false, problems: [] };
  const checks = all.checks.get(vendor);
  return compileMessage(given, message, document, { events: deps.registry, sha256: sha256Hex }, checks);
}

/** The message's parts without personal data, in the charset that the message was read in. */
async function prepare(
  deps: ShelfDeps,
  all: LoadedMappings,
  id: string,
  name: string,
  message: JournaledMessage,
): Promise<Answered<PreparedExample>> {
  const stored = storedInbound(all, id);
  if (!stored.ok) return stored;
  const mapping = stored.value;
  const folder = join("mappings", id, "examples", name);
  if ((await exampleNames(deps.root, id)).includes(name)) return refused("EXAMPLE_EXISTS");
  const read = deps.readWith(mapping, message);
  if (!read.ok) return refused("EXAMPLE_SEALED");
  if (Buffer.compare(read.raw, message.raw) !== 0) return refused("EXAMPLE_SEALED");
  const charset = read.result.charset ?? "utf-8";
  const decoder = new TextDecoder(charset);
  const known = read.result.ok ? personalOf(read.result.events.map(({ data }) => data)) : [];
  const disguised = (bytes: Uint8Array): Uint8Array | undefined => encodeText(disguise(decoder.decode(bytes), known), charset);
  const [raw, reply] = [disguised(read.raw), read.reply === undefined ? undefined : disguised(read.reply)];
  if (raw === undefined || (read.reply !== undefined && reply === undefined)) return refused("EXAMPLE_CHANGED");
  const again = deps.readWith(mapping, { ...message, raw, ...(reply === undefined ? {} : { reply }) });
  if (!again.ok || !alike(read.result, again.result)) return refused("EXAMPLE_CHANGED");
  const kind = mapping.document.codec?.kind ?? "delimited";
  const extension = kind === "delimited" ? "txt" : kind;
  const context = {
    partner: message.partner,
    receivedAt: message.receivedAt,
    charset,
    ...(message.contentType === undefined ? {} : { contentType: message.contentType }),
    constants: deps.partners.get(message.partner)?.constants ?? {},
  };
  const parts: (readonly [string, Uint8Array | string])[] = [
    [`${reply === undefined && message.returnValue === undefined ? "in" : "request"}.${extension}`, raw],
    ...(reply === undefined ? [] : [[`reply.${extension}`, reply] as const]),
    ...(message.returnValue === undefined ? [] : [["return", `${message.returnValue}\n`] as const]),
    ["context.json", json(context)],
  ];
  const expected = again.result.ok ? "events.json" : "problems.json";
  return answered({
    folder,
    files: [...parts.map(([file]) => file), expected],
    kind: again.result.ok ? "accepted" : "refused",
    write: () => writeExample(deps, folder, id, name, mapping, parts),
  });
}

/** Read alike: the same case with the same events, or the same problems at the same places. */
function alike(one: Translated, other: Translated): boolean {
  if (one.ok && other.ok)
    return one.case === other.case && one.events.map((event) => event.type).join() === other.events.map((event) => event.type).join();
  if (one.ok || other.ok) return false;
  const told = ({ problems }: { readonly problems: readonly Problem[] }): string =>
    problems.map(({ code, at }) => `${code} ${at}`).join("\n");
  return told(one) === told(other);
}

/** The parts, and as its expectation what the examples' own run makes of them. Nothing is left of what could not be written whole. */
async function writeExample(
  deps: ShelfDeps,
  folder: string,
  id: string,
  name: string,
  mapping: Mapping,
  parts: readonly (readonly [string, Uint8Array | string])[],
): Promise<void> {
  const path = join(deps.root, folder);
  await mkdir(join(path, ".."), { recursive: true });
  await mkdir(path);
  try {
    for (const [file, content] of parts) await writeFile(join(path, file), content);
    if (mapping.direction === "inbound") await exampleInput(path, id.split("/")[0] ?? "");
    const run = (await runExamples(deps.root, id, mapping)).find((one) => one.name === name);
    if (!run) throw new Error(`${folder} is not read as an example`);
    await writeFile(join(path, run.file), run.actual);
  } catch (error) {
    await rm(path, { recursive: true, force: true });
    throw error;
  }
}
