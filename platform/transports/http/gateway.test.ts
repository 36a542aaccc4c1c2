import assert from "node:assert/strict";
import { connect } from "node:net";
import { afterEach, test } from "node:test";
import type { DoorPolicy, Intake, Verdict } from "../../../domain/journal/intake.ts";
import { type Inbound, type Journaled, JournalBusy, type JournaledMessage, JournalGone } from "../../../domain/journal/ports.ts";
import type { Log } from "../../../domain/log.ts";
import type { RateAnswer } from "../../../domain/partners/rates.ts";
import { createGateway, type Dialect, type Gateway } from "./gateway.ts";

const none = (): void => undefined;
const log: Log = { debug: none, info: none, warn: none, error: none };
const policies = new Map<string, DoorPolicy>(
  ["his", "jkt"].map((partner) => [
    partner,
    {
      partner,
      vendor: partner,
      bytesMax: 100,
      perSecond: 10,
      charset: "utf-8",
      kinds: new Set(["charge", "settle", "charge-answer"]),
      acknowledgements: new Set(["charge-answer"]),
      exchanges: new Set(["settle"]),
    },
  ]),
);
const keys = new Map([
  ["his", "his-key"],
  ["jkt", "jkt-key"],
  ["ghost", "ghost-key"], // a key of a partner that was removed
]);

let gateway: Gateway;
let taken: Inbound[];
let answer: (inbound: Inbound) => Journaled;
let rate: RateAnswer;
let waited: number[];

const accepted = (id: string): Journaled => ({ kind: "accepted", message: { id } as JournaledMessage });
const intake: Intake = {
  policy: (partner) => policies.get(partner),
  partners: () => [...policies.values()],
  async accept(inbound) {
    const journaled = answer(inbound);
    taken.push(inbound);
    return journaled;
  },
  async verdict(journaled, withinMs): Promise<Verdict> {
    waited.push(withinMs);
    const messageId = journaled.kind === "accepted" ? journaled.message.id : journaled.messageId;
    return journaled.kind === "parked" ? { verdict: "refused", messageId, reason: journaled.reason } : { verdict: "accepted", messageId };
  },
};
function make(dialect?: Dialect): Gateway {
  taken = [];
  waited = [];
  rate = { ok: true };
  answer = (inbound) => (inbound.refusal === undefined ? accepted("m1") : { kind: "parked", messageId: "p1", reason: inbound.refusal });
  gateway = createGateway({
    host: "127.0.0.1",
    port: 0,
    intake,
    keys,
    rates: { take: async () => rate },
    log,
    ...(dialect === undefined ? {} : { dialect }),
  });
  return gateway;
}
afterEach(() => gateway.stop(200));

const CHARGE = "/partners/his/messages/charge";
const post = (url: string, payload: string | Buffer = "<a/>", headers: Record<string, string> = {}) =>
  gateway.app.inject({ method: "POST", url, payload, headers: { authorization: "Bearer his-key", ...headers } });

test("C-1 a message is answered 202 after the journal took it, with everything its sender declared", async () => {
  make();
  const reply = await post(CHARGE, Buffer.from([0xd0, 0xd5]), {
    "content-type": "text/xml; charset=GBK",
    "idempotency-key": "k1",
    "x-window": "3",
    "x-api-key": "secret",
    "huiliu-internal": "1",
  });
  assert.equal(reply.statusCode, 202);
  assert.deepEqual(reply.json(), { messageId: "m1", state: "received" });
  const { headers, ...inbound } = taken[0] ?? assert.fail("nothing taken");
  assert.deepEqual(inbound, {
    door: "http",
    partner: "his",
    kind: "charge",
    identity: "k1",
    contentType: "text/xml; charset=GBK",
    charset: "gbk",
    raw: Buffer.from([0xd0, 0xd5]),
  });
  assert.equal(headers["x-window"], "3");
  assert.equal(
    Object.keys(headers).some((name) => /auth|key|huiliu|host|content/.test(name)),
    false,
  );
});

test("any content type is taken, none too, and an exchange as one JSON body", async () => {
  make();
  for (const type of ["application/json", "text/plain", "application/octet-stream", "x/y; charset=utf-8"]) {
    assert.equal((await post(CHARGE, "{", { "content-type": type })).statusCode, 202, type);
  }
  assert.equal(
    (await gateway.app.inject({ method: "POST", url: CHARGE, payload: Buffer.from("a"), headers: { "x-api-key": "his-key" } })).statusCode,
    202,
  );
  const exchange = JSON.stringify({ request: "入参", reply: "出参", return: "0" });
  assert.equal((await post("/partners/his/messages/settle", exchange, { "content-type": "application/json" })).statusCode, 202);
  assert.equal(Buffer.from(taken.at(-1)?.reply ?? []).toString(), "出参");
});

