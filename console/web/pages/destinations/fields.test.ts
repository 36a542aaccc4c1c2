import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Destination } from "../../../../domain/partners/profile.ts";
import { differences } from "../../../../domain/partners/profiles.ts";
import { byField, fieldsOf, helpOf, readJson, rebased, type SchemaNode, valueAt, withValue } from "./fields.ts";

const FIELDS = fieldsOf(JSON.parse(JSON.stringify(Destination)) as SchemaNode);
const field = (at: string) => FIELDS.find((one) => one.at === at);

describe("the form of a destination's profile is made from its schema", () => {
  test("every member of the schema has its field", () => {
    assert.deepEqual(
      Object.keys(Destination.properties).filter((name) => !FIELDS.some(({ at }) => at === `/${name}` || at.startsWith(`/${name}/`))),
      [],
    );
  });
  test("kinds and limits", () => {
    assert.deepEqual([field("/parallel")?.kind, field("/parallel")?.required], ["number", true]);
    assert.deepEqual(field("/leaseMs"), {
      at: "/leaseMs",
      name: "leaseMs",
      required: true,
      help: undefined,
      kind: "number",
      whole: true,
      min: 1_000,
      max: 600_000,
    });
    const duplicates = field("/duplicates");
    assert.deepEqual(duplicates?.kind === "choice" ? duplicates.values : [], ["by-key", "by-reference", "inquiry", "none"]);
    assert.equal(field("/retry/firstMs")?.name, "retry.firstMs");
    assert.equal(field("/messages")?.kind, "other");
    assert.equal(field("/quietHours")?.kind, "other");
    assert.equal(field("/ratePerSecond")?.required, false);
  });
  test("descriptions in both languages", () => {
    assert.deepEqual(helpOf("lanes in flight at once / 同时在途的队列数"), { en: "lanes in flight at once", zh: "同时在途的队列数" });
    assert.deepEqual(helpOf("one"), { en: "one", zh: "one" });
  });
});

describe("one value of a profile", () => {
  const profile = { url: "http://x", retry: { firstMs: 1, maxMs: 2 }, "a/b": { "c~d": 1 } };
  test("is read by its pointer", () => {
    assert.equal(valueAt(profile, "/retry/maxMs"), 2);
    assert.equal(valueAt(profile, "/a~1b/c~0d"), 1);
    assert.equal(valueAt(profile, "/retry/none/deeper"), undefined);
    assert.equal(valueAt(profile, "/toString"), undefined);
  });
  test("is changed in a copy; taken out, it leaves nothing empty behind", () => {
    assert.deepEqual(withValue(profile, "/retry/maxMs", 3).retry, { firstMs: 1, maxMs: 3 });
    assert.deepEqual(withValue({ probe: { firstMs: 1 } }, "/probe/firstMs", undefined), {});
    assert.deepEqual(withValue({}, "/alarms/backlog", 9), { alarms: { backlog: 9 } });
    assert.deepEqual(profile.retry, { firstMs: 1, maxMs: 2 });
  });
  test("problems stand at their fields, also those inside of it", () => {
    const problems = [{ at: "/parallel" }, { at: "/messages/payment-confirm" }, { at: "/odd" }, { at: "" }];
    const { at, over } = byField(problems, FIELDS);
    assert.deepEqual([...at.keys()], ["/parallel", "/messages"]);
    assert.deepEqual(over, [{ at: "/odd" }, { at: "" }]);
  });
  test("a conflict: my changes go onto what another one saved", () => {
    const [base, mine, theirs] = [
      { parallel: 8, url: "a", ping: "/p" },
      { parallel: 16, url: "a" },
      { parallel: 8, url: "b", ping: "/p" },
    ];
    assert.deepEqual(rebased(differences(base, mine), theirs), { parallel: 16, url: "b" });
  });
  test("JSON that is none says why", () => {
    assert.equal(readJson("{").ok, false);
    assert.deepEqual(readJson("[1]"), { ok: false, why: "{ … }" });
    assert.deepEqual(readJson('{"a":1}'), { ok: true, value: { a: 1 } });
  });
});
