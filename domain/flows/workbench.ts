/**
 * What the editor asks of the engine on behalf of an integrator (issue 4): what is wrong with a drawing, what a node would do with a stored message, how a flow
 * fares. Nothing here has an effect on a delivery, a partner or the store. Personal data is masked; a principal sees only partners that he may touch.
 */
import type { Principal } from "../access/rights.ts";
import type { Catalogue } from "../delivery/engine.ts";
import type { EncodeWriteBack } from "../delivery/node-calls.ts";
import type { Translated } from "../delivery/live.ts";
import type { Event } from "../events/event.ts";
import { draftOf } from "../flowtests/draft.ts";
import type { JournaledMessage } from "../journal/ports.ts";
import { charsetOf, decode } from "../mapping/charset.ts";
import { maskText, maskValue } from "../operations/masking.ts";
import type { Operations } from "../operations/ports.ts";
import { type Answered, answered, refused } from "../operations/refusals.ts";
import type { FailureGroup } from "../operations/views-replay.ts";
import type { MessageRow } from "../operations/views.ts";
import type { OrderFacts } from "../orders/facts.ts";
import { type DrawnNode, listOf, textOf } from "./drawing.ts";
import { checkFlows, type FlowProblem } from "./rules.ts";
import type { Minute, Traffic } from "./traffic.ts";

/** Messages offered for a trial at once. */
export const OFFERED_MAX = 20;
/** Failures told of a flow: groups, and newest parked messages. */
export const FAILURES_MAX = 10;
/** Feeding nodes of one flow that are asked about. */
const FEEDS_MAX = 20;
/** Longest body shown of an outgoing message, in characters. */
const BODY_CHARS_MAX = 65_536;

/** Who asks: what of the store he may see. */
export type Viewer = Pick<Principal, "partners">;
const sees = ({ partners }: Viewer, partner: string): boolean => partners === "*" || partners.includes(partner);

/** What is to be tried: a node as the dialog holds it, not as it was deployed. */
export interface TrialAsked {
  readonly messageId: string;
  readonly type: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** The mapping that the flow's translate node before it names; absent: that of the message's kind. */
  readonly mapping?: string;
}

interface Sentence {
  readonly zh: string;
  readonly en: string;
}

/** What the node would do. */
export interface Trial {
  readonly messageId: string;
  readonly partner: string;
  readonly kind: string;
  readonly mapping?: string;
  /** The output that the message would leave by; absent where the node would be refused. */
  readonly to?: string;
  /** One sentence of it. */
  readonly said: Sentence;
  readonly events: readonly { readonly id: string; readonly type: string; readonly event: unknown }[];
  readonly outgoing: readonly Outgoing[];
  readonly problems: readonly (Sentence & { readonly code: string; readonly at: string; readonly place: string })[];
}

/** A write-back as it would be owed. */
export interface Outgoing {
  readonly eventType: string;
  readonly destination: string;
  readonly kind: string;
  readonly mapping: string;
  readonly lane: string;
  readonly key: string;
  readonly contentType: string;
  /** Decimal fen. */
  readonly amount?: string;
  readonly serial?: string;
  /** The body, decoded and masked. */
  readonly body: string;
}

/** How a flow fares. */
export interface FlowNow {
  readonly minutes: readonly Minute[];
  /** Groups of what failed alike, most open first. */
  readonly groups: readonly FailureGroup[];
  /** The newest parked messages. */
  readonly parked: readonly MessageRow[];
}

export interface Workbench {
  /** Everything that is wrong with a drawing, hard problems first. */
  check(nodes: readonly DrawnNode[]): readonly FlowProblem[];
  /** Stored messages for a trial, newest first, at most OFFERED_MAX: by any business key, or of a partner and its kinds. */
  messages(
    who: Viewer,
    filter: { readonly key?: string; readonly partner?: string; readonly kinds?: readonly string[] },
  ): Promise<Answered<readonly MessageRow[]>>;
  /** What the node would do with the stored message. A node without a trial says so in `said`. */
  try(who: Viewer, asked: TrialAsked): Promise<Answered<Trial>>;
  /** A stored test of the flow made of a stored message: masked, expecting what came of it. `why`: none can be made. */
  draft(who: Viewer, messageId: string): Promise<Answered<ReturnType<typeof draftOf>>>;
  /** `nodes`: the flow as it is deployed; `flow`: its folder. */
  flow(who: Viewer, flow: string, nodes: readonly DrawnNode[]): Promise<Answered<FlowNow>>;
  /** Where the console listens; "" while it does not. */
  console(): string;
}

