/** Which node takes which messages and events. A message has one flow: two nodes wanting the same partner and kind are refused. */
import { refusal } from "../refusals.ts";
import type { Subscription } from "./deliveries.ts";
import type { Engine, Fed, NodeRef, Refused } from "./engine.ts";

interface MessageFilter {
  readonly partner: string;
  readonly kinds: readonly string[];
  readonly deadlineMs: number;
}

export interface Subscriptions {
  readonly messages: (node: NodeRef, filter: MessageFilter, feed: (fed: Fed) => void) => ReturnType<Engine["subscribeMessages"]>;
  readonly events: (
    node: NodeRef,
    filter: { readonly types: readonly string[]; readonly deadlineMs: number },
    feed: (fed: Fed) => void,
  ) => ReturnType<Engine["subscribeEvents"]>;
  /** The one that takes this partner's kind: the most exact filter wins (partner and kind, partner, any). */
  readonly ofMessage: (partner: string, kind: string) => Subscription | undefined;
  readonly ofEvent: (subscriber: string) => Subscription | undefined;
  readonly eventSubscribers: () => readonly { readonly id: string; readonly types: readonly string[] }[];
}

export function createSubscriptions(deps: { readonly changed: () => void }): Subscriptions {
  const byMessage = new Map<string, { filter: MessageFilter; subscription: Subscription }>();
  const byEvent = new Map<string, { types: readonly string[]; subscription: Subscription }>();

  const clash = (filter: MessageFilter, node: NodeRef): NodeRef | undefined => {
    for (const one of byMessage.values()) {
      if (one.subscription.node.id === node.id || one.filter.partner !== filter.partner) continue;
      if (one.filter.kinds.length === 0 && filter.kinds.length === 0) return one.subscription.node;
      if (one.filter.kinds.some((kind) => filter.kinds.includes(kind))) return one.subscription.node;
    }
    return undefined;
  };
  const twice = (other: NodeRef): Refused => ({
    ok: false,
    reason: refusal("BAD_NODE", {
      zh: `流程 ${other.flow} 的节点 ${other.name ?? other.id} 已接收这些报文`,
      en: `node ${other.name ?? other.id} of flow ${other.flow} takes these messages already`,
    }),
  });

  return {
    messages: (node, filter, feed) => {
      const other = clash(filter, node);
      if (other) return twice(other);
      byMessage.set(node.id, { filter, subscription: { node, deadlineMs: filter.deadlineMs, feed } });
      deps.changed();
      return {
        ok: true,
        stop: () => {
          byMessage.delete(node.id);
          deps.changed();
        },
      };
    },
    events: (node, filter, feed) => {
      byEvent.set(node.id, { types: filter.types, subscription: { node, deadlineMs: filter.deadlineMs, feed } });
      deps.changed();
      return {
        ok: true,
        stop: () => {
          byEvent.delete(node.id);
          deps.changed();
        },
      };
    },
    ofMessage: (partner, kind) => {
      let best: { rank: number; subscription: Subscription } | undefined;
      for (const { filter, subscription } of byMessage.values()) {
        if (filter.partner !== "*" && filter.partner !== partner) continue;
        if (filter.kinds.length > 0 && !filter.kinds.includes(kind)) continue;
        const rank = (filter.partner === "*" ? 0 : 2) + (filter.kinds.length > 0 ? 1 : 0);
        if (!best || rank > best.rank) best = { rank, subscription };
      }
      return best?.subscription;
    },
    ofEvent: (subscriber) => byEvent.get(subscriber)?.subscription,
    eventSubscribers: () => [...byEvent].map(([id, one]) => ({ id, types: one.types })),
  };
}
