/** Releases: which files decide what a flow does, the manifest that names them, and which flows production may load. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { OUTSIDE } from "../../domain/flows/drawing.ts";
import {
  differingFiles,
  judgeRelease,
  type RefusedFlow,
  type Release,
  refusedFlowText,
  releaseText,
  signedText,
} from "../../domain/flowtests/release.ts";
import type { FlowTestRun } from "../../domain/flowtests/result.ts";
import type { Partner } from "../../domain/partners/profile.ts";
import { chinaDateTimeOf } from "../../domain/time.ts";
import { DATA_FOLDERS } from "../../platform/catalogue/checks.ts";
import { SHARED, type StoredNode } from "../../platform/node-red/flow-files.ts";
import { readFlows } from "../../platform/node-red/flow-storage.ts";
import { readTests, type RunFlowTests, TESTS } from "../../platform/node-red/flow-tests.ts";
import type { ReleaseSigner, ReleaseTrust } from "./keys.ts";

const RELEASE_FILE = "release.json";
/** Which releases have passed at a start, so that the next need not play them again. */
const PASSED_FILE = "flow-tests-passed.json";

const sha256 = (content: string | Uint8Array): string => createHash("sha256").update(content).digest("hex");
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const texts = (value: unknown): readonly string[] => (Array.isArray(value) ? value.filter((one) => typeof one === "string") : []);

/** The engine's version, as its package says. */
async function engineVersion(root: string): Promise<string> {
  const { version } = ((await jsonOf(join(root, "package.json"))) ?? {}) as { readonly version?: string };
  return version ?? "0";
}

async function jsonOf(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as unknown;
  } catch {
    // Not there or no JSON: whoever loads it says so; here it only names no further files.
    return undefined;
  }
}

/** Mappings that a flow reads or writes by, `<vendor>/<message>`, and the partners whose profiles hold for it. */
async function usedBy(
  root: string,
  nodes: readonly StoredNode[],
): Promise<{ readonly partners: ReadonlySet<string>; readonly vendors: ReadonlySet<string>; readonly mappings: ReadonlySet<string> }> {
  const partners = new Set<string>();
  const vendors = new Set<string>();
  const mappings = new Set<string>();
  const profileOf = async (name: string): Promise<Partner | undefined> => {
    const profile = (await jsonOf(join(root, "partners", `${name}.json`))) as Partner | undefined;
    if (profile !== undefined) {
      partners.add(name);
      vendors.add(profile.vendor);
    }
    return profile;
  };
  const all = existsSync(join(root, "partners")) ? (await readdir(join(root, "partners"))).map((name) => name.replace(/\.json$/, "")) : [];
  for (const node of nodes) {
    if (node.type === "huiliu-message-in") {
      for (const name of node.partner === "*" ? all : [text(node.partner)]) {
        const profile = await profileOf(name);
        if (profile === undefined) continue;
        const kinds = texts(node.kinds);
        const folders = existsSync(join(root, "mappings", profile.vendor)) ? await readdir(join(root, "mappings", profile.vendor)) : [];
        for (const kind of kinds.length > 0 ? kinds : folders) mappings.add(`${profile.vendor}/${kind}`);
      }
    } else if (node.type === "huiliu-translate" && text(node.mapping) !== "") mappings.add(text(node.mapping));
    else if (node.type === "huiliu-write-back" || node.type === "huiliu-ask-partner") {
      const profile = await profileOf(text(node.destination) || text(node.partner));
      const { messages = {}, inquiry, reversal, perMessage = {} } = profile?.destination ?? {};
      const kind = text(node.kind);
      // `call-{transaction}` takes its name from the event: any of them.
      const chosen = kind.includes("{") ? Object.values(messages) : [messages[kind] ?? kind];
      const asked = Object.values(perMessage).map((own) => (own as { readonly inquiry?: string }).inquiry);
      for (const message of [...chosen, inquiry, reversal?.message, ...asked])
        if (message !== undefined) mappings.add(`${profile?.vendor ?? ""}/${message}`);
    }
  }
  for (const mapping of mappings) vendors.add(mapping.split("/")[0] ?? "");
  return { partners, vendors, mappings };
}

