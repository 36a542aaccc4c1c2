/**
 * What a flow must be before it is deployed (issue 4, "problems shown at the node before deploy"). One set of rules: the editor shows what they find at the
 * node, the server refuses a deploy for the hard ones, the conformance suite holds the flows of this project to all of them. Pure.
 */
import type { Catalogue } from "../delivery/engine.ts";
import {
  type Drawing,
  type DrawnNode,
  drawingOf,
  ENDS,
  FEEDERS,
  listOf,
  OURS,
  OUTSIDE,
  RECORDS,
  ROUTING,
  textOf,
  wiresOf,
} from "./drawing.ts";

/** The closed list of rules. They are wire values (the editor's list, the refusal of a deploy): add, never rename. */
export type FlowRule =
  | "not-chosen"
  | "unknown-partner"
  | "unknown-kind"
  | "unknown-mapping"
  | "unknown-destination"
  | "unknown-write-back"
  | "unknown-question"
  | "unknown-event-type"
  | "unknown-key-kind"
  | "taken-twice"
  | "unwired"
  | "wired-to-nothing"
  | "no-end"
  | "no-park-path"
  | "no-catch"
  | "translated-twice"
  | "other-lane"
  | "outside-node"
  | "foreign-node";

/** One thing that is wrong with a flow, and where. */
export interface FlowProblem {
  readonly rule: FlowRule;
  /** A deploy with it is refused; the others are warnings. */
  readonly hard: boolean;
  /** The tab's label. */
  readonly flow: string;
  readonly tab: string;
  readonly node: string;
  /** The node's own name, else its type without the prefix. */
  readonly nodeName: string;
  readonly zh: string;
  readonly en: string;
}

/** Problems told at once; a flow file of thousands of broken nodes must not make an answer of megabytes. */
export const FLOW_PROBLEMS_MAX = 200;

type Profile = "development" | "production";
type Say = (rule: FlowRule, node: DrawnNode, zh: string, en: string, hard?: boolean) => void;

/** What is loaded, looked up by name. */
interface Loaded {
  readonly partners: ReadonlyMap<string, ReturnType<Catalogue["partners"]>[number]>;
  readonly inbound: ReadonlySet<string>;
  readonly outbound: ReadonlySet<string>;
  readonly eventTypes: ReadonlySet<string>;
  readonly keyKinds: ReadonlySet<string>;
}

function loadedOf(catalogue: Catalogue): Loaded {
  const mappings = catalogue.mappings();
  const names = (direction: "in" | "out") => new Set(mappings.filter((one) => one.direction === direction).map((one) => one.value));
  return {
    partners: new Map(catalogue.partners().map((one) => [one.value, one])),
    inbound: names("in"),
    outbound: names("out"),
    eventTypes: new Set(catalogue.eventTypes().map((one) => one.value)),
    keyKinds: new Set(catalogue.keyKinds().map((one) => one.value)),
  };
}

/**
 * Everything that is wrong with these flows, hard problems first, at most FLOW_PROBLEMS_MAX. Disabled nodes and tabs are not looked at: nothing of them runs,
 * which is how an unfinished flow is put aside.
 */
export function checkFlows(nodes: readonly DrawnNode[], catalogue: Catalogue, profile: Profile): readonly FlowProblem[] {
  const drawing = drawingOf(nodes);
  const loaded = loadedOf(catalogue);
  const found: FlowProblem[] = [];
  const say: Say = (rule, node, zh, en, hard = true) =>
    found.push({
      rule,
      hard,
      flow: drawing.flowOf(node),
      tab: node.z ?? "",
      node: node.id,
      nodeName: textOf(node.name) || node.type.replace(OURS, ""),
      zh,
      en,
    });
  for (const node of drawing.nodes) {
    SETTINGS[node.type]?.(node, loaded, say);
    for (const type of listOf(node.types))
      if (node.type.startsWith(OURS) && !loaded.eventTypes.has(type))
        say("unknown-event-type", node, `没有事件类型“${type}”`, `there is no event type “${type}”`);
    checkWires(drawing, node, say);
    checkKind(node, profile, say);
  }
  checkFeeders(drawing, say);
  checkFailures(drawing, say);
  return found.sort((one, other) => Number(other.hard) - Number(one.hard)).slice(0, FLOW_PROBLEMS_MAX);
}

