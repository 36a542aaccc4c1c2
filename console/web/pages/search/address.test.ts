import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { addressOf, keysOf, queryOf, searchOf } from "./address.ts";

const NOW = Date.parse("2026-11-20T09:25:10+08:00");

describe("a search and its address", () => {
  for (const [text, keys] of [
    ["B1\nB2\r\nB3", ["B1", "B2", "B3"]],
    ["B1\tB2,B3，B4、B5；B6;B1", ["B1", "B2", "B3", "B4", "B5", "B6"]],
    ["  a b  \n\n", ["a b"]],
    ["", []],
  ] as const) {
    test(`${JSON.stringify(text)} lists ${keys.length}`, () => assert.deepEqual(keysOf(text), keys));
  }
  test("of today without keys, of all time with them", () => {
    assert.deepEqual(queryOf(searchOf(new URLSearchParams()), NOW), { from: "2026-11-20T00:00:00.000+08:00" });
    assert.deepEqual(queryOf(searchOf(new URLSearchParams("q=B1")), NOW), { key: "B1" });
    assert.deepEqual(queryOf(searchOf(new URLSearchParams("q=B1&span=hour")), NOW), { key: "B1", from: "2026-11-20T08:25:10.000+08:00" });
  });
  test("the address says everything and nothing twice", () => {
    const address = "q=B1%2CB2&partner=his&kind=charge&flow=charges&state=parked&span=own&from=2026-11-01&to=2026-11-02&after=x";
    assert.equal(addressOf(searchOf(new URLSearchParams(address))).toString(), address);
    assert.equal(addressOf(searchOf(new URLSearchParams("span=today&from=2026-11-01&nonsense=1"))).toString(), "");
  });
});
