/**
 * The editor's questions to the engine (domain/flows/workbench.ts) as routes of Node-RED's admin API. Each needs a sign-in and a right; what the node's dialog
 * holds is tried as it is, deployed or not.
 */
import type { Right } from "../../domain/access/rights.ts";
import type { Engine } from "../../domain/delivery/engine.ts";
import { type DrawnNode, FEEDERS } from "../../domain/flows/drawing.ts";
import type { TrialAsked, TypedReply } from "../../domain/flows/trial.ts";
import type { Viewer, Workbench } from "../../domain/flows/workbench.ts";
import { type Answered, answered, errorBody, OPERATION_REFUSAL, type OperationRefused, refused } from "../../domain/operations/refusals.ts";
import { CHOICES_PERMISSION } from "./choices.ts";
import type { Answering, Asking, Red } from "./red.ts";

const CHECKS_PATH = "/huiliu/flow-checks";
const MESSAGES_PATH = "/huiliu/messages";
const TRIALS_PATH = "/huiliu/trials";
const FLOW_PATH = "/huiliu/flows/:tab";
const ME_PATH = "/huiliu/me";
/** Node-RED's own permission to open the editor's flows: who has it may see what is wrong with them. */
const EDITOR_PERMISSION = "flows.read";

/** Nodes looked at in one check: a canvas beyond that is no canvas. */
const NODES_MAX = 20_000;
/** Longest search text. */
const KEY_MAX = 200;
const NAME = /^[a-z*][a-z0-9-]{0,63}$/;
/** A reply that is typed in for a trial: its text, its other texts, its status. */
const REPLY_CHARS_MAX = 65_536;
const REPLY_TEXT_MAX = 200;
const STATUS = { least: 100, most: 599, usual: 200 };
/** Who may try a node: whoever writes mappings or flows. */
const TRIAL_RIGHTS: readonly Right[] = ["mapping", "deploy"];

const installed = new WeakSet<Engine>();

/** Serves the workbench, once per engine. Where the admin API is off, and where the engine has none, there is nothing to serve. */
export function installWorkbench(red: Red, engine: Engine): void {
  const { httpAdmin } = red;
  if (installed.has(engine) || httpAdmin === undefined) return;
  installed.add(engine);
  const may = red.auth.needsPermission(CHOICES_PERMISSION);
  const mayEdit = red.auth.needsPermission(EDITOR_PERMISSION);

  httpAdmin.post(CHECKS_PATH, mayEdit, (request, response) => {
    const nodes = nodesOf((request.body as { readonly flows?: unknown } | undefined)?.flows);
    if (nodes === undefined) send(response, refused("BAD_REQUEST"));
    else response.json({ problems: engine.workbench?.check(nodes) ?? [] });
  });
  httpAdmin.get(ME_PATH, mayEdit, ({ user }, response) => response.json({ name: user?.username ?? "", rights: user?.rights ?? [] }));
  httpAdmin.get(MESSAGES_PATH, may, (request, response) => {
    answer(red, engine, { request, response }, TRIAL_RIGHTS, (bench, who) => {
      const { key, partner, kinds } = queryOf(request);
      return bench.messages(who, { ...(key === undefined ? {} : { key }), ...(partner === undefined ? {} : { partner }), kinds });
    });
  });
  httpAdmin.post(TRIALS_PATH, may, (request, response) => {
    answer(red, engine, { request, response }, TRIAL_RIGHTS, async (bench, who) => {
      const asked = trialOf(request.body);
      return asked === undefined ? refused("BAD_REQUEST") : bench.try(who, asked);
    });
  });
  httpAdmin.get(FLOW_PATH, may, (request, response) => {
    answer(red, engine, { request, response }, ["look"], async (bench, who) => {
      const tab = request.params.tab ?? "";
      const nodes = deployedOf(red, tab);
      const now = await bench.flow(who, red.settings.huiliuFolderOf?.(tab) ?? tab, nodes);
      if (!now.ok) return now;
      const deployed = nodes.some((node) => FEEDERS.has(node.type));
      return answered({ ...now.value, deployed, folder: red.settings.huiliuFolderOf?.(tab), console: bench.console() });
    });
  });
}

interface Exchange {
  readonly request: Asking;
  readonly response: Answering;
}

