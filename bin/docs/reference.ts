/** Every generated reference as text, from the code and the documents: the same input gives the same bytes. */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { envelopeSchema, SCHEMA_DRAFT } from "../../domain/events/envelope.ts";
import { dataSchemaUri, type EventDefinition } from "../../domain/events/event.ts";
import { DictionariesDocument, FieldsDocument, RegionDocument } from "../../domain/checks/documents.ts";
import { FlowTestSchema } from "../../domain/flowtests/document.ts";
import { Release } from "../../domain/flowtests/release.ts";
import type { InboundDocument } from "../../domain/mapping/document.ts";
import { type MappingDocument, MappingSchema } from "../../domain/mapping/outbound-document.ts";
import { type VendorDocument, VendorSchema } from "../../domain/mapping/vendor.ts";
import { Partner } from "../../domain/partners/profile.ts";
import { outcomesMarkdown } from "../../domain/writeback/table.ts";
import { DATA_FOLDERS } from "../../platform/catalogue/checks.ts";
import { loadEventDefinitions } from "../../platform/catalogue-events.ts";
import { asyncApi, type InboundMessage } from "./asyncapi.ts";
import { alarmsPage } from "./alarms.ts";
import { alertRules } from "./alert-rules.ts";
import { codesPage } from "./codes.ts";
import { rightsPage } from "./rights.ts";
import { partnerPages, PARTNERS_FOLDER } from "./partner-pages.ts";

/** The project. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** Generated files of this folder that nobody generates any more are stale. */
export const SCHEMAS_FOLDER = "docs/schemas";
/** The vendors' documents. */
const MAPPINGS_FOLDER = join(ROOT, "mappings");

const text = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

const eventSchema = (definition: EventDefinition): object => ({
  $schema: SCHEMA_DRAFT,
  $id: `${dataSchemaUri(definition.type, definition.version)}:envelope`,
  ...envelopeSchema(definition),
});

