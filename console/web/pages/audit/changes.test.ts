import assert from "node:assert/strict";
import { test } from "node:test";
import { addressed, queryOf } from "./address.ts";
import { changesOf } from "./changes.ts";

test("what a deed changed is told field by field, nested ones by their path", () => {
  const told = changesOf(
    { state: "parked", park: { code: "REJECTED", tries: 3 }, roles: ["viewer"], gone: "x" },
    { state: "waiting", park: { code: "REJECTED" }, roles: ["viewer", "auditor"], list: [{ n: 1 }] },
  );
  assert.deepEqual(
    told.map(({ field, what, before, after }) => [field, what, before, after]),
    [
      ["state", "changed", "parked", "waiting"],
      ["park.code", "same", "REJECTED", "REJECTED"],
      ["park.tries", "removed", "3", undefined],
      ["roles", "changed", '["viewer"]', '["viewer","auditor"]'],
      ["gone", "removed", "x", undefined],
      ["list.0.n", "added", undefined, "1"],
    ],
  );
  assert.deepEqual(changesOf(undefined, undefined), []);
});

test("filters live in the address; another one begins at the first page", () => {
  const address = new URLSearchParams("who=王工&after=9&other=1");
  assert.deepEqual(queryOf(address), { who: "王工", after: "9" });
  assert.equal(addressed(address, { action: " replay " }).toString(), new URLSearchParams("who=王工&other=1&action=replay").toString());
  assert.deepEqual(queryOf(addressed(address, { who: undefined })), {});
  assert.deepEqual(queryOf(addressed(address, { after: "5" })), { who: "王工", after: "5" });
});
