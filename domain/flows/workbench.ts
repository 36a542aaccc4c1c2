/**
 * What the editor asks of the engine on behalf of an integrator (issue 4): what is wrong with a drawing, what a node would do with a stored message, how a flow
 * fares. Nothing here has an effect on a delivery, a partner or the store. Personal data is masked; a principal sees only partners that he may touch.
 */
import type { Principal } from "../access/rights.ts";
import type { Catalogue } from "../delivery/engine.ts";
import { draftOf } from "../flowtests/draft.ts";
import type { Operations } from "../operations/ports.ts";
import { type Answered, answered, refused } from "../operations/refusals.ts";
import type { FailureGroup } from "../operations/views-replay.ts";
import type { MessageRow } from "../operations/views.ts";
import { type DrawnNode, listOf, textOf } from "./drawing.ts";
import { checkFlows, type FlowProblem } from "./rules.ts";
import type { Minute, Traffic } from "./traffic.ts";
import type { Trial, TrialAsked } from "./trial.ts";
import type { TrialDeps } from "./trial-deps.ts";
import { tryNode } from "./trials.ts";

/** Messages offered for a trial at once. */
export const OFFERED_MAX = 20;
/** Failures told of a flow: groups, and newest parked messages. */
export const FAILURES_MAX = 10;
/** Feeding nodes of one flow that are asked about. */
const FEEDS_MAX = 20;

/** Who asks: what of the store he may see. */
export type Viewer = Pick<Principal, "partners">;
const sees = ({ partners }: Viewer, partner: string): boolean => partners === "*" || partners.includes(partner);

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
  /** What the node would do with the stored message (trials.ts). */
  try(who: Viewer, asked: TrialAsked): Promise<Answered<Trial>>;
  /** A stored test of the flow made of a stored message: masked, expecting what came of it. `why`: none can be made. */
  draft(who: Viewer, messageId: string): Promise<Answered<ReturnType<typeof draftOf>>>;
  /** `nodes`: the flow as it is deployed; `flow`: its folder. */
  flow(who: Viewer, flow: string, nodes: readonly DrawnNode[]): Promise<Answered<FlowNow>>;
  /** Where the console listens; "" while it does not. */
  console(): string;
}

export interface WorkbenchDeps extends TrialDeps {
  readonly catalogue: Catalogue;
  readonly profile: "development" | "production";
  readonly operations: Pick<Operations, "messages" | "message" | "failures">;
  readonly traffic: Traffic;
  readonly console: () => string;
}

/** Puts the workbench together. */
export function createWorkbench(deps: WorkbenchDeps): Workbench {
  return {
    check: (nodes) => checkFlows(nodes, deps.catalogue, deps.profile),
    messages: (who, filter) => offered(deps, who, filter),
    try: (who, asked) => tryNode(deps, (partner) => sees(who, partner), asked),
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
