/** The main job, end to end, at a running Huiliu: pushed messages become events, the HIS is told each effect once ("What must show" 2). */
import { examine, patientOf } from "../../bin/doctor/doctor.ts";
import { ROOT } from "../../bin/environment.ts";
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import iconv from "iconv-lite";
import { rawOf } from "../../platform/postgres/journal-rows.ts";
import type { Made } from "../hospital/messages/made.ts";
import { type Client, connectClient, SAMPLE } from "./client.ts";
import { destination, type Huiliu, QUICK, startHuiliu, until } from "./harness.ts";
import { createStory, DATE, textOf } from "./story.ts";

const SLOW_PARTNER_PER_SECOND = 3;
const SMALL_BYTES = 4_096;

/** What the three samples say, read by hand from the partners' documents: fen, people, numbers. */
const PUSHES = [
  {
    name: "neusoft 2410",
    partner: "neusoft",
    kind: "settle",
    event: "insurance.settled",
    subject: "bill:DJ2026112000001",
    data: {
      settlementNo: "20261120092200-00200002-0001",
      operator: { no: "0001", name: "测试收费员", shift: "20261120-00200002-0001-01" },
      amounts: {
        total: "9250",
        fund: "5600",
        funds: [{ code: "tczc", name: "统筹支出", amount: "5600" }],
        account: "2000",
        cash: "1650",
        commercial: "0",
      },
      businessDate: DATE,
    },
    effect: { kind: "insurance-result", order: "DJ2026112000001", amount: "9250" },
  },
  {
    name: "chongqing 05",
    partner: "chongqing",
    kind: "settle",
    event: "insurance.settled",
    subject: "visit:MZ0000001",
    data: {
      settlementNo: "9900000000000010",
      operator: { name: "测试收费员" },
      amounts: {
        total: "9250",
        fund: "5600",
        funds: [{ code: "tczf", name: "统筹支付", amount: "5600" }],
        account: "2000",
        cash: "1650",
        hospitalBorne: "0",
      },
      balanceAfter: "34245",
    },
    effect: { kind: "insurance-result", order: "MZ0000001", amount: "9250" },
  },
  {
    name: "jkt 3003",
    partner: "jkt",
    kind: "pay-order",
    event: "payment.settled",
    subject: "bill:SEQ2026112000001",
    data: { paymentNo: "HPI20261120000002", total: "18850", payable: "18850" },
    // A pay order tells the bill it pays (nobody charged it here, so its word holds): covered, so the HIS is told.
    effect: { kind: "payment-confirm", order: "SEQ2026112000001", amount: "18850" },
  },
] as const;
type Sample = (typeof PUSHES)[number];

let huiliu: Huiliu;
let client: Client;

before(async () => {
  huiliu = await startHuiliu("happy", {
    profiles: {
      his: (profile) => ({
        ...destination({ ...QUICK, duplicates: "inquiry" })(profile),
        inbound: { ...profile.inbound, bytesMax: SMALL_BYTES },
      }),
      jkt: (profile) => ({ ...profile, inbound: { ...profile.inbound, perSecond: SLOW_PARTNER_PER_SECOND } }),
    },
  });
  client = await connectClient(huiliu.run().amqp);
  await client.watch();
});
after(async () => {
  await client?.close();
  await huiliu?.stop();
});

const pushSample = async (one: Sample, identity: { exchange?: string; messageId?: string }): Promise<void> => {
  const { partner, kind } = one;
  const { messageId } = identity;
  if (partner === "jkt") {
    const contentType = "application/xml; charset=UTF-8";
    await client.ask({ partner, kind, body: SAMPLE.jkt, contentType, ...(messageId === undefined ? {} : { messageId }) });
    return;
  }
  await client.exchange({
    partner,
    kind,
    id: identity.exchange ?? "x",
    ...SAMPLE[partner],
    ...(messageId === undefined ? {} : { messageId }),
  });
};
const eventsOf = (type: string, subject: string) => client.events.filter((one) => one.type === type && one.subject === subject);
const open = async (): Promise<unknown> =>
  huiliu.sql("select partner, kind, state, park->>'code' code from message where state not in ('settled') order by seq");
