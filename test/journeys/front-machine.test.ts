/**
 * A settlement over the insurance front machine, from the HIS's request to the result in the HIS: whatever is lost on the way, the centre's ledger holds it once or not
 * at all, and the HIS is told what is true.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { sm2, sm4 } from "sm-crypto-v2";
import { type Client, connectClient } from "./client.ts";
import { type Fault, type Line, type Machine, startFakeMachine } from "./front-machine-fake.ts";
import { type Huiliu, QUICK, type Row, startHuiliu, until } from "./harness.ts";

/** A partner of its own beside the simulated machine: the same vendor, the same flow, another name. */
const FRONT = "front";
const TRUST_MS = 1_500;
let huiliu: Huiliu;
let client: Client;
let machine: Machine;
let ordinal = 0;

/** The platform that pushes 6302, as its vendor hands out keys. */
const MOBILE = "mobile";
const APP = { appId: "SYNTHETICAPPID000000000000000009", appSecret: "SYNTHETICSECRET00000000000000009" };
const OURS = sm2.generateKeyPairHex();
const PLATFORM = sm2.generateKeyPairHex();
const MOBILE_KEY = "key-of-the-mobile-platform-0001";

function prepareMobile(root: string): void {
  const seed = JSON.parse(readFileSync(join(root, "partners", "nhsa-mobile.json"), "utf8")) as Row & { constants: Row };
  writeFileSync(
    join(root, "partners", `${MOBILE}.json`),
    JSON.stringify({ ...seed, partner: MOBILE, constants: { ...seed.constants, appId: APP.appId } }),
  );
  const secrets = { appSecret: APP.appSecret, privateKey: OURS.privateKey, publicKey: PLATFORM.publicKey };
  const proof = { key: MOBILE_KEY, amqpUser: MOBILE, amqpPassword: "amqp-of-the-mobile-platform", secrets };
  writeFileSync(join(root, "..", "data", "credentials.json"), JSON.stringify({ partners: { [MOBILE]: proof } }));
  const flow = join(root, "flows", "insurance-front", "flow.json");
  writeFileSync(flow, readFileSync(flow, "utf8").replaceAll(/"partner":\s*"nhsa-mobile"/g, `"partner": "${MOBILE}"`));
}

function prepare(root: string): void {
  prepareMobile(root);
  const seed = JSON.parse(readFileSync(join(root, "partners", "nhsa.json"), "utf8")) as Row & { constants: Row; destination: Row };
  const destination = { ...seed.destination, ...QUICK, leaseMs: 4_000, trustNotFoundAfterMs: TRUST_MS, url: machine.url };
  const constants = { ...seed.constants, gateway: "none" };
  writeFileSync(join(root, "partners", `${FRONT}.json`), JSON.stringify({ ...seed, partner: FRONT, constants, destination }));
  const flow = join(root, "flows", "insurance-front", "flow.json");
  writeFileSync(flow, readFileSync(flow, "utf8").replaceAll(/"(partner|destination)":\s*"nhsa"/g, `"$1": "${FRONT}"`));
}

before(async () => {
  machine = await startFakeMachine();
  huiliu = await startHuiliu("front-machine", { prepare });
  client = await connectClient(huiliu.run().amqp);
  await client.watch();
});
after(async () => {
  await client?.close();
  await huiliu?.stop();
  await machine?.close();
});

interface Settling {
  readonly bill: string;
  readonly visit: string;
  /** What the machine noted of this visit. */
  lines(infno?: string): readonly Line[];
}

