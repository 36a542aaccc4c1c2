/**
 * Node-RED's message hooks, told to the ledger (reference/nodered.md 3.3): who sent, who was handed a message, who finished. With that the ledger sees
 * every branch of a delivery, also through core nodes and nodes of other packages.
 *
 * Beyond the plain counting:
 * - a wire to a node that is missing or disabled never reaches preDeliver: it is counted as a node that kept the message
 * - Catch, Complete, Link In and Link Out hand messages over without preDeliver: seen by onReceive
 * - a handler of fewer than three parameters never calls done: counted as finished in postReceive
 * - a three-parameter handler that throws, or rejects, would never finish (and a rejection would end the process): guarded
 */
import type { Engine, Ledger, NodeRef } from "../../domain/delivery/engine.ts";
import { refOf, tokenOf } from "./delivery.ts";
import type { CompleteEvent, Done, FlowNode, InputHandler, Message, ReceiveEvent, Red, Send, SendEvent } from "./red.ts";

/** Most nested synchronous receives we keep (link nodes nest a few deep); older entries are dropped. */
const NEST_MAX = 64;

/** Handed a copy of a message by the runtime itself, on behalf of another node: not that node's sending on. */
const BY_RUNTIME: ReadonlySet<string> = new Set(["catch", "complete", "status"]);

const installed = new WeakSet<Engine>();

/** Wires the hooks to the engine's ledger, once per engine. */
export function installHooks(red: Red, engine: Engine): void {
  if (installed.has(engine)) return;
  installed.add(engine);
  red.hooks.remove("*.huiliu");
  const watch = createWatch(red, engine.ledger);
  red.hooks.add("onSend.huiliu", (events) => watch.onSend(events));
  red.hooks.add("preDeliver.huiliu", (event) => watch.preDeliver(event));
  red.hooks.add("onReceive.huiliu", (event) => watch.onReceive(event));
  red.hooks.add("postReceive.huiliu", (event) => watch.postReceive(event));
  red.hooks.add("onComplete.huiliu", (event) => watch.onComplete(event));
  red.events.on("flows:started", () => watch.forgetTypes());
}

interface Watch {
  onSend(events: readonly SendEvent[]): void;
  preDeliver(event: SendEvent): void;
  onReceive(event: ReceiveEvent): void;
  postReceive(event: ReceiveEvent): void;
  onComplete(event: CompleteEvent): void;
  forgetTypes(): void;
}

/** What we know of a message object on its way: the token it had when it was delivered, and how many announced deliveries are still to come. */
interface Known {
  token: string;
  expected: number;
}

/** One call of send: its events and the messages as they were before Node-RED cloned them. */
interface Sending {
  readonly events: readonly SendEvent[];
  readonly originals: readonly Message[];
  readonly credited: Message[];
  next: number;
}

/** Follows each call of send from hook to hook. */
interface Sends {
  begin(events: readonly SendEvent[]): void;
  /** Whether this delivery is a sending on of its own: one message down several wires is one, several messages in one call are several. */
  credit(event: SendEvent): boolean;
  /** Node-RED routes a send synchronously: what has not been delivered by the next hook never will be. */
  flush(): void;
  forgetTypes(): void;
}

function createSends(red: Red, ledger: Ledger): Sends {
  let missingTypes: Map<string, string> | undefined;
  let sending: Sending | undefined;

  const typeOf = (id: string): string => {
    if (missingTypes === undefined) {
      const types = new Map<string, string>();
      red.nodes.eachNode((raw) => types.set(String(raw.id), String(raw.type)));
      missingTypes = types;
    }
    return missingTypes.get(id) ?? "missing";
  };
  /** A wire that led nowhere: somebody was to get the message, and nobody did. A disabled debug node is missed by nobody: its type says so. */
  const lost = (event: SendEvent | undefined): void => {
    const token = event === undefined ? undefined : tokenOf(event.msg);
    if (event === undefined || token === undefined) return;
    const { id } = event.destination;
    const ref: NodeRef = { id, type: typeOf(id), flow: refOf(red, event.source.node).flow };
    ledger.entered(token, ref);
    ledger.left(token, ref);
  };

  return {
    forgetTypes: () => {
      missingTypes = undefined;
    },
    begin(events) {
      if (events.length > 0) sending = { events, originals: events.map((event) => event.msg), credited: [], next: 0 };
    },
    credit(event) {
      if (sending === undefined) return true;
      const call = sending;
      while (call.next < call.events.length && call.events[call.next] !== event) lost(call.events[call.next++]);
      const original = call.originals[call.next++];
      if (call.next >= call.events.length) sending = undefined;
      if (original === undefined) return true;
      if (call.credited.includes(original)) return false;
      call.credited.push(original);
      return true;
    },
    flush() {
      if (sending === undefined) return;
      const call = sending;
      sending = undefined;
      for (; call.next < call.events.length; call.next += 1) lost(call.events[call.next]);
    },
  };
}