test("A28 the callback takes acknowledgements only, of the partner whose key it is, and nothing of it is thrown away", async () => {
  make();
  const callback = "/partners/his/acknowledgements/charge-answer";
  assert.equal((await post(callback, "{}")).statusCode, 202);
  assert.deepEqual([taken[0]?.kind, taken[0]?.refusal], ["charge-answer", undefined]);
  assert.equal((await post("/partners/his/messages/charge-answer", "{}")).statusCode, 202, "as a message it is the same");
  for (const kind of ["charge", "nothing", "__proto__"]) {
    const reply = await post(`/partners/his/acknowledgements/${kind}`, "{}");
    assert.equal(reply.statusCode, 422, kind);
    assert.equal(taken.at(-1)?.refusal?.code, "UNKNOWN_MESSAGE", "it is journaled, and parks");
  }
  assert.equal((await post(callback, "{}", { authorization: "Bearer jkt-key" })).statusCode, 401);
  assert.equal((await post(callback, "x".repeat(200))).statusCode, 413);
  rate = { ok: false, retryAfterMs: 1_500 };
  assert.equal((await post(callback, "{}")).statusCode, 429);
});

test("who does not prove himself learns nothing: the same 401 for a wrong key, no key, another's key and nobody of that name", async () => {
  make();
  const bodies = new Set<string>();
  for (const [url, headers] of [
    [CHARGE, { authorization: "Bearer wrong" }],
    [CHARGE, { authorization: "" }],
    [CHARGE, { authorization: "Basic aGlzOmhpcw==" }],
    [CHARGE, { authorization: "Bearer jkt-key" }],
    ["/partners/nobody/messages/charge", {}],
    ["/partners/nobody/messages/nothing", { authorization: "" }],
    ["/partners/__proto__/messages/charge", { authorization: "" }],
  ] as const) {
    const reply = await post(url, "x".repeat(200), headers);
    assert.equal(reply.statusCode, 401, url);
    bodies.add(reply.body);
  }
  assert.equal(bodies.size, 1);
  const reply = await post("/partners/ghost/messages/charge", "x", { authorization: "Bearer ghost-key" });
  assert.deepEqual([reply.statusCode, reply.json().error.code], [404, "UNKNOWN_PARTNER"]);
  assert.equal(taken.length, 0);
});

test("what is refused, how, and whether it was journaled", async () => {
  make();
  const cases: readonly (readonly [
    string,
    () => Promise<{ statusCode: number; json(): { error: { code: string } } }>,
    number,
    string,
    boolean,
  ])[] = [
    ["unknown kind", () => post("/partners/his/messages/nothing"), 422, "UNKNOWN_MESSAGE", true],
    ["incomplete exchange", () => post("/partners/his/messages/settle"), 422, "BAD_EXCHANGE", true],
    ["too large", () => post(CHARGE, "x".repeat(101)), 413, "TOO_LARGE", false],
    ["gzip", () => post(CHARGE, "x", { "content-encoding": "gzip" }), 415, "UNSUPPORTED_ENCODING", false],
    ["charset", () => post(CHARGE, "x", { "content-type": "a/b; charset=utf-16" }), 415, "BAD_CHARSET", false],
    ["empty", () => post(CHARGE, ""), 400, "EMPTY_BODY", false],
    ["identity", () => post(CHARGE, "x", { "idempotency-key": "k".repeat(256) }), 400, "BAD_IDENTITY", false],
    ["elsewhere", () => post("/partners/his"), 404, "NOT_FOUND", false],
    ["other method", () => gateway.app.inject({ method: "GET", url: CHARGE }), 404, "NOT_FOUND", false],
    ["bad escape", () => post("/partners/his/messages/%E0%A4%A"), 400, "BAD_REQUEST", false],
  ];
  for (const [name, ask, status, code, journaled] of cases) {
    taken.length = 0;
    const reply = await ask();
    assert.deepEqual([reply.statusCode, reply.json().error.code], [status, code], name);
    assert.equal(taken.length === 1, journaled, name);
    const { error } = reply.json() as unknown as { error: Record<string, unknown> };
    assert.ok(error.zh && error.en && error.next, name);
  }
});

