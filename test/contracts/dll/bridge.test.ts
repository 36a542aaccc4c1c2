/** The DLL bridge's HTTP face, with a child that holds no library: what it says about a call is what the engine stakes money on. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { BRIDGE_KEY, createDllCourier } from "../../../platform/transports/dll/courier.ts";
import { checkDescription } from "../../../platform/transports/dll/description.ts";
import { RecordRefused } from "../../../platform/transports/dll/record.ts";
import { createAuthority } from "../../fakes/certificates.ts";
import { folder, FUNCTION, KEY, world, type World } from "./bridge-world.ts";
import { DESCRIPTION, type Deed, fakeChildren } from "./fake-child.ts";

const RESOLVE = { "huiliu-role": "resolve" };
const business = (world: World): readonly string[] => world.children.seen.filter((one) => !one.startsWith("INIT"));

test("a call is made once; asked again it is answered from the record, also by the next process", async () => {
  const one = await world();
  const first = await one.call("k#1");
  assert.deepEqual([first.status, first.call, first.returned, first.from, first.text], [200, "done", "0", "call", "1^1^ok^"]);
  const again = await one.call("k#1");
  assert.deepEqual([again.status, again.call, again.from, again.text], [200, "done", "record", "1^1^ok^"]);
  assert.deepEqual((await one.call("k#1", "other bytes")).call, "not-begun");
  await one.bridge.close();
  const two = await world({ record: one.file, create: false });
  const later = await two.call("k#1");
  assert.deepEqual([later.status, later.call, later.from, later.text], [200, "done", "record", "1^1^ok^"]);
  assert.equal(business(one).length + business(two).length, 1);
  await two.bridge.close();
});

test("the same call asked twice at once is one call", async () => {
  const one = await world();
  one.children.next({ reply: "1^1^ok^", afterMs: 40 });
  const both = await Promise.all([one.call("k#1"), one.call("k#1")]);
  assert.deepEqual(
    both.map((said) => said.status),
    [200, 200],
  );
  assert.equal(business(one).length, 1);
  await one.bridge.close();
});

const UNCLEAR: readonly { readonly name: string; readonly deed: Deed; readonly status: number; readonly code: string }[] = [
  { name: "hangs", deed: "hang", status: 504, code: "HUNG" },
  { name: "crashes", deed: "crash", status: 502, code: "CRASHED" },
  { name: "overruns its buffer", deed: { reply: "1^1^ok^", overrun: true }, status: 502, code: "OVERRUN" },
  { name: "fills the buffer without an end", deed: { reply: "1^1^ok^", ended: false }, status: 502, code: "UNENDED" },
  { name: "answers bytes of no charset", deed: { reply: Uint8Array.of(0x31, 0x5e, 0xff, 0xff) }, status: 502, code: "GARBLED" },
  { name: "answers what is no reply", deed: { reply: "nothing agreed upon" }, status: 502, code: "GARBLED" },
  { name: "answers nothing", deed: { reply: "" }, status: 502, code: "GARBLED" },
  { name: "cannot be called", deed: { failed: "no such symbol" }, status: 502, code: "FAILED" },
];
for (const { name, deed, status, code } of UNCLEAR)
  test(`a library that ${name}: unclear, for ever; its process is ended, the next call finds a new one after INIT`, async () => {
    const one = await world();
    one.children.next(deed);
    const said = await one.call("k#1");
    assert.deepEqual([said.status, said.call], [status, "unclear"]);
    assert.equal((JSON.parse(said.text) as { code: string }).code, code);
    assert.ok(one.children.killed() >= 1, "the process is ended");
    assert.equal((await one.call("k#1")).call, "unclear", "asked again");
    assert.equal((await one.call("other#1")).call, "done", "the next one");
    assert.deepEqual(one.children.seen.slice(0, 4), ["INIT", `${FUNCTION} 2410^x`, "INIT", `${FUNCTION} 2410^x`]);
    assert.equal(one.children.started(), 2);
    await one.bridge.close();
  });

test("the library's own no is done, and told apart: 422", async () => {
  const one = await world();
  one.children.next({ reply: "1^-1^no^", returned: -1 }, { reply: "1^1^^", returned: 3 });
  const refused = await one.call("k#1");
  assert.deepEqual([refused.status, refused.call, refused.returned, refused.text], [422, "done", "-1", "1^-1^no^"]);
  const said = await one.call("k#2");
  assert.deepEqual([said.status, said.call, said.returned], [200, "done", "3"]);
  await one.bridge.close();
});

test("one call at a time, in order; a full queue and a turn that does not come are busy, and nothing began", async () => {
  const { BUSINESS_HANDLE } = DESCRIPTION.functions;
  assert.ok(BUSINESS_HANDLE);
  // Long enough for two more to come meanwhile, however slow this machine is.
  const slow = { ...DESCRIPTION, functions: { ...DESCRIPTION.functions, BUSINESS_HANDLE: { ...BUSINESS_HANDLE, timeMs: 20_000 } } };
  const one = await world({ description: slow, queueMax: 2, queueMs: 600 });
  one.children.next({ reply: "1^1^a^", afterMs: 1_500 });
  const running = one.call("a#1", "a");
  await new Promise((resolve) => setTimeout(resolve, 100));
  const late = [one.call("b#1", "b"), one.call("c#1", "c")];
  await new Promise((resolve) => setTimeout(resolve, 100));
  const full = await one.call("d#1", "d");
  assert.deepEqual([full.status, full.call, (JSON.parse(full.text) as { code: string }).code], [503, "not-begun", "BUSY"]);
  assert.match((JSON.parse(full.text) as { why: string }).why, /2 calls are waiting/);
  for (const said of await Promise.all(late)) assert.equal(said.call, "not-begun");
  assert.equal((await running).call, "done");
  assert.equal((await one.call("b#2", "b")).call, "done", "later it is taken");
  assert.deepEqual(business(one), [`${FUNCTION} a`, `${FUNCTION} b`]);
  await one.bridge.close();
});

const REFUSED: readonly (readonly [string, number, string, Record<string, string>, string | undefined])[] = [
  ["a wrong key", 401, "x", { "x-api-key": "wrong" }, undefined],
  ["no key", 401, "x", { "x-api-key": "" }, undefined],
  ["no call key", 400, "x", { "huiliu-key": "" }, undefined],
  ["an attempt that is no number", 400, "x", { "huiliu-attempt": "1e3" }, undefined],
  ["an unknown role", 400, "x", { "huiliu-role": "undo" }, undefined],
  ["an unknown function", 404, "x", {}, "/calls/NOTHING"],
  ["INIT, which is the bridge's own", 404, "x", {}, "/calls/INIT"],
  ["another path", 404, "x", {}, "/other"],
  ["a request larger than its buffer", 413, "x".repeat(257), {}, undefined],
  ["a NUL in the request", 400, "a\0b", {}, undefined],
  ["a missing argument", 400, "x", { "huiliu-arg-code": "30" }, "/calls/APPLY"],
  ["an argument that is no number", 400, "x", { "huiliu-arg-code": "30", "huiliu-arg-no": "ten" }, "/calls/APPLY"],
];
test("what is wrong is refused before anything begins, and said so", async () => {
  const one = await world();
  for (const [name, status, body, headers, path] of REFUSED) {
    const said = await one.call("k#1", body, headers, path);
    assert.deepEqual([said.status, said.call], [status, "not-begun"], name);
  }
  assert.equal(business(one).length, 0);
  const well = await one.call("k#1", "x", { "huiliu-arg-code": "30", "huiliu-arg-no": "0.0" }, "/calls/APPLY");
  assert.equal(well.call, "done");
  await one.bridge.close();
});

test("a library whose INIT says no is not ready: nothing begins, and it is tried again", async () => {
  const children = fakeChildren();
  children.init({ reply: "no card reader", returned: -1 });
  const one = await world({}, children);
  const said = await one.call("k#1");
  assert.deepEqual([said.status, said.call, (JSON.parse(said.text) as { code: string }).code], [503, "not-begun", "NOT_READY"]);
  children.init({ reply: "", returned: 0 });
  await new Promise((resolve) => setTimeout(resolve, 450));
  assert.equal((await one.call("k#1")).call, "done");
  await one.bridge.close();
});

test("an inquiry about what never began: nothing, and from then on it never begins", async () => {
  const one = await world();
  const asked = await one.call("k#2", "2421^x", RESOLVE);
  assert.deepEqual([asked.status, asked.call], [404, "nothing"]);
  const late = await one.call("k#1");
  assert.deepEqual([late.status, late.call, (JSON.parse(late.text) as { code: string }).code], [409, "not-begun", "CLOSED"]);
  assert.equal((await one.call("k#3")).call, "done");
  assert.deepEqual(business(one), [`${FUNCTION} 2410^x`]);
  await one.bridge.close();
});

test("an inquiry about what is done is answered with its reply; nothing is undone", async () => {
  const one = await world();
  await one.call("k#1");
  const asked = await one.call("k#2", "2421^x", RESOLVE);
  assert.deepEqual([asked.status, asked.call, asked.from, asked.text], [200, "done", "send", "1^1^ok^"]);
  assert.equal(business(one).length, 1);
  await one.bridge.close();
});

test("an unclear one is undone by the inquiry's own call, once; the next send is another", async () => {
  const one = await world();
  one.children.next("crash", "hang", { reply: "1^1^undone^" }, { reply: "1^1^again^" });
  assert.equal((await one.call("k#1")).call, "unclear");
  assert.equal((await one.call("k#2", "2421^x", RESOLVE)).call, "unclear", "the 冲正 hangs too");
  const undone = await one.call("k#3", "2421^x", RESOLVE);
  assert.deepEqual([undone.call, undone.from, undone.text], ["done", "call", "1^1^undone^"]);
  const again = await one.call("k#4", "2421^x", RESOLVE);
  assert.deepEqual([again.call, again.from, again.text], ["done", "record", "1^1^undone^"], "asked by a worker that had not heard");
  assert.equal((await one.call("k#5")).text, "1^1^again^");
  assert.equal((await one.call("k#6", "2421^x", RESOLVE)).from, "send");
  assert.deepEqual(business(one), [`${FUNCTION} 2410^x`, `${FUNCTION} 2421^x`, `${FUNCTION} 2421^x`, `${FUNCTION} 2410^x`]);
  await one.bridge.close();
});

test("an inquiry that may not call says that nobody will ever know", async () => {
  const one = await world();
  one.children.next("crash");
  await one.call("k#1");
  const asked = await one.call("k#2", "-", { ...RESOLVE, "huiliu-record-only": "1" });
  assert.deepEqual([asked.status, asked.call], [409, "unclear-for-ever"]);
  assert.equal(business(one).length, 1);
  await one.bridge.close();
});

test("what ran while the bridge was killed is unclear; half a line at the end is nothing", async () => {
  const one = await world();
  await one.call("k#1");
  await one.bridge.close();
  const begun =
    readFileSync(one.file, "utf8")
      .split("\n")
      .find((line) => line.includes('"begun"')) ?? "";
  appendFileSync(one.file, `${begun.replace('"key":"k"', '"key":"cut"')}\n{"t":"done","key":"cut","att`);
  const two = await world({ record: one.file, create: false });
  assert.equal((await two.call("cut#1")).call, "unclear");
  assert.equal((await two.call("k#1")).call, "done");
  assert.match(readFileSync(one.file, "utf8"), /"t":"unclear","key":"cut".*BRIDGE_STOPPED/, "written down at once");
  await two.bridge.close();
  const three = await world({ record: one.file, create: false });
  assert.equal((await three.call("cut#1")).call, "unclear", "and stays so");
  await three.bridge.close();
});

test("a record is never begun by accident, nor shared, nor read where it is damaged", async () => {
  const lost = join(folder, "lost.jsonl");
  await assert.rejects(world({ record: lost, create: false }), RecordRefused);
  const damaged = join(folder, "damaged.jsonl");
  appendFileSync(damaged, "not a line of ours\n");
  await assert.rejects(world({ record: damaged, create: false }), RecordRefused);
});

test("the health page says what holds", async () => {
  const one = await world();
  const health = (await (await fetch(`${one.bridge.url.replace("dll:", "http:")}/healthz`)).json()) as Record<string, unknown>;
  assert.deepEqual(
    { ...health, lastEnd: undefined },
    { name: "fake", state: "ready", count: 1, waiting: 0, running: false, recorded: 0, lastEnd: undefined },
  );
  await one.bridge.close();
});

test("the courier tells the engine what the bridge says: unsent, no reply, reply with its return value, and what the record knows", async () => {
  const one = await world();
  const courier = createDllCourier({ keyOf: (destination) => (destination === "insurer" ? KEY : undefined) });
  const call = (attempt: number, body: string, sent?: string, destination = "insurer") =>
    courier.call({
      url: `${one.bridge.url}/calls/${FUNCTION}`,
      method: "POST",
      headers: { "content-type": "text/plain; charset=GBK" },
      body: new TextEncoder().encode(body),
      connectTimeoutMs: 1_000,
      replyTimeoutMs: 2_000,
      replyBytesMax: 65_536,
      about: {
        destination,
        mapping: "v/m",
        key: "k",
        attempt,
        ...(sent === undefined ? {} : { sent: { mapping: "v/m", body: new TextEncoder().encode(sent), contentType: "text/plain" } }),
      },
    });
  assert.equal((await call(1, "x", undefined, "stranger")).kind, "unsent", `no secret ${BRIDGE_KEY}`);
  const nothing = await call(1, "2421", "x");
  assert.equal(nothing.kind === "reply" && nothing.standsFor, "nothing");
  assert.equal((await call(1, "x")).kind, "unsent", "closed by the inquiry");
  one.children.next("crash");
  assert.equal((await call(2, "x")).kind, "no-reply");
  const done = await call(3, "x");
  assert.deepEqual(done.kind === "reply" && [done.status, done.returnValue, done.standsFor], [200, "0", undefined]);
  const known = await call(4, "2421", "x");
  assert.equal(known.kind === "reply" && known.standsFor, "send");
  const ping = {
    url: `${one.bridge.url}/healthz`,
    method: "GET",
    headers: {},
    connectTimeoutMs: 500,
    replyTimeoutMs: 500,
    replyBytesMax: 9_999,
  } as const;
  assert.equal((await courier.call(ping)).kind, "reply");
  await one.bridge.close();
  await courier.close();
});

test("C-4 F17 an answer that something between us and the bridge took from another call is no answer to ours", async () => {
  const swapped = createServer((_request, response) => {
    response.writeHead(200, { "huiliu-call": "done", "huiliu-return": "0", "huiliu-answers": "another" });
    response.end("0^done");
  });
  await new Promise<void>((resolve) => swapped.listen(0, "127.0.0.1", resolve));
  const courier = createDllCourier({ keyOf: () => KEY });
  const result = await courier.call({
    url: `dll://127.0.0.1:${(swapped.address() as AddressInfo).port}/calls/${FUNCTION}`,
    method: "POST",
    headers: {},
    body: new TextEncoder().encode("x"),
    connectTimeoutMs: 1_000,
    replyTimeoutMs: 2_000,
    replyBytesMax: 65_536,
    about: { destination: "insurer", mapping: "v/m", key: "k", attempt: 1 },
  });
  assert.deepEqual([result.kind, result.kind === "no-reply" && result.why], ["no-reply", "the bridge's answer is for another key"]);
  await courier.close();
  swapped.closeAllConnections();
  swapped.close();
});

test("with TLS: the courier believes the authority of the profile, and nobody else", async () => {
  const authority = createAuthority("dll-test");
  const one = await world({ tls: authority.sign("127.0.0.1", "localhost") });
  assert.match(one.bridge.url, /^dlls:/);
  const url = one.bridge.url.replace("127.0.0.1", "localhost");
  const call = (ca: string | undefined) => {
    const courier = createDllCourier({ keyOf: () => KEY, tls: (origin) => (origin === url && ca !== undefined ? { ca } : undefined) });
    const about = { destination: "insurer", mapping: "v/m", key: "k", attempt: 1 };
    const body = new TextEncoder().encode("x");
    const limits = { connectTimeoutMs: 1_000, replyTimeoutMs: 2_000, replyBytesMax: 65_536 };
    return courier
      .call({ url: `${url}/calls/${FUNCTION}`, method: "POST", headers: {}, body, ...limits, about })
      .finally(() => courier.close());
  };
  assert.equal((await call(undefined)).kind, "unsent");
  assert.equal(business(one).length, 0);
  assert.equal((await call(authority.cert)).kind, "reply");
  await one.bridge.close();
});

test("a description is checked whole, each problem with its place", () => {
  assert.equal(checkDescription(DESCRIPTION).ok, true);
  for (const file of ["neusoft", "chongqing", "zhejiang", "trade-answer", "powersi", "wrapped-com"]) {
    const text = readFileSync(join(import.meta.dirname, "../../../platform/transports/dll/descriptions", `${file}.json`), "utf8");
    const checked = checkDescription(JSON.parse(text));
    assert.deepEqual(checked.ok ? [] : checked.problems, [], file);
  }
  const wrong = checkDescription({
    name: "1",
    charset: "big5",
    convention: "fastcall",
    init: { function: "NONE" },
    more: 1,
    functions: {
      F: { parameters: [{ kind: "reply" }, { kind: "int" }, { kind: "thing" }], returns: { kind: "int" }, timeMs: 0, replyPattern: "(" },
    },
  });
  assert.equal(wrong.ok, false);
  const places = wrong.ok ? [] : wrong.problems.map((one) => one.split(":")[0]);
  for (const place of [
    "/more",
    "/name",
    "/library",
    "/charset",
    "/convention",
    "/init/function",
    "/functions/F/timeMs",
    "/functions/F/replyPattern",
  ])
    assert.ok(places.includes(place), place);
});
