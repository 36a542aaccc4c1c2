import assert from "node:assert/strict";
import { test } from "node:test";
import { diffOf, editContent, editKey } from "./edit.ts";

test("C-7 a diff shows what differs, one tag or member a line", () => {
  const shown = diffOf("<a><b>1</b><c>2</c></a>", "<a><b>1</b><c>3</c><d/></a>").map(({ op, text }) => `${op} ${text}`);
  assert.deepEqual(shown, ["same <a>", "same <b>1</b>", "removed <c>2</c>", "added <c>3</c>", "added <d/>", "same </a>"]);
  assert.deepEqual(
    diffOf('{"a":1,"b":2}', '{"a":1,"b":3}')
      .filter((line) => line.op !== "same")
      .map((line) => line.text),
    ['"b":2}', '"b":3}'],
  );
  assert.deepEqual(diffOf("", ""), [{ op: "same", text: "" }]);
  assert.ok(diffOf("x\n".repeat(5_000), "y\n".repeat(5_000)).length <= 400, "bounded");
});

test("C-7 each edit has a key and a content of its own", () => {
  const original = { causeEventId: "e", destination: "his", kind: "payment-confirm" };
  assert.notEqual(editKey(original, 1), editKey(original, 2));
  const edit = { writeBackId: "w", editNo: 1, bodyHash: "h" };
  assert.notEqual(editContent(edit), editContent({ ...edit, bodyHash: "i" }));
});
