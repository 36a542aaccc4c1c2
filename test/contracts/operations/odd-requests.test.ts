/** Every route of the operators' API with odd but well-formed values, one at a time: each is answered by a code of ours, none by "internal", none late. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Console, createConsole } from "../../../console/console.ts";
import { API, ID, type Route, TIME } from "../../../console/route.ts";
import { ROUTES } from "../../../console/routes.ts";
import { createMetrics } from "../../../platform/metrics.ts";
import { OPERATION_REFUSAL } from "../../../domain/operations/refusals.ts";
import { APPROVAL_DEFAULT } from "../../../domain/replay/job.ts";
import { operationsWorld, parkedMessage, parkedWriteBack, type World } from "./world.ts";

const TOKEN = "operator_test";
/** A question that any index or rule answers; the machine is shared. */
const LATE_MS = 30_000;
const TIMES = [
  "0000-01-01",
  "0001-01-01T00:00:00Z",
  "9999-12-31",
  "9999-12-31T23:59:59.999-23:59",
  "1970-01-01",
  "2026-02-31",
  "2026-13-01",
];
const TEXTS = [
  "x",
  "'; drop table write_back --",
  "%",
  "𠮷\u200b",
  "\u202e",
  "../..",
  "a,b",
  ",",
  "{}",
  "__proto__",
  "constructor",
  "queue x",
];

let world: World;
let console: Console;
let logged: unknown[] = [];
let parked = "";

before(async () => {
  world = await operationsWorld({ replay: { approval: APPROVAL_DEFAULT, editAndReplay: true } });
  const metrics = createMetrics();
  const silent = (): void => undefined;
  const log = { debug: silent, info: silent, warn: silent, error: (fields: object) => void logged.push(fields) };
  const auth = { token: TOKEN };
  console = createConsole({ operations: world.operations, auth, readiness: async () => [], metrics, log, host: "127.0.0.1", port: 0 });
  parked = await parkedWriteBack(world, "ODD");
});
after(async () => {
  await console.close();
  await world.close();
});

interface Schema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean;
}

const unique = <T>(values: readonly T[]): T[] => [...new Map(values.map((one) => [JSON.stringify(one), one])).values()];

/** Values that the schema allows, the plain one first. */
function valuesOf(name: string, schema: Schema): unknown[] {
  if (schema.enum !== undefined) return [...schema.enum];
  if (schema.type === "boolean") return [false, true];
  if (schema.type === "integer" || schema.type === "number")
    return unique([schema.minimum ?? 0, schema.maximum ?? Number.MAX_SAFE_INTEGER]);
  if (schema.type === "array") {
    const of = valuesOf(name, schema.items ?? {});
    const most = schema.maxItems ?? of.length;
    return [of.slice(0, Math.max(1, schema.minItems ?? 1)), of.slice(0, most)];
  }
  if (schema.type === "object") return schema.properties === undefined ? [{}, { url: 1 }, { __proto__: null, a: [] }] : requestsOf(schema);
  const { pattern, maxLength = 200, minLength = 0 } = schema;
  if (pattern === ID) return [parked, "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"];
  if (pattern === TIME) return ["2026-11-20", ...TIMES];
  const known = [
    "his",
    "王工",
    "2026-11-20",
    "02:30",
    "1",
    "0",
    "9".repeat(18),
    "f".repeat(64),
    "payment.settled",
    "#",
    "1.f",
    "0007",
    `${parked}.1`,
    `ffffffff-ffff-ffff-ffff-ffffffffffff.${"9".repeat(18)}`,
    ...TEXTS,
  ];
  return unique([...known, "长".repeat(maxLength)]).filter(
    (one) => one.length >= minLength && one.length <= maxLength && (pattern === undefined || new RegExp(pattern, "u").test(one)),
  );
}