export interface WorkbenchDeps {
  readonly catalogue: Catalogue;
  readonly profile: "development" | "production";
  /** A stored message with its bytes; refusals are those of the operators' side. */
  readonly stored: (id: string) => Promise<Answered<JournaledMessage>>;
  readonly translate: (mapping: string, message: JournaledMessage) => Translated;
  readonly translateByDefault: (message: JournaledMessage) => { readonly mapping: string; readonly result: Translated } | undefined;
  readonly encodeWriteBack: EncodeWriteBack;
  /** Event id → what the bill of a reversal knows. */
  readonly orderFacts: (events: readonly Event[]) => Promise<ReadonlyMap<string, OrderFacts>>;
  readonly operations: Pick<Operations, "messages" | "message" | "failures">;
  readonly traffic: Traffic;
  readonly console: () => string;
}

const said = (zh: string, en: string): Sentence => ({ zh, en });
const maskedProblem = ({ code, at, place, zh, en }: { code: string; at: string; place: string; zh: string; en: string }) => ({
  code,
  at,
  place,
  zh: maskText(zh),
  en: maskText(en),
});
const shownEvent = (event: Event) => ({ id: event.id, type: event.type, event: maskValue(JSON.parse(JSON.stringify(event))) });

/** Puts the workbench together. */
export function createWorkbench(deps: WorkbenchDeps): Workbench {
  return {
    check: (nodes) => checkFlows(nodes, deps.catalogue, deps.profile),
    messages: (who, filter) => offered(deps, who, filter),
    try: (who, asked) => tried(deps, who, asked),
    draft: async (who, messageId) => {
      const detail = await deps.operations.message(messageId);
      if (!detail.ok) return detail;
      return sees(who, detail.value.message.partner) ? answered(draftOf(detail.value)) : refused("UNKNOWN_MESSAGE");
    },
    flow: (who, flow, nodes) => flowNow(deps, who, flow, nodes),
    console: deps.console,
  };
}

const newestFirst = (rows: readonly MessageRow[]): readonly MessageRow[] => [...rows].sort((one, other) => (one.id < other.id ? 1 : -1));

async function offered(
  deps: WorkbenchDeps,
  who: Viewer,
  { key, partner, kinds = [] }: Parameters<Workbench["messages"]>[1],
): Promise<Answered<readonly MessageRow[]>> {
  const base = { limit: OFFERED_MAX, ...(key === undefined ? {} : { keys: [key] }), ...(partner === undefined ? {} : { partner }) };
  const found: MessageRow[] = [];
  // One question for each kind: together they would be one that no index answers.
  for (const kind of kinds.length === 0 ? [undefined] : kinds.slice(0, OFFERED_MAX)) {
    const page = await deps.operations.messages(kind === undefined ? base : { ...base, kind });
    if (!page.ok) return page;
    found.push(...page.value.items);
  }
  return answered(newestFirst(found.filter((row) => sees(who, row.partner))).slice(0, OFFERED_MAX));
}

/** What is tried of a node: its message, and the events that the flow's translation makes of it. */
interface Tried {
  readonly message: JournaledMessage;
  readonly mapping: string;
  readonly result: Translated;
  readonly config: TrialAsked["config"];
}
type Outcome = Pick<Trial, "said"> & Partial<Pick<Trial, "to" | "events" | "outgoing" | "problems">>;

