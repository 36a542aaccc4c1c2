/** Stored tests from the editor: `GET` and `POST /huiliu/flow-tests`, as platform/node-red/flow-tests.ts describes them. */
import type { Engine } from "../../domain/delivery/engine.ts";
import type { FlowTestRun } from "../../domain/flowtests/result.ts";
import { type Answered, answered, errorBody, OPERATION_REFUSAL, refused } from "../../domain/operations/refusals.ts";
import { CHOICES_PERMISSION } from "./choices.ts";
import type { Asking, Red } from "./red.ts";

const FLOW_TESTS_PATH = "/huiliu/flow-tests";
/** Whoever may deploy may play the tests that the deploy plays. */
const FLOW_TESTS_PERMISSION = "flows.write";

/** What `settings.huiliuFlowTests` offers. */
export interface FlowTestDoor {
  stored(): Promise<object>;
  run(asked: { readonly flow?: string; readonly test?: string; readonly nodes?: readonly unknown[] }): Promise<FlowTestRun>;
  keep(asked: {
    readonly flow: string;
    readonly name: string;
    readonly document: object;
  }): Promise<{ readonly ok: true; readonly file: string } | { readonly ok: false; readonly why: "taken" | "unknown" | "name" }>;
}

const FROM_MESSAGE_PATH = `${FLOW_TESTS_PATH}/from-message`;
/** Why no test was made of a message. */
const NOT_MADE = {
  taken: { zh: "已有同名的测试，请换一个名字", en: "There is a test of this name: choose another one" },
  unknown: { zh: "此流程尚未部署，没有文件夹可存放测试", en: "The flow is not deployed yet: there is no folder to keep its tests in" },
  name: { zh: "名字只能用小写字母、数字与短横线", en: "A name has lower case letters, digits and hyphens only" },
  gone: { zh: "报文内容已过保存期", en: "The content of the message is past its retention" },
  "too-long": { zh: "报文过长，请手工编写测试", en: "The message is too long: write the test by hand" },
  unreadable: { zh: "报文不是可读的文本，请手工编写测试", en: "The message is no readable text: write the test by hand" },
} as const;
type NotMade = keyof typeof NOT_MADE;
type Made = Answered<{ readonly file: string } | { readonly why: NotMade }>;

/** A test of a stored message, written. */
async function makeTest(engine: Engine, door: FlowTestDoor, { body, user }: Asking): Promise<Made> {
  const { messageId, flow, name } = (typeof body === "object" && body !== null ? body : {}) as Readonly<Record<string, unknown>>;
  if (typeof messageId !== "string" || typeof flow !== "string" || typeof name !== "string") return refused("BAD_REQUEST");
  if (user === undefined || engine.workbench === undefined) return refused("UNAUTHORIZED");
  if (!user.rights.includes("deploy")) return refused("FORBIDDEN");
  const draft = await engine.workbench.draft(user, messageId);
  if (!draft.ok) return draft;
  if (!draft.value.ok) return answered({ why: draft.value.why });
  const kept = await door.keep({ flow, name, document: draft.value.test });
  return answered(kept.ok ? { file: kept.file } : { why: kept.why });
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
  red.httpAdmin.post(FROM_MESSAGE_PATH, red.auth.needsPermission(FLOW_TESTS_PERMISSION), (request, response) => {
    makeTest(engine, door, request).then((made) => {
      if (!made.ok) response.status(OPERATION_REFUSAL[made.code].http).json(errorBody(made));
      else if ("why" in made.value)
        response.status(422).json({ error: { code: "NOT_MADE", why: made.value.why, ...NOT_MADE[made.value.why] } });
      else response.json(made.value);
    }, failed(response));
  });
  red.httpAdmin.post(FLOW_TESTS_PATH, red.auth.needsPermission(FLOW_TESTS_PERMISSION), ({ body }, response) => {
    const asked = askedOf(body);
    if (asked === undefined)
      response.status(400).json({ code: "bad_request", message: "应为 {flow?, test?, nodes?} · expected {flow?, test?, nodes?}" });
    else door.run(asked).then((run) => response.json(run), failed(response));
  });
}
