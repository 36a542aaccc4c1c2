/**
 * Loads mappings/<vendor>/vendor.json and mappings/<vendor>/<message>/mapping.json by listing folders, once, at start.
 * A folder that does not load is an error, never a silence: everything wrong in every folder is told together.
 */
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { EventRegistry } from "../../domain/events/event.ts";
import {
  checkVendor,
  type Compiled,
  compileMapping,
  type InboundMapping,
  type Mapping,
  type MappingDeps,
} from "../../domain/mapping/mapping.ts";
import { laterProblems } from "../../domain/mapping/later.ts";
import type { VendorDocument } from "../../domain/mapping/vendor.ts";
import type { VendorChecks } from "../../domain/checks/checks.ts";
import { type Problem, problem } from "../../domain/problem.ts";
import { DATA_FOLDERS, loadChecks, withRegionalFields } from "./checks.ts";
import { readJsonFile } from "./json-file.ts";

/** A vendor or message folder. */
const FOLDER = /^[a-z][a-z0-9-]{0,31}$/;
/** Files of a vendor that are no messages. */
const VENDOR_FILE = "vendor.json";
const MAPPING_FILE = "mapping.json";

/** What is wrong in one file of the folders. */
export interface FolderProblem {
  /** Path below the root, e.g. `mappings/neusoft/settle/mapping.json`. */
  readonly file: string;
  readonly problem: Problem;
}

/** All vendors and messages that loaded, and all that is wrong. Start only when `problems` is empty. */
export interface LoadedMappings {
  readonly vendors: ReadonlyMap<string, VendorDocument>;
  /** By `<vendor>/<message>`. */
  readonly mappings: ReadonlyMap<string, Mapping>;
  readonly problems: readonly FolderProblem[];
  /** Fields, dictionaries and regions, of the vendors that have them. */
  readonly checks: ReadonlyMap<string, VendorChecks>;
}

/** SHA-256 in lower-case hex: the hash that the mapping engine is given. */
export const sha256Hex = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

const wrong = (zh: string, en: string): Problem => problem("document", "", { zh, en });

export { readJsonFile } from "./json-file.ts";

/** Reads a message as the partner's region has it (constant `region`); as the document has it where the region says nothing of it. */
function byRegion(mapping: Mapping, variants: ReadonlyMap<string, Mapping>): Mapping {
  if (mapping.direction !== "inbound" || variants.size === 0) return mapping;
  const readerOf = (region: string | undefined): InboundMapping => {
    const variant = variants.get(region ?? "");
    return variant?.direction === "inbound" ? variant : mapping;
  };
  return { ...mapping, translate: (input) => readerOf(input.constants.region).translate(input) };
}

/** Compiles one message's document, and what each region changes of it; `regional` is told what is wrong in a region's own rules. */
export function compileMessage(
  document: unknown,
  message: string,
  vendor: VendorDocument,
  deps: MappingDeps,
  checks: VendorChecks | undefined,
  regional: (region: string, problem: Problem) => void = () => undefined,
): Compiled {
  const compiled = compileMapping(document, vendor, deps, checks);
  if (!compiled.ok) return compiled;
  const variants = new Map<string, Mapping>();
  for (const [region, profile] of checks?.regions ?? []) {
    const own = withRegionalFields(document, message, region, profile);
    if (own === undefined) continue;
    const variant = compileMapping(own, vendor, deps, checks);
    if (variant.ok) variants.set(region, variant.mapping);
    else for (const one of variant.problems) regional(region, one);
  }
  return { ok: true, mapping: byRegion(compiled.mapping, variants) };
}

/**
 * The mapping as it is asked about, without what was compiled of it: that is done once to find what is wrong, and again when its first message comes. There are nearly
 * two hundred documents, and no hospital has partners for all of them.
 */
function atFirstUse(mapping: Mapping, again: () => Compiled): Mapping {
  let made: Mapping | undefined;
  const compiled = <D extends Mapping["direction"]>(direction: D): Extract<Mapping, { readonly direction: D }> => {
    if (made === undefined) {
      const done = again();
      if (done.ok) made = done.mapping;
    }
    if (made?.direction !== direction) throw new Error("a document that compiled does not compile again");
    return made as Extract<Mapping, { readonly direction: D }>;
  };
  if (mapping.direction === "inbound") {
    const { direction, document, exchange, constants, eventTypes } = mapping;
    const translate: InboundMapping["translate"] = (input) => compiled("inbound").translate(input);
    return { direction, document, exchange, constants, eventTypes, translate };
  }
  const { direction, document, purpose, eventTypes, constants, request } = mapping;
  return {
    ...{ direction, document, purpose, eventTypes, constants, request },
    encode: (input) => compiled("outbound").encode(input),
    interpret: (reply) => compiled("outbound").interpret(reply),
    names: (body) => compiled("outbound").names(body),
  };
}