async function readJson<T>(path: string): Promise<T> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as T;
  } catch (error) {
    throw new Error(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const foldersIn = async (folder: string): Promise<readonly string[]> =>
  (await readdir(folder, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();

/** Documents are checked by the mapping catalogue and its suite; here only what the reference shows is read. */
function inboundOf(vendorId: string, vendor: VendorDocument, message: string, document: InboundDocument): InboundMessage {
  const codec = document.parts?.reply.codec ?? document.codec;
  if (!codec) throw new Error(`mappings/${vendorId}/${message}: has neither codec nor parts`);
  const types = document.cases.flatMap((one) => (one.events ?? []).map((event) => event.type));
  return {
    vendor: vendorId,
    vendorTitle: vendor.name,
    message,
    title: document.title,
    grammar: codec.kind,
    charset: codec.charset ?? vendor.charset,
    exchange: document.parts !== undefined,
    eventTypes: [...new Set(types)].sort(),
  };
}

/** The inbound messages of every vendor folder, sorted. A folder without its document is an error. */
async function inboundMessages(folder: string): Promise<readonly InboundMessage[]> {
  const found: InboundMessage[] = [];
  for (const vendorId of await foldersIn(folder)) {
    if (!existsSync(join(folder, vendorId, "vendor.json"))) throw new Error(`mappings/${vendorId}: has no vendor.json`);
    const vendor = await readJson<VendorDocument>(join(folder, vendorId, "vendor.json"));
    for (const message of await foldersIn(join(folder, vendorId))) {
      if (DATA_FOLDERS.has(message)) continue;
      const document = await readJson<MappingDocument>(join(folder, vendorId, message, "mapping.json"));
      if (document.direction === "inbound") found.push(inboundOf(vendorId, vendor, message, document));
    }
  }
  return found;
}

/** The operator's API describes itself in console/openapi.ts: `export function openApi(): object`. */
async function openApi(): Promise<readonly (readonly [string, string])[]> {
  const path = join(ROOT, "console/openapi.ts");
  if (!existsSync(path)) return [];
  const module = (await import(pathToFileURL(path).href)) as { readonly openApi?: () => object };
  if (typeof module.openApi !== "function") throw new Error("console/openapi.ts does not export a function openApi");
  return [["docs/openapi.json", text(module.openApi())]];
}

/** Path from the project's root → content, sorted by path. */
export async function generateReference(mappings: string = MAPPINGS_FOLDER): Promise<ReadonlyMap<string, string>> {
  const definitions = await loadEventDefinitions();
  const { version } = await readJson<{ readonly version: string }>(join(ROOT, "package.json"));
  const files: (readonly [string, string])[] = [
    ...definitions.map((definition) => [`${SCHEMAS_FOLDER}/event.${definition.type}.json`, text(eventSchema(definition))] as const),
    [`${SCHEMAS_FOLDER}/mapping.json`, text(MappingSchema)],
    [`${SCHEMAS_FOLDER}/vendor.json`, text(VendorSchema)],
    [`${SCHEMAS_FOLDER}/partner.json`, text({ $schema: SCHEMA_DRAFT, title: "汇流伙伴档案 · Huiliu partner profile", ...Partner })],
    [`${SCHEMAS_FOLDER}/flow-release.json`, text({ $schema: SCHEMA_DRAFT, ...Release })],
    [`${SCHEMAS_FOLDER}/flow-test.json`, text({ $schema: SCHEMA_DRAFT, title: "汇流流程测试 · Huiliu flow test", ...FlowTestSchema })],
    [
      `${SCHEMAS_FOLDER}/fields.json`,
      text({ $schema: SCHEMA_DRAFT, title: "汇流字段表 · Huiliu fields of a transaction", ...FieldsDocument }),
    ],
    [
      `${SCHEMAS_FOLDER}/dictionaries.json`,
      text({ $schema: SCHEMA_DRAFT, title: "汇流字典 · Huiliu dictionaries", ...DictionariesDocument }),
    ],
    [
      `${SCHEMAS_FOLDER}/region.json`,
      text({ $schema: SCHEMA_DRAFT, title: "汇流地区档案 · Huiliu profile of a region", ...RegionDocument }),
    ],
    ["docs/asyncapi.json", text(asyncApi(version, definitions, await inboundMessages(mappings)))],
    ...(await openApi()),
    ["docs/outcomes.md", outcomesMarkdown()],
    ["docs/codes.md", codesPage()],
    ["docs/alarms.md", alarmsPage()],
    ["docs/rights.md", rightsPage()],
    ["docs/alert-rules.yml", alertRules()],
    ...(mappings === MAPPINGS_FOLDER ? await partnerPages(ROOT, definitions) : []),
  ];
  return new Map(files.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** How a stored file stands to what is generated now. */
export interface Difference {
  readonly path: string;
  readonly why: "absent" | "differs" | "stale";
}

/** What differs between the stored files and `files`; empty when nothing does. */
export async function compareReference(files: ReadonlyMap<string, string>, root: string = ROOT): Promise<readonly Difference[]> {
  const differences: Difference[] = [];
  for (const [path, content] of files) {
    if (!existsSync(join(root, path))) differences.push({ path, why: "absent" });
    else if ((await readFile(join(root, path), "utf8")) !== content) differences.push({ path, why: "differs" });
  }
  const stored = existsSync(join(root, SCHEMAS_FOLDER)) ? await readdir(join(root, SCHEMAS_FOLDER)) : [];
  for (const name of stored.filter((one) => one.endsWith(".json")).sort()) {
    const path = `${SCHEMAS_FOLDER}/${name}`;
    if (!files.has(path)) differences.push({ path, why: "stale" });
  }
  const pages = existsSync(join(root, PARTNERS_FOLDER)) ? await readdir(join(root, PARTNERS_FOLDER)) : [];
  for (const name of pages.filter((one) => one.endsWith(".md")).sort()) {
    const path = `${PARTNERS_FOLDER}/${name}`;
    if (!files.has(path)) differences.push({ path, why: "stale" });
  }
  return differences;
}
