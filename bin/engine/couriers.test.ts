/** A call's way through the courier: number and sign-in before it, the envelope around it, the exchange journaled before anybody acts on the reply. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { adapter } from "../../adapters/nhsa/index.ts";
import type { Inbound, Journaled } from "../../domain/journal/ports.ts";
import type { Adapter } from "../../domain/partners/adapter.ts";
import type { Partner } from "../../domain/partners/profile.ts";
import type { CallRequest, CallResult, Courier } from "../../domain/writeback/ports.ts";
import { createCouriers } from "./couriers.ts";
import type { Sessions } from "./sessions.ts";

const MSGID = "H99990100001202611200922000009";
const partner = {
  partner: "nhsa",
  vendor: "nhsa",
  name: { zh: "医", en: "i" },
  constants: {
    gateway: "csb",
    fixmedinsCode: "H99990100001",
    fixmedinsName: "示例市第一人民医院",
    mdtrtareaAdmvs: "990101",
    recerSysCode: "HPIE",
    infver: "1.0.0",
    opterType: "1",
    opter: "OP0001",
    opterName: "测试收费员",
  },
  destination: { url: "http://front.test", connectTimeoutMs: 100, replyTimeoutMs: 100, exchanges: { "call-2207": "settle-2207" } },
} as unknown as Partner;

const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
const json = (body: Uint8Array | undefined): Record<string, unknown> =>
  JSON.parse(new TextDecoder().decode(body)) as Record<string, unknown>;
const settled = { infcode: 0, inf_refmsgid: "990101202611200922000000000009", err_msg: "", output: { setlinfo: { setl_id: "SE1" } } };
const answer = (body: unknown, status = 200): CallResult => ({
  kind: "reply",
  status,
  contentType: "application/json",
  body: bytes(body),
  ms: 3,
});
const request = (message = "call-2207"): CallRequest => ({
  url: "http://front.test/fsi",
  method: "POST",
  headers: { "content-type": "text/plain; charset=UTF-8" },
  body: bytes({ infno: message.slice(-4), input: { data: { psn_no: "P1" } }, original: { infno: "2207", msgid: "M0" } }),
  connectTimeoutMs: 100,
  replyTimeoutMs: 100,
  replyBytesMax: 10_000,
  about: { destination: "nhsa", mapping: `nhsa/${message}`, key: "k1", attempt: 1, number: MSGID },
});

interface Setup {
  readonly reply?: CallResult;
  readonly accept?: (inbound: Inbound) => Promise<Journaled>;
  readonly journal?: false;
  readonly sessions?: Partial<Sessions>;
  readonly adapter?: Adapter;
}
function setup({ reply = answer(settled), accept, journal, sessions, adapter: given = adapter }: Setup = {}) {
  const seen: string[] = [];
  const sent: CallRequest[] = [];
  const journaled: Inbound[] = [];
  const wire: Courier = {
    call: async (one) => {
      seen.push("wire");
      sent.push(one);
      return reply;
    },
    close: async () => undefined,
  };
  const couriers = createCouriers({
    wires: { "http:": wire },
    partner: (name) => (name === "nhsa" ? partner : undefined),
    adapterOf: () => given,
    secretsOf: () => ({ accessKey: "AK", secretKey: "SK" }),
    nowMs: () => Date.parse("2026-11-20T09:22:00+08:00"),
    numbers: {
      of: async (_, slot) => ({ number: slot.startsWith("sign") ? "N-SIGN" : "N-QUESTION", first: true }),
      over: async () => undefined,
    },
    sessions: {
      of: async () => ({ ok: true, held: { signNo: "SIGN1" }, version: 3, who: "OP0001" }),
      lost: async (name) => void seen.push(`lost ${name}`),
      signOut: async () => undefined,
      ...sessions,
    },
    log: { warn: () => undefined },
  });
  if (journal !== false)
    couriers.journalBy(async (inbound) => {
      seen.push("journal");
      journaled.push(inbound);
      return (await accept?.(inbound)) ?? { kind: "awaiting-part", messageId: "m" };
    });
  return { couriers, seen, sent, journaled };
}

describe("S0-8 a call and its reply are an exchange", () => {
  test("sealed, sent, opened, journaled, told: in that order; the journal has the envelope with its number, and what the call was about", async () => {
    const { couriers, seen, sent, journaled } = setup();
    const told = await couriers.call(request());
    assert.deepEqual(seen, ["wire", "journal"]);
    assert.equal(told.kind, "reply");
    const wired = json(sent[0]?.body);
    assert.deepEqual([wired.infno, wired.msgid, wired.sign_no, wired.original], ["2207", MSGID, "SIGN1", undefined]);
    assert.equal(sent[0]?.headers._api_name, "2207");
    const [exchange] = journaled;
    assert.deepEqual(
      [exchange?.door, exchange?.partner, exchange?.kind, exchange?.identity],
      ["exchange", "nhsa", "settle-2207", "k1:1:nhsa/call-2207"],
    );
    assert.deepEqual([json(exchange?.raw).msgid, json(exchange?.raw).original], [MSGID, { infno: "2207", msgid: "M0" }]);
    assert.deepEqual(json(exchange?.reply), settled);
  });
  test("the journal is away: what the partner said is not acted upon; not open yet: no call is made", async () => {
    const away = setup({ accept: () => Promise.reject(new Error("JournalGone")) });
    assert.equal((await away.couriers.call(request())).kind, "no-reply");
    const early = setup({ journal: false });
    assert.equal((await early.couriers.call(request())).kind, "unsent");
    assert.deepEqual(early.seen, []);
  });
  const rows: readonly [string, CallResult, string, readonly string[]][] = [
    ["a gateway's 401 is told and is no exchange", answer({ code: 401, message: "签名不一致!" }, 401), "reply", ["wire"]],
    ["a 500 whose envelope holds is one: the contract reads it as a receipt", answer(settled, 500), "reply", ["wire", "journal"]],
    ["the x-tif gateway's refusal under 200 is told and is no exchange", answer({ code: 400001, message: "签名错误" }), "reply", ["wire"]],
    ["a 500 of somebody else is told and is no exchange", answer({ message: "系统异常" }, 500), "reply", ["wire"]],
    ["a 502 is told and is no exchange", answer("<html/>", 502), "reply", ["wire"]],
    ["an envelope that does not hold is nobody's reply", answer({ ...settled, infcode: "OK" }), "no-reply", ["wire"]],
    ["cut short", answer(JSON.stringify(settled).slice(0, 40)), "no-reply", ["wire"]],
    ["no reply", { kind: "no-reply", why: "reset", ms: 1 }, "no-reply", ["wire"]],
    ["unsent", { kind: "unsent", why: "refused", ms: 1 }, "unsent", ["wire"]],
    [
      "signed out by the centre: nothing was done, and the session is forgotten",
      answer({ infcode: -1, err_msg: "签到信息已失效，请先签到" }),
      "unsent",
      ["wire", "lost nhsa"],
    ],
    ["a business refusal is an exchange", answer({ infcode: -1, err_msg: "个人账户余额不足" }), "reply", ["wire", "journal"]],
  ];
  for (const [name, reply, kind, steps] of rows)
    test(name, async () => {
      const { couriers, seen } = setup({ reply });
      assert.deepEqual([(await couriers.call(request())).kind, seen], [kind, steps]);
    });
  test("a flow that asks twice: two exchanges, and neither is taken for a conflicting version of the other", async () => {
    const { couriers, journaled } = setup();
    const { about, ...bare } = request();
    assert.ok(about);
    const { attempt: _, ...question } = about;
    await couriers.call({ ...bare, about: question });
    await couriers.call({ ...bare, about: question });
    assert.equal(new Set(journaled.map((one) => one.identity)).size, 2);
  });
  test("a message without an exchange kind is not journaled; a flow's question gets a number of its own", async () => {
    const { couriers, seen, sent } = setup();
    const { about, ...bare } = request("call-1101");
    assert.ok(about);
    const { number: _, attempt: __, ...question } = about;
    await couriers.call({ ...bare, about: question });
    assert.deepEqual(seen, ["wire"]);
    assert.equal(json(sent[0]?.body).msgid, "N-QUESTION");
  });
});

describe("S0-28 signing in around a call", () => {
  test("no sign-in, no call", async () => {
    const { couriers, seen } = setup({ sessions: { of: async () => ({ ok: false, why: "sign-in refused: 操作员已锁定" }) } });
    const told = await couriers.call(request());
    assert.deepEqual([told.kind, told.kind === "unsent" && told.why, seen], ["unsent", "sign-in refused: 操作员已锁定", []]);
  });
  test("a sign-in that took long goes before the call, which is made under a new lease; a question just waits", async () => {
    const slow: Partial<Sessions> = {
      of: async () => {
        await new Promise((resolve) => setTimeout(resolve, 350));
        return { ok: true, held: { signNo: "SIGN2" }, version: 1, who: "OP0001" };
      },
    };
    const { couriers, seen } = setup({ sessions: slow });
    assert.equal((await couriers.call(request())).kind, "unsent");
    assert.deepEqual(seen, []);
    const { about, ...bare } = request("call-1101");
    assert.ok(about);
    const { attempt: _, ...question } = about;
    assert.equal((await couriers.call({ ...bare, about: question })).kind, "reply");
  });
  test("the sign-in itself: sealed like every call, a number of its own, under nobody's session, never journaled", async () => {
    const told: CallResult[] = [];
    const { couriers, seen, sent } = setup({
      reply: answer({ ...settled, output: { signinoutb: { sign_no: "S" } } }),
      sessions: {
        of: async (session, context, call) => {
          told.push(await call("sign-9001", session.signIn(context)));
          return { ok: true, held: { signNo: "S" }, version: 1, who: "OP0001" };
        },
      },
    });
    await couriers.call(request());
    assert.deepEqual(seen, ["wire", "wire", "journal"]);
    const [first, second] = sent.map((one) => json(one.body));
    assert.deepEqual([first?.infno, first?.msgid, first?.sign_no], ["9001", "N-SIGN", ""]);
    assert.equal(sent[0]?.url, "http://front.test/fsi/api/rsfComIfsService/callService");
    assert.deepEqual([second?.infno, second?.sign_no, told[0]?.kind], ["2207", "S", "reply"]);
  });
});