/** A request with all members plain, one with those required only, and one for each odd value of each member. */
function requestsOf(schema: Schema): Record<string, unknown>[] {
  const members = Object.entries(schema.properties ?? {}).map(([name, one]) => ({ name, values: valuesOf(name, one) }));
  for (const { name, values } of members) assert.ok(values.length > 0, `no value is known for ${name}`);
  const all = Object.fromEntries(members.map(({ name, values }) => [name, values[0]]));
  const least = Object.fromEntries(
    Object.entries(all).filter(([name]) => schema.required?.includes(name) || name === "by" || name === "reason"),
  );
  const odd = members.flatMap(({ name, values }) => values.map((value) => ({ ...least, [name]: value })));
  return [all, least, ...odd];
}

interface Request {
  readonly url: string;
  readonly payload?: object;
}

function requestsTo(route: Route): Request[] {
  const paths = requestsOf((route.params ?? {}) as Schema);
  const queries = route.query === undefined ? [{}] : requestsOf(route.query as Schema);
  const bodies = route.body === undefined ? [undefined] : requestsOf(route.body as Schema);
  const path = (params: Record<string, unknown> = {}): string =>
    `${API}${route.path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(String(params[name] ?? "x")))}`;
  const withQuery = (query: Record<string, unknown>): string => new URLSearchParams(query as Record<string, string>).toString();
  const [plainBody] = bodies;
  return [
    ...paths.map((one) => ({ url: path(one), ...(plainBody ? { payload: plainBody } : {}) })),
    ...queries.map((one) => ({ url: `${path(paths[0])}?${withQuery(one)}`, ...(plainBody ? { payload: plainBody } : {}) })),
    ...bodies.flatMap((one) => (one ? [{ url: path(paths[0]), payload: one }] : [])),
  ];
}

test("a person's reason that begins like a list is a reason", async () => {
  for (const reason of ["[urgent] HIS asks for it", "[1, 2]", '["a"', "[]"]) {
    const id = await parkedMessage(world);
    const headers = { host: "127.0.0.1:1", authorization: `Bearer ${TOKEN}` };
    const url = `${API}/messages/${id}`;
    const done = await console.app.inject({ method: "POST", url: `${url}/resolve`, headers, payload: { by: "王工", reason } });
    const shown = await console.app.inject({ method: "GET", url, headers });
    assert.deepEqual([done.statusCode, shown.statusCode], [200, 200], reason);
  }
});

for (const route of ROUTES) {
  test(`${route.method} ${route.path}: odd values are answered`, async () => {
    const requests = requestsTo(route);
    for (const { url, payload } of requests) {
      logged = [];
      const began = performance.now();
      const response = await console.app.inject({
        method: route.method,
        url,
        headers: { host: "127.0.0.1:1", authorization: `Bearer ${TOKEN}`, ...(payload ? { "content-type": "application/json" } : {}) },
        ...(payload ? { payload } : {}),
      });
      const took = performance.now() - began;
      const asked = `${route.method} ${url.slice(0, 300)} ${JSON.stringify(payload ?? {}).slice(0, 300)}`;
      // Nothing seals an audit here, and what needs the sealed chain says so.
      const sealed = route.path !== "/audit/verification" && !route.path.startsWith("/audit/accept-restore");
      assert.ok(
        response.statusCode < 500 || (!sealed && response.json().error.code === "AUDIT_DOWN"),
        `${asked}: ${response.statusCode} ${response.body} ${String((logged[0] as { err?: unknown })?.err)}`,
      );
      assert.ok(took < LATE_MS, `${asked}: ${took} ms`);
      if (response.statusCode < 400) continue;
      const { error } = response.json() as { error: { code: string; zh: string; en: string; next: { zh: string; en: string } } };
      assert.ok(error.code in OPERATION_REFUSAL, asked);
      for (const words of [error.zh, error.en, error.next.zh, error.next.en]) assert.ok(words.length > 0, asked);
    }
    assert.ok(requests.length > 0);
  });
}
