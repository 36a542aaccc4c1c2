/** Mappings at the console over a real journal and the real documents: a trial changes nothing, an example holds nobody's data, and is on record. */
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createMappingShelf } from "../../../bin/engine/mapping-shelf.ts";
import { ROOT } from "../../../bin/environment.ts";
import { translate } from "../../../domain/mapping/mapping.ts";
import { runExamples } from "../../../platform/catalogue/examples.ts";
import { loadEventRegistry } from "../../../platform/catalogue-events.ts";
import { loadMappings } from "../../../platform/catalogue/mappings.ts";
import type { Partner } from "../../../domain/partners/profile.ts";
import type { MappingBench, MappingShelf } from "../../../domain/operations/mapping-bench.ts";
import { auditOf, codeOf, mustBe, operationsWorld, type World } from "./world.ts";

const ID = "his/charge";
const OUT = "his/payment-confirm";
const by = { by: "王工", reason: "留作回归样例" };
const sample = readFileSync(join(ROOT, "mappings", ID, "examples", "gbk", "in.xml"));

const PARTNER = {
  partner: "his",
  vendor: "his",
  constants: { institution: "H001" },
  destination: { messages: { "payment-confirm": OUT.slice(4) } },
} as unknown as Partner;
let world: World;
let root = "";
let bench: MappingBench;
let released: MappingShelf;
let messageId = "";

before(async () => {
  root = mkdtempSync(join(tmpdir(), "huiliu-shelf-"));
  mkdirSync(join(root, "mappings"));
  cpSync(join(ROOT, "mappings", "his"), join(root, "mappings", "his"), { recursive: true });
  const registry = await loadEventRegistry();
  const shelf = (profile: "development" | "production") =>
    createMappingShelf({
      root,
      profile,
      registry,
      partners: new Map([["his", PARTNER]]),
      keyOf: (eventId, destination, kind) => `${destination}-${kind}-${eventId}`.slice(0, 40),
      readWith: (mapping, message) => ({
        ok: true,
        raw: message.raw,
        reply: message.reply,
        result: translate(mapping, {
          raw: message.raw,
          charset: message.charset,
          partner: message.partner,
          receivedAt: message.receivedAt,
          constants: { institution: "H001" },
        }),
      }),
    });
  world = await operationsWorld({ mappings: shelf("development") });
  bench = world.operations.mappings;
  released = shelf("production");
  const message = await world.receive({ partner: "his", kind: "charge", raw: sample, charset: "gbk" });
  messageId = message.id;
});
after(async () => {
  await world?.close();
  rmSync(root, { recursive: true, force: true });
});

describe("a trial", () => {
  test("the documents are listed and read as they lie in mappings/", async () => {
    const { items, editable } = mustBe(await bench.list());
    assert.ok(editable);
    assert.ok(items.some((one) => one.id === ID && one.direction === "inbound" && one.examples >= 5));
    const read = mustBe(await bench.read(ID));
    assert.equal(read.text, readFileSync(join(root, "mappings", ID, "mapping.json"), "utf8"));
    assert.equal(codeOf(await bench.read("his/nothing")), "UNKNOWN_MAPPING");
    assert.equal(mustBe(await released.list()).editable, false);
  });

  test("as stored: the events, masked; a changed document shows its own beside those of the stored one", async () => {
    const stored = mustBe(await bench.tryOn({ id: ID, messageId }));
    assert.equal(stored.stage, "done");
    assert.ok(stored.events.length > 0);
    assert.deepEqual(stored.events, stored.stored);
    assert.doesNotMatch(JSON.stringify(stored), /张三(?!\*)/);
    const { text } = mustBe(await bench.read(ID));
    const document = JSON.stringify({ ...JSON.parse(text), version: 99 });
    assert.equal(mustBe(await bench.tryOn({ id: ID, messageId, document })).stage, "done");
  });

  test("problems are at their place: no JSON, no document, a document that reads another field", async () => {
    const { text } = mustBe(await bench.read(ID));
    for (const document of ["{", "{}", text.replace('"version"', '"versions"')]) {
      const tried = mustBe(await bench.tryOn({ id: ID, messageId, document }));
      assert.equal(tried.stage, "document", document.slice(0, 20));
      assert.ok(tried.problems.length > 0);
      assert.ok(tried.stored.length > 0, "what the stored one makes of it stays in view");
    }
    // A field that the message has not: the message is refused, and the problem names both places.
    const wrong = text.replaceAll("/Message/Charge/Patient/@no", "/Message/Charge/Patient/@number");
    assert.notEqual(wrong, text);
    const tried = mustBe(await bench.tryOn({ id: ID, messageId, document: wrong }));
    assert.equal(tried.stage, "message");
    assert.ok(
      tried.problems.some((one) => one.place.includes("@number") && one.zh !== "" && one.en !== ""),
      JSON.stringify(tried.problems),
    );
    assert.equal(codeOf(await bench.tryOn({ id: "his/payment-confirm", messageId })), "NOT_INBOUND");
    assert.equal(codeOf(await bench.tryOn({ id: ID, messageId: "00000000-0000-7000-8000-000000000000" })), "UNKNOWN_MESSAGE");
  });

  test("the engine's own document is what it was, and the message, too", () => {
    assert.equal(
      readFileSync(join(root, "mappings", ID, "mapping.json"), "utf8"),
      readFileSync(join(ROOT, "mappings", ID, "mapping.json"), "utf8"),
    );
  });
});

