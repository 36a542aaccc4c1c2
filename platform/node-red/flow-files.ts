/**
 * Flows as files: which folder a tab lives in, which nodes belong to it, and how they are written so that a small change on the canvas is a small change
 * in the file. Pure; flow-storage.ts reads and writes.
 */

/** A node as the editor stores it. Tabs have type `tab`, subflow templates `subflow`; config nodes have neither position nor tab. */
export interface StoredNode {
  readonly id: string;
  readonly type: string;
  readonly z?: string;
  readonly label?: string;
  readonly name?: string;
  readonly [key: string]: unknown;
}

/** The folder of what belongs to no tab: subflows and configuration nodes used by several. */
export const SHARED = "_shared";
/** Longest folder name. */
const FOLDER_MAX = 48;
/** Keys that lead, and keys that close, every node; the others stand between them in the alphabet's order. */
const FIRST = ["id", "type", "z", "g", "name", "label", "order", "version"];
const LAST = ["x", "y", "w", "h", "wires"];
/** Folder names are made by us, never taken: nothing else can be a path. */
export const FOLDER = /^[a-z0-9][a-z0-9-]{0,47}$/;

/** A folder name of a tab's label: ASCII words joined by hyphens; a label without any (Chinese) falls back to the tab's id, which is as stable. */
export function folderOfLabel(label: string, id: string): string {
  const slug = (text: string): string =>
    text
      .normalize("NFKD")
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-+|-+$/g, "")
      .slice(0, FOLDER_MAX)
      .replace(/-+$/, "");
  return slug(label) || `flow-${slug(id).slice(0, 16) || "unnamed"}`;
}

/**
 * Which folder each tab is written to: the one it was read from, else one of its label. A name that is taken gets a number. The result depends on the
 * order of `tabs` only for new ones.
 */
export function foldersOf(tabs: readonly StoredNode[], known: ReadonlyMap<string, string>): Map<string, string> {
  const folders = new Map<string, string>();
  const taken = new Set<string>();
  for (const tab of tabs) {
    const folder = known.get(tab.id);
    if (folder !== undefined && FOLDER.test(folder) && !taken.has(folder)) {
      folders.set(tab.id, folder);
      taken.add(folder);
    }
  }
  for (const tab of tabs) {
    if (folders.has(tab.id)) continue;
    const wanted = folderOfLabel(tab.label ?? "", tab.id);
    let folder = wanted;
    for (let count = 2; taken.has(folder); count += 1) folder = `${wanted.slice(0, FOLDER_MAX - 4)}-${count}`;
    folders.set(tab.id, folder);
    taken.add(folder);
  }
  return folders;
}

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== "object" || value === null) return value;
  const given = value as Record<string, unknown>;
  return Object.fromEntries(
    Object.keys(given)
      .sort()
      .map((key) => [key, ordered(given[key])]),
  );
}

function orderedNode(node: StoredNode): Record<string, unknown> {
  const middle = Object.keys(node)
    .filter((key) => !FIRST.includes(key) && !LAST.includes(key))
    .sort();
  const keys = [...FIRST, ...middle, ...LAST].filter((key) => node[key] !== undefined);
  return Object.fromEntries(keys.map((key) => [key, ordered(node[key])]));
}

const byId = (a: StoredNode, b: StoredNode): number => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
const isTab = (node: StoredNode): boolean => node.type === "tab";

/** The text of one flow.json: the tab first, then its nodes by id. The same nodes always give the same bytes. */
export function textOfFlow(nodes: readonly StoredNode[]): string {
  const tabs = nodes.filter(isTab).sort(byId);
  const rest = nodes.filter((node) => !isTab(node)).sort(byId);
  return `${JSON.stringify([...tabs, ...rest].map(orderedNode), null, 2)}\n`;
}

/** One flow.json per folder; throws when they could not be read again. Each tab carries its place in the editor's order (`order`), which file names could not keep. */
export function filesOf(
  flows: readonly StoredNode[],
  known: ReadonlyMap<string, string>,
): { readonly folders: Map<string, string>; readonly files: Map<string, string> } {
  const fault = wrongFlow(flows);
  if (fault !== undefined) throw new Error(`flows not saved: the list ${fault}`);
  const tabs = flows.filter(isTab);
  const folders = foldersOf(tabs, known);
  const groups = new Map<string, StoredNode[]>();
  let order = 0;
  for (const node of flows) {
    const folder = folders.get(isTab(node) ? node.id : (node.z ?? "")) ?? SHARED;
    const stored = isTab(node) ? { ...node, order: ++order } : node;
    const group = groups.get(folder);
    if (group === undefined) groups.set(folder, [stored]);
    else group.push(stored);
  }
  return { folders, files: new Map([...groups].map(([folder, nodes]) => [folder, textOfFlow(nodes)])) };
}

/** What is wrong with a file's content; undefined when it is a list of nodes. */
export function wrongFlow(content: unknown): string | undefined {
  if (!Array.isArray(content)) return "is not a list of nodes";
  const bad = content.findIndex(
    (node) => typeof node !== "object" || node === null || typeof node.id !== "string" || typeof node.type !== "string",
  );
  if (bad >= 0) return `item ${bad} has no id or no type`;
  const nodes = content as readonly StoredNode[];
  const unnamed = nodes.find((node) => isTab(node) && node.label !== undefined && typeof node.label !== "string");
  if (unnamed !== undefined) return `tab ${unnamed.id} has a label that is no text`;
  const seen = new Set<string>();
  const twice = nodes.find((node) => seen.size === seen.add(node.id).size);
  return twice === undefined ? undefined : `node ${twice.id} is there twice`;
}

/** Joins files into what Node-RED wants: tabs in their stored order, then all other nodes. Refuses two nodes of one id. */
export function joinFlows(files: ReadonlyMap<string, readonly StoredNode[]>): {
  readonly flows: StoredNode[];
  readonly folders: Map<string, string>;
} {
  const folders = new Map<string, string>();
  const seen = new Map<string, string>();
  const tabs: { readonly order: number; readonly node: StoredNode }[] = [];
  const rest: StoredNode[] = [];
  for (const [folder, nodes] of [...files].sort(([a], [b]) => (a < b ? -1 : 1)))
    for (const node of nodes) {
      const other = seen.get(node.id);
      if (other !== undefined)
        throw new Error(
          `flows/${folder} and flows/${other} both have a node ${node.id}: give one a new id (export and import the copy in the editor)`,
        );
      seen.set(node.id, folder);
      if (!isTab(node)) rest.push(node);
      else {
        const { order, ...tab } = node;
        tabs.push({ order: typeof order === "number" ? order : Number.MAX_SAFE_INTEGER, node: tab as StoredNode });
        folders.set(node.id, folder);
      }
    }
  tabs.sort((a, b) => a.order - b.order);
  return { flows: [...tabs.map(({ node }) => node), ...rest], folders };
}
