/**
 * The part of Node-RED's runtime API that our nodes use, typed as 5.0.7 really is (@types/node-red describes 1.3). Fields marked private are read by the
 * hooks only; they are feature-detected there and covered by test/conformance/nodes.test.ts.
 */
import type { Principal, Right } from "../../domain/access/rights.ts";
import type { Engine } from "../../domain/delivery/engine.ts";
import type { FlowTestDoor } from "./flow-tests.ts";

/** A message of a flow. `huiliu.delivery` is the token: a plain string, so that it survives clones, context and JSON. */
export interface Message {
  payload?: unknown;
  topic?: unknown;
  huiliu?: unknown;
  [key: string]: unknown;
}

export type Send = (message: Message | readonly (Message | null)[]) => void;
export type Done = (error?: unknown) => void;
export type InputHandler = (this: unknown, message: Message, send: Send, done: Done) => unknown;

export interface Status {
  readonly fill?: "red" | "green" | "yellow" | "blue" | "grey";
  readonly shape?: "ring" | "dot";
  readonly text?: string;
}

/** A node of a running flow. */
export interface FlowNode {
  readonly id: string;
  readonly type: string;
  readonly name?: string;
  readonly z?: string;
  readonly wires?: readonly (readonly string[])[];
  /** Private: the flow object the node runs in; a subflow's has its instance's flow as `parent`. */
  readonly _flow?: FlowObject;
  /** Private: what `on("input")` registered. */
  _inputCallback?: InputHandler | null;
  _inputCallbacks?: InputHandler[] | null;
  on(event: "input", handler: (message: Message, send: Send, done: Done) => void): void;
  on(event: "close", handler: (removed: boolean, done: () => void) => void): void;
  send(message: Message | readonly (Message | null)[]): void;
  status(status: Status): void;
  error(text: string | Error, message?: Message): void;
  warn(text: string): void;
}

export interface FlowObject {
  readonly id?: string;
  readonly TYPE?: string;
  readonly parent?: FlowObject;
}

/** What a node was configured with in the editor: JSON of unknown shape. */
export type Raw = Readonly<Record<string, unknown>>;

export interface SendEvent {
  readonly msg: Message;
  readonly source: { readonly id: string; readonly node: FlowNode };
  readonly destination: { readonly id: string; readonly node?: FlowNode };
}
export interface ReceiveEvent {
  readonly msg: Message;
  readonly destination: { readonly id: string; readonly node: FlowNode };
}
export interface CompleteEvent {
  readonly msg: Message;
  readonly error?: unknown;
  readonly node: { readonly id: string; readonly node: FlowNode };
}

/** Hooks must take exactly one parameter: one without any silently stalls every message (reference/nodered.md section 2). */
export interface Hooks {
  add(hook: "onSend.huiliu", fn: (events: readonly SendEvent[]) => void): void;
  add(hook: "preDeliver.huiliu", fn: (event: SendEvent) => void): void;
  add(hook: "onReceive.huiliu" | "postReceive.huiliu", fn: (event: ReceiveEvent) => void): void;
  add(hook: "onComplete.huiliu", fn: (event: CompleteEvent) => void): void;
  remove(hook: "*.huiliu"): void;
}

/** What the runtime tells the editor; `error` when flows did not start, with the node types that are missing. */
export interface RuntimeEvent {
  readonly payload?: { readonly error?: string; readonly types?: readonly (string | { readonly type: string })[] };
}

/** Whoever has come through the editor's gate (platform/node-red/gate.ts). */
export interface EditorUser {
  readonly username: string;
  readonly rights: readonly Right[];
  readonly partners: Principal["partners"];
}

/** A request of the admin API, as Express hands it over. `user` is whom the editor's gate let in. */
export interface Asking {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
  readonly user?: EditorUser;
}
export interface Answering {
  json(body: unknown): void;
  status(code: number): Answering;
}
type Route = (path: string, guard: unknown, answer: (request: Asking, response: Answering) => void) => void;

export interface Red {
  readonly nodes: {
    createNode(node: unknown, raw: Raw): void;
    registerType(type: string, make: (this: FlowNode, raw: Raw) => void): void;
    eachNode(visit: (raw: Raw) => void): void;
  };
  readonly hooks: Hooks;
  readonly util: { getMessageProperty(message: Message, path: string): unknown };
  readonly events: {
    on(event: "flows:started" | "flows:stopping", fn: () => void): void;
    on(event: "runtime-event", fn: (event: RuntimeEvent) => void): void;
  };
  readonly log: { error(text: string): void };
  readonly auth: { needsPermission(permission: string): unknown };
  readonly httpAdmin: { readonly get: Route; readonly post: Route } | undefined;
  readonly settings: {
    /** The engine: nodes reach it here, never by the global context, which every Function node can read. */
    readonly huiliu?: Engine;
    /** The folder of a tab under flows/, as the flow storage knows it. */
    readonly huiliuFolderOf?: (tab: string) => string | undefined;
    /** Plays stored tests for the editor. */
    readonly huiliuFlowTests?: FlowTestDoor;
  };
}