async function tried(deps: WorkbenchDeps, who: Viewer, asked: TrialAsked): Promise<Answered<Trial>> {
  const stored = await deps.stored(asked.messageId);
  if (!stored.ok) return stored;
  const message = stored.value;
  // To one who may not see the partner there is no such message.
  if (!sees(who, message.partner)) return refused("UNKNOWN_MESSAGE");
  const head = { messageId: message.id, partner: message.partner, kind: message.kind };
  const nothing = { events: [], outgoing: [], problems: [] };
  const trial = TRIALS[asked.type];
  if (trial === undefined) return answered({ ...head, ...nothing, said: NO_TRIAL });
  if (asked.type === "huiliu-message-in") return answered({ ...head, ...nothing, ...takes(message, asked.config) });
  const named = (asked.type === "huiliu-translate" ? textOf(asked.config.mapping) : asked.mapping) ?? "";
  const translated = named === "" ? deps.translateByDefault(message) : { mapping: named, result: deps.translate(named, message) };
  if (translated === undefined) return refused("NO_MAPPING");
  const outcome = await trial(deps, { message, config: asked.config, ...translated });
  return answered({ ...head, mapping: translated.mapping, ...nothing, ...outcome });
}

const NO_TRIAL = said(
  "此节点不能试运行：它没有翻译或渲染，或会询问伙伴",
  "this node has no trial: it translates and renders nothing, or would ask a partner",
);

function takes(message: JournaledMessage, config: TrialAsked["config"]): Outcome {
  const [partner, kinds] = [textOf(config.partner), listOf(config.kinds)];
  const taken = (partner === "*" || partner === message.partner) && (kinds.length === 0 || kinds.includes(message.kind));
  return taken
    ? { to: "message", said: said("此节点接收这条报文", "this node takes the message") }
    : {
        said: said(
          `此节点不接收 ${message.partner} 的 ${message.kind} 报文`,
          `this node does not take messages of kind ${message.kind} from ${message.partner}`,
        ),
      };
}

const notTranslated = (result: Extract<Translated, { ok: false }>): Outcome => ({
  to: "problems",
  said: said(`无法翻译，共 ${result.problems.length} 处问题`, `it cannot be translated: ${result.problems.length} problems`),
  problems: result.problems.map(maskedProblem),
});

const wantedOf = (result: Extract<Translated, { ok: true }>, config: TrialAsked["config"]): readonly Event[] => {
  const types = listOf(config.types);
  return result.events.map((sealed) => sealed.event).filter((event) => types.length === 0 || types.includes(event.type));
};

type TrialOf = (deps: WorkbenchDeps, tried: Tried) => Promise<Outcome> | Outcome;

const eventsOf =
  (to: string, some: (count: number) => Sentence, none: Sentence): TrialOf =>
  (_deps, { result, config }) => {
    if (!result.ok) return notTranslated(result);
    const events = wantedOf(result, config);
    return { to, said: events.length === 0 ? none : some(events.length), events: events.map(shownEvent) };
  };

/** What can be tried, by node type. The rest (ask partner, answer sender, find, park) translates and renders nothing. */
const TRIALS: Readonly<Record<string, TrialOf>> = {
  "huiliu-message-in": (_deps, { message, config }) => takes(message, config),
  "huiliu-event-in": eventsOf(
    "event",
    (count) => said(`此节点会收到其中 ${count} 个事件`, `this node would be handed ${count} of its events`),
    said("报文没有此节点接收的事件", "the message has no event of these types"),
  ),
  "huiliu-translate": eventsOf(
    "events",
    (count) => said(`翻译成 ${count} 个事件`, `translated into ${count} events`),
    said("映射说明这种报文不产生事件", "the mapping says that no event comes of this message"),
  ),
  "huiliu-publish-event": eventsOf(
    "published",
    (count) => said(`会发布 ${count} 个事件`, `${count} events would be published`),
    said("没有符合类型的事件：不会发布", "no event has one of the types: nothing would be published"),
  ),
  "huiliu-write-back": writeBacks,
};

