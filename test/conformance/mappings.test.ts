/** One exam for every mapping document: a new folder under mappings/ is examined without being mentioned. */
import assert from "node:assert/strict";
import { access, readdir, readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Ajv } from "ajv";
import type { InboundMapping, OutboundMapping, Translated } from "../../domain/mapping/mapping.ts";
import { MappingSchema } from "../../domain/mapping/outbound-document.ts";
import { VendorSchema } from "../../domain/mapping/vendor.ts";
import { PROBLEM } from "../../domain/problem.ts";
import { exampleInput, runExamples } from "../../platform/catalogue/examples.ts";
import { folderProblemLine, loadMappings } from "../../platform/catalogue/mappings.ts";
import { loadEventRegistry } from "../../platform/catalogue-events.ts";
import { droppedElements, emptiedFields, hostileBodies, leafMutations, mutationsOf, STATUSES, type Wire } from "./mutations.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** What issue 2 wants now; later ones come on top. */
const WANTED = [
  ...["settle", "cancel", "reverse"].map((name) => `neusoft/${name}`),
  ...["settle", "reverse"].map((name) => `chongqing/${name}`),
  ...["pay-order", "record-list"].map((name) => `jkt/${name}`),
  ...["charge", "charge-cancel", "payment", "refund"].map((name) => `his/${name}`),
  ...["insurance-result", "payment-confirm", "refund-confirm", "inquiry"].flatMap((name) => [
    `his/${name}`,
    `his/${name}-soap`,
    `his/${name}-json`,
  ]),
  ...["dft-p03", "oru-r01", "order"].flatMap((name) => [`lis/${name}`, `ris/${name}`]),
  "ris/orm-o01",
  ...["adt-a01", "adt-a04", "bar-p01", "orm-o01", "charge-notice", "report-notice"].map((name) => `adt/${name}`),
];
const ACCEPTED_MIN = 2;
const REFUSED_MIN = 3;

const loaded = await loadMappings(ROOT, await loadEventRegistry());
const inbound = [...loaded.mappings].filter((one): one is [string, InboundMapping] => one[1].direction === "inbound");
const outbound = [...loaded.mappings].filter((one): one is [string, OutboundMapping] => one[1].direction === "outbound");

const acceptedOf = async (id: string): Promise<readonly string[]> =>
  (await readdir(join(ROOT, "mappings", id, "examples"))).filter((name) => !name.startsWith("refused-"));

/** True when every value of `part` (but for what names absences and hashes the bytes) stands in `whole` at the same place: fields may be gone, none may be another. */
function isPartOf(part: unknown, whole: unknown): boolean {
  if (Array.isArray(part))
    return Array.isArray(whole) && part.length <= whole.length && part.every((one, index) => isPartOf(one, whole[index]));
  if (typeof part !== "object" || part === null) return part === whole;
  if (typeof whole !== "object" || whole === null) return false;
  return Object.entries(part).every(
    ([name, value]) =>
      name === "missing" ||
      name === "checksum" ||
      (DOCUMENTS.has(name) ? isDocumentOf : isPartOf)(value, (whole as Readonly<Record<string, unknown>>)[name]),
  );
}
/** Documents that are handed on whole say what the partner said: of a message with fewer fields, fewer. A field that was emptied is there, and empty. */
const DOCUMENTS: ReadonlySet<string> = new Set(["input", "output"]);
function isDocumentOf(part: unknown, whole: unknown): boolean {
  if (typeof part !== "string" || typeof whole !== "string") return part === whole;
  const bare = (_: string, value: unknown) => (value === "" || value === null ? undefined : value);
  return isPartOf(JSON.parse(part, bare), JSON.parse(whole, bare));
}

function assertSameOrRefused(result: Translated, before: Extract<Translated, { ok: true }>, what: string): void {
  if (!result.ok) {
    assert.ok(result.problems.length > 0, `${what}: refused without a problem`);
    for (const { code, zh, en } of result.problems) {
      assert.ok(code in PROBLEM, `${what}: ${code}`);
      assert.ok(zh.length > 0 && en.length > 0, what);
    }
    return;
  }
  assert.deepEqual(
    result.events.map((event) => event.type),
    before.events.map((event) => event.type),
    what,
  );
  for (const [index, event] of result.events.entries())
    assert.ok(
      isPartOf(event.data, before.events[index]?.data),
      `${what}: accepted with another meaning\n${JSON.stringify(event.data)}\n${JSON.stringify(before.events[index]?.data)}`,
    );
}

