/** The stored reference is what the code says, and what is published is of use to people who have none of our code. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { Ajv } from "ajv";
import addFormats from "ajv-formats";
import { REFUSALS } from "../../domain/refusals.ts";
import { PARK } from "../../domain/writeback/reasons.ts";
import { compareReference, generateReference, SCHEMAS_FOLDER } from "../../bin/docs/reference.ts";
import { createEventRegistry } from "../../domain/events/event.ts";
import { EVENTS_FOLDER, loadEventDefinitions } from "../../platform/catalogue-events.ts";

const files = await generateReference();
const definitions = await loadEventDefinitions();

/** As a subscriber would: a plain validator, standard formats, nothing of ours. */
function outsider(path: string) {
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats.default(ajv);
  return ajv.compile(JSON.parse(files.get(path) ?? "null"));
}

describe("generated reference", () => {
  test("docs/ is what the code says (npm run docs writes it)", async () => {
    assert.deepEqual(await compareReference(files), []);
  });

  test("the same input gives the same bytes", async () => {
    assert.deepEqual([...(await generateReference())], [...files]);
  });

  test("absent, changed and stale files are told apart", async () => {
    const root = await mkdtemp(join(tmpdir(), "huiliu-docs-"));
    try {
      const two = new Map([...files].slice(0, 2));
      assert.deepEqual(
        (await compareReference(two, root)).map((one) => one.why),
        ["absent", "absent"],
      );
      await mkdir(join(root, SCHEMAS_FOLDER), { recursive: true });
      await writeFile(join(root, `${SCHEMAS_FOLDER}/event.charge.imagined.json`), "{}\n");
      await writeFile(join(root, `${SCHEMAS_FOLDER}/event.charge.posted.json`), "{}\n");
      const found = await compareReference(new Map([[`${SCHEMAS_FOLDER}/event.charge.posted.json`, "{ }\n"]]), root);
      assert.deepEqual(
        found.map((one) => one.why),
        ["differs", "stale"],
      );
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });

  test("every event type has its published schema, every schema compiles for an outsider", () => {
    const schemas = [...files.keys()].filter((path) => path.startsWith(`${SCHEMAS_FOLDER}/`));
    for (const { type } of definitions) assert.ok(schemas.includes(`${SCHEMAS_FOLDER}/event.${type}.json`), type);
    for (const path of schemas) assert.equal(typeof outsider(path), "function", path);
  });

  test("an outsider's validator accepts what we seal", async () => {
    const registry = createEventRegistry(definitions);
    let seen = 0;
    for (const { type } of definitions) {
      const accepts = outsider(`${SCHEMAS_FOLDER}/event.${type}.json`);
      const folder = join(EVENTS_FOLDER, type, "examples");
      for (const name of (await readdir(folder)).filter((one) => one.startsWith("accepted-"))) {
        const { data } = JSON.parse(await readFile(join(folder, name), "utf8")) as { readonly data: unknown };
        const sealed = registry.seal({ id: "1", type, source: "his", subject: "bill:1", data });
        assert.ok(sealed.ok, name);
        const sent: unknown = JSON.parse(JSON.stringify(sealed.event));
        assert.ok(accepts(sent), `${name}: ${JSON.stringify(accepts.errors)}`);
        assert.equal(accepts({ ...sealed.event, extra: 1 }), false);
        assert.equal(accepts({ ...sealed.event, type: "other" }), false);
        seen += 1;
      }
    }
    assert.ok(seen >= 2 * definitions.length, `only ${seen} examples seen`);
  });

  test("docs/codes.md names every code once in its section, with a next step, in tables whose rows have equal cells", () => {
    const page = files.get("docs/codes.md") ?? "";
    const sections = page.split(/^## /m).slice(1);
    assert.equal(sections.length, 4);
    const codes = sections.map((section) => [...section.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1]));
    assert.deepEqual(codes[0], Object.keys(REFUSALS));
    assert.deepEqual(codes[2], Object.keys(PARK));
    for (const section of sections) {
      const rows = section.split("\n").filter((line) => line.startsWith("|"));
      const cells = rows.map((line) => line.split(/(?<!\\)\|/).length);
      assert.deepEqual([...new Set(cells)].length, 1, section.slice(0, 60));
      for (const line of rows.slice(2)) assert.match(line, /<br>[^|]+\|[^|]+<br>[^|]+\|$/, line);
    }
  });

  test("AsyncAPI: every reference leads somewhere, every event type has its channel", () => {
    const document = JSON.parse(files.get("docs/asyncapi.json") ?? "null");
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map((match) => match[1] ?? "");
    assert.ok(references.length >= 2 * definitions.length);
    for (const reference of references) {
      const target = reference
        .split("/")
        .reduce((node: Record<string, unknown> | undefined, step) => node?.[step] as Record<string, unknown>, document);
      assert.ok(target, reference);
    }
    for (const { type } of definitions) {
      assert.equal(document.channels[`events.${type}`].address, type);
      const payload: string = document.components.messages[`events.${type}`].payload.$ref;
      assert.ok(files.has(payload.replace("./", "docs/")), payload);
    }
  });

  test("AsyncAPI: inbound messages come from the vendors' folders; a folder without its document is an error", async () => {
    const folder = await mkdtemp(join(tmpdir(), "huiliu-mappings-"));
    try {
      await mkdir(join(folder, "acme/settle"), { recursive: true });
      await assert.rejects(generateReference(folder), /mappings\/acme: has no vendor\.json/);
      const name = { zh: "示例厂商", en: "Example vendor" };
      await writeFile(join(folder, "acme/vendor.json"), JSON.stringify({ name, charset: "gbk", exchanges: ["settle"], constants: {} }));
      await assert.rejects(generateReference(folder), /settle\/mapping\.json/);
      const codec = { kind: "delimited" };
      const events = [{ type: "insurance.settled" }, { type: "insurance.rejected" }];
      const document = {
        direction: "inbound",
        title: { zh: "结算", en: "Settle" },
        parts: { request: { codec }, reply: { codec } },
        cases: [{ events }],
      };
      await writeFile(join(folder, "acme/settle/mapping.json"), JSON.stringify(document));
      const api = JSON.parse((await generateReference(folder)).get("docs/asyncapi.json") ?? "null");
      assert.equal(api.channels["inbound.acme.settle"].address, "{partner}.settle");
      assert.equal(api.operations["inbound.acme.settle"].action, "receive");
      const message = api.components.messages["inbound.acme.settle"];
      assert.equal(message.contentType, "text/plain; charset=gbk");
      assert.deepEqual(message.headers.required, ["huiliu-exchange", "huiliu-part"]);
      assert.match(api.channels["inbound.acme.settle"].description, /insurance\.rejected, insurance\.settled/);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
