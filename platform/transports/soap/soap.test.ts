import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { afterEach, test } from "node:test";
import type { DoorPolicy, Intake, Received, Verdict } from "../../../domain/journal/intake.ts";
import { type Inbound, type Journaled, JournalBusy, type JournaledMessage } from "../../../domain/journal/ports.ts";
import type { Log } from "../../../domain/log.ts";
import { encodeText } from "../../../domain/mapping/charset.ts";
import { readXml } from "../../../domain/mapping/xml.ts";
import type { SoapDoor } from "../../../domain/partners/doors/soap.ts";
import { createGateway, type Dialect, type Gateway } from "../http/gateway.ts";
import { wsdlOf } from "./wsdl.ts";

const none = (): void => undefined;
const log: Log = { debug: none, info: none, warn: none, error: none };
const DOOR: SoapDoor = {
  namespace: "http://acme.test/",
  service: "Acme",
  operations: [
    { name: "Pay", parameter: "xmltxt", also: ["code"], message: "{code}", kinds: { "3003": "pay-order" } },
    { name: "Send", parameter: "xml", message: "charge" },
    { name: "Sealed", parameter: "xml", message: "envelope" },
  ],
};
const KEY = "acme-key";
const POLICY: DoorPolicy = {
  partner: "acme",
  vendor: "acme",
  bytesMax: 4_000,
  perSecond: 10,
  charset: "gbk",
  kinds: new Set(["pay-order", "charge"]),
  exchanges: new Set(),
};

let gateway: Gateway;
let taken: Inbound[];
let busy: boolean;
let limited: boolean;

function make(options: { dialect?: Dialect; receive?: (body: Uint8Array) => Received } = {}): void {
  taken = [];
  busy = false;
  limited = false;
  const { receive } = options;
  const policy: DoorPolicy = receive === undefined ? POLICY : { ...POLICY, receive: ({ body }) => receive(body) };
  const intake: Intake = {
    policy: (partner) => (partner === "acme" || partner === "his" ? { ...policy, partner } : undefined),
    partners: () => [policy],
    async accept(inbound): Promise<Journaled> {
      if (busy) throw new JournalBusy("full");
      taken.push(inbound);
      return inbound.refusal
        ? { kind: "parked", messageId: "p1", reason: inbound.refusal }
        : { kind: "accepted", message: { id: "m1" } as JournaledMessage };
    },
    async verdict(journaled): Promise<Verdict> {
      return journaled.kind === "parked"
        ? { verdict: "refused", messageId: "p1", reason: journaled.reason }
        : { verdict: "accepted", messageId: "m1" };
    },
  };
  gateway = createGateway({
    host: "127.0.0.1",
    port: 0,
    intake,
    keys: new Map([
      ["acme", KEY],
      ["his", "his-key"],
    ]),
    rates: { take: async () => (limited ? { ok: false, retryAfterMs: 1_000 } : { ok: true }) },
    log,
    soap: new Map([["acme", DOOR]]),
    ...(options.dialect === undefined ? {} : { dialect: options.dialect }),
  });
}
afterEach(() => gateway.stop(100));

const NS = { "1.1": "http://schemas.xmlsoap.org/soap/envelope/", "1.2": "http://www.w3.org/2003/05/soap-envelope" } as const;
type Version = keyof typeof NS;
const envelope = (body: string, version: Version = "1.1", header = ""): string =>
  `<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="${NS[version]}">${header}<s:Body>${body}</s:Body></s:Envelope>`;
const MESSAGE = '<P no="1">测试患者甲 &amp; co</P>';
const escaped = MESSAGE.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const send = (inside: string): string => `<Send xmlns="http://acme.test/">${inside}</Send>`;
const TYPES: Record<Version, string> = { "1.1": "text/xml; charset=utf-8", "1.2": "application/soap+xml; charset=utf-8" };
const post = (payload: string | Buffer, headers: Record<string, string> = {}, version: Version = "1.1") =>
  gateway.app.inject({
    method: "POST",
    url: "/partners/acme/soap",
    payload,
    headers: { "x-api-key": KEY, "content-type": TYPES[version], ...headers },
  });
const inside = (text: string): string => Buffer.from(taken[0]?.raw ?? []).toString(text as BufferEncoding);