describe("mappings: the folders", () => {
  test("the published schemas accept what loads and refuse what does not", async () => {
    const ajv = new Ajv({ strict: false, allErrors: true });
    const accepts = ajv.compile(JSON.parse(JSON.stringify(MappingSchema)));
    const acceptsVendor = ajv.compile(JSON.parse(JSON.stringify(VendorSchema)));
    for (const { document } of loaded.mappings.values()) assert.ok(accepts(document), JSON.stringify(accepts.errors));
    for (const vendor of loaded.vendors.values()) assert.ok(acceptsVendor(vendor));
    for (const wrong of [{}, { direction: "inbound" }, { direction: "outbound" }, { direction: "sideways" }])
      assert.equal(accepts(wrong), false);
  });

  test("every folder loads; none is passed over", () => {
    assert.deepEqual(loaded.problems.map(folderProblemLine), []);
    assert.deepEqual(
      WANTED.filter((id) => !loaded.mappings.has(id)),
      [],
    );
  });

  test("every document names the published schema, by a path that leads there", async () => {
    for (const id of [...loaded.mappings.keys()]) {
      const file = join(ROOT, "mappings", id, "mapping.json");
      const { $schema } = JSON.parse(await readFile(file, "utf8")) as { $schema?: string };
      assert.equal(resolve(dirname(file), $schema ?? ""), join(ROOT, "docs", "schemas", "mapping.json"), id);
    }
    for (const vendor of loaded.vendors.keys()) {
      const file = join(ROOT, "mappings", vendor, "vendor.json");
      const { $schema } = JSON.parse(await readFile(file, "utf8")) as { $schema?: string };
      assert.equal(resolve(dirname(file), $schema ?? ""), join(ROOT, "docs", "schemas", "vendor.json"), vendor);
      await access(file);
    }
  });
});

for (const [id, mapping] of loaded.mappings) {
  const capability = id.startsWith("his/") || id.startsWith("jkt/") ? "C-5" : "C-4";
  describe(`${capability} S0-25 mapping ${id}`, () => {
    test("its examples say what it does: accepted, refused, replies", async () => {
      const results = await runExamples(ROOT, id, mapping);
      for (const { name, file, expected, actual } of results) assert.equal(actual, expected, `${id}/examples/${name}/${file}`);
      const count = (kind: string): number => results.filter((one) => one.kind === kind).length;
      assert.ok(count("accepted") >= ACCEPTED_MIN, `${count("accepted")} accepted examples`);
      assert.ok(count("refused") >= REFUSED_MIN, `${count("refused")} refused examples`);
      for (const { name, kind } of results) assert.equal(name.startsWith("refused-"), kind === "refused", name);
    });
  });
}

for (const [id, mapping] of inbound) {
  describe(`C-4 C-5 S2-25 mapping ${id} under mutation`, () => {
    test("dropped fields, surplus fields, cut bytes and wrong charsets are problems or mean the same; nothing throws", async () => {
      let tried = 0;
      for (const name of await acceptedOf(id)) {
        const input = await exampleInput(join(ROOT, "mappings", id, "examples", name), id.split("/")[0] ?? "");
        const before = mapping.translate(input);
        assert.ok(before.ok, name);
        const wire: Wire = { raw: input.raw, ...(input.reply ? { reply: input.reply } : {}) };
        for (const mutation of [
          ...mutationsOf(wire, mapping, before.charset),
          ...droppedElements(wire, mapping, before.charset),
          ...emptiedFields(wire, mapping, before.charset),
        ]) {
          tried += 1;
          const result = mapping.translate({ ...input, ...mutation.input });
          const what = `${id}/${name}: ${mutation.what}`;
          if (mutation.expect === "refused") assert.equal(result.ok, false, what);
          if (mutation.expect !== "anything") assertSameOrRefused(result, before, what);
        }
        for (const mutation of leafMutations(wire, mapping, before.charset)) {
          tried += 1;
          assert.equal(mapping.translate({ ...input, ...mutation.input }).ok, false, `${id}/${name}: ${mutation.what}`);
        }
      }
      assert.ok(tried > 100, `only ${tried} mutations: the exam is blind`);
    });
  });
}

for (const [id, mapping] of outbound) {
  describe(`C-4 C-5 ack contract of ${id}`, () => {
    test("no hostile body and no status acknowledges, and nothing throws", () => {
      const sent = { key: "K1", serial: "S1", amountFen: 1650n };
      for (const status of STATUSES)
        for (const [index, body] of hostileBodies(mapping).entries())
          for (const contentType of [undefined, "text/xml; charset=utf-16", "text/xml; charset=GBK", "application/json", "x".repeat(300)]) {
            const read = mapping.interpret({ status, contentType, body, sent });
            assert.notEqual(read.outcome, "acknowledged", `status ${status}, body ${index}`);
            assert.ok(read.why.zh.length > 0 && read.why.en.length > 0);
          }
    });
  });
}
