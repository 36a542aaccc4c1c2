import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "../../platform/memory/clock.ts";
import { createRoom, ROOM_WAIT_MS } from "./room.ts";

const world = () => {
  const clock = createVirtualClock();
  const state = { full: true };
  const room = createRoom({ full: () => state.full, after: clock.after });
  const letIn: string[] = [];
  const ask = (name: string): void => {
    const waits = room.wait();
    if (waits === undefined) letIn.push(name);
    else void waits.then(() => letIn.push(name));
  };
  return { clock, state, room, letIn, ask };
};

test("where there is room nobody waits", () => {
  const { state, letIn, ask } = world();
  state.full = false;
  ask("a");
  assert.deepEqual(letIn, ["a"]);
});

test("those who wait are let in when something ends, in the order in which they asked, and a late one does not overtake them", async () => {
  const { state, room, letIn, ask } = world();
  ask("a");
  ask("b");
  room.look();
  await Promise.resolve();
  assert.deepEqual(letIn, [], "still full");
  state.full = false;
  ask("c");
  room.look();
  await Promise.resolve();
  assert.deepEqual(letIn, ["a", "b", "c"]);
});

test("nobody waits for long: whatever holds the flows up, the journal takes it", async () => {
  const { clock, letIn, ask } = world();
  ask("a");
  await clock.advance(ROOM_WAIT_MS - 1);
  assert.deepEqual(letIn, []);
  await clock.advance(1);
  assert.deepEqual(letIn, ["a"]);
});
