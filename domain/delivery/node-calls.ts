/**
 * The engine as the nodes see it: each call records one intent on a live delivery, or answers why it cannot. Nothing here has an effect outside memory
 * (design.md decision 16); settling commits.
 */
import { failpoint } from "../failpoint.ts";
import type { Event } from "../events/event.ts";
import type { JournaledMessage, ParkReason } from "../journal/ports.ts";
import { type OrderFacts, requestNoOf, reversalOf } from "../orders/facts.ts";
import type { Problem } from "../problem.ts";
import { refusal } from "../refusals.ts";
import type { Deliveries, Subscription } from "./deliveries.ts";
import type { Asked, Catalogue, Engine, Found, NodeRef, Refused } from "./engine.ts";
import type { OpenLedger } from "./ledger.ts";
import { eventsOf, type Live, type Translated } from "./live.ts";
import type { OwedWriteBack } from "./ports.ts";
import { createSubscriptions, type Subscriptions } from "./subscriptions.ts";

/** Encodes the write-back an event owes a destination, with its key and its lane. `order`: what the bill knows and the event does not tell. */
export type EncodeWriteBack = (
  event: Event,
  to: { readonly destination: string; readonly kind: string; readonly lane?: "" | "order" | "patient" },
  order?: OrderFacts,
) =>
  | { readonly ok: true; readonly writeBack: Omit<OwedWriteBack, "when" | "flow" | "node"> }
  | { readonly ok: false; readonly reason: ParkReason };

export interface NodeCallsDeps {
  readonly ready: Promise<void>;
  readonly catalogue: Catalogue;
  readonly deliveries: Deliveries;
  readonly ledger: OpenLedger;
  readonly subscriptions: Subscriptions;
  readonly translate: (mapping: string, message: JournaledMessage) => Translated;
  /** The version of a mapping that is loaded, for the record. */
  readonly mappingVersion?: (mapping: string) => number | undefined;
  readonly encodeWriteBack: EncodeWriteBack;
  readonly askPartner: (
    asked: { readonly partner: string; readonly kind: string; readonly cacheSeconds?: number; readonly signal: AbortSignal },
    event: Event | undefined,
  ) => Promise<Asked>;
  readonly find: (keyKind: string, value: string, limit: number) => Promise<Found>;
  readonly workbench?: Engine["workbench"];
}

export { createSubscriptions, type Subscription };

const over = (): Refused => ({ ok: false, reason: refusal("DELIVERY_OVER") });
/** A reversal that names a settlement which no bill knows. */
const isAhead = (event: Event, live: Live): boolean => {
  const reversal = reversalOf(event);
  const names = reversal !== undefined && (reversal.settlementNo !== undefined || requestNoOf(reversal) !== undefined);
  return names && live.orders !== undefined && !live.orders.has(event.id);
};
const withNode = (reason: ParkReason, node: NodeRef): ParkReason => ({ ...reason, node });

/** A parked reason that lists every problem of the message, the first in its sentence. */
export function problemsReason(problems: readonly Problem[]): ParkReason {
  const first = problems[0];
  const base = refusal("NOT_TRANSLATABLE");
  if (!first) return base;
  const more = problems.length > 1 ? { zh: `，共 ${problems.length} 处`, en: ` (${problems.length} problems in all)` } : { zh: "", en: "" };
  return {
    ...base,
    zh: `${base.zh}：${first.zh}${more.zh}`,
    en: `${base.en}: ${first.en}${more.en}`,
    place: first.place,
    problems: problems.slice(0, 100),
  };
}

