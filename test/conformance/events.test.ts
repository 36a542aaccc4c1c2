/** One exam for every kind of event: a new folder under domain/events/ is examined without being mentioned. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { createEventRegistry, type EventDefinition, eventId } from "../../domain/events/event.ts";
import { PROBLEM } from "../../domain/problem.ts";
import { EVENTS_FOLDER, loadEventDefinitions } from "../../platform/catalogue-events.ts";

/** What events.md wants now; later types come on top. */
const WANTED = [
  "charge.cancelled",
  "charge.posted",
  "insurance.rejected",
  "insurance.reversed",
  "insurance.settled",
  "message.parked",
  "payment.refunded",
  "payment.settled",
  "registration.opened",
  "report.ready",
  "statement.received",
  "writeback.acknowledged",
  "writeback.parked",
  "writeback.resolved",
];
const EXAMPLES_MIN = 2;

interface Example {
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly problems?: readonly { readonly code: string; readonly at: string }[];
}

async function examplesOf(type: string, kind: "accepted" | "refused"): Promise<readonly Example[]> {
  const folder = join(EVENTS_FOLDER, type, "examples");
  const names = (await readdir(folder)).filter((name) => name.startsWith(`${kind}-`) && name.endsWith(".json")).sort();
  return Promise.all(
    names.map(async (name) => ({ ...(JSON.parse(await readFile(join(folder, name), "utf8")) as Omit<Example, "name">), name })),
  );
}

interface Node {
  readonly type?: string;
  readonly description?: string;
  readonly additionalProperties?: unknown;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly pattern?: string;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
}

/** Everything about a schema that a reader or an attacker would miss. */
function flaws(node: Node, path: string): readonly string[] {
  const own: string[] = [];
  const bounded =
    node.maxLength !== undefined || node.enum !== undefined || (node.pattern !== undefined && !/[*+]\)*\$$/.test(node.pattern));
  if (path !== "" && !/[\u4e00-\u9fff].* · [\x20-\x7e]*[a-z]/.test(node.description ?? ""))
    own.push(`${path}: no description in Chinese and English`);
  if (node.type === "object" && node.additionalProperties !== false) own.push(`${path}: takes unknown members`);
  if (node.type === "string" && !bounded) own.push(`${path}: a text without a limit`);
  if (node.type === "array" && node.maxItems === undefined) own.push(`${path}: a list without a limit`);
  const members = Object.entries(node.properties ?? {}).flatMap(([name, member]) => flaws(member, `${path}/${name}`));
  return [...own, ...members, ...(node.items === undefined ? [] : flaws(node.items, `${path}/-`))];
}

const pairs = (problems: readonly { readonly code: string; readonly at: string }[]): readonly string[] =>
  problems.map(({ code, at }) => `${code} ${at}`).sort();

const definitions = await loadEventDefinitions();
const registry = createEventRegistry(definitions);

function examine(definition: EventDefinition): void {
  const { type } = definition;
  test("its texts are there in both languages, its schema hides nothing", () => {
    for (const text of [definition.title, definition.meaning]) {
      assert.match(text.zh, /[\u4e00-\u9fff]/);
      assert.match(text.en, /^[\x20-\x7e]+$/);
    }
    assert.deepEqual(flaws(definition.data as unknown as Node, ""), []);
  });

  test("accepted examples are sealed, found by their keys, and say what they cannot tell", async () => {
    const examples = await examplesOf(type, "accepted");
    assert.ok(examples.length >= EXAMPLES_MIN, `${examples.length} accepted examples`);
    for (const { name, data } of examples) {
      assert.deepEqual(registry.validate(type, data), [], name);
      const sealed = registry.seal({ id: "0".repeat(64), type, source: "his", subject: "bill:1", data });
      assert.ok(sealed.ok, name);
      assert.equal(sealed.event.time, data.occurredAt);
      assert.equal(sealed.event.dataschema, `urn:huiliu:event:${type}:1`);
      assert.ok(sealed.keys.length > 0, `${name}: cannot be found by any key`);
      for (const key of sealed.keys) assert.match(key.value, /\S/, name);
      assert.equal(new Set(sealed.keys.map((key) => `${key.kind}:${key.value}`)).size, sealed.keys.length, `${name}: the same key twice`);
    }
  });

  test("refused examples are refused for exactly the reasons given", async () => {
    const examples = await examplesOf(type, "refused");
    assert.ok(examples.length >= EXAMPLES_MIN, `${examples.length} refused examples`);
    for (const { name, data, problems } of examples) {
      const found = registry.validate(type, data);
      assert.ok(problems && problems.length > 0, `${name}: names no problems`);
      assert.deepEqual(pairs(found), pairs(problems), name);
      for (const one of found) {
        assert.ok(one.code in PROBLEM);
        assert.match(one.zh, /[\u4e00-\u9fff]/);
        if (one.at !== "") assert.ok(one.zh.startsWith(one.place) && one.en.startsWith(one.place), `${name}: ${one.zh}`);
      }
      assert.equal(registry.seal({ id: "1", type, source: "his", subject: "bill:1", data }).ok, false);
    }
  });

  test("hostile data is refused and never throws", () => {
    const deep = JSON.parse(`${'{"a":'.repeat(500)}1${"}".repeat(500)}`);
    for (const data of [undefined, null, 0, "", [], {}, deep, { missing: "all" }, { ...deep, __proto__: null }]) {
      assert.ok(registry.validate(type, data).length > 0);
    }
  });

  test("every member taken away or made blank is noticed or optional, never misread", async () => {
    const required = (definition.data as { readonly required?: readonly string[] }).required ?? [];
    for (const { name, data } of await examplesOf(type, "accepted")) {
      for (const member of Object.keys(data)) {
        const { [member]: _taken, ...rest } = data;
        const codes = registry.validate(type, rest).map((one) => one.code);
        if (required.includes(member)) assert.ok(codes.includes("missing"), `${name}: ${member} may be absent though it is required`);
        if (typeof data[member] === "string")
          assert.notDeepEqual(registry.validate(type, { ...data, [member]: "" }), [], `${name}: ${member} may be ""`);
        assert.notDeepEqual(registry.validate(type, { ...data, [member]: null }), [], `${name}: ${member} may be null`);
      }
    }
  });
}