test("duplicates, conflicts, parts, a busy journal, rates", async () => {
  make();
  answer = () => ({ kind: "duplicate", messageId: "m1", state: "settled" });
  const again = await post(CHARGE);
  assert.deepEqual([again.statusCode, again.json()], [200, { messageId: "m1", state: "settled", duplicate: true }]);
  answer = () => ({ kind: "conflict", messageId: "m2", with: "m1" });
  const conflict = await post(CHARGE);
  assert.deepEqual([conflict.statusCode, conflict.json().error.code, conflict.json().with], [409, "IDENTITY_CONFLICT", "m1"]);
  answer = () => ({ kind: "awaiting-part", messageId: "m3" });
  const part = await post(CHARGE);
  assert.deepEqual([part.statusCode, part.json().state], [202, "awaiting-part"]);
  for (const [error, code] of [
    [new JournalBusy(), "JOURNAL_BUSY"],
    [new JournalGone(), "JOURNAL_GONE"],
  ] as const) {
    answer = () => {
      throw error;
    };
    const busy = await post(CHARGE);
    assert.deepEqual([busy.statusCode, busy.json().error.code, busy.headers["retry-after"]], [503, code, "2"]);
  }
  answer = () => {
    throw new Error("select secret from patients");
  };
  const broken = await post(CHARGE);
  assert.deepEqual([broken.statusCode, broken.json().error.code], [500, "INTERNAL"]);
  assert.doesNotMatch(broken.body, /secret/);
  rate = { ok: false, retryAfterMs: 1_200 };
  const fast = await post(CHARGE);
  assert.deepEqual([fast.statusCode, fast.json().error.code, fast.headers["retry-after"]], [429, "TOO_MANY", "2"]);
  rate = { ok: true };
  gateway.pause();
  assert.equal((await post(CHARGE)).json().error.code, "STOPPING");
});

test("a vendor that declares answers hears its own dialect, for verdicts and refusals; a stranger does not", async () => {
  make({
    waitMs: (partner, kind) => (partner === "his" && kind === "charge" ? 700 : undefined),
    answer(_partner, _kind, told) {
      const code = told.kind === "refusal" ? told.reason.code : told.verdict.verdict;
      return { status: 200, contentType: "text/xml; charset=GBK", body: Buffer.from(`<r>${code}</r>`) };
    },
  });
  const told = await post(CHARGE);
  assert.deepEqual([told.statusCode, told.headers["content-type"], told.body], [200, "text/xml; charset=GBK", "<r>accepted</r>"]);
  assert.deepEqual(waited, [700]);
  assert.equal((await post(CHARGE, "x".repeat(101))).body, "<r>TOO_LARGE</r>");
  rate = { ok: false, retryAfterMs: 1 };
  assert.equal((await post(CHARGE)).body, "<r>TOO_MANY</r>");
  assert.equal((await post(CHARGE, "x", { authorization: "Bearer wrong" })).statusCode, 401);
  rate = { ok: true };
  assert.equal((await post("/partners/his/messages/nothing")).statusCode, 422);
});

/** Writes raw bytes and collects what comes back until the server closes. */
function raw(port: number, text: string, thenEnd: boolean): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.write(text);
      if (thenEnd) socket.end();
    });
    let got = "";
    socket.on("data", (bytes) => {
      got += bytes.toString();
    });
    socket.on("error", none);
    socket.on("close", () => resolve(got));
  });
}

test("on the wire: half a message is never journaled, a chunked one that is too large is cut, smuggling is refused", async () => {
  const { port } = new URL(await make().open());
  const { headersTimeout, requestTimeout, maxConnections } = gateway.app.server;
  assert.deepEqual([headersTimeout, requestTimeout, maxConnections], [10_000, 20_000, 1_000], "nobody keeps a socket longer than this");
  const head = `POST ${CHARGE} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer his-key\r\n`;
  await raw(Number(port), `${head}content-length: 50\r\n\r\nhalf`, true);
  assert.match(
    await raw(Number(port), `${head}transfer-encoding: chunked\r\n\r\nff\r\n${"x".repeat(255)}\r\n`, false),
    /^HTTP\/1\.1 413 [\s\S]*connection: close[\s\S]*TOO_LARGE/,
  );
  for (const bad of [
    "content-length: 1\r\ncontent-length: 2",
    "content-length: 3\r\ntransfer-encoding: chunked",
    "content-length: -1",
    `x-long: ${"x".repeat(20_000)}`,
  ]) {
    assert.match(await raw(Number(port), `${head}${bad}\r\n\r\nabc`, false), /^HTTP\/1\.1 400 [\s\S]*BAD_REQUEST/, bad.slice(0, 40));
  }
  assert.equal(taken.length, 0);
  const health = await fetch(`http://127.0.0.1:${port}/healthz`);
  assert.deepEqual([health.status, await health.json()], [200, { ok: true }]);
});
