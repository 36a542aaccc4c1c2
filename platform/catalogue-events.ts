/**
 * The event types that exist: the folders of domain/events/, listed at start. A folder that does not load is an error, never a silence
 * (design.md section 4); all wrong folders are named together.
 */
import { readdir } from "node:fs/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { createEventRegistry, type EventDefinition, type EventRegistry } from "../domain/events/event.ts";

/** Where the folders are. */
export const EVENTS_FOLDER = fileURLToPath(new URL("../domain/events/", import.meta.url));

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === "object" && value !== null;

/** What keeps `value` from being the definition of the folder `type`; undefined when it is one. The conformance suite examines the rest. */
function whyNot(value: unknown, type: string): string | undefined {
  if (!isRecord(value)) return "schema.ts does not export a value called definition";
  if (value.type !== type) return `its type is ${JSON.stringify(value.type)}, not the folder's name`;
  for (const member of ["check", "keys"]) if (typeof value[member] !== "function") return `${member} is no function`;
  for (const member of ["title", "meaning", "data"]) if (!isRecord(value[member])) return `${member} is missing`;
  return Array.isArray(value.expected) ? undefined : "expected is no list";
}

async function loadOne(folder: string, type: string): Promise<EventDefinition | string> {
  try {
    const module: unknown = await import(new URL(`${encodeURIComponent(type)}/schema.ts`, pathToFileURL(`${folder}/`)).href);
    const definition = isRecord(module) ? module.definition : undefined;
    const reason = whyNot(definition, type);
    return reason === undefined ? (definition as EventDefinition) : `${type}: ${reason}`;
  } catch (error) {
    return `${type}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** The definitions, sorted by type. Rejects with one error that names every folder that does not load, and when there are none at all. */
export async function loadEventDefinitions(folder: string = EVENTS_FOLDER): Promise<readonly EventDefinition[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const types = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
  if (types.length === 0) throw new Error(`no event types in ${folder}`);
  const loaded = await Promise.all(types.map((type) => loadOne(folder, type)));
  const wrong = loaded.filter((one) => typeof one === "string");
  if (wrong.length > 0) throw new Error(`event types that do not load:\n- ${wrong.join("\n- ")}`);
  return loaded.filter((one) => typeof one !== "string");
}

/** The registry of everything in the folder. Rejects also when a schema does not compile. */
export async function loadEventRegistry(folder: string = EVENTS_FOLDER): Promise<EventRegistry> {
  return createEventRegistry(await loadEventDefinitions(folder));
}