describe("an example made of a message", () => {
  test("holds nobody's data in the message's charset, passes as a test, and is on record", async () => {
    const saved = mustBe(await bench.saveExample({ id: ID, name: "from-night-shift", messageId }, by));
    assert.equal(saved.kind, "accepted");
    const folder = join(root, saved.folder);
    assert.deepEqual(readdirSync(folder).sort(), [...saved.files].sort());
    const text = new TextDecoder("gbk", { fatal: true }).decode(readFileSync(join(folder, "in.xml")));
    const original = new TextDecoder("gbk").decode(sample);
    const name = /<Patient no="[^"]*" name="([^"]+)"/.exec(original)?.[1] ?? "";
    assert.ok(name.length >= 2, "the sample has a name");
    assert.ok(!text.includes(name), text);
    assert.equal(text.length, original.length);
    const { mappings } = await loadMappings(root, await loadEventRegistry());
    const mapping = mappings.get(ID);
    assert.ok(mapping);
    const run = (await runExamples(root, ID, mapping)).find((one) => one.name === "from-night-shift");
    assert.equal(run?.expected, run?.actual);
    const [audit] = await auditOf(world, ID);
    assert.equal(audit?.action, "example");
  });

  test("not twice under one name, not without a reason, not in production", async () => {
    assert.equal(codeOf(await bench.saveExample({ id: ID, name: "from-night-shift", messageId }, by)), "EXAMPLE_EXISTS");
    assert.equal(codeOf(await bench.saveExample({ id: ID, name: "other", messageId }, { by: "王工" })), "REASON_REQUIRED");
    const message = await world.receive({ partner: "his", kind: "charge", raw: sample, charset: "gbk" });
    assert.equal(codeOf(await released.prepare(ID, "other", message)), "MAPPINGS_READ_ONLY");
    assert.ok(!existsSync(join(root, "mappings", ID, "examples", "other")));
  });
});

describe("an outbound document", () => {
  let writeBackId = "";
  let from: { readonly messageId: string; readonly eventId: string };
  before(async () => {
    const paid = await world.pay("B77", "his", 18_850n);
    writeBackId = paid.writeBackId;
    from = { messageId: paid.messageId, eventId: paid.event.event.id };
  });

  test("is listed with who is written to by it and its examples", async () => {
    const { writes } = mustBe(await bench.read(OUT));
    assert.deepEqual(writes?.uses, [{ destination: "his", kind: "payment-confirm" }]);
    assert.deepEqual(writes?.eventTypes, ["payment.settled"]);
    assert.ok(writes?.examples.includes("wechat") && !writes.examples.some((name) => name.startsWith("reply-")));
    assert.equal(mustBe(await bench.read(ID)).writes, undefined);
  });

  test("on a write-back: what it writes under its key, beside what was sent; masked", async () => {
    const tried = mustBe(await bench.write({ id: OUT, from: { writeBackId } }));
    assert.equal(tried.stage, "done", JSON.stringify(tried.problems));
    assert.match(tried.body ?? "", /<BillNo>B77<\/BillNo>/);
    assert.equal(tried.sent, "<confirm/>");
    assert.equal(tried.body, tried.stored);
    assert.equal(tried.request?.headers["Idempotency-Key"], `key-${from.eventId}-his`);
    assert.match(tried.hex ?? "", /^3c 3f 78 6d 6c/);
    assert.doesNotMatch(JSON.stringify(tried), /张三(?!\*)/);
  });

  test("on an event and on an example, whose expectation it is held against", async () => {
    const byEvent = mustBe(await bench.write({ id: OUT, from }));
    assert.deepEqual([byEvent.stage, byEvent.partner, byEvent.sent], ["done", "his", undefined]);
    const byExample = mustBe(await bench.write({ id: OUT, from: { example: "wechat" } }));
    assert.equal(byExample.stage, "done");
    assert.ok(byExample.sent?.includes("<WriteBack"));
    const inquiry = mustBe(await bench.write({ id: "his/inquiry", from: { writeBackId } }));
    assert.deepEqual([inquiry.stage, inquiry.event, inquiry.sent], ["done", undefined, undefined]);
    assert.match(inquiry.body ?? "", new RegExp(`key-${from.eventId}-his`));
  });

  test("a changed document beside the stored one; problems at their place; none of it touches the files", async () => {
    const { text } = mustBe(await bench.read(OUT));
    const changed = mustBe(await bench.write({ id: OUT, from, document: text.replace('"to": "BillNo"', '"to": "Bill"') }));
    assert.equal(changed.stage, "done");
    assert.match(changed.body ?? "", /<Bill>B77<\/Bill>/);
    assert.match(changed.stored ?? "", /<BillNo>B77<\/BillNo>/);
    const missing = mustBe(await bench.write({ id: OUT, from, document: text.replaceAll("/data/paymentNo", "/data/paymentNumber") }));
    assert.deepEqual([missing.stage, missing.problems.some((one) => one.at === "/data/paymentNumber")], ["event", true]);
    assert.equal(mustBe(await bench.write({ id: OUT, from, document: "{" })).stage, "document");
    assert.equal(mustBe(await bench.read(OUT)).text, text);
  });

  test("refused: what is not there, what is another partner's, a document that reads", async () => {
    const nobody = "00000000-0000-7000-8000-000000000000";
    const cases: readonly (readonly [from: Parameters<MappingBench["write"]>[0], code: string])[] = [
      [{ id: OUT, from: { writeBackId: nobody } }, "UNKNOWN_WRITE_BACK"],
      [{ id: OUT, from: { ...from, eventId: "no-such" } }, "EVENT_NOT_STORED"],
      [{ id: OUT, from: { example: "../../charge/examples/gbk" } }, "UNKNOWN_EXAMPLE"],
      [{ id: OUT, from: { writeBackId }, within: ["pacs"] }, "UNKNOWN_WRITE_BACK"],
      [{ id: OUT, from, within: ["pacs"] }, "EVENT_NOT_STORED"],
      [{ id: ID, from }, "NOT_OUTBOUND"],
      [{ id: "his/nothing", from }, "UNKNOWN_MAPPING"],
    ];
    for (const [asked, code] of cases) assert.equal(codeOf(await bench.write(asked)), code, JSON.stringify(asked));
  });

  test("an example of it holds nobody's data, passes as a test, and is on record", async () => {
    const saved = mustBe(await bench.saveWritten({ id: OUT, name: "from-a-write-back", from: { writeBackId } }, by));
    assert.deepEqual([saved.kind, saved.files], ["accepted", ["event.json", "context.json", "out.xml"]]);
    const folder = join(root, saved.folder);
    assert.deepEqual(readdirSync(folder).sort(), [...saved.files].sort());
    assert.doesNotMatch(readFileSync(join(folder, "event.json"), "utf8"), /张三/);
    const mapping = (await loadMappings(root, await loadEventRegistry())).mappings.get(OUT);
    assert.ok(mapping);
    const run = (await runExamples(root, OUT, mapping)).find((one) => one.name === "from-a-write-back");
    assert.ok(run?.expected !== undefined && run.expected === run.actual);
    assert.match(run.actual, /<BillNo>B77<\/BillNo>/);
    const [audit] = await auditOf(world, OUT);
    assert.equal(audit?.action, "example");
    assert.equal(codeOf(await bench.saveWritten({ id: OUT, name: "from-a-write-back", from }, by)), "EXAMPLE_EXISTS");
    assert.equal(codeOf(await bench.saveWritten({ id: OUT, name: "other", from }, { by: "王工" })), "REASON_REQUIRED");
    assert.equal(codeOf(await released.prepareWritten(OUT, "other", {})), "MAPPINGS_READ_ONLY");
  });
});