for (const version of ["1.1", "1.2"] as const)
  for (const [how, parameter] of [
    ["escaped", `<xml>${escaped}</xml>`],
    ["CDATA", `<xml>\n<![CDATA[${MESSAGE}]]>\n</xml>`],
    [
      "rpc style",
      `<xml xmlns="" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="xsd:string" xmlns:xsd="http://www.w3.org/2001/XMLSchema">${escaped}</xml>`,
    ],
  ] as const)
    test(`S0-26 SOAP ${version}, ${how}: the parameter's string is the message, answered in the operation's result`, async () => {
      make();
      const reply = await post(envelope(send(parameter), version), { "idempotency-key": "k1" }, version);
      assert.equal(reply.statusCode, 200, reply.body);
      assert.match(
        String(reply.headers["content-type"]),
        version === "1.1" ? /^text\/xml; charset=utf-8$/ : /^application\/soap\+xml; charset=utf-8$/,
      );
      const [one] = taken;
      assert.deepEqual([one?.door, one?.partner, one?.kind, one?.identity, one?.charset], ["soap", "acme", "charge", "k1", "utf-8"]);
      assert.equal(inside("utf8"), MESSAGE);
      assert.equal(one?.headers["soap-version"], version);
      assert.equal(one?.headers["soap-operation"], "Send");
      const read = readXml(reply.body, true);
      assert.ok(read.ok);
      const response = read.root.children[0]?.children[0]?.children[0];
      assert.equal(response?.name, "SendResponse");
      assert.deepEqual(JSON.parse(response?.children[0]?.text ?? ""), { messageId: "m1", state: "received" });
    });

test("a GBK envelope: the message's bytes are GBK, and so is the answer", async () => {
  make();
  const bytes = encodeText(envelope(send(`<xml>${escaped}</xml>`)).replace("utf-8", "gbk"), "gbk");
  const reply = await post(Buffer.from(bytes ?? []), { "content-type": "text/xml; charset=GBK" });
  assert.equal(reply.headers["content-type"], "text/xml; charset=gbk");
  assert.equal(taken[0]?.charset, "gbk");
  assert.deepEqual(Buffer.from(taken[0]?.raw ?? []), Buffer.from(encodeText(MESSAGE, "gbk") ?? []));
  assert.equal((await post(Buffer.from([0x3c, 0xff, 0xff]), { "content-type": "text/xml; charset=gbk" })).statusCode, 415);
});

test("a further parameter names the kind; parameters and headers are kept with the message", async () => {
  make();
  const header = `<s:Header><a:MessageID xmlns:a="http://www.w3.org/2005/08/addressing">urn:uuid:1</a:MessageID><t:Trace xmlns:t="urn:t">abc</t:Trace></s:Header>`;
  const pay = (code: string): string => `<Pay xmlns="http://acme.test/"><xmltxt>${escaped}</xmltxt><code>${code}</code></Pay>`;
  assert.equal((await post(envelope(pay("3003"), "1.1", header))).statusCode, 200);
  const [one] = taken;
  assert.deepEqual(
    [one?.kind, one?.identity, one?.headers["soap-parameter-code"], one?.headers["soap-header-trace"]],
    ["pay-order", "urn:uuid:1", "3003", "abc"],
  );
  const unknown = await post(envelope(pay("9999")));
  assert.equal(unknown.statusCode, 500);
  assert.match(unknown.body, /UNKNOWN_MESSAGE/);
  assert.equal(taken.at(-1)?.refusal?.code, "UNKNOWN_MESSAGE", "journaled, so that a person sees it");
});

test("what an envelope says beyond what is taken is refused, never dropped", async () => {
  make();
  const good = `<xml>${escaped}</xml>`;
  const header = (block: string): string => `<s:Header>${block}</s:Header>`;
  const long = "x".repeat(1_000);
  for (const [payload, code, special] of [
    [envelope(send(`${good}<other>1</other>`)), "BAD_REQUEST"],
    [envelope(send(good + good)), "BAD_REQUEST"],
    [envelope(send(`<xml><P>1</P></xml>`)), "BAD_REQUEST"],
    [envelope(`${send(`<xml href="#1"/>`)}<m id="1">a</m>`), "BAD_REQUEST"],
    [envelope(send("")), "BAD_REQUEST"],
    [envelope(send("<xml/>")), "EMPTY_BODY"],
    [envelope(""), "BAD_REQUEST"],
    [envelope("<Unknown/>"), "NOT_FOUND"],
    [envelope(`<Send xmlns="urn:else">${good}</Send>`), "NOT_FOUND"],
    [envelope(send(good), "1.1", header(`<t:T xmlns:t="urn:t" s:mustUnderstand="1"/>`)), "BAD_REQUEST", "MustUnderstand"],
    [envelope(send(good), "1.1", header(`<t:T xmlns:t="urn:t">${long}</t:T>`)), "TOO_LARGE"],
    [envelope(send(good)).replace(NS["1.1"], "urn:other"), "BAD_REQUEST", "VersionMismatch"],
    ["<!DOCTYPE a><a/>", "BAD_REQUEST"],
    ["<a", "BAD_REQUEST"],
    ["", "BAD_REQUEST"],
    [envelope(send(`<xml>${"<a>".repeat(60)}</xml>`)), "BAD_REQUEST"],
    [envelope(send(`<xml>${"x".repeat(40_000)}</xml>`)), "TOO_LARGE"],
  ] as const) {
    const reply = await post(payload);
    assert.ok(reply.statusCode >= 400, payload.slice(0, 300));
    assert.match(reply.body, new RegExp(`<code>${code}</code>`), `${payload.slice(0, 300)}\n${reply.body}`);
    if (special !== undefined) assert.match(reply.body, new RegExp(`soap:${special}<`));
    assert.ok(readXml(reply.body, true).ok);
  }
  assert.equal((await post(envelope(send(good)), { soapaction: '"http://acme.test/Pay"' })).statusCode, 500, "two names");
  assert.equal((await post(envelope(send(good)), { "content-encoding": "gzip" })).statusCode, 415);
  assert.deepEqual(taken, []);
  for (const action of ['""', '"http://acme.test/Send"', "Send"])
    assert.equal((await post(envelope(send(good)), { soapaction: action })).statusCode, 200);
});

