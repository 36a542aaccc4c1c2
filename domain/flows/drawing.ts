/**
 * A flow as it is drawn: nodes as the editor stores them, where their wires lead, and what is reached from where. Pure; what is wrong with a drawing is in
 * rules.ts.
 */

/** A node as the editor stores it. Tabs have type `tab`, subflow templates `subflow`; configuration nodes have neither position nor tab. */
export interface DrawnNode {
  readonly id: string;
  readonly type: string;
  /** The tab (or subflow) it stands on. */
  readonly z?: string;
  readonly name?: string;
  readonly label?: string;
  readonly [key: string]: unknown;
}

/** Our own nodes. */
export const OURS = "huiliu-";
/** Nodes that hand messages to a flow. */
export const FEEDERS: ReadonlySet<string> = new Set(["huiliu-message-in", "huiliu-event-in"]);
/** An end that leaves something behind: an intent, or a parked message. */
export const RECORDS: ReadonlySet<string> = new Set(["huiliu-publish-event", "huiliu-write-back", "huiliu-park"]);
/** May stay unwired: they record an intent, or nobody misses what they would send on. */
export const ENDS: ReadonlySet<string> = new Set([...RECORDS, "huiliu-answer-sender", "debug", "comment", "link out"]);
/** Core nodes that only lead messages; they run no code of the integrator's and touch nothing outside. */
export const ROUTING: ReadonlySet<string> = new Set(
  [
    "tab",
    "group",
    "comment",
    "junction",
    "switch",
    "change",
    "range",
    "split",
    "join",
    "sort",
    "batch",
    "delay",
    "catch",
    "complete",
  ].concat(["status", "debug", "subflow", "inject", "global-config"], ["link in", "link out", "link call"]),
);
/** Core nodes that run code or reach outside the engine: off in production (issue 4). */
export const OUTSIDE: ReadonlySet<string> = new Set(
  ["function", "exec", "file", "file in", "watch", "http in", "http response", "http request", "http proxy"].concat(
    ["websocket in", "websocket out", "websocket-listener", "websocket-client", "tcp in", "tcp out", "tcp request"],
    ["udp in", "udp out", "mqtt in", "mqtt out", "mqtt-broker", "tls-config"],
  ),
);

export const textOf = (value: unknown): string => (typeof value === "string" ? value.trim() : "");
export const listOf = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === "string" && one !== "") : [];

/** What each output of a node is wired to. */
export const wiresOf = (node: DrawnNode): readonly (readonly string[])[] =>
  Array.isArray(node.wires) ? node.wires.map((output: unknown) => listOf(output)) : [];

/** A drawing that can be walked. What is disabled, and what stands on a disabled tab, is not in it: nothing of it runs. */
export interface Drawing {
  readonly tabs: readonly DrawnNode[];
  /** Every enabled node but tabs and subflow templates. */
  readonly nodes: readonly DrawnNode[];
  node(id: string): DrawnNode | undefined;
  /** Whether a node of that id is there at all, disabled or not. */
  exists(id: string): boolean;
  /** Everything that a message leaving these nodes may come to, by wires and links; not the nodes themselves unless a way leads back. */
  reached(from: readonly string[]): ReadonlySet<string>;
  /** The name of the tab a node stands on; "" for what belongs to none. */
  flowOf(node: DrawnNode): string;
}

/** Makes a drawing of what the editor or the files hold. Never throws: what is no node is left out (the files' own reader says so). */
export function drawingOf(all: readonly DrawnNode[]): Drawing {
  const given = all.filter(
    (node) => typeof node === "object" && node !== null && typeof node.id === "string" && typeof node.type === "string",
  );
  const tabs = given.filter((node) => node.type === "tab");
  const off = new Set(tabs.filter((tab) => tab.disabled === true).map((tab) => tab.id));
  const names = new Map(
    given.filter((node) => node.type === "tab" || node.type === "subflow").map((one) => [one.id, one.label ?? one.name ?? one.id]),
  );
  const nodes = given.filter(
    (node) => node.type !== "tab" && node.type !== "subflow" && node.d !== true && !(node.z !== undefined && off.has(node.z)),
  );
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const ids = new Set(given.map((node) => node.id));
  const next = (node: DrawnNode): readonly string[] =>
    node.type === "link out" || node.type === "link call" ? [...wiresOf(node).flat(), ...listOf(node.links)] : wiresOf(node).flat();

  return {
    tabs: tabs.filter((tab) => !off.has(tab.id)),
    nodes,
    node: (id) => byId.get(id),
    exists: (id) => ids.has(id),
    reached: (from) => {
      const seen = new Set<string>();
      const open = from.flatMap((id) => next(byId.get(id) ?? { id, type: "" }));
      for (let id = open.pop(); id !== undefined; id = open.pop()) {
        const node = seen.has(id) ? undefined : byId.get(id);
        if (node === undefined) continue;
        seen.add(id);
        open.push(...next(node));
      }
      return seen;
    },
    flowOf: (node) => String(names.get(node.z ?? "") ?? ""),
  };
}