const story = createStory(
  () => huiliu,
  () => client,
  7,
);
const { caseOf, make, push: pushMade, effects, quiet } = story;

test("the doctor finds nothing to mend in a set-up that runs, and says what it looked at", async () => {
  const { findings, bad } = await examine(patientOf(ROOT, huiliu.dataDir, {}, Date.now));
  assert.deepEqual(
    findings.filter((one) => one.state === "bad"),
    [],
  );
  assert.equal(bad, 0);
  for (const at of ["PostgreSQL", "RabbitMQ", "Redis", "his", "engine", "mappings/"])
    assert.ok(
      findings.some((one) => one.at === at && one.state === "ok"),
      `${at} was not looked at: ${JSON.stringify(findings.filter((one) => one.at === at))}`,
    );
});

describe("the samples, by an AMQP client", { concurrency: false }, () => {
  test("C-2 C-4 C-5 S0-21 the right event, fen exact, Chinese correct", async () => {
    for (const one of PUSHES) {
      await pushSample(one, { exchange: `first-${one.partner}`, messageId: `sample-${one.partner}` });
      const [event] = await until(one.name, () => {
        const found = eventsOf(one.event, one.subject);
        return found.length > 0 && found;
      });
      assert.ok(event);
      assert.equal(event.source, one.partner);
      const told = Object.fromEntries(Object.keys(one.data).map((key) => [key, event.data[key]]));
      assert.deepEqual(told, one.data);
    }
  });

  test("C-3 C-6 the HIS ledger holds each effect exactly once, acknowledged with its receipt", async () => {
    await quiet();
    const done = await effects();
    // Bills go their own ways: which of them the HIS heard of first is not said.
    const byOrder = (a: { readonly order: string | null }, b: { readonly order: string | null }) =>
      String(a.order).localeCompare(String(b.order));
    assert.deepEqual(
      done.map(({ kind, order, amount }) => ({ kind, order, amount })).sort(byOrder),
      PUSHES.map((one) => one.effect).sort(byOrder),
    );
    const rows = await huiliu.sql("select state, receipt->>'no' no, receipt from write_back where state <> 'held'");
    assert.deepEqual(
      rows.map((row) => row.state),
      ["acknowledged", "acknowledged", "acknowledged"],
    );
    for (const line of done) assert.ok(JSON.stringify(rows).includes(String(line.receiptNo)));
  });

  test("C-4 C-6 the same again, in whatever wrapping, gives no second event and no second effect", async () => {
    // What is stored, not what has come here so far: an event published a moment ago may still be on its way.
    const stored = async (): Promise<number> =>
      Number((await huiliu.sql("select count(*)::int n from event where type <> 'message.parked'"))[0]?.n);
    const before = { events: await stored(), effects: (await effects()).length };
    const again: readonly { exchange?: string; messageId?: string }[] = [
      { exchange: "again", messageId: "again" },
      { exchange: "first" },
      { exchange: "once-more" },
    ];
    for (const one of PUSHES) {
      for (const how of again) {
        const exchange = `${how.exchange}-${one.partner}`;
        await pushSample(one, { exchange, ...(how.messageId === undefined ? {} : { messageId: `${how.messageId}-${one.partner}` }) });
      }
      await pushSample(one, { exchange: `first-${one.partner}`, messageId: `sample-${one.partner}` });
    }
    await quiet();
    assert.equal(await stored(), before.events);
    assert.equal((await effects()).length, before.effects);
    assert.deepEqual(await huiliu.sql("select kind, park->>'code' code from message where state = 'parked'"), []);
  });

  test("C-4 S0-42 other content under the same business identity is parked as a conflict; both byte strings are kept", async () => {
    const other = Buffer.from(
      iconv.decode(SAMPLE.neusoft.reply, "gbk").replace("56.00", "46.00").replace("29.25", "39.25").replace("16.50", "26.50"),
    );
    await client.exchange({ partner: "neusoft", kind: "settle", id: "conflict", request: SAMPLE.neusoft.request, reply: other });
    const [parked] = await until(
      "the conflict is parked",
      async () => {
        const rows = await huiliu.sql("select id, raw, raw_bytes, reply, park from message where state = 'parked' and partner = 'neusoft'");
        return rows.length > 0 && rows;
      },
      10_000,
      open,
    );
    assert.ok(parked);
    assert.equal((parked.park as { code: string }).code, "BUSINESS_CONFLICT");
    assert.deepEqual(parked.reply, other);
    assert.deepEqual(rawOf(parked as unknown as Parameters<typeof rawOf>[0]), SAMPLE.neusoft.request);
    const [first] = await huiliu.sql("select raw, reply from message where state = 'settled' and partner = 'neusoft'");
    assert.deepEqual(first?.reply, SAMPLE.neusoft.reply);
    await until("message.parked is told", () =>
      client.events.some((one) => one.type === "message.parked" && one.data.messageId === parked.id),
    );
    assert.equal((await effects()).length, PUSHES.length);
  });
});