/** The HIS asks for a settlement. */
async function ask(): Promise<Settling> {
  ordinal += 1;
  const no = String(ordinal).padStart(6, "0");
  const [bill, visit] = [`DJ20261120${no}`, `MD20261120${no}`];
  const xml = `<?xml version="1.0" encoding="UTF-8"?>
<Message kind="insurance-request">
  <Header><MessageId>HISREQ${no}</MessageId><SentAt>2026-11-20 09:20:30</SentAt><Hospital code="H001" campus="01"/></Header>
  <InsuranceRequest no="YB20261120${no}" bill="${bill}" step="presettle">
    <Patient no="P${no}" name="测试患者甲"/><Visit no="MZ20261120${no}" kind="O"/><Business>outpatient</Business><Operator no="U001" name="测试收费员"/><RequestedAt>2026-11-20 09:20:30</RequestedAt>
    <Insured no="9901010000000000${no}" type="310" area="990101" personType="11"/><Claim visit="${visit}" medicalType="11" way="01" account="1"/><Credential type="02" no="990101199001010019"/><Certificate type="01" no="990101199001010019"/>
    <Total>188.50</Total>
  </InsuranceRequest>
</Message>`;
  const message = {
    partner: "his",
    kind: "insurance-request",
    body: new TextEncoder().encode(xml),
    contentType: "application/xml; charset=UTF-8",
  };
  const verdict = await client.ask({ ...message, messageId: `HISREQ${no}` });
  assert.equal(verdict.verdict, "accepted", JSON.stringify(verdict));
  return {
    bill,
    visit,
    lines: (infno) => machine.ledger.filter((line) => line.visit === visit && (infno === undefined || line.infno === infno)),
  };
}
const writeBack = async (bill: string, kind: string): Promise<Row | undefined> =>
  (await huiliu.api(`/write-backs?key=${bill}`)).body.items.find((one: Row) => one.kind === kind) as Row | undefined;
const seen = async (bill: string): Promise<unknown> => [
  (await huiliu.api(`/write-backs?key=${bill}`)).body.items,
  machine.ledger.slice(-8),
];
const reaches = (bill: string, kind: string, state: string, ms = 20_000): Promise<Row> =>
  until(
    `${kind} of ${bill} is ${state}`,
    async () => {
      const row = await writeBack(bill, kind);
      return row?.state === state && row;
    },
    ms,
    () => seen(bill),
  );
const eventsOf = (type: string, bill: string) =>
  client.events.filter((event) => event.type === type && JSON.stringify(event.data).includes(`"${bill}"`));
const effectsOf = (one: Settling): readonly string[] =>
  one
    .lines()
    .filter((line) => line.effect)
    .map((line) => line.infno);
const hisEffects = async (bill: string): Promise<number> =>
  (await huiliu.ledger()).filter((line) => line.order === bill && line.effect).length;

/** Settled once at the centre, told once as an event, booked once by the HIS. */
async function settledOnce(one: Settling): Promise<void> {
  await reaches(one.bill, "settle", "acknowledged");
  await reaches(one.bill, "insurance-result", "acknowledged");
  assert.deepEqual(effectsOf(one), ["2207"]);
  assert.equal(new Set(one.lines("2207").map((line) => line.msgid)).size, 1, "one number, however often it was sent");
  await until("it is published", () => eventsOf("insurance.settled", one.bill).length > 0);
  assert.equal(eventsOf("insurance.settled", one.bill).length, 1);
  assert.equal(await hisEffects(one.bill), 1);
}

