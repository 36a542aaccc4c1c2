/**
 * The kit keeps the promises that every node of ours makes: check the input, make one engine call, choose one named output, settle once, let nothing
 * escape, stop with its flow (design.md decision 16). A node's own file says only what its call is.
 */
import type { Engine, NodeRef, Refused } from "../../domain/delivery/engine.ts";
import { RefusedByEngine } from "../../domain/delivery/ledger.ts";
import { refusal } from "../../domain/refusals.ts";
import { createBadge } from "./badge.ts";
import { installChoices } from "./choices.ts";
import { type Checked, type Migration, migrated } from "./config.ts";
import { carryRefusal, refOf, tokenOf } from "./delivery.ts";
import { installDrain } from "./drain.ts";
import { installFlowTests } from "./flow-tests.ts";
import { installHooks } from "./hooks.ts";
import { installWorkbench } from "./workbench.ts";
import type { Done, FlowNode, Message, Raw, Red, Send } from "./red.ts";

/** How often the badge of a feeding node is brought up to date while deliveries are live. */
const LOOK_EVERY_MS = 1_000;

/** What all nodes declare. `type` is unique in the Node-RED world by its prefix; `version` is that of its configuration. */
export interface Declared<C> {
  readonly type: `huiliu-${string}`;
  readonly version: number;
  readonly migrations?: readonly Migration[];
  /** Names of the outputs, in the order of the editor. */
  readonly outputs: readonly string[];
  readonly config: (raw: Raw) => Checked<C>;
}

/** One message to work on. */
export interface Call<C> {
  readonly config: C;
  readonly token: string;
  readonly node: NodeRef;
  readonly engine: Engine;
  readonly message: Message;
  /** Reads a property of the message by its path (`payload.bill`); undefined when it is not there. */
  readonly property: (path: string) => unknown;
  /** Aborted when the flow stops. */
  readonly signal: AbortSignal;
}

/**
 * How a call went. `recorded`: an intent now stands on the delivery, so that the message may rightly end here; "nothing" = there was nothing to record
 * (the message may end here, but that alone is no end of the delivery). A refusal goes to the Catch nodes, or parks the delivery, naming the node.
 */
export type CallResult =
  | { readonly ok: true; readonly to: string; readonly payload?: unknown; readonly recorded?: "intent" | "nothing" }
  | (Refused & { readonly to?: string; readonly payload?: unknown });

/** A node with an input. */
export interface CallNode<C> extends Declared<C> {
  readonly call: (call: Call<C>) => CallResult | Promise<CallResult>;
}

/** A node that starts a flow. `feed` hands one message to it. */
export interface FeedNode<C> extends Declared<C> {
  readonly subscribe: (
    engine: Engine,
    node: NodeRef,
    config: C,
    feed: (token: string, message: Message) => void,
  ) => { readonly ok: true; readonly stop: () => void } | Refused;
}

/** What a node file exports: Node-RED calls it once with its API; tests read what it declares. */
export interface Register {
  (red: Red): void;
  readonly declared: {
    readonly type: string;
    readonly version: number;
    readonly outputs: readonly string[];
    readonly migrations?: readonly Migration[];
  };
}

/** The engine, or a clear refusal to load: without it a node could only pretend. */
function engineOf(red: Red): Engine {
  const engine = red.settings.huiliu;
  if (engine === undefined) throw new Error("settings.huiliu is absent: these nodes run only inside Huiliu (start it by `npm start`)");
  installHooks(red, engine);
  installChoices(red, engine);
  installDrain(red, engine);
  installFlowTests(red, engine);
  installWorkbench(red, engine);
  return engine;
}

/** Node-RED's own reader of property paths; a path that leads through nothing is "not there", not a fault. */
const propertyOf =
  (red: Red, message: Message) =>
  (path: string): unknown => {
    try {
      return red.util.getMessageProperty(message, path);
    } catch (error) {
      if (error instanceof TypeError) return undefined;
      throw error;
    }
  };

const bilingual = (zh: string, en: string): string => `${zh} (${en})`;

/** Reads a node's configuration; a bad one is shown at once and refuses every message later. */
function configOf<C>(declared: Declared<C>, raw: Raw): Checked<C> {
  const current = migrated(raw, declared.version, declared.migrations ?? []);
  return current.ok ? declared.config(current.value) : current;
}

/** A node that works on messages. */
export function defineNode<C>(declared: CallNode<C>): Register {
  const register = (red: Red): void => {
    const engine = engineOf(red);
    red.nodes.registerType(declared.type, function (raw) {
      red.nodes.createNode(this, raw);
      runCalls(red, engine, declared, this, configOf(declared, raw));
    });
  };
  return Object.assign(register, { declared });
}

/** One message in hand: where it came in and how it is settled. */
interface InHand {
  readonly message: Message;
  readonly send: Send;
  readonly done: Done;
}