/** Builds the engine that Node-RED gets as `settings.huiliu`. */
export function createNodeCalls(deps: NodeCallsDeps): Engine {
  const { deliveries } = deps;
  let pauses = 0;

  const translate: Engine["translate"] = (token, node, options) => {
    const live = deliveries.get(token);
    if (!live || live.ending) return over();
    if (live.source.kind !== "message")
      return {
        ok: false,
        reason: withNode(refusal("BAD_NODE", { zh: "event-in 之后不能再翻译", en: "an event cannot be translated again" }), node),
      };
    const mapping = options.mapping || live.translated?.mapping;
    if (!mapping) return { ok: false, reason: withNode(refusal("UNKNOWN_MESSAGE"), node) };
    const version = deps.mappingVersion?.(mapping);
    live.mapping = version === undefined ? mapping : `${mapping}@${version}`;
    const result = live.translated?.mapping === mapping ? live.translated.result : deps.translate(mapping, live.source.message);
    failpoint("flow.after-translate");
    if (!result.ok) {
      const reason = withNode(problemsReason(result.problems), node);
      return { ok: false, reason };
    }
    for (const sealed of result.events) if (!live.events.some((one) => one.event.id === sealed.event.id)) live.events.push(sealed);
    for (const key of result.keys) if (!live.keys.some((one) => one.kind === key.kind && one.value === key.value)) live.keys.push(key);
    if (result.events.length === 0) live.eventless = true;
    return { ok: true, events: result.events.map((sealed) => sealed.event) };
  };

  const publish: Engine["publish"] = (token, _node, options) => {
    const live = deliveries.get(token);
    if (!live || live.ending) return over();
    const wanted = eventsOf(live).filter((event) => !options.types?.length || options.types.includes(event.type));
    for (const event of wanted) live.published.add(event.id);
    return { ok: true, count: wanted.length, ...(live.eventless === true ? { eventless: true } : {}) };
  };

  const oweWriteBack: Engine["oweWriteBack"] = (token, node, options) => {
    const live = deliveries.get(token);
    if (!live || live.ending) return over();
    const wanted = eventsOf(live).filter((event) => options.types.length === 0 || options.types.includes(event.type));
    const { traceparent } = live.source.kind === "message" ? live.source.message : live.source.event;
    const owed: OwedWriteBack[] = [];
    for (const event of wanted) {
      const encoded = deps.encodeWriteBack(event, options, live.orders?.get(event.id));
      if (!encoded.ok) {
        // Nothing is wrong with a reversal that overtook its settlement: it waits, and that settlement takes it up (platform/postgres/reversals-ahead.ts).
        const reason = isAhead(event, live) ? refusal("ORIGINAL_UNKNOWN") : encoded.reason;
        return { ok: false, reason: withNode(reason, node) };
      }
      owed.push({
        ...encoded.writeBack,
        when: options.when,
        flow: node.flow,
        node: node.id,
        ...(traceparent === undefined ? {} : { traceparent }),
      });
    }
    for (const writeBack of owed) if (!live.writeBacks.some((one) => one.key === writeBack.key)) live.writeBacks.push(writeBack);
    failpoint("flow.after-owing");
    return { ok: true, count: owed.length };
  };

  const park: Engine["park"] = (token, node, options) => {
    const live = deliveries.get(token);
    if (!live || live.ending) return over();
    // A refusal names the node that was refused; that says more than the park node it was led to.
    live.park ??= { node, ...(options.refusal ?? refusal("PARKED_BY_FLOW", { zh: options.reason, en: options.reason })) };
    return { ok: true };
  };

  const answer: Engine["answer"] = (token, _node, options) => {
    const live = deliveries.get(token);
    if (!live || live.ending) return over();
    live.answer = options.text === undefined ? { verdict: options.verdict } : { verdict: options.verdict, text: options.text };
    return { ok: true };
  };

  return {
    ready: deps.ready,
    catalogue: deps.catalogue,
    subscribeMessages: (node, filter, feed) => deps.subscriptions.messages(node, filter, feed),
    subscribeEvents: (node, filter, feed) => deps.subscriptions.events(node, filter, feed),
    translate,
    publish,
    oweWriteBack,
    park,
    answer,
    ask: async (token, node, options) => {
      const live: Live | undefined = deliveries.get(token);
      if (!live || live.ending) return { outcome: "refused", reason: withNode(refusal("DELIVERY_OVER"), node) };
      return deps.askPartner(options, eventsOf(live)[0]);
    },
    find: (_token, _node, options) => deps.find(options.keyKind, options.value, Math.min(Math.max(options.limit, 1), 100)),
    workbench: deps.workbench,
    ledger: deps.ledger,
    pauseIntake: async (_why, capMs) => {
      pauses += 1;
      return { live: await deliveries.pause(capMs) };
    },
    resumeIntake: (unlessPausedSince = pauses) => {
      if (unlessPausedSince === pauses) deliveries.resume();
    },
    pauses: () => pauses,
    live: () => deliveries.counts().live,
  };
}