describe("S0-27 S0-8 settling over the front machine", { concurrency: false }, () => {
  test("presettle, settle, the HIS is told; every call is journaled with its number under one sign-in", async () => {
    const one = await ask();
    await settledOnce(one);
    assert.equal(machine.ledger.filter((line) => line.infno === "9001").length, 1);
    await until("it is published", () => eventsOf("insurance.presettled", one.bill).length > 0);
    assert.equal(eventsOf("insurance.presettled", one.bill).length, 1);
    const kept = await huiliu.sql("select number from call_number where destination = $1", [FRONT]);
    for (const line of machine.ledger)
      assert.ok(
        kept.some((row) => row.number === line.msgid),
        `${line.infno} ${line.msgid}`,
      );
    const [event] = eventsOf("insurance.settled", one.bill);
    assert.equal(event?.data.requestMessageNo, one.lines("2207")[0]?.msgid);
  });

  const stories: readonly [string, string, readonly Fault[], (one: Settling) => void][] = [
    [
      "the answer is lost: 5203 finds it, nothing is reversed, nothing sent twice",
      "2207",
      ["dropped"],
      (one) => assert.equal(one.lines("2207").length, 1),
    ],
    ["half an answer is no answer: 5203 finds it", "2207", ["garbled"], (one) => assert.equal(one.lines("2207").length, 1)],
    [
      "the gateway refuses: it never arrived, and is sent again",
      "2207",
      ["401", "401"],
      (one) => assert.equal(one.lines("5203").length, 0),
    ],
    [
      "nobody is signed in any more: nothing was done, signed in anew",
      "2207",
      ["signed-out"],
      (one) => assert.equal(one.lines("5203").length, 0),
    ],
    [
      "the presettlement is lost: it is simply asked again",
      "2206",
      ["dropped", "garbled"],
      (one) => assert.ok(one.lines("2206").length >= 3),
    ],
  ];
  for (const [name, infno, faults, also] of stories)
    test(name, async () => {
      machine.fail(infno, ...faults);
      const reversals = machine.ledger.filter((line) => line.infno === "2601").length;
      const one = await ask();
      await settledOnce(one);
      also(one);
      assert.equal(machine.ledger.filter((line) => line.infno === "2601").length, reversals);
    });

  test("it never arrived: 5203 is believed after its time only, there is nothing to reverse, sent again under the same number", async () => {
    machine.fail("2207", "lost");
    const since = machine.ledger.length;
    const one = await ask();
    await settledOnce(one);
    assert.equal(one.lines("2207").length, 2);
    const order = machine.ledger.slice(since).map((line) => line.infno);
    assert.ok(order.indexOf("5203") > order.indexOf("2207") && order.indexOf("2601") > order.lastIndexOf("5203"), order.join());
    assert.deepEqual(order.slice(order.indexOf("2601")), ["2601", "2207"]);
  });

  test("done, but 5203 does not show it: reversed under its own number, parked as such, and the HIS hears of no settlement", async () => {
    machine.fail("2207", "dropped");
    machine.fail("5203", ...Array.from({ length: 40 }, () => "hidden" as const));
    const since = machine.ledger.length;
    const one = await ask();
    const row = await reaches(one.bill, "settle", "parked");
    assert.equal((row.parked as Row).code, "REVERSED", JSON.stringify(row));
    const reversal = machine.ledger.slice(since).filter((line) => line.infno === "2601");
    assert.deepEqual(
      reversal.map((line) => line.effect),
      [true],
    );
    assert.deepEqual(effectsOf(one), ["2207"]);
    assert.equal(eventsOf("insurance.settled", one.bill).length, 0);
    assert.equal(await hisEffects(one.bill), 0);
    await until("the reversal is an event", () => eventsOf("insurance.reversed", one.bill).length === 1);
    machine.mend();
  });

  test("a business refusal is told as such and parks the call", async () => {
    machine.fail("2207", "refused");
    const one = await ask();
    const row = await reaches(one.bill, "settle", "parked");
    assert.match(JSON.stringify(row), /REJECTED/);
    assert.deepEqual(effectsOf(one), []);
    await until("the refusal is an event", () =>
      client.events.some(
        (event) => event.type === "insurance.rejected" && JSON.stringify(event.data).includes(String(one.lines("2207")[0]?.msgid)),
      ),
    );
  });
});

describe("S0-8 S1-5 killed between the call and its journaling", { concurrency: false }, () => {
  for (const part of ["engine", "postgres"] as const)
    test(`${part}: the centre has settled; 5203 finds it, or the reply was journaled after all; once everywhere, nothing reversed`, async () => {
      machine.fail("2207", "held");
      const since = machine.ledger.length;
      const one = await ask();
      await until("the centre has settled", () => effectsOf(one).includes("2207"));
      await huiliu.kill(part);
      machine.release();
      await huiliu.recovered();
      await settledOnce(one);
      if (part === "engine") assert.ok(one.lines("5203").length > 0);
      assert.equal(machine.ledger.slice(since).filter((line) => line.infno === "2601").length, 0);
    });
});

