/** Where somebody who asks stands, and what that lets him reach. The one rule that every route of the console is held against; what is not named is denied. */
import { type AccessRefusal, STAGE_REFUSAL } from "./refusals.ts";
import { mayDo, type Principal, type Right } from "./rights.ts";
import type { Stage } from "./views.ts";

/**
 * Steps of signing in and one's own affairs, which are no rights of a role:
 * - `anyone`: who has not signed in
 * - `session`: whoever has a session, whole or not (to end it)
 * - `factor`, `password`, `enrol`: the step that a session lacks; the last two are open to a whole session, too
 * - `self`: whoever has signed in, about himself
 */
const STEPS = ["anyone", "session", "factor", "password", "enrol", "self"] as const;
export type Step = (typeof STEPS)[number];
/** What a route asks of who calls it. */
export type Need = Right | Step;

export type Standing =
  /** No session, or one that has ended. */
  | { readonly kind: "nobody"; readonly setUpNeeded: boolean }
  | { readonly kind: "half"; readonly stage: Exclude<Stage, "full"> }
  | { readonly kind: "whole"; readonly who: Principal };

const isStep = (need: Need): need is Step => (STEPS as readonly string[]).includes(need);

/** Undefined: he may. Otherwise why not. */
export function denied(standing: Standing, need: Need | undefined): AccessRefusal | "UNAUTHORIZED" | "FORBIDDEN" | undefined {
  if (need === "anyone") return undefined;
  if (standing.kind === "nobody") return standing.setUpNeeded ? "SETUP_REQUIRED" : "UNAUTHORIZED";
  if (standing.kind === "half") return need === "session" || need === standing.stage ? undefined : STAGE_REFUSAL[standing.stage];
  if (need === undefined) return "FORBIDDEN";
  if (need === "factor") return "FORBIDDEN";
  return isStep(need) || mayDo(standing.who, need) ? undefined : "FORBIDDEN";
}
