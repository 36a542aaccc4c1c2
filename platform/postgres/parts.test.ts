import assert from "node:assert/strict";
import { test } from "node:test";
import { cutInto, turns } from "./parts.ts";

for (const [items, most, least, lengths] of [
  [0, 4, 8, []],
  [1, 4, 8, [1]],
  [8, 4, 8, [8]],
  [9, 4, 8, [8, 1]],
  [50, 4, 8, [13, 13, 13, 11]],
  [100, 4, 8, [25, 25, 25, 25]],
] as const)
  test(`${items} items in at most ${most} parts of ${least}: ${lengths.join(" + ") || "none"}`, () => {
    const all = Array.from({ length: items }, (_, n) => n);
    const parts = cutInto(all, most, least);
    assert.deepEqual(
      parts.map((part) => part.length),
      lengths,
    );
    assert.deepEqual(parts.flat(), all);
  });

test("no more than so many at once, in the order asked; one that fails gives its turn on", async () => {
  const turn = turns(2);
  const ends: (() => void)[] = [];
  const begun: number[] = [];
  const work = (n: number) => () =>
    new Promise<number>((done, fail) => {
      begun.push(n);
      ends.push(() => (n === 1 ? fail(new Error("gone")) : done(n)));
    });
  const all = [1, 2, 3, 4].map((n) => turn(work(n)).catch(() => 0));
  const step = () => new Promise((done) => setImmediate(done));
  await step();
  assert.deepEqual(begun, [1, 2]);
  ends[0]?.();
  await step();
  assert.deepEqual(begun, [1, 2, 3]);
  ends[1]?.();
  ends[2]?.();
  await step();
  assert.deepEqual(begun, [1, 2, 3, 4]);
  ends[3]?.();
  assert.deepEqual(await Promise.all(all), [0, 2, 3, 4]);
});
