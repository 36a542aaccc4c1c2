/** The operators' API over a real database: every answer is what OpenAPI says of it, every route is closed to strangers. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ajv } from "ajv";
import { type Console, createConsole } from "../../../console/console.ts";
import { openApi } from "../../../console/openapi.ts";
import { API } from "../../../console/route.ts";
import { ROUTES } from "../../../console/routes.ts";
import type { Missing } from "../../../domain/operations/ports.ts";
import { createMetrics } from "../../../platform/metrics.ts";
import { DAY, operationsWorld, PARKED, parkReason, type World } from "./world.ts";

const TOKEN = "operator_test";
let world: World;
let console: Console;
let missing: readonly Missing[] = [];
const ids: Record<string, string> = {};

before(async () => {
  world = await operationsWorld();
  const metrics = createMetrics();
  metrics.sampleFrom(world.operations.sample);
  const silent = (): void => undefined;
  const log = { debug: silent, info: silent, warn: silent, error: silent };
  const readiness = async () => missing;
  console = createConsole({ operations: world.operations, auth: { token: TOKEN }, readiness, metrics, log, host: "127.0.0.1", port: 0 });
  const paid = await world.pay("C-1");
  ids.message = paid.messageId;
  ids.writeBack = paid.writeBackId;
  const [claim] = await world.claim("his");
  assert.ok(claim);
  await world.finish(claim, {
    outcome: "rejected",
    step: "park",
    park: PARKED,
    reply: Buffer.from("<no/>"),
    code: "1",
    text: "张三 13800138000",
  });
  const message = await world.receive();
  await world.end(message, { park: parkReason() });
  ids.parked = message.id;
  world.translation = { mapping: "jkt/pay-order", result: { ok: true, events: [paid.event], keys: [] } };
});
after(async () => {
  await console.close();
  await world.close();
});

interface Asked {
  readonly token?: string;
  readonly host?: string;
  readonly body?: object | string;
  readonly type?: string;
}
async function ask(
  method: "GET" | "POST",
  url: string,
  { token = TOKEN, host = "127.0.0.1:1", body, type = "application/json" }: Asked = {},
) {
  const response = await console.app.inject({
    method,
    url,
    headers: {
      host,
      ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": type }),
    },
    ...(body === undefined ? {} : { payload: body }),
  });
  return {
    status: response.statusCode,
    body: response.json() as Record<string, never> & { error?: { code: string } },
    headers: response.headers,
  };
}
const deed = { by: "王工", reason: "测试" };

describe("strangers", () => {
  // Who has not signed in reaches sign-in alone: test/contracts/access and test/attacks.
  for (const route of ROUTES.filter(({ right }) => right !== "anyone")) {
    const url = `${API}${route.path.replace(":id", "018f0000-0000-7000-8000-000000000000").replace(/:\w+/g, "x")}`;
    for (const [what, token] of [
      ["no token", ""],
      ["a wrong token", "operator_tesu"],
    ] as const) {
      test(`${route.method} ${route.path}: ${what} is 401`, async () => {
        const answer = await ask(route.method, url, { token });
        assert.deepEqual([answer.status, answer.body.error?.code], [401, "UNAUTHORIZED"]);
        assert.match(String(answer.headers["www-authenticate"]), /Bearer/);
      });
    }
  }
  for (const [what, address] of [
    ["an escaped letter", "/%61pi/v1/messages"],
    ["the version escaped", "/api/%76%31/status"],
    ["a query", "/%61pi/v1/messages?limit=1"],
    ["a whole address", "http://127.0.0.1/api/v1/messages"],
  ] as const) {
    test(`the token is asked for whatever way the address is written: ${what}`, async () => {
      assert.equal((await ask("GET", address, { token: "" })).status, 401);
    });
  }

  test("an unknown address is 401 without a token and 404 with it", async () => {
    assert.equal((await ask("GET", `${API}/nothing`, { token: "" })).status, 401);
    const answer = await ask("GET", `${API}/nothing`);
    assert.deepEqual([answer.status, answer.body.error?.code], [404, "NOT_FOUND"]);
    assert.equal((await ask("POST", `${API}/status`)).status, 404);
  });
  for (const host of ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "0.0.0.0", "[::2]:1"]) {
    test(`a request for host “${host}” is refused (DNS rebinding)`, async () => {
      for (const url of [`${API}/status`, "/healthz", "/metrics"]) assert.equal((await ask("GET", url, { host })).status, 421, url);
    });
  }
  for (const host of ["localhost:8080", "127.0.0.1", "[::1]:1", "LOCALHOST"]) {
    test(`host ${host} is this machine`, async () => assert.equal((await ask("GET", "/healthz", { host })).status, 200));
  }
  test("other addresses than loopback are refused at once", () => {
    const deps = { operations: world.operations, auth: { token: TOKEN }, readiness: async () => [], port: 0 };
    const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
    assert.throws(() => createConsole({ ...deps, metrics: createMetrics(), log, host: "0.0.0.0" }), /loopback/);
    assert.throws(() => createConsole({ ...deps, auth: { token: "" }, metrics: createMetrics(), log, host: "127.0.0.1" }), /token/);
  });
});

describe("answers", () => {
  const ajv = new Ajv({ strict: false, allErrors: true });
  const path = (text: string): string =>
    text
      .replace("{message}", ids.message ?? "")
      .replace("{parked}", ids.parked ?? "")
      .replace("{writeBack}", ids.writeBack ?? "");
  const asked: readonly (readonly [id: string, method: "GET" | "POST", url: string, body?: object])[] = [
    ["listMessages", "GET", "/messages"],
    ["listMessages", "GET", `/messages?key=C-1,C-2&kind=pay-order&partner=jkt&state=settled&from=2020-01-01&to=2999-12-31&limit=1`],
    ["getMessage", "GET", "/messages/{message}"],
    ["getMessage", "GET", "/messages/{parked}"],
    ["getMessage", "GET", "/messages/{message}?unmask=true&by=王工&reason=核对金额"],
    ["listMessages", "GET", "/messages?flow=payment-confirm"],
    ["getMessageTrace", "GET", "/messages/{message}/trace"],
    ["getMessageTrace", "GET", "/messages/{parked}/trace"],
    ["getMessageRaw", "GET", "/messages/{message}/raw?part=request&from=2&length=16"],
    ["getMessageRaw", "GET", "/messages/{message}/raw?unmask=true&by=王工&reason=核对金额"],
    ["exportMessages", "POST", "/exports", { ...deed, key: "C-1", language: "en", reason: "核对金额" }],
    ["listEvents", "GET", `/events?messageId={message}&businessDate=${DAY}`],
    ["listEvents", "GET", "/events?key=C-1&type=payment.settled&partner=jkt"],
    ["listWriteBacks", "GET", "/write-backs?state=parked&destination=his"],
    ["getWriteBack", "GET", "/write-backs/{writeBack}"],
    ["listParkedEventDeliveries", "GET", "/event-deliveries"],
    ["listDestinations", "GET", "/destinations"],
    ["getTotals", "GET", `/totals?businessDate=${DAY}&partner=his`],
    ["getTotals", "GET", "/totals"],
    ["listPartners", "GET", "/partners"],
    ["getPartner", "GET", "/partners/his"],
    ["getStatus", "GET", "/status"],
    ["replayMessage", "POST", "/messages/{message}/replay", { preview: true }],
    ["replayMessage", "POST", "/messages/{parked}/replay", deed],
    ["replayWriteBack", "POST", "/write-backs/{writeBack}/replay", deed],
    ["resolveWriteBack", "POST", "/write-backs/{writeBack}/resolve", { ...deed, decision: "done-by-hand", hisReceiptNo: "H1" }],
    ["getWriteBack", "GET", "/write-backs/{writeBack}"],
    ["pausePartner", "POST", "/partners/his/pause", deed],
    ["resumePartner", "POST", "/partners/his/resume", deed],
    ["pauseDestination", "POST", "/destinations/his/pause", deed],
    ["drainDestination", "POST", "/destinations/his/drain", { ...deed, minutes: 5 }],
    ["listDestinations", "GET", "/destinations"],
    ["resumeDestination", "POST", "/destinations/his/resume", deed],
    ["listAudit", "GET", "/audit?limit=3&targetKind=message"],
  ];
  for (const [id, method, url, body] of asked) {
    test(`${method} ${url} is what its schema says`, async () => {
      const route = ROUTES.find((one) => one.id === id);
      assert.ok(route);
      const answer = await ask(method, `${API}${encodeURI(path(url))}`, body === undefined ? {} : { body });
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      const accepts = ajv.compile(JSON.parse(JSON.stringify(route.answer)));
      assert.ok(accepts(answer.body), JSON.stringify(accepts.errors));
      if (!url.includes("unmask")) assert.doesNotMatch(JSON.stringify(answer.body), /张三|李四光|13800138000/, "personal data is masked");
      if (method === "GET" && "items" in answer.body && !["listParkedEventDeliveries"].includes(id))
        assert.ok((answer.body.items as unknown[]).length > 0);
    });
  }

  const wrong: readonly (readonly [
    what: string,
    method: "GET" | "POST",
    url: string,
    body: object | string | undefined,
    status: number,
    code: string,
  ])[] = [
    ["an unknown parameter", "GET", "/messages?colour=red", undefined, 400, "BAD_REQUEST"],
    ["a parameter twice", "GET", "/messages?state=parked&state=settled", undefined, 400, "BAD_REQUEST"],
    ["a state nobody has", "GET", "/messages?state=lost", undefined, 400, "BAD_REQUEST"],
    ["too many rows", "GET", "/messages?limit=501", undefined, 400, "BAD_REQUEST"],
    ["an empty list of keys", "GET", "/messages?key=,", undefined, 400, "BAD_REQUEST"],
    ["a cursor that is none", "GET", "/messages?after=x", undefined, 400, "BAD_REQUEST"],
    ["an impossible day", "GET", "/totals?businessDate=2026-02-30", undefined, 400, "BAD_REQUEST"],
    ["an impossible moment", "GET", "/messages?from=2026-02-30T25:00", undefined, 400, "BAD_REQUEST"],
    ["unmasking many at once", "GET", "/events?unmask=true&by=a&reason=because", undefined, 400, "BAD_REQUEST"],
    ["unmasking without a reason", "GET", "/messages/{message}?unmask=true&by=a", undefined, 422, "REASON_REQUIRED"],
    ["an id that is none", "GET", "/messages/1", undefined, 400, "BAD_REQUEST"],
    ["an id nobody has", "GET", "/write-backs/018f0000-0000-7000-8000-000000000000", undefined, 404, "UNKNOWN_WRITE_BACK"],
    ["a partner nobody knows", "GET", "/partners/nobody", undefined, 404, "UNKNOWN_PARTNER"],
    ["NUL in a name", "GET", "/messages?partner=%E5%8C%BB%00", undefined, 400, "BAD_REQUEST"],
    ["NUL in a key", "GET", "/messages?key=%00", undefined, 400, "BAD_REQUEST"],
    ["NUL in an event's id", "POST", "/event-deliveries/x/%00/replay", deed, 400, "BAD_REQUEST"],
    ["a cursor beyond every number", "GET", "/events?after={message}.9999999999999999999", undefined, 400, "BAD_REQUEST"],
    ["NUL in a reason", "POST", "/messages/{message}/replay", { by: "a", reason: "be\0cause" }, 400, "BAD_REQUEST"],
    ["a terminal's code in a reason", "POST", "/messages/{message}/replay", { by: "a", reason: "be\u001b[2Jcause" }, 400, "BAD_REQUEST"],
    ["half a pair in a reason", "POST", "/messages/{message}/replay", { by: "a", reason: "be\ud800cause" }, 400, "BAD_REQUEST"],
    ["no body", "POST", "/messages/{message}/replay", undefined, 400, "BAD_REQUEST"],
    ["no JSON", "POST", "/messages/{message}/replay", "{", 400, "BAD_REQUEST"],
    ["an unknown member", "POST", "/messages/{message}/replay", { ...deed, force: true }, 400, "BAD_REQUEST"],
    ["a reason that is no text", "POST", "/messages/{message}/replay", { by: "a", reason: 1 }, 400, "BAD_REQUEST"],
    ["no reason", "POST", "/messages/{message}/replay", { by: "a" }, 422, "REASON_REQUIRED"],
    ["no person", "POST", "/messages/{message}/replay", { reason: "because" }, 422, "BY_REQUIRED"],
    ["no decision", "POST", "/write-backs/{writeBack}/resolve", deed, 400, "BAD_REQUEST"],
    ["closing what is settled", "POST", "/messages/{message}/resolve", deed, 409, "MESSAGE_NOT_PARKED"],
    ["too large", "POST", "/messages/{message}/replay", { reason: "x".repeat(70_000) }, 413, "TOO_LARGE"],
  ];
  for (const [what, method, url, body, status, code] of wrong) {
    test(`${what} is ${status} ${code}`, async () => {
      const answer = await ask(method, `${API}${path(url)}`, body === undefined ? {} : { body });
      assert.deepEqual([answer.status, answer.body.error?.code], [status, code], JSON.stringify(answer.body));
      const { zh, en, next } = answer.body.error as unknown as { zh: string; en: string; next: { zh: string; en: string } };
      for (const text of [zh, en, next.zh, next.en]) assert.ok(text.length > 0);
    });
  }
  test("another content type is refused", async () => {
    const answer = await ask("POST", `${API}/messages/${ids.message}/replay`, { body: "reason=x", type: "text/plain" });
    assert.deepEqual([answer.status, answer.body.error?.code], [400, "BAD_REQUEST"]);
  });
  test("a stale state is told with the present one", async () => {
    const answer = await ask("POST", `${API}/write-backs/${ids.writeBack}/replay`, { body: deed });
    assert.equal(answer.status, 409);
    assert.equal((answer.body.error as unknown as { state: string }).state, "resolved");
  });
});

describe("machines", () => {
  test("/healthz needs no token", async () => assert.deepEqual((await ask("GET", "/healthz", { token: "" })).body, { ok: true }));
  test("/readyz says what is missing", async () => {
    assert.equal((await ask("GET", "/readyz", { token: "" })).status, 200);
    missing = [{ what: "journal", zh: "数据库不可用", en: "the database is not available" }];
    const answer = await ask("GET", "/readyz", { token: "" });
    missing = [];
    assert.equal(answer.status, 503);
    assert.equal((answer.body.missing as unknown as readonly Missing[])[0]?.what, "journal");
  });
  test("/metrics carries the backlog and no ids", async () => {
    const response = await console.app.inject({ method: "GET", url: "/metrics", headers: { host: "localhost" } });
    assert.equal(response.statusCode, 200);
    for (const name of [
      "huiliu_messages",
      "huiliu_write_backs",
      "huiliu_outbox_events",
      "huiliu_service_up",
      "nodejs_eventloop_lag_seconds",
    ]) {
      assert.match(response.payload, new RegExp(`^${name}[{ ]`, "m"), name);
    }
    assert.match(response.payload, /huiliu_service_up\{service="redis"\} 0/);
    assert.match(response.payload, /huiliu_console_request_seconds_count\{route="\/api\/v1\/messages\/:id"/);
    assert.doesNotMatch(response.payload, new RegExp(ids.message ?? ""));
  });
});

test("the door listens on loopback and says where", async () => {
  const url = await console.listen();
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.equal(console.url, url);
  const response = await fetch(`${url}${API}/status`, { headers: { authorization: `Bearer ${TOKEN}` } });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("cache-control"), "no-store");
});

test("OpenAPI lists every route of the server, and the server no other", () => {
  const document = openApi() as { readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly operationId: string }>>>> };
  const listed = Object.entries(document.paths)
    .flatMap(([url, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${url}`))
    .filter((one) => /^(GET|POST) /.test(one));
  const served = [...console.app.printRoutes({ commonPrefix: false, includeHooks: false }).matchAll(/\((.+?)\)/g)];
  assert.ok(served.length > 0);
  const routes = ROUTES.map((route) => `${route.method} ${API}${route.path.replace(/:(\w+)/g, "{$1}")}`);
  const machines = ["GET /healthz", "GET /readyz", "GET /metrics"];
  assert.deepEqual([...listed].sort(), [...routes, ...machines, "POST /partners/{partner}/messages/{message}"].sort());
  for (const one of [...routes, ...machines]) {
    const [method = "", url = ""] = one.split(" ");
    assert.ok(console.app.hasRoute({ method: method as "GET", url: url.replace(/\{(\w+)\}/g, ":$1") }), one);
  }
  const names = Object.values(document.paths).flatMap((methods) => Object.values(methods).flatMap((one) => one.operationId ?? []));
  assert.equal(new Set(names).size, names.length, "operation ids are unique");
  assert.equal(names.length, routes.length + machines.length + 1);
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map((match) => match[1] ?? "");
  assert.ok(references.length > routes.length);
  for (const reference of references) {
    const at = (node: unknown, step: string): unknown => (node as Readonly<Record<string, unknown>> | undefined)?.[step];
    assert.ok(reference.split("/").reduce(at, document as unknown), reference);
  }
});
