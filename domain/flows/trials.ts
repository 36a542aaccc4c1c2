/**
 * Nodes tried on a stored message (issue 4): what this node, as the dialog holds it, would do with it. Nothing here has an effect: a write-back is rendered and not owed, a
 * partner's question is rendered and not asked, a look-up only reads. Personal data is masked. Every node of the palette has its trial (test/conformance/nodes.test.ts).
 */
import type { Event } from "../events/event.ts";
import type { JournaledMessage } from "../journal/ports.ts";
import { charsetOf } from "../mapping/charset.ts";
import { maskText } from "../operations/masking.ts";
import { type Answered, answered, refused } from "../operations/refusals.ts";
import { listOf, textOf } from "./drawing.ts";
import type { Outgoing, Sentence, Trial, TrialAsked } from "./trial.ts";
import type { Outcome, TrialDeps, TrialOf, Tried } from "./trial-deps.ts";
import { bodySeen, eventSeen, masked, notTranslated, problemsSeen, said } from "./trial-seen.ts";
import { answers, asks, finds, parks } from "./trials-around.ts";

/** The trial of a node that works on the events of the message. */
const onEvents =
  (work: (deps: TrialDeps, tried: Tried, events: readonly Event[]) => Promise<Outcome> | Outcome): TrialOf =>
  async (deps, tried) => {
    if (tried.translated === undefined) return refused("NO_MAPPING");
    const { result } = tried.translated;
    if (!result.ok) return answered(notTranslated(result));
    const types = listOf(tried.config.types);
    const events = result.events.map((sealed) => sealed.event).filter((event) => types.length === 0 || types.includes(event.type));
    return answered(await work(deps, tried, events));
  };

const eventsTo = (to: string, some: (count: number) => Sentence, none: Sentence): TrialOf =>
  onEvents((_deps, _tried, events) => ({
    to,
    said: events.length === 0 ? none : some(events.length),
    events: events.map(eventSeen),
  }));

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

async function writesBack(deps: TrialDeps, { config }: Tried, events: readonly Event[]): Promise<Outcome> {
  const [destination, kind, by] = [textOf(config.destination), textOf(config.kind), textOf(config.lane)];
  const lane = by === "order" || by === "patient" ? ({ lane: by } as const) : {};
  const orders = await deps.orderFacts(events);
  const outgoing: Outgoing[] = [];
  for (const event of events) {
    const encoded = deps.encodeWriteBack(event, { destination, kind, ...lane }, orders.get(event.id));
    if (!encoded.ok) {
      const { zh, en } = masked(encoded.reason);
      return {
        said: said(`${event.type}：${zh}`, `${event.type}: ${en}`),
        events: [eventSeen(event)],
        problems: problemsSeen(encoded.reason),
      };
    }
    const { body, charset, amountFen, ...owed } = encoded.writeBack;
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
      body: bodySeen(body, charsetOf(charset) ?? "utf-8"),
    });
  }
  const none = said("没有符合类型的事件：不欠任何回写", "no event has one of the types: nothing is owed");
  const some = said(`会欠“${destination}” ${outgoing.length} 笔回写`, `“${destination}” would be owed ${outgoing.length} write-backs`);
  return { to: "owed", said: outgoing.length === 0 ? none : some, events: events.map(eventSeen), outgoing };
}

/** The trials, by node type. */
const TRIALS: Readonly<Record<string, TrialOf>> = {
  "huiliu-message-in": (_deps, { message, config }) => answered(takes(message, config)),
  "huiliu-event-in": eventsTo(
    "event",
    (count) => said(`此节点会收到其中 ${count} 个事件`, `this node would be handed ${count} of its events`),
    said("报文没有此节点接收的事件", "the message has no event of these types"),
  ),
  "huiliu-translate": eventsTo(
    "events",
    (count) => said(`翻译成 ${count} 个事件`, `translated into ${count} events`),
    said("映射说明这种报文不产生事件", "the mapping says that no event comes of this message"),
  ),
  "huiliu-publish-event": eventsTo(
    "published",
    (count) => said(`会发布 ${count} 个事件`, `${count} events would be published`),
    said("没有符合类型的事件：不会发布", "no event has one of the types: nothing would be published"),
  ),
  "huiliu-write-back": onEvents(writesBack),
  "huiliu-ask-partner": asks,
  "huiliu-answer-sender": answers,
  "huiliu-find": finds,
  "huiliu-park": parks,
};

/** Node types that can be tried. */
export const TRIED_TYPES: readonly string[] = Object.keys(TRIALS);
/** Nodes of the palette for which no trial can be, and why. There is none. */
export const NOT_TRIED: Readonly<Record<string, Sentence>> = {};

const NO_TRIAL = said("这种节点不能试运行", "nodes of this type have no trial");

/** Tries the node. Refused: an unknown message (also one that the asker may not see), one that no mapping reads. Never rejects but where the store does. */
export async function tryNode(deps: TrialDeps, sees: (partner: string) => boolean, asked: TrialAsked): Promise<Answered<Trial>> {
  const stored = await deps.stored(asked.messageId);
  if (!stored.ok) return stored;
  const message = stored.value;
  // To one who may not see the partner there is no such message.
  if (!sees(message.partner)) return refused("UNKNOWN_MESSAGE");
  const head = { messageId: message.id, partner: message.partner, kind: message.kind, events: [], outgoing: [], problems: [] };
  const trial = Object.hasOwn(TRIALS, asked.type) ? TRIALS[asked.type] : undefined;
  if (trial === undefined)
    return answered({ ...head, said: Object.hasOwn(NOT_TRIED, asked.type) ? (NOT_TRIED[asked.type] ?? NO_TRIAL) : NO_TRIAL });
  const named = (asked.type === "huiliu-translate" ? textOf(asked.config.mapping) : asked.mapping) ?? "";
  const translated = named === "" ? deps.translateByDefault(message) : { mapping: named, result: deps.translate(named, message) };
  const outcome = await trial(deps, { asked, config: asked.config, message, translated, sees });
  if (!outcome.ok) return outcome;
  return answered({ ...head, ...(translated === undefined ? {} : { mapping: translated.mapping }), ...outcome.value });
}