async function writeBacks(deps: WorkbenchDeps, { result, config }: Tried): Promise<Outcome> {
  if (!result.ok) return notTranslated(result);
  const events = wantedOf(result, config);
  const [destination, kind, by] = [textOf(config.destination), textOf(config.kind), textOf(config.lane)];
  const lane = by === "order" || by === "patient" ? ({ lane: by } as const) : {};
  const orders = await deps.orderFacts(events);
  const outgoing: Outgoing[] = [];
  for (const event of events) {
    const to = { destination, kind, ...lane };
    const encoded = deps.encodeWriteBack(event, to, orders.get(event.id));
    if (!encoded.ok) {
      const { code, zh, en, place = "", problems = [] } = encoded.reason;
      const first = { code, at: "", place, zh, en };
      return {
        said: said(`${event.type}：${maskText(zh)}`, `${event.type}: ${maskText(en)}`),
        events: [shownEvent(event)],
        problems: (problems.length > 0 ? problems : [first]).map(maskedProblem),
      };
    }
    const { body, charset, amountFen, ...owed } = encoded.writeBack;
    const text = decode(body, charsetOf(charset) ?? "utf-8");
    outgoing.push({
      eventType: event.type,
      destination: owed.destination,
      kind: owed.kind,
      mapping: owed.mapping,
      lane: maskText(owed.lane),
      key: owed.key,
      contentType: owed.contentType,
      ...(amountFen === undefined ? {} : { amount: amountFen.toString() }),
      ...(owed.serial === undefined ? {} : { serial: owed.serial }),
      body: maskText((text ?? "").slice(0, BODY_CHARS_MAX)),
    });
  }
  const none = said("没有符合类型的事件：不欠任何回写", "no event has one of the types: nothing is owed");
  const some = said(`会欠“${destination}” ${outgoing.length} 笔回写`, `“${destination}” would be owed ${outgoing.length} write-backs`);
  return { to: "owed", said: outgoing.length === 0 ? none : some, events: events.map(shownEvent), outgoing };
}

async function flowNow(deps: WorkbenchDeps, who: Viewer, flow: string, nodes: readonly DrawnNode[]): Promise<Answered<FlowNow>> {
  const feeds = nodes
    .filter((node) => node.type === "huiliu-message-in")
    .map((node) => ({ partner: textOf(node.partner), kinds: listOf(node.kinds) }))
    .filter(({ partner }) => partner === "*" || sees(who, partner))
    .slice(0, FEEDS_MAX);
  const destinations = new Set(nodes.filter((node) => node.type === "huiliu-write-back").map((node) => textOf(node.destination)));
  const groups = new Map<string, FailureGroup>();
  for (const { partner, kinds } of feeds) {
    const page = await deps.operations.failures.list({ of: "messages", limit: FAILURES_MAX, ...(partner === "*" ? {} : { partner }) });
    if (!page.ok) return page;
    for (const group of page.value.items) if (kinds.length === 0 || kinds.includes(group.kind ?? "")) groups.set(group.id, group);
  }
  for (const partner of destinations) {
    if (!sees(who, partner)) continue;
    const page = await deps.operations.failures.list({ of: "write-backs", partner, limit: FAILURES_MAX });
    if (!page.ok) return page;
    for (const group of page.value.items) groups.set(group.id, group);
  }
  const parked: MessageRow[] = [];
  for (const { partner, kinds } of feeds)
    for (const kind of kinds.length === 0 ? [undefined] : kinds) {
      const page = await deps.operations.messages({
        state: "parked",
        limit: FAILURES_MAX,
        ...(partner === "*" ? {} : { partner }),
        ...(kind === undefined ? {} : { kind }),
      });
      if (!page.ok) return page;
      parked.push(...page.value.items);
    }
  return answered({
    minutes: deps.traffic.of(flow),
    groups: [...groups.values()]
      .filter((one) => sees(who, one.partner))
      .sort((one, other) => other.open - one.open)
      .slice(0, FAILURES_MAX),
    parked: newestFirst(parked.filter((row) => sees(who, row.partner))).slice(0, FAILURES_MAX),
  });
}