describe("exchanges in parts", { concurrency: false }, () => {
  test("C-4 a reply without its request parks after 60 s; the request coming late completes it", async () => {
    const made = make("neusoft.settle", 1, "insured");
    assert.equal(made.body.type, "exchange");
    if (made.body.type !== "exchange") return;
    const part = (name: string, text: string, more: object) => ({
      partner: "neusoft",
      kind: "settle",
      body: iconv.encode(text, "GBK"),
      contentType: "text/plain; charset=GBK",
      headers: { "huiliu-exchange": made.id, "huiliu-part": name, ...more },
    });
    await client.push(part("reply", made.body.reply, { "huiliu-return": "0" }));
    const [waiting] = await until("the reply waits", async () => {
      const rows = await huiliu.sql("select id from message where exchange_id = $1 and state = 'awaiting-part'", [made.id]);
      return rows.length > 0 && rows;
    });
    await huiliu.sql("update huiliu_clock set shift = shift + interval '61 seconds'");
    const state = async () => (await huiliu.sql("select state, park->>'code' code from message where id = $1", [waiting?.id]))[0];
    await until("it parks", async () => (await state())?.state === "parked", 8_000, state);
    assert.equal((await state())?.code, "EXCHANGE_INCOMPLETE");
    await client.push(part("request", made.body.request, {}));
    const effect = made.expect[0];
    await until(
      "the effect",
      async () => (await effects()).some((line) => line.order === effect?.order && line.amount === effect?.amount),
      8_000,
      async () => [await state(), await open()],
    );
    await until("its event", () => eventsOf("insurance.settled", `bill:${effect?.order}`).length > 0);
    assert.equal(eventsOf("insurance.settled", `bill:${effect?.order}`).length, 1);
  });
});

