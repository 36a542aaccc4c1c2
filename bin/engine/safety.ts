/** Gathers what platform/safety.ts judges, and refuses the start. Used by `npm start` before it starts anything, and by the engine itself. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import type { AccessSettings } from "../../platform/access/settings.ts";
import { readFlows } from "../../platform/node-red/flow-storage.ts";
import { type SafetyFacts, safetyProblems, safetyText } from "../../platform/safety.ts";

class StartRefused extends Error {
  override readonly name = "StartRefused";
}

export interface StartSettings {
  readonly root: string;
  readonly profile: "development" | "production";
  readonly credentialsFile: string | undefined;
  readonly urls: SafetyFacts["urls"];
  readonly partnerUrls: Readonly<Record<string, string>>;
  readonly host: string;
  readonly editorPort: number | undefined;
  readonly access?: AccessSettings | undefined;
}

/** Rejects with every problem of the settings in both languages. */
export async function refuseUnsafe(settings: StartSettings): Promise<void> {
  const problems = safetyProblems(await factsOf(settings));
  if (problems.length > 0) throw new StartRefused(safetyText(settings.profile, problems));
}

/** What is known of a start, gathered. */
export async function factsOf(settings: StartSettings): Promise<SafetyFacts> {
  const { root, profile, urls, host, editorPort } = settings;
  return {
    profile,
    urls,
    host,
    editorPort,
    credentials: credentialsOf(settings.credentialsFile),
    partners: partnersOf(root, settings.partnerUrls),
    flows: await flowsOf(root),
    console: consoleOf(settings.access),
    secretFiles: settings.access?.oidc === undefined ? [] : [secretFileOf(settings.access.oidc.secretFile)],
  };
}

/** Whether certificate and key are there and belong together. */
function consoleOf(access: AccessSettings | undefined): SafetyFacts["console"] {
  if (access?.secure === undefined) return undefined;
  const { host, certFile: cert, keyFile: key } = access.secure;
  let fits = false;
  if (cert !== undefined && key !== undefined)
    try {
      fits = new X509Certificate(readFileSync(cert)).checkPrivateKey(createPrivateKey(readFileSync(key)));
    } catch {
      fits = false; // not there, not readable, not PEM: told as one
    }
  return { host, cert, key, keyMode: key === undefined ? undefined : modeOf(key), fits };
}

function secretFileOf(at: string): NonNullable<SafetyFacts["secretFiles"]>[number] {
  try {
    return { at, readable: readFileSync(at, "utf8").trim() !== "", mode: modeOf(at) };
  } catch {
    return { at, readable: false, mode: undefined };
  }
}

/** An empty name is as good as none. */
function credentialsOf(given: string | undefined): SafetyFacts["credentials"] {
  const file = given?.trim() || undefined;
  if (file === undefined) return { file, content: undefined, mode: undefined };
  return { file, content: jsonOf(file), mode: modeOf(file) };
}

/** Undefined: not there, not readable, not JSON. What is wrong with a profile is told in full where it is loaded. */
function jsonOf(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

function modeOf(file: string): number | undefined {
  return process.platform === "win32" ? undefined : statSync(file, { throwIfNoEntry: false })?.mode;
}

function partnersOf(root: string, urls: Readonly<Record<string, string>>): SafetyFacts["partners"] {
  return readdirSync(join(root, "partners"))
    .filter((name) => name.endsWith(".json"))
    .map((name) => {
      const partner = basename(name, ".json");
      const profile = jsonOf(join(root, "partners", name)) as { destination?: { url?: unknown } } | undefined;
      const url = urls[partner] ?? profile?.destination?.url;
      return { partner, url: typeof url === "string" ? url : undefined };
    });
}

async function flowsOf(root: string): Promise<SafetyFacts["flows"]> {
  const { files, wrong } = await readFlows(join(root, "flows"));
  return {
    unreadable: wrong,
    nodes: [...files].flatMap(([folder, nodes]) => {
      const off = new Set(nodes.filter((node) => node.type === "tab" && node.disabled === true).map((node) => node.id));
      return nodes.map(({ id, type, d, z }) => ({ folder, id, type, disabled: d === true || off.has(z ?? "") }));
    }),
  };
}