describe("C-2 events: every folder is well made", () => {
  test("the types of events.md are all here", () => {
    for (const type of WANTED) assert.ok(registry.types().includes(type), type);
  });
  for (const definition of definitions) describe(definition.type, () => examine(definition));
});

describe("event envelope", () => {
  const sha256 = (text: string): string => `hash of ${text}`;
  test("the id depends on message identity, type and ordinal, and on nothing that could be confused", () => {
    const origin = { messageIdentity: "his/1", type: "charge.posted", ordinal: 0 };
    assert.equal(eventId(origin, sha256), eventId({ ...origin }, sha256));
    const others = [
      { messageIdentity: "his/2" },
      { type: "charge.cancelled" },
      { ordinal: 1 },
      { messageIdentity: 'his/1","charge.posted' },
    ];
    const ids = others.map((other) => eventId({ ...origin, ...other }, sha256));
    assert.equal(new Set([...ids, eventId(origin, sha256)]).size, others.length + 1);
  });

  test("unknown types, blank lanes and wrong trace parents are refused together", async () => {
    const [example] = await examplesOf("charge.posted", "accepted");
    assert.ok(example);
    const draft = { id: "1", type: "charge.posted", source: "his", subject: "bill:1", data: example.data };
    const refused = registry.seal({ ...draft, subject: " ", source: "x".repeat(300), traceparent: "00-xyz" });
    assert.ok(!refused.ok);
    assert.deepEqual(pairs(refused.problems), ["blank /subject", "too-long /source", "unreadable /traceparent"]);
    const unknown = registry.seal({ ...draft, type: "charge.imagined" });
    assert.ok(!unknown.ok);
    assert.deepEqual(pairs(unknown.problems), ["unknown-type "]);
    const traced = registry.seal({ ...draft, traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" });
    assert.ok(traced.ok && traced.event.traceparent !== undefined);
  });

  test("a broken list does not give thousands of sentences", async () => {
    const [example] = await examplesOf("charge.posted", "accepted");
    assert.ok(example);
    const lines = Array.from({ length: 5000 }, () => ({}));
    const problems = registry.validate("charge.posted", { ...example.data, lines });
    assert.equal(problems.length, 200);
    assert.equal(problems.at(-1)?.code, "too-many-problems");
  });

  test("the same type twice does not start", () => {
    const [first] = definitions;
    assert.ok(first);
    assert.throws(() => createEventRegistry([first, first]), /defined twice/);
  });
});

describe("event folders", () => {
  test("every folder that does not load is named; none is passed over", async () => {
    const folder = await mkdtemp(join(tmpdir(), "huiliu-events-"));
    try {
      await assert.rejects(loadEventDefinitions(folder), /no event types/);
      for (const [type, text] of [
        ["a.empty", undefined],
        ["b.broken", "export const definition = ;"],
        ["c.other", 'export const definition = { type: "x.y" };'],
        ["d.nothing", "export const schema = {};"],
        ["e.half", 'export const definition = { type: "e.half", title: {}, meaning: {}, data: {}, check() {}, keys() {} };'],
      ] as const) {
        await mkdir(join(folder, type));
        if (text !== undefined) await writeFile(join(folder, type, "schema.ts"), text);
      }
      await assert.rejects(loadEventDefinitions(folder), (error: Error) => {
        for (const type of ["a.empty", "b.broken", "c.other", "d.nothing", "e.half"])
          assert.ok(error.message.includes(`- ${type}: `), type);
        return true;
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