describe("one bill's whole story", { concurrency: false }, () => {
  const one = caseOf(2, "insured");
  const told = async () =>
    (await effects())
      .filter((line) => line.order === one.bill)
      .map(({ kind, amount, action }) => [kind, amount, ...(action === undefined ? [] : [action])]);

  test("S4-3 S4-10 the HIS hears the insurance result at once and “paid” only when insurance and payments equal the bill", async () => {
    await pushMade("his.charge", make("his.charge", 2, "insured"));
    await pushMade("neusoft.settle", make("neusoft.settle", 2, "insured"));
    await quiet();
    assert.deepEqual(await told(), [["insurance-result", one.total.toString(), "settle"]]);
    await pushMade("his.payment", make("his.payment", 2, "insured"));
    await until("paid is told", async () => (await told()).length === 2, 5_000, told);
    assert.deepEqual((await told())[1], ["payment-confirm", one.cash.toString()]);
  });

  test("S4-10 a payment that does not cover the bill is held; the rest coming in releases it", async () => {
    const self = caseOf(3);
    const payment = make("his.payment", 3);
    const untold = textOf(payment).replace(/<BillTotal>.*?<\/BillTotal>/, "");
    await pushMade("his.payment", { ...payment, body: { type: "document", text: untold, media: "application/xml" } });
    await quiet();
    const held = async () => huiliu.sql("select state from write_back where bill = $1", [`bill:${self.bill}`]);
    assert.deepEqual(await held(), [{ state: "held" }]);
    assert.equal(
      (await effects()).some((line) => line.order === self.bill),
      false,
    );
    await pushMade("his.charge", make("his.charge", 3));
    await until("released and acknowledged", async () => (await held())[0]?.state === "acknowledged", 5_000, held);
    assert.equal((await effects()).filter((line) => line.order === self.bill).length, 1);
  });

  test("S4-3 a refund is confirmed to the HIS after its payment, a cancelled charge changes the bill", async () => {
    await pushMade("his.refund", make("his.refund", 2, "insured"));
    await until("the refund is told", async () => (await told()).length === 3, 5_000, told);
    assert.equal((await told())[2]?.[0], "refund-confirm");
    const self = caseOf(5); // odd: one unit of the first line
    await pushMade("his.charge", make("his.charge", 5));
    await pushMade("his.charge-cancel", make("his.charge-cancel", 5));
    await quiet();
    const [bill] = await huiliu.sql("select book from bill where key = $1", [`bill:${self.bill}`]);
    const book = bill?.book as { charges: Record<string, string>; cancels: Record<string, string> };
    assert.deepEqual(Object.values(book.charges), [self.total.toString()]);
    assert.equal(Object.values(book.cancels).length, 1);
    await until("its event", () => eventsOf("charge.cancelled", `bill:${self.bill}`).length > 0);
    assert.equal(eventsOf("charge.cancelled", `bill:${self.bill}`).length, 1);
  });
});

describe("every message kind of every vendor", { concurrency: false }, () => {
  const KINDS = [
    ["neusoft.settle", "neusoft.cancel"],
    ["neusoft.settle", "neusoft.reverse"],
    ["chongqing.settle", "chongqing.reverse"],
    ["his.charge", "his.payment", "his.refund"],
    ["his.charge", "his.charge-cancel"],
    ["jkt.pay-order"],
  ] as const;
  for (const [index, names] of KINDS.entries()) {
    test(`C-3 C-4 C-5 ${names.join(", ")}`, async () => {
      const ordinal = 20 + index;
      const payer = names[0].startsWith("his") || names[0].startsWith("jkt") ? "self" : "insured";
      const made = names.map((name) => make(name, ordinal, payer));
      for (const [at, name] of names.entries()) {
        const verdict = await pushMade(name, made[at] as Made);
        assert.equal(verdict.verdict, "accepted", `${name}: ${verdict.text?.zh}`);
      }
      await quiet();
      for (const { expect } of made)
        for (const sent of expect) {
          const found = (await effects()).filter(
            (line) => line.kind === sent.kind && line.order === sent.order && (sent.action === undefined || sent.action === line.action),
          );
          assert.deepEqual(
            found.map((line) => line.amount),
            [sent.amount],
            `${sent.kind} ${sent.order}`,
          );
        }
    });
  }

  for (const charset of ["GBK", "GB18030"]) {
    test(`S0-21 a HIS that writes ${charset} is read as it wrote`, async () => {
      const ordinal = charset === "GBK" ? 40 : 41;
      await pushMade("his.charge", make("his.charge", ordinal, "self", charset), charset);
      const one = caseOf(ordinal);
      const [event] = await until("its event", () => {
        const found = eventsOf("charge.posted", `bill:${one.bill}`);
        return found.length > 0 && found;
      });
      assert.ok(JSON.stringify(event?.data).includes(one.lines[0]?.name ?? "?"));
    });
  }
});

