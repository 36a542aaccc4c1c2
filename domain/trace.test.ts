import assert from "node:assert/strict";
import { test } from "node:test";
import { traceparentOf } from "./trace.ts";

const MESSAGE = "01a00131-cde6-72c8-bbdb-6642ac8ef6d9";
const DOING = "01a00658-2a48-74ed-a27d-1f5b4ed89f47";
const cases: readonly (readonly [string, string | undefined, string])[] = [
  [
    "the sender's trace goes on under our own step",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-a27d1f5b4ed89f47-00",
  ],
  ["without one the message is the trace", undefined, "00-01a00131cde672c8bbdb6642ac8ef6d9-a27d1f5b4ed89f47-01"],
  [
    "a version that we cannot read begins anew",
    "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-x",
    "00-01a00131cde672c8bbdb6642ac8ef6d9-a27d1f5b4ed89f47-01",
  ],
];
for (const [name, began, wanted] of cases) test(name, () => assert.equal(traceparentOf(MESSAGE, DOING, began), wanted));
