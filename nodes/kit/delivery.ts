/** What the kit knows of a message and of a node: the token, the node's name for records, the events handed out to flows. */
import type { NodeRef } from "../../domain/delivery/engine.ts";
import type { Event } from "../../domain/events/event.ts";
import type { ParkReason } from "../../domain/journal/ports.ts";
import type { FlowNode, FlowObject, Message, Red } from "./red.ts";

/** The delivery a message belongs to; undefined when it has none (injected by hand, or a function made a new message). */
export function tokenOf(message: Message): string | undefined {
  const carried = message.huiliu;
  if (typeof carried !== "object" || carried === null) return undefined;
  const token = (carried as { delivery?: unknown }).delivery;
  return typeof token === "string" && token !== "" ? token : undefined;
}

const isReason = (value: unknown): value is ParkReason =>
  typeof value === "object" &&
  value !== null &&
  ["code", "zh", "en"].every((key) => typeof (value as Record<string, unknown>)[key] === "string");

/** The refusal a message carries, if any. */
export function refusalOf(message: Message): ParkReason | undefined {
  const reason = (message.huiliu as { refusal?: unknown } | undefined)?.refusal;
  return isReason(reason) ? reason : undefined;
}

/** Puts a refusal on the message, for a Catch or a problems output to find. */
export function carryRefusal(message: Message, reason: ParkReason): void {
  message.huiliu = { ...(message.huiliu as object), refusal: reason };
}

/** The tab a node stands on; for a node inside a subflow, the tab of the outermost instance. `_flow` and `parent` are private, so both are optional here. */
function tabOf(node: FlowNode): string {
  let flow: FlowObject | undefined = node._flow;
  while (flow?.TYPE === "subflow" && flow.parent !== undefined) flow = flow.parent;
  return flow?.id ?? node.z ?? "";
}

const refs = new WeakMap<FlowNode, NodeRef>();

/** How a node is named in records. Made once per node: a changed node is a new object after a deploy. */
export function refOf(red: Red, node: FlowNode): NodeRef {
  let ref = refs.get(node);
  if (ref === undefined) {
    const tab = tabOf(node);
    const flow = red.settings.huiliuFolderOf?.(tab) ?? tab;
    ref = node.name ? { id: node.id, type: node.type, name: node.name, flow } : { id: node.id, type: node.type, flow };
    refs.set(node, ref);
  }
  return ref;
}

/**
 * An event as a flow may see it. `data` is copied when somebody first reads it, so that no Function node can change what will be committed, and a flow
 * that only routes pays nothing.
 */
export function handOut(event: Event): object {
  const shown = { ...event };
  Object.defineProperty(shown, "data", {
    enumerable: true,
    configurable: true,
    get(this: object) {
      const value = structuredClone(event.data);
      Object.defineProperty(this, "data", { value, enumerable: true, configurable: true, writable: true });
      return value;
    },
  });
  return shown;
}