const chosen = (node: DrawnNode, setting: string, zh: string, en: string, say: Say): string => {
  const value = textOf(node[setting]);
  if (value === "") say("not-chosen", node, `未选择${zh}`, `no ${en} is chosen`);
  return value;
};

/** Whether a kind, which may take a part of its name from the event (`call-{transaction}`), can name this write-back. */
const names = (kind: string, writeBack: string): boolean => {
  const [head = "", tail] = kind.split(/\{[A-Za-z]+\}/);
  return tail === undefined
    ? kind === writeBack
    : writeBack.length > head.length + tail.length && writeBack.startsWith(head) && writeBack.endsWith(tail);
};

/** What a node of ours names must be loaded. */
const SETTINGS: Readonly<Record<string, (node: DrawnNode, loaded: Loaded, say: Say) => void>> = {
  "huiliu-message-in": (node, { partners, inbound }, say) => {
    const name = chosen(node, "partner", "伙伴", "partner", say);
    if (name === "") return;
    const partner = partners.get(name);
    if (name !== "*" && partner === undefined) return say("unknown-partner", node, `没有伙伴“${name}”`, `there is no partner “${name}”`);
    for (const kind of listOf(node.kinds)) {
      const known = partner === undefined ? [...inbound].some((id) => id.endsWith(`/${kind}`)) : inbound.has(`${partner.vendor}/${kind}`);
      if (known) continue;
      const who = partner === undefined ? { zh: "任何伙伴", en: "any partner" } : { zh: `伙伴“${name}”`, en: `partner “${name}”` };
      say("unknown-kind", node, `${who.zh}没有报文种类“${kind}”的映射`, `${who.en} has no mapping for messages of kind “${kind}”`);
    }
  },
  "huiliu-event-in": (node, _loaded, say) => {
    if (listOf(node.types).length === 0) say("not-chosen", node, "未选择事件类型", "no event type is chosen");
  },
  "huiliu-translate": (node, { inbound }, say) => {
    const mapping = textOf(node.mapping);
    if (mapping !== "" && !inbound.has(mapping)) say("unknown-mapping", node, `没有映射“${mapping}”`, `there is no mapping “${mapping}”`);
  },
  "huiliu-write-back": (node, { partners }, say) => {
    const name = chosen(node, "destination", "回写目标", "destination", say);
    const kind = chosen(node, "kind", "回写种类", "kind of write-back", say);
    if (name === "") return;
    const partner = partners.get(name);
    if (partner?.destination !== true)
      return say("unknown-destination", node, `“${name}”不是已加载的回写目标`, `“${name}” is no loaded destination`);
    if (kind !== "" && partner.writeBacks !== undefined && !Object.keys(partner.writeBacks).some((one) => names(kind, one))) {
      const offered = Object.keys(partner.writeBacks).join(", ");
      say(
        "unknown-write-back",
        node,
        `目标“${name}”没有回写种类“${kind}”（可选：${offered}）`,
        `destination “${name}” has no write-back “${kind}” (it has: ${offered})`,
      );
    }
    // Two ways of queueing at one destination: what the profile keeps in the patient's order could overtake.
    const lane = textOf(node.lane);
    if (partner.lane === "patient" && lane === "order")
      say(
        "other-lane",
        node,
        `目标“${name}”的档案要求按患者排队，此节点按单据排队`,
        `the profile of “${name}” queues by patient, this node by order`,
        false,
      );
  },
  "huiliu-ask-partner": (node, { partners, outbound }, say) => {
    const name = chosen(node, "partner", "伙伴", "partner", say);
    const kind = chosen(node, "kind", "查询报文", "inquiry", say);
    if (name === "") return;
    const partner = partners.get(name);
    if (partner?.destination !== true) return say("unknown-destination", node, `“${name}”不能被查询`, `“${name}” cannot be asked`);
    if (kind !== "" && !outbound.has(`${partner.vendor}/${partner.writeBacks?.[kind] ?? kind}`))
      say("unknown-question", node, `伙伴“${name}”没有查询报文“${kind}”`, `partner “${name}” has no inquiry “${kind}”`);
  },
  "huiliu-find": (node, { keyKinds }, say) => {
    const kind = chosen(node, "keyKind", "业务号种类", "kind of business key", say);
    if (kind !== "" && !keyKinds.has(kind))
      say("unknown-key-kind", node, `没有业务号种类“${kind}”`, `there is no kind of business key “${kind}”`);
  },
};

