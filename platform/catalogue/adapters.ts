/** The adapters that exist: the folders of adapters/, listed at start. A folder that does not load is an error, never a silence (design.md section 4). */
import { readdir } from "node:fs/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Adapter } from "../../domain/partners/adapter.ts";

/** Where the folders are. */
const ADAPTERS_FOLDER = fileURLToPath(new URL("../../adapters/", import.meta.url));

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === "object" && value !== null;
const MEMBERS = ["seal", "open", "receive", "answer"] as const;

/** What keeps `value` from being the adapter of the folder `name`; undefined when it is one. The conformance suite examines the rest. */
function whyNot(value: unknown, name: string): string | undefined {
  if (!isRecord(value)) return "index.ts does not export a value called adapter";
  if (value.name !== name) return `its name is ${JSON.stringify(value.name)}, not the folder's`;
  if (!isRecord(value.title) || !isRecord(value.secrets)) return "title and secrets must be told";
  for (const member of MEMBERS) if (value[member] !== undefined && typeof value[member] !== "function") return `${member} is no function`;
  return undefined;
}

async function loadOne(folder: string, name: string): Promise<Adapter | string> {
  try {
    const module: unknown = await import(new URL(`${encodeURIComponent(name)}/index.ts`, pathToFileURL(`${folder}/`)).href);
    const adapter = isRecord(module) ? module.adapter : undefined;
    const reason = whyNot(adapter, name);
    return reason === undefined ? (adapter as Adapter) : `adapters/${name}: ${reason}`;
  } catch (error) {
    return `adapters/${name}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** All of them by name. Rejects with one error that names every folder that does not load. */
export async function loadAdapters(folder: string = ADAPTERS_FOLDER): Promise<ReadonlyMap<string, Adapter>> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
  const loaded = await Promise.all(names.map((name) => loadOne(folder, name)));
  const wrong = loaded.filter((one) => typeof one === "string");
  if (wrong.length > 0) throw new Error(`Adapters refused / 适配器有误:\n- ${wrong.join("\n- ")}`);
  return new Map(loaded.filter((one) => typeof one !== "string").map((one) => [one.name, one]));
}