test("faults are in the caller's version, with our code, both languages and the next step", async () => {
  make();
  for (const version of ["1.1", "1.2"] as const) {
    const reply = await post(envelope("<Unknown/>", version), {}, version);
    assert.equal(reply.statusCode, version === "1.1" ? 500 : 400);
    assert.ok(reply.body.includes(NS[version]));
    assert.match(reply.body, /没有这个地址/);
    assert.match(reply.body, /There is nothing at this address/);
    assert.match(reply.body, /<nextZh>/);
    assert.match(reply.body, version === "1.1" ? /<faultcode>soap:Client</ : /<soap:Value>soap:Sender</);
  }
});

const token = (password: string, digest?: { nonce: string; created: string }): string =>
  `<s:Header><w:Security xmlns:w="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd" s:mustUnderstand="1"><w:UsernameToken><w:Username>acme</w:Username>` +
  `<w:Password Type="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#${digest ? "PasswordDigest" : "PasswordText"}">${password}</w:Password>` +
  (digest
    ? `<w:Nonce>${digest.nonce}</w:Nonce><u:Created xmlns:u="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd">${digest.created}</u:Created>`
    : "") +
  "</w:UsernameToken></w:Security></s:Header>";

test("S0-39 every caller proves itself: key, bearer, basic, token plain or digest; nobody else learns anything", async () => {
  make();
  const good = send(`<xml>${escaped}</xml>`);
  const basic = (user: string, password: string): string => `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  const status = async (headers: Record<string, string>, header = ""): Promise<number> =>
    (
      await gateway.app.inject({
        method: "POST",
        url: "/partners/acme/soap",
        payload: envelope(good, "1.1", header),
        headers: { "content-type": "text/xml", ...headers },
      })
    ).statusCode;
  const digestOf = (created: string, key = KEY): string => {
    const nonce = Buffer.from(`n${created}${key}`).toString("base64");
    const text = createHash("sha1").update(Buffer.from(nonce, "base64")).update(created).update(key).digest("base64");
    return token(text, { nonce, created });
  };
  const now = new Date().toISOString();
  assert.equal(await status({ authorization: `Bearer ${KEY}` }), 200);
  assert.equal(await status({ authorization: basic("acme", KEY) }), 200);
  assert.equal(await status({}, token(KEY)), 200);
  assert.equal(await status({}, digestOf(now)), 200);
  assert.equal(await status({}, digestOf(now)), 401, "a digest counts once");
  assert.equal(await status({}, digestOf(new Date(Date.now() - 600_000).toISOString())), 401);
  assert.equal(await status({}, digestOf(now, "other")), 401);
  for (const headers of [{ authorization: basic("his", KEY) }, { authorization: basic("acme", "") }, { "x-api-key": "his-key" }, {}])
    assert.equal(await status(headers), 401);
  assert.equal(await status({}, token("wrong")), 401);
  assert.equal(await status({ "x-api-key": "wrong" }, token(KEY)), 401);
  assert.equal(taken.length, 4);
  assert.ok(!JSON.stringify(taken).includes(KEY), "no credential is stored");
  const bodies = new Set<string>();
  for (const url of ["/partners/acme/soap", "/partners/his/soap", "/partners/nobody/soap"])
    bodies.add(
      (await gateway.app.inject({ method: "POST", url, payload: "x", headers: { "content-type": "text/xml", "x-api-key": "wrong" } })).body,
    );
  assert.equal(bodies.size, 1);
});

test("busy, stopping, too fast: a fault that says so, or the vendor's own words", async () => {
  make();
  const good = envelope(send(`<xml>${escaped}</xml>`));
  busy = true;
  assert.match((await post(good)).body, /soap:Server.*JOURNAL_BUSY/s);
  limited = true;
  const fast = await post(good);
  assert.deepEqual([fast.statusCode, fast.headers["retry-after"]], [429, "1"]);
  limited = false;
  gateway.pause();
  assert.equal((await post(good)).statusCode, 503);
});

test("the vendor's answers stand in the result; an envelope that does not hold is answered in its dialect and nothing is taken", async () => {
  const dialect: Dialect = {
    waitMs: () => 0,
    answer: (_partner, _kind, told, charset) => ({
      status: 422,
      contentType: "application/xml",
      body: `<A c="${told.kind === "verdict" ? told.verdict.verdict : `${told.reason.code} ${told.reason.place}`}" s="${charset}">好</A>`,
    }),
  };
  make({
    dialect,
    receive: (body) =>
      Buffer.from(body).includes("ok") ? { ok: true, kind: "charge" } : { ok: false, zh: "签名", en: "signature", code: "7" },
  });
  const call = (text: string, operation = "Sealed"): string =>
    envelope(`<${operation} xmlns="http://acme.test/"><xml>${text}</xml></${operation}>`);
  const good = await post(call("ok"));
  assert.equal(good.statusCode, 200);
  assert.match(good.body, /&lt;A c=&quot;accepted&quot; s=&quot;utf-8&quot;&gt;好&lt;\/A&gt;/);
  assert.equal(taken[0]?.kind, "charge", "named by the envelope");
  assert.match((await post(call("no"))).body, /BAD_ENVELOPE 7/);
  assert.equal(taken.length, 1);
});

test("the form style of .asmx services, by GET and POST, in the vendor's charset", async () => {
  make();
  const bytes = Buffer.from(encodeText(MESSAGE, "gbk") ?? []);
  const encoded = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
  const get = (search: string, key = KEY) =>
    gateway.app.inject({ method: "GET", url: `/partners/acme/soap/${search}`, headers: { "x-api-key": key } });
  const reply = await get(`Pay?xmltxt=${encoded}&code=3003`);
  assert.equal(reply.statusCode, 200, reply.body);
  assert.match(reply.body, /^<\?xml .*<string xmlns="http:\/\/acme.test\/">\{&quot;messageId&quot;/s);
  assert.deepEqual(Buffer.from(taken[0]?.raw ?? []), bytes);
  assert.deepEqual([taken[0]?.kind, taken[0]?.charset], ["pay-order", "gbk"]);
  const posted = await gateway.app.inject({
    method: "POST",
    url: "/partners/acme/soap/Send",
    payload: `xml=${encodeURIComponent(MESSAGE)}`,
    headers: { "x-api-key": KEY, "content-type": "application/x-www-form-urlencoded; charset=utf-8" },
  });
  assert.equal(posted.statusCode, 200, posted.body);
  assert.equal(Buffer.from(taken[1]?.raw ?? []).toString(), MESSAGE);
  for (const [search, status] of [
    ["Pay?xmltxt=%3", 500],
    ["Pay?code=3003", 500],
    ["Pay?xmltxt=a&xmltxt=b", 500],
    ["Pay?xmltxt=a&else=b", 500],
    ["Nothing?xmltxt=a", 500],
  ] as const)
    assert.equal((await get(search)).statusCode, status, search);
  assert.equal((await get(`Pay?xmltxt=${encoded}&code=3003`, "wrong")).statusCode, 401);
  assert.equal(taken.length, 2);
});

test("the WSDL is the profile's: well formed, one port for each version, every operation", async () => {
  make();
  const reply = await gateway.app.inject({ method: "GET", url: "/partners/acme/soap?WSDL", headers: { host: "esb.hospital:8080" } });
  assert.equal(reply.statusCode, 200);
  assert.match(reply.body, /location="http:\/\/esb\.hospital:8080\/partners\/acme\/soap"/);
  assert.ok(readXml(reply.body, true).ok);
  for (const { name } of DOOR.operations) assert.equal(reply.body.split(`<wsdl:operation name="${name}">`).length, 4);
  assert.ok(readXml(wsdlOf({ ...DOOR, namespace: 'urn:a&"<' }, 'http://h/"<'), true).ok);
  for (const url of ["/partners/acme/soap", "/partners/his/soap?wsdl", "/partners/nobody/soap?wsdl"])
    assert.notEqual((await gateway.app.inject({ method: "GET", url })).statusCode, 200);
});
