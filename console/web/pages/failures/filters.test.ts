import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { changed, isFiltered, noReplay, queryOf } from "./filters.ts";

describe("the filters of the failures' list live in its address", () => {
  test("what is empty is not asked, what is unknown neither", () => {
    assert.deepEqual(queryOf(new URLSearchParams("partner=his&code=&owner=%20&x=1&after=3.ab&all=true")), {
      partner: "his",
      all: "true",
      after: "3.ab",
    });
  });
  test("another filter begins at the first page; another page keeps the filters", () => {
    const address = new URLSearchParams("partner=his&after=3.ab");
    assert.equal(changed(address, "code", " E101 ").toString(), "partner=his&code=E101");
    assert.equal(changed(address, "partner", undefined).toString(), "");
    assert.equal(changed(address, "after", "2.cd").toString(), "partner=his&after=2.cd");
    assert.equal(address.toString(), "partner=his&after=3.ab", "the address given stays");
  });
  test("a page is no filter", () => {
    assert.equal(isFiltered(new URLSearchParams("after=1.a&tab=events")), false);
    assert.equal(isFiltered(new URLSearchParams("snoozed=true")), true);
  });
  test("what a replay would do", () => {
    assert.equal(noReplay({ of: "write-backs", open: 0, parked: 0 }), "none");
    assert.equal(noReplay({ of: "write-backs", open: 3, parked: 0 }), "wait");
    assert.equal(noReplay({ of: "messages", open: 3, parked: 3 }), undefined);
  });
});
