import assert from "node:assert/strict";
import { test } from "node:test";
import { createTurns } from "./turns.ts";

test("work that shares a key goes one at a time, in the order it asked; other work goes on", () => {
  const turns = createTurns();
  const log: string[] = [];
  const releases = new Map<string, () => void>();
  const take = (name: string, keys: string[]): void => {
    releases.set(
      name,
      turns.take(keys, () => log.push(name)),
    );
  };
  take("a", ["bill:1"]);
  take("b", ["bill:1", "visit:9"]);
  take("c", ["visit:9"]);
  take("d", ["bill:2"]);
  assert.deepEqual(log, ["a", "d"]);
  assert.equal(turns.waiting(), 2);
  releases.get("a")?.();
  assert.deepEqual(log, ["a", "d", "b"]);
  releases.get("b")?.();
  releases.get("b")?.();
  assert.deepEqual(log, ["a", "d", "b", "c"]);
  assert.equal(turns.waiting(), 0);
});

test("a ticket that leaves while it waits lets the next one through", () => {
  const turns = createTurns();
  const log: string[] = [];
  const first = turns.take(["k"], () => log.push("first"));
  const second = turns.take(["k"], () => log.push("second"));
  turns.take(["k"], () => log.push("third"));
  second();
  assert.equal(turns.waiting(), 1);
  first();
  assert.deepEqual(log, ["first", "third"]);
});

test("crossed keys never wait for each other for ever", () => {
  const turns = createTurns();
  const log: string[] = [];
  const one = turns.take(["x", "y"], () => log.push("xy"));
  const two = turns.take(["y", "x"], () => log.push("yx"));
  turns.take(["x"], () => log.push("x"));
  one();
  two();
  assert.deepEqual(log, ["xy", "yx", "x"]);
});
