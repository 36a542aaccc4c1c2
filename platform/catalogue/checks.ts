/**
 * Loads what a vendor's folder says of fields and regions: `fields/*.json`, `fields/dictionaries.json`, `regions/*.json`. A vendor without them has no such checks;
 * a file that does not load, or names what is not there, is an error.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { TSchema } from "typebox";
import { Value } from "typebox/value";
import { checksProblems, type VendorChecks } from "../../domain/checks/checks.ts";
import { DictionariesDocument, FieldsDocument, RegionDocument } from "../../domain/checks/documents.ts";
import { type Problem, problem } from "../../domain/problem.ts";
import { readJsonFile } from "./json-file.ts";

/** Folders of a vendor that are no messages. */
export const DATA_FOLDERS: ReadonlySet<string> = new Set(["fields", "regions"]);
const DICTIONARIES = "dictionaries";

const jsonIn = async (folder: string): Promise<readonly string[]> => {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(".json"))
    .map((entry) => entry.name.slice(0, -".json".length))
    .sort();
};

/** Reads one vendor's checks; `add` is told everything wrong, by file below the vendor's folder. Undefined: the vendor has none. */
export async function loadChecks(folder: string, add: (file: string, found: Problem) => void): Promise<VendorChecks | undefined> {
  const read = async <T>(file: string, schema: TSchema): Promise<T | undefined> => {
    const json = await readJsonFile(join(folder, file));
    if (!json.ok) {
      add(file, json.problem);
      return undefined;
    }
    const errors = [...Value.Errors(schema, json.value)];
    for (const error of errors)
      add(
        file,
        problem("document", error.instancePath, {
          zh: `不符合规范：${error.message}`,
          en: `does not satisfy its schema: ${error.message}`,
        }),
      );
    return errors.length === 0 ? (json.value as T) : undefined;
  };
  const all = async <T>(kind: string, schema: TSchema): Promise<ReadonlyMap<string, T>> => {
    const found = new Map<string, T>();
    for (const name of await jsonIn(join(folder, kind))) {
      if (kind === "fields" && name === DICTIONARIES) continue;
      const one = await read<T>(`${kind}/${name}.json`, schema);
      if (one !== undefined) found.set(name, one);
    }
    return found;
  };
  const fields = await all<FieldsDocument>("fields", FieldsDocument);
  const regions = await all<RegionDocument>("regions", RegionDocument);
  if (fields.size === 0 && regions.size === 0) return undefined;
  const dictionaries = await read<DictionariesDocument>(`fields/${DICTIONARIES}.json`, DictionariesDocument);
  const checks: VendorChecks = { fields, regions, dictionaries: dictionaries?.dictionaries ?? {} };
  for (const { file, at, zh, en } of checksProblems(checks)) add(file, problem("document", at, { zh, en }));
  return checks;
}

interface Own {
  readonly direction?: string;
  readonly ignored?: readonly { readonly from: string | readonly string[]; readonly because: string }[];
  readonly parts?: unknown;
  readonly cases?: readonly { readonly events?: readonly { readonly type: string; readonly fields: readonly unknown[] }[] }[];
}
const toOf = (rule: unknown): unknown => (rule as { readonly to?: unknown } | null)?.to;

/**
 * The document as one region has it: the fields that its replies have beside are ignored, with the region's name as the reason, or read by the region's own rules (one for
 * the same `to` replaces the document's). Undefined where the region says nothing of this message: then the document holds as it is.
 */
export function withRegionalFields(document: unknown, message: string, region: string, profile: RegionDocument): unknown {
  const own = document as Own;
  const replies = profile.replies[message] ?? [];
  const rules = profile.rules?.[message] ?? {};
  if (own.direction !== "inbound" || !Array.isArray(own.ignored) || (replies.length === 0 && Object.keys(rules).length === 0))
    return undefined;
  // What a rule of the region reads is not ignored any more, whoever ignored it.
  const told = JSON.stringify(rules);
  const read = (path: string): boolean => told.includes(JSON.stringify(path));
  const kept = own.ignored.flatMap((one) => {
    const given: readonly string[] = typeof one.from === "string" ? [one.from] : one.from;
    const from = given.filter((path) => !read(path));
    return from.length === 0 ? [] : [{ ...one, from }];
  });
  const from = replies.map((path) => (own.parts === undefined ? path : `reply:${path}`)).filter((path) => !read(path));
  const ignored = from.length === 0 ? kept : [...kept, { from, because: `地区档案 ${region}（${profile.name.zh}）应答中增加的字段` }];
  const cases = (own.cases ?? []).map((one) => {
    if (one.events === undefined) return one;
    const events = one.events.map((event) => {
      const mine = rules[event.type] ?? [];
      const replaced = new Set(mine.map(toOf));
      return mine.length === 0 ? event : { ...event, fields: [...event.fields.filter((rule) => !replaced.has(toOf(rule))), ...mine] };
    });
    return { ...one, events };
  });
  return { ...own, ignored, ...(own.cases === undefined ? {} : { cases }) };
}