/** Asks for a principal who has one of the rights, and answers what `ask` gives. What escapes is told as an internal error and logged. */
function answer(
  red: Red,
  engine: Engine,
  { request, response }: Exchange,
  rights: readonly Right[],
  ask: (bench: Workbench, who: Viewer) => Promise<Answered<unknown>>,
): void {
  const asking = async (): Promise<Answered<unknown>> => {
    const who = request.user;
    if (who === undefined) return refused("UNAUTHORIZED");
    if (!rights.some((right) => who.rights.includes(right))) return refused("FORBIDDEN");
    return engine.workbench === undefined ? refused("NOT_FOUND") : ask(engine.workbench, who);
  };
  asking().then(
    (answered) => {
      if (answered.ok) response.json(answered.value);
      else send(response, answered);
    },
    (error: unknown) => {
      red.log.error(`汇流编辑器请求失败 (a request of the editor failed): ${error instanceof Error ? error.stack : String(error)}`);
      send(response, refused("INTERNAL"));
    },
  );
}

function send(response: Answering, refusal: OperationRefused): void {
  response.status(OPERATION_REFUSAL[refusal.code].http).json(errorBody(refusal));
}

/** The nodes of a drawing as the editor sends them; undefined when it is none. */
function nodesOf(given: unknown): readonly DrawnNode[] | undefined {
  if (!Array.isArray(given) || given.length > NODES_MAX) return undefined;
  return given.filter(
    (node): node is DrawnNode => typeof node === "object" && node !== null && typeof node.id === "string" && typeof node.type === "string",
  );
}

/** The nodes of a tab as they were deployed. */
function deployedOf(red: Red, tab: string): readonly DrawnNode[] {
  const nodes: DrawnNode[] = [];
  red.nodes.eachNode((raw) => {
    if (raw.z === tab && raw.d !== true) nodes.push(raw as unknown as DrawnNode);
  });
  return nodes;
}

/** `key` alone, or a partner and its kinds; what is no name is left out. */
function queryOf(request: Asking): { readonly key?: string; readonly partner?: string; readonly kinds: readonly string[] } {
  const text = (name: string): string => {
    const value = request.query[name];
    return typeof value === "string" ? value.trim().slice(0, KEY_MAX) : "";
  };
  const [key, partner] = [text("key"), text("partner")];
  const kinds = text("kinds")
    .split(",")
    .filter((kind) => kind !== "*" && NAME.test(kind));
  return { ...(key === "" ? {} : { key }), ...(NAME.test(partner) && partner !== "*" ? { partner } : {}), kinds };
}

function trialOf(body: unknown): TrialAsked | undefined {
  const { messageId, type, config, mapping, example, reply, value } = (body ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof messageId !== "string" || typeof type !== "string" || typeof config !== "object" || config === null) return undefined;
  const typed = reply === undefined ? undefined : replyOf(reply);
  if (reply !== undefined && typed === undefined) return undefined;
  const given = (name: "mapping" | "example" | "value", text: unknown): object =>
    typeof text === "string" && text.trim() !== "" ? { [name]: text.trim().slice(0, KEY_MAX) } : {};
  return {
    messageId,
    type,
    config: config as TrialAsked["config"],
    ...given("mapping", mapping),
    ...given("example", example),
    ...given("value", value),
    ...(typed === undefined ? {} : { reply: typed }),
  };
}

/** A typed reply within its limits; undefined when it is none. */
function replyOf(given: unknown): TypedReply | undefined {
  const { text, status = STATUS.usual, contentType, returnValue } = (given ?? {}) as Readonly<Record<string, unknown>>;
  const isShort = (one: unknown): boolean => one === undefined || (typeof one === "string" && one.length <= REPLY_TEXT_MAX);
  if (typeof text !== "string" || text.length > REPLY_CHARS_MAX || !isShort(contentType) || !isShort(returnValue)) return undefined;
  if (typeof status !== "number" || !Number.isInteger(status) || status < STATUS.least || status > STATUS.most) return undefined;
  return {
    text,
    status,
    ...(typeof contentType === "string" && contentType !== "" ? { contentType } : {}),
    ...(typeof returnValue === "string" && returnValue !== "" ? { returnValue } : {}),
  };
}