describe("answers to senders", { concurrency: false }, () => {
  test("C-2 reply-to gets the verdict: accepted, refused with the reason in Chinese", async () => {
    const good = make("his.charge", 50);
    const body = Buffer.from(textOf(good));
    const contentType = "application/xml; charset=UTF-8";
    assert.equal((await client.ask({ partner: "his", kind: "charge", body, contentType, messageId: good.id })).verdict, "accepted");
    assert.equal((await client.ask({ partner: "his", kind: "charge", body, contentType, messageId: good.id })).verdict, "duplicate");
    const bad = await client.ask({ partner: "his", kind: "charge", body: Buffer.from("<Message"), contentType });
    assert.deepEqual([bad.verdict, bad.code], ["refused", "NOT_TRANSLATABLE"]);
    assert.match(bad.text?.zh ?? "", /[\u4e00-\u9fff]/);
    assert.ok((bad.problems?.length ?? 0) > 0);
  });

  test("C-2 a key that no queue takes is not lost: parked as unknown partner", async () => {
    await client.push({ partner: "nobody", kind: "charge", body: Buffer.from("x") });
    await until(
      "parked",
      async () => (await huiliu.sql("select 1 from message where partner = 'nobody' and state = 'parked'")).length === 1,
    );
  });

  test("S0-15 S0-19 S0-39 the HTTP door: the vendor's own answer after the commit, duplicate, conflict, key, size, rate", async () => {
    const xml = (ordinal: number): string => textOf(make("his.charge", ordinal));
    const headers = { "content-type": "application/xml; charset=UTF-8" };
    const told = async (answer: Response) => ({ status: answer.status, text: await answer.text() });
    const first = await told(await huiliu.post("his", "charge", xml(60), { ...headers, "idempotency-key": "http-60" }));
    assert.equal(first.status, 202);
    const id = /^<Answer><Code>0<\/Code><Text>已接收<\/Text><MessageId>([0-9a-f-]{36})<\/MessageId><\/Answer>$/.exec(first.text)?.[1];
    assert.ok(id, first.text);
    assert.equal((await huiliu.sql("select 1 from message where id = $1", [id])).length, 1);
    const again = await told(await huiliu.post("his", "charge", xml(60), { ...headers, "idempotency-key": "http-60" }));
    assert.deepEqual([again.status, again.text.includes(id)], [200, true]);
    const other = await told(await huiliu.post("his", "charge", xml(61), { ...headers, "idempotency-key": "http-60" }));
    assert.match(other.text, /<Code>IDENTITY_CONFLICT<\/Code>/);
    const gbk = await huiliu.post("his", "charge", "<x/>", { "content-type": "text/xml; charset=GBK", "idempotency-key": "http-gbk" });
    assert.match(new TextDecoder("gbk", { fatal: true }).decode(await gbk.arrayBuffer()), /<Text>已接收<\/Text>/, "answered as asked");
    assert.equal((await huiliu.post("his", "charge", xml(62), { ...headers, authorization: "Bearer wrong" })).status, 401);
    const large = await told(await huiliu.post("his", "charge", xml(62) + " ".repeat(SMALL_BYTES), headers));
    assert.match(large.text, /TOO_LARGE/);
    const answer = /<RETURN_CODE>(\d+)<\/RETURN_CODE>/;
    const text = textOf(make("jkt.pay-order", 63));
    const jkt = async (key: string) => {
      const got = await huiliu.post("jkt", "pay-order", text, { ...headers, "idempotency-key": key });
      return { status: got.status, code: answer.exec(await got.text())?.[1], after: got.headers.get("retry-after") };
    };
    assert.deepEqual(await jkt("jkt-63"), { status: 200, code: "0", after: null });
    assert.deepEqual(await jkt("jkt-63"), { status: 200, code: "10", after: null });
    const many = await Promise.all(Array.from({ length: SLOW_PARTNER_PER_SECOND * 20 }, () => jkt("jkt-63")));
    const later = many.find((one) => one.after !== null);
    assert.deepEqual([later?.status, later?.code], [503, "99"], "too fast is “come again”, never “refused”");
  });
});
