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
import type { MappingBench, MappingShelf } from "../../../domain/operations/mapping-bench.ts";
import { auditOf, codeOf, mustBe, operationsWorld, type World } from "./world.ts";

const ID = "his/charge";
const by = { by: "王工", reason: "留作回归样例" };
const sample = readFileSync(join(ROOT, "mappings", ID, "examples", "gbk", "in.xml"));

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
      partners: new Map(),
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
