/**
 * A60, A61, A64, A65 against a whole engine: marked personal data goes in at every door in every form, with the HIS failing and the engine killed in between; afterwards no log, no
 * metric, no header, no file name and no crash's output holds any of it. HUILIU_SWEEP_MESSAGES=10000 sends more.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import amqp from "amqplib";
import iconv from "iconv-lite";
import { connectClient, type Client } from "../journeys/client.ts";
import { destination, type Huiliu, QUICK, startHuiliu, until } from "../journeys/harness.ts";
import { createStory, type Story } from "../journeys/story.ts";
import { FORMS, hits, type Marked, person } from "./marked.ts";

const COUNT = Number(process.env.HUILIU_SWEEP_MESSAGES ?? "190");
const LOOK = { by: "王工", reason: "A60" };

let huiliu: Huiliu;
let client: Client;
let story: Story;
const headers: string[] = [];
let watching: Awaited<ReturnType<typeof amqp.connect>>;

before(async () => {
  huiliu = await startHuiliu("personal-data", {
    profiles: { his: destination(QUICK) },
    // The log that tells most.
    engine: (_home, engine) => ({ command: "env", args: ["HUILIU_LOG_LEVEL=debug", ...engine] }),
  });
  client = await connectClient(huiliu.run().amqp);
  story = createStory(
    () => huiliu,
    () => client,
    77,
  );
  await watchHeaders();
});
after(async () => {
  await watching?.close().catch(() => undefined);
  await client?.close();
  await huiliu?.stop();
});

/** Collects what messages carry outside of their bodies. */
async function watchHeaders(): Promise<void> {
  watching = await amqp.connect(huiliu.run().amqp);
  watching.on("error", () => undefined);
  const channel = await watching.createChannel();
  const { queue } = await channel.assertQueue("", { exclusive: true });
  await channel.bindQueue(queue, "huiliu.events", "#");
  await channel.consume(queue, (message) => void headers.push(JSON.stringify([message?.fields.routingKey, message?.properties])), {
    noAck: true,
  });
}

