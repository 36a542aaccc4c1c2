/** What must not come in: refused or parked with the reason and the bytes as they were sent, and the queue goes on ("What must show" 5). */
import assert from "node:assert/strict";
import { rawOf } from "../../platform/postgres/journal-rows.ts";
import { after, before, describe, test } from "node:test";
import iconv from "iconv-lite";
import { type Client, connectClient, type Push, SAMPLE, type Verdict } from "./client.ts";
import { destination, type Huiliu, QUICK, startHuiliu, until } from "./harness.ts";
import { createStory, textOf } from "./story.ts";

const XML = "application/xml; charset=UTF-8";
const CUT_EVERY = 50;
const DEPTH = 10_000;
const BYTES_MAX = 65_536;

let huiliu: Huiliu;
let client: Client;
const story = createStory(
  () => huiliu,
  () => client,
  23,
);
let ordinal = 0;
const charge = (): string => textOf(story.make("his.charge", ++ordinal));

before(async () => {
  huiliu = await startHuiliu("bad-input", {
    profiles: { his: (profile) => ({ ...destination(QUICK)(profile), inbound: { ...profile.inbound, bytesMax: BYTES_MAX } }) },
  });
  client = await connectClient(huiliu.run().amqp);
  await client.watch();
});
after(async () => {
  await client?.close();
  await huiliu?.stop();
});

/** The message is there for a person to see: parked, with both languages and exactly the bytes that were sent. */
async function isKept(verdict: Verdict, code: string | RegExp, raw: Uint8Array, part: "raw" | "reply" = "raw"): Promise<void> {
  assert.equal(verdict.verdict, "refused", JSON.stringify(verdict));
  assert.match(String(verdict.code), code instanceof RegExp ? code : new RegExp(`^${code}$`));
  assert.match(verdict.text?.zh ?? "", /[\u4e00-\u9fff]/);
  const [row] = await huiliu.sql("select * from message where id = $1", [verdict.messageId]);
  assert.equal(row?.state, "parked");
  assert.equal((row?.park as { code: string } | undefined)?.code, verdict.code);
  const kept = part === "raw" ? rawOf(row as unknown as Parameters<typeof rawOf>[0]) : (row?.reply as Buffer);
  assert.ok(Buffer.from(kept).equals(Buffer.from(raw)), "the bytes are kept as they were sent");
}

/** The queue goes on: a good message behind it becomes an event and an acknowledged effect. */
async function goesOn(): Promise<void> {
  const at = ++ordinal;
  const payment = story.make("his.payment", at);
  const verdict = await story.push("his.payment", payment);
  assert.equal(verdict.verdict, "accepted");
  const bill = payment.expect[0]?.order;
  await until("the next good message is delivered", async () => (await story.effects()).some((line) => line.order === bill));
}

const his = (body: Uint8Array, more: Partial<Push> = {}): Push => ({ partner: "his", kind: "charge", body, contentType: XML, ...more });
const utf8 = (text: string): Buffer => Buffer.from(text, "utf8");

describe("cut short", { concurrency: false }, () => {
  test(`C-5 S0-42 an XML charge cut at every ${CUT_EVERY}th byte, and one byte before its end`, async () => {
    const whole = utf8(charge());
    const cuts = Array.from({ length: Math.floor(whole.length / CUT_EVERY) }, (_, index) => (index + 1) * CUT_EVERY).filter(
      (at) => at < whole.length,
    );
    await Promise.all(
      [...cuts, whole.length - 1].map(async (at) =>
        isKept(await client.ask(his(whole.subarray(0, at))), "NOT_TRANSLATABLE", whole.subarray(0, at)),
      ),
    );
    await goesOn();
  });

  for (const partner of ["neusoft", "chongqing"] as const)
    test(`C-4 S0-42 a ${partner} reply cut at every ${CUT_EVERY}th byte, and one byte before its end`, async () => {
      const { request, reply } = SAMPLE[partner];
      const ends = new Set([reply.length - 1]);
      for (let at = CUT_EVERY; at < reply.length; at += CUT_EVERY) ends.add(at);
      for (const at of ends) {
        const cut = reply.subarray(0, at);
        const verdict = await client.exchange({ partner, kind: "settle", id: `${partner}-cut-${at}`, request, reply: cut });
        await isKept(verdict, "NOT_TRANSLATABLE", cut, "reply");
      }
      await goesOn();
    });
});