/** Path → SHA-256 of every file that decides what a flow does: its own, what is shared, mappings, vendors and profiles. Its README decides nothing. */
export async function decidingFiles(root: string, flow: string, nodes: readonly StoredNode[]): Promise<Readonly<Record<string, string>>> {
  const { partners, vendors, mappings } = await usedBy(root, nodes);
  const paths = new Set([`flows/${flow}/flow.json`, `flows/${SHARED}/flow.json`]);
  for (const name of Object.keys(await readTests(join(root, "flows", flow)))) paths.add(`flows/${flow}/${TESTS}/${name}.json`);
  for (const mapping of mappings) paths.add(`mappings/${mapping}/mapping.json`);
  for (const partner of partners) paths.add(`partners/${partner}.json`);
  for (const vendor of vendors) {
    const folder = join(root, "mappings", vendor);
    paths.add(`mappings/${vendor}/vendor.json`);
    paths.add(`mappings/${vendor}/dictionaries.json`);
    for (const data of DATA_FOLDERS)
      if (existsSync(join(folder, data)))
        for (const name of await readdir(join(folder, data), { recursive: true }))
          if (name.endsWith(".json")) paths.add(`mappings/${vendor}/${data}/${name}`);
  }
  const files: Record<string, string> = {};
  for (const path of [...paths].sort()) if (existsSync(join(root, path))) files[path] = sha256(await readFile(join(root, path)));
  return files;
}

const outsideNodes = (nodes: readonly StoredNode[]): readonly string[] =>
  nodes.filter((node) => OUTSIDE.has(node.type)).map(({ id, type }) => `${id}: ${type}`);

export type Released =
  | { readonly ok: true; readonly releases: readonly Release[] }
  | { readonly ok: false; readonly refused: readonly RefusedFlow[]; readonly run?: FlowTestRun };

/** Releases flows: their tests must pass, and none of their nodes may reach outside. Writes nothing unless all can be released. */
export async function releaseFlows(given: {
  readonly root: string;
  readonly flows: readonly string[];
  readonly by: string;
  readonly nowMs: number;
  readonly run: RunFlowTests;
  readonly signer: ReleaseSigner;
}): Promise<Released> {
  const { root, flows, by, nowMs, run: play, signer } = given;
  const engine = await engineVersion(root);
  const { files } = await readFlows(join(root, "flows"));
  const refused: RefusedFlow[] = [];
  for (const flow of flows) {
    const outside = outsideNodes(files.get(flow) ?? []);
    if (!files.has(flow)) refused.push({ flow, code: "FLOW_NOT_RELEASED", about: ["flow.json"] });
    else if (outside.length > 0) refused.push({ flow, code: "FLOW_NODE_OUTSIDE", about: outside });
  }
  if (refused.length > 0) return { ok: false, refused };
  const run = await play({ root, only: flows });
  for (const flow of flows) {
    const own = run.results.filter((one) => one.flow === flow);
    const failed = own.filter((one) => !one.passed).map((one) => one.test);
    if (own.length === 0 || failed.length > 0)
      refused.push({
        flow,
        code: "FLOW_TESTS_FAILED",
        about: own.length === 0 ? ["没有测试 no tests", ...run.problems.map(({ at }) => at)] : failed,
      });
  }
  if (refused.length > 0) return { ok: false, refused, run };
  const releases: Release[] = [];
  for (const flow of flows) {
    const bare: Omit<Release, "checksum" | "key" | "signature"> = {
      version: 1,
      flow,
      by,
      at: chinaDateTimeOf(nowMs),
      engine,
      files: await decidingFiles(root, flow, files.get(flow) ?? []),
      tests: run.results.filter((one) => one.flow === flow).map((one) => one.test),
    };
    const { key } = signer;
    const release: Release = { ...bare, checksum: sha256(releaseText(bare)), key, signature: signer.sign(signedText(bare, key)) };
    await writeFile(join(root, "flows", flow, RELEASE_FILE), `${JSON.stringify(release, null, 2)}\n`);
    releases.push(release);
  }
  return { ok: true, releases };
}

export interface Admission {
  readonly admitted: ReadonlySet<string>;
  readonly refused: readonly RefusedFlow[];
}