/** Outputs of our nodes that carry every message, or an answer: one that leads nowhere parks what comes there. Position → name. */
const MUST_LEAD: Readonly<Record<string, readonly string[]>> = {
  "huiliu-message-in": ["报文 message"],
  "huiliu-event-in": ["事件 event"],
  "huiliu-translate": ["事件 events"],
  "huiliu-find": ["找到 found", "没有 nothing"],
  "huiliu-ask-partner": ["已确认 acknowledged", "已拒绝 rejected", "查无记录 not-found", "不明确 unclear"],
};

function checkWires(drawing: Drawing, node: DrawnNode, say: Say): void {
  if (node.z === undefined) return; // a configuration node
  const wires = wiresOf(node);
  const must = MUST_LEAD[node.type] ?? [];
  const outputs = Math.max(wires.length, must.length);
  for (let output = 0; output < outputs && !ENDS.has(node.type); output++) {
    if ((wires[output]?.length ?? 0) > 0) continue;
    const named = must[output];
    if (named !== undefined) {
      say(
        "unwired",
        node,
        `输出“${named}”没有连线：到这里的报文都会挂起`,
        `output “${named}” is not wired: every message that comes there is parked`,
      );
    } else if (node.type === "huiliu-translate") {
      say(
        "unwired",
        node,
        "输出“问题 problems”没有连线：译不出的报文立即挂起",
        "output “problems” is not wired: what cannot be translated is parked at once",
        false,
      );
    } else {
      const at = outputs > 1 ? ` ${output + 1}` : "";
      say("unwired", node, `输出${at}没有连线：到这里的报文会挂起`, `output${at} is not wired: messages that come there are parked`, false);
    }
  }
  for (const to of wires.flat()) {
    if (drawing.node(to) !== undefined) continue;
    const there = drawing.exists(to);
    say(
      "wired-to-nothing",
      node,
      there ? `连到已停用的节点 ${to}：报文会挂起` : `连到不存在的节点 ${to}`,
      there ? `wired to ${to}, which is disabled: messages are parked there` : `wired to ${to}, which is not there`,
      !there,
    );
  }
}

function checkKind(node: DrawnNode, profile: Profile, say: Say): void {
  const { type } = node;
  if (type.startsWith(OURS) || type.startsWith("subflow:") || ROUTING.has(type)) return;
  if (OUTSIDE.has(type))
    say(
      "outside-node",
      node,
      `“${type}”节点运行代码或直接访问外部，生产环境中停用：请用映射、适配器或汇流节点`,
      `“${type}” runs code or reaches outside and is off in production: use a mapping, an adapter or a node of ours`,
      profile === "production",
    );
  else
    say(
      "foreign-node",
      node,
      `“${type}”不是汇流节点，也不只是分路：代码与输入输出应在 nodes/ 或 adapters/ 中`,
      `“${type}” is neither ours nor mere routing: code and I/O belong in nodes/ and adapters/`,
      false,
    );
}