describe("S0-7 S0-36 the mobile platform's notice 6302", { concurrency: false }, () => {
  const ECB = { mode: "ecb", padding: "pkcs#7" } as const;
  const hex = (text: string): string => Buffer.from(text, "utf8").toString("hex");
  const sm4Key = hex(
    sm4
      .encrypt(hex2bytes(hex(APP.appSecret)), hex(APP.appId.slice(0, 16)), ECB)
      .toUpperCase()
      .slice(0, 16),
  );
  const toSign = (data: string, at: number): string =>
    `appId=${APP.appId}&data=${data}&encType=SM4&signType=SM2&timestamp=${at}&version=2.0.1&key=${APP.appSecret}`;
  const OPTIONS = { hash: true, userId: "1234567812345678" };

  /** Sealed as the platform does it: nothing of the engine's code. `data` has its keys in order and no empty values. */
  function sealed(data: Row, privateKey = PLATFORM.privateKey): Row {
    const text = JSON.stringify(data);
    const at = Date.now();
    const signData = Buffer.from(sm2.doSignature(hex2bytes(hex(toSign(text, at))), privateKey, OPTIONS), "hex").toString("base64");
    return {
      appId: APP.appId,
      encData: sm4.encrypt(hex2bytes(hex(text)), sm4Key, ECB).toUpperCase(),
      encType: "SM4",
      signType: "SM2",
      signData,
      timestamp: at,
      version: "2.0.1",
    };
  }
  function hex2bytes(text: string): Uint8Array {
    return new Uint8Array(Buffer.from(text, "hex"));
  }
  const notice = (no: number): Row => ({
    callType: "02",
    extData: {},
    feeSumamt: 188.5,
    fundPay: 118.48,
    hiChrgTime: "092510",
    hiDocSn: `SE2026112009${no}`,
    hiRgstSn: `MD2026112009${no}`,
    medOrgOrd: `DJ2026112009${no}`,
    orgName: "示例市第一人民医院",
    ownpayAmt: 20.02,
    payOrdId: `ORD99010120261120${no}`,
    psnAcctPay: 50,
    revsToken: "RV00000000000000000000000000031",
    setlType: "ALL",
    traceTime: "2026-11-20 09:25:10",
  });
  const post = async (body: Row): Promise<{ status: number; told: Row; raw: string }> => {
    const answer = await huiliu.post(MOBILE, "notify-6302", JSON.stringify(body), {
      "content-type": "application/json; charset=UTF-8",
      authorization: `Bearer ${MOBILE_KEY}`,
    });
    const raw = await answer.text();
    const wrapper = JSON.parse(raw) as Row;
    const text = sm4.decrypt(hex2bytes(String(wrapper.encData)), sm4Key, ECB);
    const signature = Buffer.from(String(wrapper.signData), "base64").toString("hex");
    const told = JSON.parse(text) as Row;
    const signed = toSign(
      JSON.stringify(Object.fromEntries(Object.entries(told).sort(([a], [b]) => (a < b ? -1 : 1)))),
      Number(wrapper.timestamp),
    );
    assert.ok(sm2.doVerifySignature(hex2bytes(hex(signed)), signature, OURS.publicKey, OPTIONS), "our answer is signed");
    return { status: answer.status, told, raw };
  };

  test("verified, journaled as it came, answered sealed; told again it is no second settlement", async () => {
    const body = sealed(notice(71));
    const first = await post(body);
    assert.deepEqual([first.status, first.told], [200, { success: true, message: "成功" }]);
    await until("it is an event", () => eventsOf("insurance.settled", "DJ202611200971").length === 1);
    const again = await post(sealed(notice(71)));
    assert.equal(again.told.success, true);
    const [row] = await huiliu.sql("select count(*)::int as n from message where partner = $1 and kind = 'notify-6302'", [MOBILE]);
    assert.ok(Number(row?.n) >= 1);
    assert.equal(eventsOf("insurance.settled", "DJ202611200971").length, 1);
  });
  test("bent, cut, signed by another, or in clear: refused at the door, and nothing of it is taken", async () => {
    const good = sealed(notice(72));
    const cipher = String(good.encData);
    const bad: readonly [string, Row][] = [
      ["bent", { ...good, encData: (cipher[0] === "A" ? "B" : "A") + cipher.slice(1) }],
      ["cut", { ...good, encData: cipher.slice(0, 64) }],
      ["signed by another", sealed(notice(72), OURS.privateKey)],
      ["another time", { ...good, timestamp: Number(good.timestamp) + 1 }],
      ["in clear", { appId: APP.appId, data: notice(72), encType: "SM4", signType: "SM2", signData: "", timestamp: 1, version: "2.0.1" }],
    ];
    for (const [what, body] of bad) assert.equal((await post(body)).told.success, false, what);
    assert.equal((await post(good)).told.success, true);
    await until("the good one is an event", () => eventsOf("insurance.settled", "DJ202611200972").length === 1);
  });
});