const foldersIn = async (path: string): Promise<readonly string[]> =>
  (await readdir(path, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();

/** Loads every folder below `<root>/mappings`. Rejects only when that folder itself cannot be listed. */
export async function loadMappings(root: string, events: Pick<EventRegistry, "types" | "validate">): Promise<LoadedMappings> {
  const vendors = new Map<string, VendorDocument>();
  const mappings = new Map<string, Mapping>();
  const problems: FolderProblem[] = [];
  const checks = new Map<string, VendorChecks>();
  for (const vendor of await foldersIn(join(root, "mappings"))) {
    const base = `mappings/${vendor}`;
    const add = (file: string, found: Problem): void => {
      problems.push({ file: `${base}/${file}`, problem: found });
    };
    if (!FOLDER.test(vendor)) add("", wrong("文件夹名须为短横线小写", "a folder's name is kebab-case"));
    const document = await readJsonFile(join(root, base, VENDOR_FILE));
    const checked = document.ok ? checkVendor(document.value) : { ok: false as const, problems: [document.problem] };
    if (!checked.ok) {
      for (const one of checked.problems) add(VENDOR_FILE, one);
      continue;
    }
    vendors.set(vendor, checked.vendor);
    const own = await loadChecks(join(root, base), add);
    if (own) checks.set(vendor, own);
    for (const message of await foldersIn(join(root, base))) {
      if (DATA_FOLDERS.has(message)) continue;
      const file = `${message}/${MAPPING_FILE}`;
      if (!FOLDER.test(message)) add(message, wrong("文件夹名须为短横线小写", "a folder's name is kebab-case"));
      const read = await readJsonFile(join(root, base, file));
      const regional = (region: string, found: Problem): void => add(`regions/${region}.json`, found);
      const compile = (document: unknown, tell?: typeof regional): Compiled =>
        compileMessage(document, message, checked.vendor, { events, sha256: sha256Hex }, own, tell);
      const compiled = read.ok ? compile(read.value, regional) : { ok: false as const, problems: [read.problem] };
      if (read.ok && compiled.ok)
        mappings.set(
          `${vendor}/${message}`,
          atFirstUse(compiled.mapping, () => compile(read.value)),
        );
      else if (!compiled.ok) for (const one of compiled.problems) add(file, one);
    }
    for (const exchange of checked.vendor.exchanges) {
      const mapping = mappings.get(`${vendor}/${exchange}`);
      if (mapping?.direction === "inbound" && mapping.exchange) continue;
      if (problems.some((one) => one.file.startsWith(`${base}/${exchange}/`))) continue;
      add(VENDOR_FILE, wrong(`exchanges 中的 ${exchange} 没有写成 parts 的映射`, `${exchange} of exchanges has no mapping with parts`));
    }
    const compiledHere = new Map(
      [...mappings].filter(([id]) => id.startsWith(`${vendor}/`)).map(([id, one]) => [id.slice(vendor.length + 1), one]),
    );
    // A message that did not load is told of once, and not as missing too.
    if (!problems.some((one) => one.file.startsWith(`${base}/`)))
      for (const one of laterProblems(checked.vendor, compiledHere)) add(VENDOR_FILE, one);
    for (const [id, mapping] of mappings) {
      const message = id.slice(vendor.length + 1);
      if (id.startsWith(`${vendor}/`) && mapping.direction === "inbound" && mapping.exchange && !checked.vendor.exchanges.includes(message))
        add(VENDOR_FILE, wrong(`${message} 以 parts 写成，须列入 exchanges`, `${message} has parts: list it in exchanges`));
    }
  }
  return { vendors, mappings, problems, checks };
}

/** One line per problem, for people. */
export const folderProblemLine = ({ file, problem: { zh, en } }: FolderProblem): string => `${file} ${zh} · ${en}`;