describe("not what it says it is", { concurrency: false }, () => {
  const gbk = (): Buffer => iconv.encode(charge().replace('encoding="UTF-8"', ""), "gbk");
  const nested = `<?xml version="1.0"?>${"<a>".repeat(DEPTH)}${"</a>".repeat(DEPTH)}`;
  const TABLE: readonly { readonly name: string; readonly push: () => Push; readonly code: string | RegExp }[] = [
    { name: "no XML at all", push: () => his(utf8("你好")), code: "NOT_TRANSLATABLE" },
    { name: "tags that do not fit", push: () => his(utf8(charge().replace("</Total>", "</Totle>"))), code: "NOT_TRANSLATABLE" },
    { name: "two documents in one", push: () => his(utf8(charge() + charge().replace(/<\?xml.*?\?>\s*/, ""))), code: "NOT_TRANSLATABLE" },
    { name: "GBK bytes labelled UTF-8", push: () => his(gbk()), code: "NOT_TRANSLATABLE" },
    {
      name: "half a GBK character",
      push: () => his(Buffer.concat([gbk(), Buffer.from([0xb2])]), { contentType: "application/xml; charset=GBK" }),
      code: "NOT_TRANSLATABLE",
    },
    {
      name: "a charset nobody knows",
      push: () => his(utf8(charge()), { contentType: "application/xml; charset=klingon" }),
      code: "BAD_CHARSET",
    },
    { name: "a compressed body", push: () => ({ ...his(utf8("x")), contentEncoding: "gzip" }), code: "UNSUPPORTED_ENCODING" },
    { name: "larger than the partner may send", push: () => his(utf8(charge() + " ".repeat(BYTES_MAX))), code: "TOO_LARGE" },
    { name: "an unknown message kind", push: () => his(utf8(charge()), { kind: "chargee" }), code: "UNKNOWN_MESSAGE" },
    { name: "an unknown partner", push: () => his(utf8(charge()), { partner: "hos" }), code: "UNKNOWN_PARTNER" },
    {
      name: "a DOCTYPE that would read a file",
      push: () => his(utf8(charge().replace(/\?>\s*/, '?><!DOCTYPE Message [<!ENTITY x SYSTEM "file:///etc/passwd">]>'))),
      code: "NOT_TRANSLATABLE",
    },
    {
      name: "entities that grow",
      push: () => his(utf8(charge().replace(/\?>\s*/, '?><!DOCTYPE Message [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'))),
      code: "NOT_TRANSLATABLE",
    },
    { name: `XML ${DEPTH} deep`, push: () => his(utf8(nested.slice(0, BYTES_MAX))), code: "NOT_TRANSLATABLE" },
    { name: "an empty body", push: () => his(Buffer.alloc(0)), code: "EMPTY_BODY" },
    { name: "NUL bytes", push: () => his(utf8(charge().replace('name="', 'name="\0'))), code: "NOT_TRANSLATABLE" },
    { name: "nothing but NUL bytes", push: () => his(Buffer.alloc(512)), code: "NOT_TRANSLATABLE" },
    { name: "a lone surrogate as a reference", push: () => his(utf8(charge().replace("门诊", "&#xD800;"))), code: "NOT_TRANSLATABLE" },
    {
      name: "an identity with a control character",
      push: () => his(utf8(charge()), { messageId: "a\u0007b" }),
      code: "BAD_IDENTITY",
    },
    {
      name: "amounts that do not add up",
      push: () => his(utf8(charge().replace(/<Total>[\d.]+<\/Total>/, "<Total>0.01</Total>"))),
      code: "NOT_TRANSLATABLE",
    },
    {
      name: "an exchange sent as one document",
      push: () => his(SAMPLE.neusoft.request, { partner: "neusoft", kind: "settle", contentType: "text/plain; charset=GBK" }),
      code: "BAD_EXCHANGE",
    },
    {
      name: "JSON that says reply twice",
      push: () =>
        his(utf8('{"request":"a","reply":"b","reply":"c","return":"0"}'), {
          partner: "neusoft",
          kind: "settle",
          contentType: "application/json",
        }),
      code: "BAD_EXCHANGE",
    },
    {
      name: "JSON cut short",
      push: () => his(utf8('{"request":"a","repl'), { partner: "neusoft", kind: "settle", contentType: "application/json" }),
      code: "BAD_EXCHANGE",
    },
    {
      name: "a part that is neither request nor reply",
      push: () =>
        his(SAMPLE.neusoft.request, {
          partner: "neusoft",
          kind: "settle",
          contentType: "text/plain; charset=GBK",
          headers: { "huiliu-exchange": "p", "huiliu-part": "both" },
        }),
      code: "BAD_EXCHANGE",
    },
  ];
  for (const { name, push, code } of TABLE)
    test(`C-2 C-5 S0-42 ${name}`, async () => {
      const message = push();
      await isKept(await client.ask(message), code, message.body);
      await goesOn();
    });

  test("every parked one is told on huiliu.events, with its reason", async () => {
    const parked = await huiliu.sql("select id from message where state = 'parked'");
    await until("message.parked of each", () => {
      const told = new Set(client.events.filter((one) => one.type === "message.parked").map((one) => one.data.messageId));
      return parked.every((row) => told.has(row.id));
    });
    const listed = await huiliu.api("/messages?state=parked&limit=500");
    assert.equal((listed.body.items as unknown[]).length, parked.length);
  });

  test("C-7 nothing of all this had an effect, an order change or a write-back", async () => {
    await story.quiet();
    const owed = await huiliu.sql(
      "select count(*)::int n from write_back w join message m on m.id = w.message_id where m.state = 'parked'",
    );
    assert.deepEqual(owed, [{ n: 0 }]);
    const effects = await story.effects();
    assert.equal(new Set(effects.map((line) => line.key)).size, effects.length);
  });
});