function createWatch(red: Red, ledger: Ledger): Watch {
  const sends = createSends(red, ledger);
  const known = new WeakMap<Message, Known>();
  const receiving: { readonly node: FlowNode; readonly token: string }[] = [];
  const tokenNow = (message: Message): string | undefined => known.get(message)?.token ?? tokenOf(message);

  return {
    forgetTypes: sends.forgetTypes,
    onSend(events) {
      sends.flush();
      sends.begin(events);
    },
    preDeliver(event) {
      const first = sends.credit(event);
      const token = tokenOf(event.msg);
      if (token === undefined || event.destination.node === undefined) return;
      const one = known.get(event.msg);
      if (one === undefined) known.set(event.msg, { token, expected: 1 });
      else {
        one.token = token;
        one.expected += 1;
      }
      if (first) {
        ledger.sent(token, refOf(red, event.source.node));
        const inside = receiving.at(-1);
        // A Link Out in return mode lets the Link Call send for it.
        if (inside?.node.type === "link out" && inside.token === token && inside.node !== event.source.node)
          ledger.sent(token, refOf(red, inside.node));
      }
      ledger.entered(token, refOf(red, event.destination.node));
    },
    onReceive(event) {
      sends.flush();
      const node = event.destination.node;
      guard(red, ledger, node, tokenNow);
      const one = known.get(event.msg);
      const token = one !== undefined && one.expected > 0 ? one.token : tokenOf(event.msg);
      if (token === undefined) return;
      if (one !== undefined && one.expected > 0) one.expected -= 1;
      else {
        known.set(event.msg, { token, expected: 0 });
        const inside = receiving.at(-1);
        if (inside?.token === token && !BY_RUNTIME.has(node.type)) ledger.sent(token, refOf(red, inside.node));
        ledger.entered(token, refOf(red, node));
      }
      receiving.push({ node, token });
      if (receiving.length > NEST_MAX) receiving.shift();
    },
    postReceive(event) {
      sends.flush();
      const node = event.destination.node;
      const at = receiving.findLastIndex((one) => one.node === node);
      if (at < 0) return;
      const token = receiving[at]?.token;
      receiving.length = at;
      if (token !== undefined && !callsDone(node)) ledger.left(token, refOf(red, node));
    },
    onComplete(event) {
      sends.flush();
      const token = tokenNow(event.msg);
      if (token !== undefined) ledger.left(token, refOf(red, event.node.node), event.error);
    },
  };
}

/** The input handlers of a node, from Node-RED's private fields; empty when a later Node-RED keeps them elsewhere (the deadline is then the fallback). */
function handlersOf(node: FlowNode): readonly InputHandler[] {
  if (Array.isArray(node._inputCallbacks)) return node._inputCallbacks;
  return typeof node._inputCallback === "function" ? [node._inputCallback] : [];
}

/** Whether Node-RED will tell us when the node has finished. Unknown handlers count as calling done. */
function callsDone(node: FlowNode): boolean {
  const handlers = handlersOf(node);
  return handlers.length === 0 || handlers.some((handler) => handler.length >= 3);
}

const guarded = new WeakSet<FlowNode>();

type TokenNow = (message: Message) => string | undefined;

/** Replaces a node's input handlers, when it is first reached, by ones that turn a throw or a rejection into a failure with a name. */
function guard(red: Red, ledger: Ledger, node: FlowNode, tokenNow: TokenNow): void {
  if (guarded.has(node)) return;
  guarded.add(node);
  const wrap = (handler: InputHandler): InputHandler =>
    handler.length >= 3 ? guardDone(handler) : guardOld(red, ledger, node, handler, tokenNow);
  if (Array.isArray(node._inputCallbacks)) node._inputCallbacks = node._inputCallbacks.map(wrap);
  else if (typeof node._inputCallback === "function") node._inputCallback = wrap(node._inputCallback);
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";

/** For handlers that call done: what escapes them becomes done(error), once. */
function guardDone(handler: InputHandler): InputHandler {
  return function (this: unknown, message: Message, send: Send, done: Done): void {
    let finished = false;
    const once: Done = (error) => {
      if (finished) return;
      finished = true;
      done(error);
    };
    try {
      const result = handler.call(this, message, send, once);
      if (isThenable(result)) result.then(undefined, (error: unknown) => once(error ?? new Error("rejected")));
    } catch (error) {
      once(error ?? new Error("thrown"));
    }
  };
}

/** For handlers that do not: the ledger is told, and Node-RED and its Catch nodes are, as it always does. */
function guardOld(red: Red, ledger: Ledger, node: FlowNode, handler: InputHandler, tokenNow: TokenNow): InputHandler {
  const tell = (message: Message, error: unknown): void => {
    const token = tokenNow(message);
    if (token !== undefined) ledger.left(token, refOf(red, node), error ?? new Error("thrown"));
  };
  // Rest arguments count as no parameter: three would mean that it calls done. All arguments are passed, for handlers that look for themselves.
  return function (this: unknown, ...given: [Message, Send, Done]): void {
    try {
      const result = Reflect.apply(handler, this ?? node, given);
      if (isThenable(result))
        result.then(undefined, (error: unknown) => {
          tell(given[0], error);
          node.error(error instanceof Error ? error : String(error), given[0]);
        });
    } catch (error) {
      tell(given[0], error);
      throw error;
    }
  };
}
