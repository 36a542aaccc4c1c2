import assert from "node:assert/strict";
import { test } from "node:test";
import { refusal } from "../../domain/refusals.ts";
import { loadEventRegistry } from "../../platform/catalogue-events.ts";
import { createSealer } from "./seal.ts";

const sealer = createSealer({ registry: await loadEventRegistry(), partner: () => undefined });
const message = { id: "m1", partner: "his", kind: "charge", receivedAt: "2026-11-20T09:22:01+08:00" };
const reason = refusal("INTERNAL");
const node = { id: "n1", type: "function" };

const odd: readonly (readonly [string, Partial<typeof message>, Partial<Parameters<typeof sealer.parked>[1]>])[] = [
  ["a blank kind", { kind: " " }, {}],
  ["a kind of ideographic space", { kind: "\u3000" }, {}],
  ["no partner", { partner: "" }, {}],
  ["a partner longer than an envelope", { partner: "x".repeat(300) }, {}],
  ["a node named by a blank", {}, { node: { ...node, name: " " } }],
  ["a node without a type", {}, { node: { id: "", type: "" } }],
  ["a flow named by a blank", {}, { node: { ...node, flow: " " } }],
  ["a blank place", {}, { place: " " }],
  ["no text", {}, { zh: "" }],
  ["half a character", {}, { zh: "出错\ud83d" }],
  ["a NUL", {}, { zh: "a\0b", place: "\0" }],
  ["the last evening of the calendar", { receivedAt: "2999-12-31T23:30:00+08:00" }, {}],
];
for (const [what, of, because] of odd) {
  test(`a message can be parked whatever is odd about it: ${what}`, () => {
    const sealed = sealer.parked({ ...message, ...of }, { ...reason, ...because }, [{ kind: "bill", value: "a\0b" }]);
    assert.equal(sealed.event.type, "message.parked");
    assert.equal(/\\u0000|\\ud[89a-f]/.test(JSON.stringify(sealed.event)), false);
  });
}