/** Whether two feeding nodes want the same messages: as the engine's own subscriptions decide it (domain/delivery/subscriptions.ts). */
function clash(one: DrawnNode, other: DrawnNode): boolean {
  if (textOf(one.partner) === "" || textOf(one.partner) !== textOf(other.partner)) return false;
  const [kinds, others] = [listOf(one.kinds), listOf(other.kinds)];
  return (kinds.length === 0 && others.length === 0) || kinds.some((kind) => others.includes(kind));
}

function checkFeeders(drawing: Drawing, say: Say): void {
  const feeders = drawing.nodes.filter((node) => FEEDERS.has(node.type));
  const takers = feeders.filter((node) => node.type === "huiliu-message-in");
  for (const [index, node] of takers.entries())
    for (const other of takers.slice(0, index))
      if (clash(node, other)) {
        const where = `${drawing.flowOf(other)} / ${textOf(other.name) || other.id}`;
        say("taken-twice", node, `“${where}”已接收同一伙伴的同种报文`, `“${where}” takes the same partner's messages of this kind already`);
      }
  for (const feeder of feeders) {
    const reached = drawing.reached([feeder.id]);
    const types = [...reached].map((id) => drawing.node(id)?.type ?? "");
    if (!types.some((type) => RECORDS.has(type) || type.startsWith("subflow:")))
      say(
        "no-end",
        feeder,
        "没有通向终点（发布事件、登记回写、挂起）：每条报文都会挂起",
        "no way leads to an end (publish event, write back, park): every message is parked",
      );
    if (feeder.type !== "huiliu-event-in") continue;
    for (const id of reached) {
      const node = drawing.node(id);
      if (node?.type === "huiliu-translate")
        say(
          "translated-twice",
          node,
          "事件已经翻译过，不能再接“翻译”",
          "an event has been translated already: “translate” cannot follow “event in”",
        );
    }
  }
}

/** Where a message goes that fails: problems to a person, errors of nodes that are not ours to a catch node. */
function checkFailures(drawing: Drawing, say: Say): void {
  for (const node of drawing.nodes) {
    if (node.type !== "huiliu-translate") continue;
    const first = wiresOf(node)[1] ?? [];
    if (first.length === 0) continue; // said by checkWires
    const types = [...first, ...drawing.reached(first)].map((id) => drawing.node(id)?.type ?? "");
    if (!types.some((type) => type === "huiliu-park" || type === "huiliu-publish-event" || type.startsWith("subflow:")))
      say(
        "no-park-path",
        node,
        "输出“问题”没有通向“挂起”：没有人会看到",
        "output “problems” leads to no “park”: nobody gets to see them",
        false,
      );
  }
  for (const tab of drawing.tabs) {
    const here = drawing.nodes.filter((node) => node.z === tab.id);
    if (here.some((node) => node.type === "catch")) continue;
    const throws = here.find(
      (node) => OUTSIDE.has(node.type) || (!ROUTING.has(node.type) && !node.type.startsWith(OURS) && !node.type.startsWith("subflow:")),
    );
    if (throws !== undefined)
      say(
        "no-catch",
        throws,
        "此流程没有 Catch 节点：该节点出错时报文直接挂起",
        "this flow has no catch node: when this node fails, the message is parked",
        false,
      );
  }
}

/** The hard problems in one text, for whoever deploys without the editor: one line each, Chinese and English, the node named. */
export function deployRefusal(problems: readonly FlowProblem[]): string | undefined {
  const hard = problems.filter((one) => one.hard);
  if (hard.length === 0) return undefined;
  const lines = hard.map((one) => `${one.flow} / ${one.nodeName} (${one.node}): ${one.zh} | ${one.en}`);
  return `流程有误，未部署 (the flows are wrong and were not deployed):\n${lines.join("\n")}\n请修正，或先停用该流程 (mend them, or disable the flow first)`;
}