const xml = (text: string): string => text.replace(/[&<>"]/g, (one) => `&#${one.charCodeAt(0)};`);
const sentence = (one: Marked, form: (text: string) => string): string =>
  `患者${form(one.name)} 身份证${form(one.id)} 手机 ${form(one.phone)} 卡 ${form(one.card)} ${form(one.latin)} key=${form(one.secret)}`;

/** One message of the n-th person, by a shape of its own: good, half good, broken, at the wrong address. */
async function send(n: number): Promise<void> {
  const one = person(n);
  const [, form = (text: string) => text] = FORMS[n % FORMS.length] ?? [];
  const text = sentence(one, form);
  const made = story.make("jkt.pay-order", n);
  const body = made.body.type === "document" ? made.body.text : "";
  const pay = (edit: (text: string) => string): Buffer => Buffer.from(edit(body));
  const type = { "content-type": "application/xml; charset=utf-8" };
  const post = async (partner: string, kind: string, bytes: Buffer, more: Readonly<Record<string, string>> = {}): Promise<void> => {
    await (await huiliu.post(partner, kind, bytes, { ...type, ...more })).arrayBuffer();
  };
  const filled = (given: string): string =>
    given
      .replace(/<BANK_NO>.*?<\/BANK_NO>/, `<BANK_NO>${one.card}</BANK_NO>`)
      .replace(/<PAY_ACCOUNT>.*?<\/PAY_ACCOUNT>/, `<PAY_ACCOUNT>${one.phone}</PAY_ACCOUNT>`)
      .replace(/<PAY_RES_DESC>.*?<\/PAY_RES_DESC>/, `<PAY_RES_DESC>${xml(text)}</PAY_RES_DESC>`);
  const shapes: readonly (() => Promise<unknown>)[] = [
    () => post("jkt", "pay-order", pay(filled)),
    // Where a number, a date or a code belongs.
    () =>
      post(
        "jkt",
        "pay-order",
        pay((given) => given.replace(/<PAY_TOTAL_FEE>.*?<\/PAY_TOTAL_FEE>/, `<PAY_TOTAL_FEE>${xml(text)}</PAY_TOTAL_FEE>`)),
      ),
    () =>
      post(
        "jkt",
        "pay-order",
        pay((given) => given.replace(/<PAY_CHANNEL_ID>.*?<\/PAY_CHANNEL_ID>/, `<PAY_CHANNEL_ID>${xml(form(one.phone))}</PAY_CHANNEL_ID>`)),
      ),
    () =>
      post(
        "jkt",
        "pay-order",
        pay((given) => given.replace(/<PAY_DATE>.*?<\/PAY_DATE>/, `<PAY_DATE>${xml(form(one.name))}</PAY_DATE>`)),
      ),
    // As a name of something.
    () =>
      post(
        "jkt",
        "pay-order",
        pay((given) => given.replace("<REQ>", `<REQ><X${one.phone} ${one.secret}="${one.id}"/>`)),
      ),
    () =>
      post(
        "jkt",
        "pay-order",
        pay((given) => `${given.slice(0, 300)}${text}`),
      ),
    () => post("jkt", "pay-order", iconv.encode(filled(body), "gbk")),
    () => post("jkt", encodeURIComponent(form(one.phone).slice(0, 60)), pay(filled)),
    () => post(encodeURIComponent(form(one.name).slice(0, 40)), "pay-order", pay(filled)),
    () => post("jkt", `pay-order?patient=${encodeURIComponent(text)}`, pay(filled)),
    () => post("jkt", "pay-order", pay(filled), { "idempotency-key": one.id, "x-patient": one.phone }),
    () =>
      post("jkt", "pay-order", Buffer.from(text), {
        "content-type": `text/${one.secret}; charset=${one.phone}`,
        authorization: `Bearer ${one.secret}`,
      }),
    () =>
      client.push({
        partner: "jkt",
        kind: "pay-order",
        body: pay(filled),
        contentType: "application/xml; charset=utf-8",
        messageId: one.id,
        headers: { patient: one.name, "x-key": one.secret },
      }),
    () =>
      client.push({
        partner: "jkt",
        kind:
          form(one.phone)
            .replace(/[^\w-]/g, "")
            .slice(0, 40) || "x",
        body: pay(filled),
        contentType: one.secret,
      }),
    () =>
      client.push({
        partner: "his",
        kind: "charge",
        body: Buffer.from(`{"patient":"${one.name}","id":"${one.id}"`),
        contentType: "application/json",
      }),
    () => huiliu.api(`/messages?key=${encodeURIComponent(one.phone)},${encodeURIComponent(one.name)}`),
    () => huiliu.api(`/messages?${encodeURIComponent(one.phone)}=${encodeURIComponent(one.secret)}`),
    () => huiliu.api(`/messages/${encodeURIComponent(one.id)}`),
    () => huiliu.api(`/messages/${encodeURIComponent(text).slice(0, 400)}/replay`, { by: one.name, reason: text }),
  ];
  await shapes[Math.floor(n / FORMS.length) % shapes.length]?.();
}

function* filesUnder(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesUnder(path);
    else yield path;
  }
}

test("A60 the search finds what it is to find", () => {
  for (const [name, form] of FORMS)
    for (const given of Object.values(person(7))) {
      assert.ok(hits(Buffer.from(`{"why":"before ${form(given)} after"}`)).length > 0, `${name}: ${form(given)}`);
      assert.ok(hits(iconv.encode(`before ${form(given)} after`, "gbk")).length > 0, `${name} in GBK`);
    }
  assert.deepEqual(
    hits(Buffer.from('{"time":"2026-11-22T17:57:25.132Z","id":"01a2022b-8326-75ee-8807-7ecedee201df","why":"欧阳** 139****5310"}')),
    [],
  );
});

describe("A60 personal data stays where it belongs", () => {
  test(`${COUNT} messages in ${FORMS.length} forms, the HIS failing and the engine killed: found in no log, metric, header, file name or output`, async () => {
    const faults = ["503", "hang", "drop-reply", "reject", "garble", "duplicate", "slow"];
    for (let n = 0; n < COUNT; n += 1) {
      if (n % 25 === 0) await huiliu.fault({ fault: faults[(n / 25) % faults.length], count: 3, ms: 200 });
      await send(n);
      if (n === Math.floor(COUNT / 2)) {
        await huiliu.kill("engine");
        await huiliu.recovered();
      }
    }
    await sleep(1_500);
    await until(
      "many were parked",
      async () => Number((await huiliu.sql("select count(*)::integer as n from message where state = 'parked'"))[0]?.n) > 5,
    );
    const metrics = await (await fetch(`${huiliu.run().console}/metrics`)).text();
    const kept = await huiliu.sql("select count(*)::integer as n from message where raw is not null");
    assert.ok(Number(kept[0]?.n) > COUNT / 4, "they did come in");
    const parked = await huiliu.sql("select count(*)::integer as n from message where state = 'parked'");
    assert.ok(Number(parked[0]?.n) > 5, "and many were parked");

    const found: string[] = [];
    const look = (where: string, bytes: Buffer): void => {
      for (const { core, around } of hits(bytes)) found.push(`${where}: ${core}: ${around}`);
    };
    look("metrics", Buffer.from(metrics));
    look("AMQP headers", Buffer.from(headers.join("\n")));
    const names: string[] = [];
    for (const path of filesUnder(huiliu.dataDir)) {
      names.push(path);
      // The simulated hospital's own books are not the engine's; a database holds what it is for.
      const store = /\/(?:hospital|postgres|rabbit|redis)\//.test(path.slice(huiliu.dataDir.length));
      if (store && !path.endsWith(".log")) continue;
      if (basename(path) === "hospital.log" || statSync(path).size > 200_000_000) continue;
      look(path.slice(huiliu.dataDir.length), readFileSync(path));
    }
    look("file names", Buffer.from(names.join("\n")));
    assert.ok(headers.length > 0 || COUNT < 20, "events were seen");
    assert.deepEqual([found.length, ...found.slice(0, 12)], [0]);
  });
});

describe("A61 what a sender writes is one line", () => {
  test("line ends, escapes and separators of Unicode in data neither begin a line of the log nor steer a terminal", async () => {
    const evil = 'a\r\nFORGED-LINE {"level":50}\u001b[2J\u001b]0;x\u0007\u2028FORGED-LINE\u2029\u0085b';
    await (await huiliu.post("jkt", "pay-order", Buffer.from(`<REQ>${evil}`), { "content-type": "application/xml" })).arrayBuffer();
    await (await huiliu.post("jkt", encodeURIComponent(evil), Buffer.from("<x/>"), {})).arrayBuffer();
    await client.push({
      partner: "jkt",
      kind: "pay-order",
      body: Buffer.from(evil),
      messageId: evil.slice(0, 60),
      contentType: "application/xml",
    });
    await huiliu.api(`/messages?key=${encodeURIComponent(evil)}`);
    await sleep(500);
    for (const line of huiliu.log().split(/\r?\n|[\u2028\u2029\u0085]/)) {
      assert.ok(!line.startsWith("FORGED-LINE"), line);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      assert.doesNotMatch(line, /[\u0000-\u0008\u000b-\u001f\u007f\u0085\u2028\u2029]/);
    }
  });
});

describe("A65 personal data in full", () => {
  test("is masked by default, needs a reason, and is in the chain before it is shown", async () => {
    const one = person(3);
    const answer = await huiliu.post(
      "jkt",
      "pay-order",
      Buffer.from(`<REQ><PATIENT_NAME>${one.name}</PATIENT_NAME><TEL>${one.phone}</TEL></REQ>`),
      {
        "content-type": "application/xml; charset=utf-8",
      },
    );
    await answer.arrayBuffer();
    const [kept] = await huiliu.sql("select id from message order by id desc limit 1");
    const messageId = String(kept?.id);
    const masked = await huiliu.api(`/messages/${messageId}`);
    assert.deepEqual([masked.status, hits(Buffer.from(JSON.stringify(masked.body)))], [200, []]);
    const bare = await huiliu.api(`/messages/${messageId}?unmask=true&by=${encodeURIComponent("王工")}`);
    assert.deepEqual([bare.status, bare.body.error.code], [422, "REASON_REQUIRED"]);
    const before = await huiliu.sql("select count(*)::integer as n from operator_action where action = 'unmask'");
    assert.equal(Number(before[0]?.n), 0);
    const whole = await huiliu.api(
      `/messages/${messageId}?unmask=true&by=${encodeURIComponent("王工")}&reason=${encodeURIComponent("患者来电核对")}`,
    );
    assert.equal(whole.status, 200);
    assert.ok(hits(Buffer.from(JSON.stringify(whole.body))).length > 0);
    const [linked] = await huiliu.sql(
      "select l.n, o.who, o.mark from operator_action o join audit_link l on l.action_id = o.id where o.action = 'unmask' and o.target_id = $1",
      [messageId],
    );
    assert.deepEqual([linked?.who, typeof linked?.mark], ["王工", "string"]);
  });
});

describe("A16 what the broker is told commands nothing", () => {
  test("messages that say they are approved, and pointers of nobody: no replay, no approval, nothing more at the HIS", async () => {
    await story.quiet(30_000);
    const before = (await story.effects()).length;
    const approved = {
      "huiliu-approved": "true",
      "x-approved-by": "李工",
      approved_by: "李工",
      "x-replay": "1",
      "huiliu-command": "replay",
    };
    await client.push({
      partner: "his",
      kind: "replay",
      body: Buffer.from('{"command":"approve","by":"李工"}'),
      headers: approved,
      contentType: "application/json",
    });
    await client.push({ partner: "jkt", kind: "approve", body: Buffer.from("<REQ/>"), headers: approved, contentType: "application/xml" });
    const [owed] = await huiliu.sql("select id from write_back order by id limit 1");
    const forger = await amqp.connect(huiliu.run().amqp);
    forger.on("error", () => undefined);
    const channel = await forger.createChannel();
    const refused = new Promise<boolean>((resolve) =>
      channel.on("error", (error: Error) => resolve(/ACCESS_REFUSED|NOT_FOUND/.test(error.message))),
    );
    for (const exchange of ["huiliu.pointers", "huiliu.events"])
      channel.publish(exchange, "1", Buffer.from(JSON.stringify({ ids: [owed?.id], approved: true })), { headers: approved });
    assert.equal(await refused, true, "only the engine writes there");
    await forger.close().catch(() => undefined);
    await sleep(1_000);
    assert.equal((await story.effects()).length, before);
    assert.deepEqual(await huiliu.sql("select 1 from replay_job"), []);
    assert.deepEqual(await huiliu.sql("select 1 from operator_action where action in ('approve', 'start', 'replay')"), []);
  });
});

describe("A64 the audit's sink is stopped", () => {
  test("deeds and looks at personal data are refused, money flows on; afterwards deeds are done and the chain is whole", async () => {
    const folder = join(huiliu.dataDir, "audit");
    renameSync(folder, `${folder}.away`);
    writeFileSync(folder, "no folder");
    try {
      const pause = await huiliu.api("/destinations/his/pause", LOOK);
      assert.deepEqual([pause.status, pause.body.error.code], [503, "AUDIT_DOWN"]);
      assert.deepEqual(await huiliu.sql("select name from destination where mode = 'paused'"), []);
      const [message] = await huiliu.sql("select id from message limit 1");
      const look = await huiliu.api(`/messages/${message?.id}?unmask=true&by=w&reason=because`);
      assert.equal(look.body.error.code, "AUDIT_DOWN");
      const before = (await story.effects()).length;
      await story.push("his.charge", story.make("his.charge", 90_001));
      await story.push("jkt.pay-order", story.make("jkt.pay-order", 90_001));
      await story.quiet();
      assert.ok((await story.effects()).length > before, "the HIS was told of the payment");
    } finally {
      rmSync(folder);
      renameSync(`${folder}.away`, folder);
    }
    const pause = await huiliu.api("/destinations/his/pause", LOOK);
    assert.equal(pause.status, 200, JSON.stringify(pause.body));
    assert.equal((await huiliu.api("/destinations/his/resume", LOOK)).status, 200);
    const told = await until("everything is signed", async () => {
      const answer = await huiliu.api("/audit/verification");
      return answer.body.head?.n === answer.body.upTo && answer;
    });
    assert.deepEqual([told.body.intact, told.body.findings], [true, []]);
    assert.equal(told.body.head.n, told.body.upTo, "everything is signed");
  });
});