function runCalls<C>(red: Red, engine: Engine, declared: CallNode<C>, node: FlowNode, config: Checked<C>): void {
  const badge = createBadge(node);
  const stopping = new AbortController();
  const inFlight = new Set<Promise<void>>();
  if (config.ok) badge.waiting();
  else badge.failed(config.zh);

  const fail = (hand: InHand, error: unknown): void => {
    const known = error instanceof Error ? error : new Error(String(error));
    badge.failed(known.message);
    if (known instanceof RefusedByEngine) carryRefusal(hand.message, known.reason);
    hand.done(known);
  };
  const conclude = (hand: InHand, token: string, result: CallResult): void => {
    const at = result.to === undefined ? -1 : declared.outputs.indexOf(result.to);
    const wired = at >= 0 && (node.wires?.[at]?.length ?? 0) > 0;
    const ends = result.ok ? result.recorded : undefined;
    if (!wired && ends === undefined) {
      fail(hand, new RefusedByEngine(result.ok ? notWired(result.to) : result.reason));
      return;
    }
    if (ends === "intent") engine.ledger.ended(token, refOf(red, node));
    else if (ends === "nothing" && !wired) engine.ledger.sent(token, refOf(red, node));
    if (wired) {
      if (!result.ok) carryRefusal(hand.message, result.reason);
      if (result.payload !== undefined) hand.message.payload = result.payload;
      hand.send(declared.outputs.map((_, index) => (index === at ? hand.message : null)));
    }
    if (result.ok) badge.live(inFlight.size);
    else badge.failed(result.reason.zh);
    hand.done();
  };
  const work = (hand: InHand): void => {
    const { message } = hand;
    const token = tokenOf(message);
    if (token === undefined)
      throw new Error(bilingual("报文不属于任何处理中的来文：msg.huiliu 丢失", "msg.huiliu is lost: this message belongs to no delivery"));
    if (!config.ok) throw new RefusedByEngine(refusal("BAD_NODE", { zh: config.zh, en: config.en }));
    const ref = refOf(red, node);
    const property = propertyOf(red, message);
    const result = declared.call({ config: config.value, token, node: ref, engine, message, property, signal: stopping.signal });
    if (!(result instanceof Promise)) {
      conclude(hand, token, result);
      return;
    }
    const task = result
      .then((later) => conclude(hand, token, later))
      .catch((error: unknown) => fail(hand, error))
      .finally(() => inFlight.delete(task));
    inFlight.add(task);
    badge.live(inFlight.size);
  };

  // Exactly three parameters: Node-RED counts them to know that done will be called.
  node.on("input", (message, send, done) => {
    const hand = { message, send, done };
    try {
      work(hand);
    } catch (error) {
      fail(hand, error);
    }
  });
  node.on("close", (_removed, done) => {
    stopping.abort();
    badge.close();
    Promise.allSettled(inFlight).then(() => done(), done);
  });
}

const notWired = (output: string) => refusal("BRANCH_DANGLED", { zh: `输出“${output}”没有连线`, en: `output “${output}” is not wired` });

/** A node that feeds a flow. It subscribes when the engine is ready and stops with its flow. */
export function defineFeed<C>(declared: FeedNode<C>): Register {
  const register = (red: Red): void => {
    const engine = engineOf(red);
    red.nodes.registerType(declared.type, function (raw) {
      red.nodes.createNode(this, raw);
      runFeed(red, engine, declared, this, configOf(declared, raw));
    });
  };
  return Object.assign(register, { declared });
}

function runFeed<C>(red: Red, engine: Engine, declared: FeedNode<C>, node: FlowNode, config: Checked<C>): void {
  const badge = createBadge(node);
  let stop: (() => void) | undefined;
  let closed = false;
  let looking: NodeJS.Timeout | undefined;
  // Deliveries end elsewhere, and nobody tells the node that fed them: it looks until there are none.
  const look = (): void => {
    const live = engine.live();
    badge.live(live);
    if (live > 0) return;
    clearInterval(looking);
    looking = undefined;
  };
  const refuse = (zh: string, en: string): void => {
    badge.failed(zh);
    node.error(bilingual(zh, en));
  };
  const feed = (token: string, message: Message): void => {
    const ref = refOf(red, node);
    try {
      node.send(message);
      looking ??= setInterval(look, LOOK_EVERY_MS).unref();
      badge.live(engine.live());
      engine.ledger.left(token, ref);
    } catch (error) {
      engine.ledger.left(token, ref, error ?? new Error("thrown"));
    }
  };

  badge.waiting();
  if (!config.ok) refuse(config.zh, config.en);
  else
    engine.ready.then(
      () => {
        if (closed) return;
        const subscribed = declared.subscribe(engine, refOf(red, node), config.value, feed);
        if (!subscribed.ok) {
          refuse(subscribed.reason.zh, subscribed.reason.en);
          return;
        }
        stop = subscribed.stop;
        badge.live(0);
      },
      () => refuse("引擎未能启动", "the engine did not start"),
    );
  node.on("close", (_removed, done) => {
    closed = true;
    clearInterval(looking);
    stop?.();
    badge.close();
    done();
  });
}