/** Which flows are as a trusted key signed them, and why the others are not. Plays nothing. */
export async function signedReleases(
  { root, trust }: { readonly root: string; readonly trust: ReleaseTrust },
  flows: ReadonlyMap<string, readonly StoredNode[]>,
): Promise<{ readonly releases: Map<string, Release>; readonly refused: RefusedFlow[] }> {
  const verifies = (key: string, signed: string, signature: string): boolean | undefined =>
    trust.keys.has(key) ? trust.verifies(key, signed, signature) : undefined;
  const refused: RefusedFlow[] = [];
  const releases = new Map<string, Release>();
  for (const [flow, nodes] of flows) {
    if (flow === SHARED) continue;
    const path = join(root, "flows", flow, RELEASE_FILE);
    const outside = outsideNodes(nodes);
    const judged = judgeRelease(await jsonOf(path), flow, { sha256, verifies });
    if (outside.length > 0) refused.push({ flow, code: "FLOW_NODE_OUTSIDE", about: outside });
    else if (!existsSync(path)) refused.push({ flow, code: "FLOW_NOT_RELEASED", about: [] });
    else if ("code" in judged) refused.push({ flow, ...judged });
    else {
      const differing = differingFiles(judged, await decidingFiles(root, flow, nodes));
      if (differing.length > 0) refused.push({ flow, code: "FLOW_DIFFERS", about: differing });
      else releases.set(flow, judged);
    }
  }
  return { releases, refused };
}

/**
 * Which flows production may load: those whose files are as released and whose stored tests pass now. What has passed once under the same release and engine is not played
 * again at the next start (`<dataDir>/flow-tests-passed.json`).
 */
export async function admitReleased(
  given: { readonly root: string; readonly dataDir: string; readonly run: RunFlowTests; readonly trust: ReleaseTrust },
  flows: ReadonlyMap<string, readonly StoredNode[]>,
): Promise<Admission> {
  const { root, dataDir } = given;
  const engine = await engineVersion(root);
  const { releases, refused } = await signedReleases(given, flows);
  const passedPath = join(dataDir, PASSED_FILE);
  const known = ((await jsonOf(passedPath)) ?? {}) as Readonly<Record<string, string>>;
  const keyOf = (flow: string): string => `${releases.get(flow)?.checksum ?? ""} ${engine} ${process.version}`;
  const toPlay = [...releases.keys()].filter((flow) => known[flow] !== keyOf(flow));
  if (toPlay.length > 0) {
    const run = await given.run({ root, only: toPlay, flows: Object.fromEntries(flows) });
    for (const flow of toPlay) {
      const own = run.results.filter((one) => one.flow === flow);
      const failed = own.filter((one) => !one.passed).map((one) => one.test);
      if (own.length > 0 && failed.length === 0) continue;
      releases.delete(flow);
      refused.push({ flow, code: "FLOW_TESTS_FAILED", about: own.length === 0 ? run.problems.map(({ at }) => at) : failed });
    }
    await mkdir(dirname(passedPath), { recursive: true });
    const passed = Object.fromEntries([...releases.keys()].map((flow) => [flow, keyOf(flow)]));
    await writeFile(`${passedPath}.${process.pid}`, `${JSON.stringify(passed, null, 2)}\n`, { mode: 0o600 });
    await rename(`${passedPath}.${process.pid}`, passedPath);
  }
  const shared = flows.has(SHARED) && releases.size > 0 ? [SHARED] : [];
  return { admitted: new Set([...releases.keys(), ...shared]), refused };
}

/** As the flow storage asks it; every refusal is said, in both languages. */
export const admissionOf =
  (
    given: Parameters<typeof admitReleased>[0],
    log: (level: "error" | "info", text: string, detail?: Readonly<Record<string, unknown>>) => void,
    /** Told which are not loaded, each with its code: an alarm says so until the next start. */
    refusedNow: (refused: Readonly<Record<string, string>>) => void = () => undefined,
  ) =>
  async (flows: ReadonlyMap<string, readonly StoredNode[]>): Promise<ReadonlySet<string>> => {
    const { admitted, refused } = await admitReleased(given, flows);
    for (const one of refused)
      log("error", `流程没有加载 a flow is not loaded: ${refusedFlowText(one)}`, { flow: one.flow, code: one.code, about: one.about });
    log("info", `已发布的流程 released flows: ${[...admitted].sort().join(", ") || "(没有 none)"}`, {
      loaded: admitted.size,
      refused: refused.length,
    });
    refusedNow(Object.fromEntries(refused.map(({ flow, code }) => [flow, code])));
    return admitted;
  };
