/** Stored tests from the editor: `GET` and `POST /huiliu/flow-tests`, as platform/node-red/flow-tests.ts describes them. */
import type { Engine } from "../../domain/delivery/engine.ts";
import type { FlowTestRun } from "../../domain/flowtests/result.ts";
import { CHOICES_PERMISSION } from "./choices.ts";
import type { Red } from "./red.ts";

export const FLOW_TESTS_PATH = "/huiliu/flow-tests";
/** Whoever may deploy may play the tests that the deploy plays. */
export const FLOW_TESTS_PERMISSION = "flows.write";

/** What `settings.huiliuFlowTests` offers. */
export interface FlowTestDoor {
  stored(): Promise<object>;
  run(asked: { readonly flow?: string; readonly test?: string; readonly nodes?: readonly unknown[] }): Promise<FlowTestRun>;
}

const installed = new WeakSet<Engine>();

/** What was asked, or why it cannot be. */
function askedOf(body: unknown): Parameters<FlowTestDoor["run"]>[0] | undefined {
  const { flow, test, nodes } = (typeof body === "object" && body !== null ? body : {}) as Readonly<Record<string, unknown>>;
  const isText = (value: unknown): value is string | undefined => value === undefined || (typeof value === "string" && value.length <= 100);
  if (!isText(flow) || !isText(test) || !(nodes === undefined || Array.isArray(nodes))) return undefined;
  return {
    ...(flow === undefined ? {} : { flow }),
    ...(test === undefined ? {} : { test }),
    ...(nodes === undefined ? {} : { nodes }),
  };
}

/** Serves the routes, once per engine. Where the admin API is off, or no tests can be played, there is nothing to serve. */
export function installFlowTests(red: Red, engine: Engine): void {
  const door = red.settings.huiliuFlowTests;
  if (installed.has(engine) || red.httpAdmin === undefined || door === undefined) return;
  installed.add(engine);
  const failed = (response: Parameters<Parameters<NonNullable<Red["httpAdmin"]>["get"]>[2]>[1]) => (error: unknown) =>
    response.status(500).json({ code: "flow_tests_not_run", message: error instanceof Error ? error.message : String(error) });
  red.httpAdmin.get(FLOW_TESTS_PATH, red.auth.needsPermission(CHOICES_PERMISSION), (_request, response) => {
    door.stored().then((stored) => response.json(stored), failed(response));
  });
  red.httpAdmin.post(FLOW_TESTS_PATH, red.auth.needsPermission(FLOW_TESTS_PERMISSION), ({ body }, response) => {
    const asked = askedOf(body);
    if (asked === undefined)
      response.status(400).json({ code: "bad_request", message: "应为 {flow?, test?, nodes?} · expected {flow?, test?, nodes?}" });
    else door.run(asked).then((run) => response.json(run), failed(response));
  });
}
