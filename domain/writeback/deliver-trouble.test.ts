import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { run, done, noReply, type Setup } from "../../test/fakes/attempts.ts";
import { replyOf } from "../../test/fakes/dialect.ts";
import type { Step } from "./outcome.ts";
import type { CallResult } from "./ports.ts";

void describe("what came back to be parked", () => {
  for (const [because, code] of [
    ["lease-expired", "LEASE_EXPIRED"],
    ["answer-overdue", "ANSWER_OVERDUE"],
  ] as const) {
    test(`${because} parks without a call and may have taken effect`, async () => {
      const { end, calls } = await run({ call: noReply, duplicates: "none", claimed: { action: "park", because, leaseMs: 1 } });
      assert.deepEqual([end.step, end.park?.code, end.event?.data.mayHaveTakenEffect, calls.length], ["park", code, true, 0]);
    });
  }
});

void describe("the lease", () => {
  test("enough of it: the call begins", async () => {
    assert.equal((await run({ call: replyOf(done), lateMs: 23_500 })).delivered.kind, "ended");
  });
  test("one millisecond too little: nothing leaves us", async () => {
    const { delivered, calls } = await run({ call: replyOf(done), lateMs: 23_501 });
    assert.deepEqual([delivered.kind, calls.length], ["not-begun", 0]);
  });
});

void describe("nothing throws", () => {
  const boom = () => {
    throw new Error("boom");
  };
  const rows: readonly { readonly name: string; readonly setup: Setup; readonly step: Step; readonly park?: string }[] = [
    { name: "courier throws", setup: { call: boom, duplicates: "none" }, step: "park", park: "UNCLEAR" },
    { name: "courier rejects", setup: { call: () => Promise.reject(new Error("boom")), duplicates: "inquiry" }, step: "ask" },
    { name: "dialect throws before", setup: { call: noReply, dialect: { request: boom } }, step: "park", park: "CANNOT_SEND" },
    { name: "mapping unknown", setup: { call: noReply, claimed: { mapping: "gone/away" } }, step: "park", park: "CANNOT_SEND" },
    {
      name: "path leaves the address",
      setup: { call: noReply, dialect: { request: () => ({ method: "POST", path: "@evil.test/", headers: {} }) } },
      step: "park",
      park: "CANNOT_SEND",
    },
    {
      name: "dialect throws on the reply",
      setup: { call: replyOf(done), dialect: { interpret: boom }, duplicates: "inquiry" },
      step: "ask",
    },
    {
      name: "dialect answers nonsense",
      setup: { call: replyOf(done), dialect: { interpret: () => undefined as never }, duplicates: "inquiry" },
      step: "ask",
    },
    {
      name: "inquiry cannot be written",
      setup: { call: noReply, dialect: { encodeInquiry: boom }, duplicates: "inquiry", claimed: { action: "ask" } },
      step: "park",
      park: "CANNOT_ASK",
    },
  ];
  for (const { name, setup, step, park } of rows) {
    test(`${name}: ${step}`, async () => {
      const { end } = await run(setup);
      assert.deepEqual([end.step, end.park?.code], [step, park]);
    });
  }

  test("an event that cannot be sealed does not undo an acknowledgement", async () => {
    for (const seal of [boom, () => ({ ok: false as const, problems: [{ at: "/x", en: "bad" }] })]) {
      const { end, troubles } = await run({ call: replyOf(done), seal });
      assert.deepEqual([end.step, end.event, troubles.length], ["finish", undefined, 1]);
    }
  });
});

test("what a row cannot hold is not in a proof: no NUL, no half character where a text was cut", async () => {
  for (const text of ["a\0b", `${"x".repeat(299)}\u{1F600}`]) {
    const { end } = await run({ call: replyOf({ ...done, text, receiptNo: "R\0\0" }) });
    assert.equal(end.outcome, "acknowledged");
    assert.equal(end.receipt?.text?.isWellFormed(), true);
    assert.equal(JSON.stringify([end.text, end.receipt?.text, end.receipt?.partnerNo]).includes("u0000"), false);
  }
});

void describe("C-6 by-key with a lifetime: an old key protects nothing", () => {
  const NOW = Date.parse("2026-11-20T09:00:00+08:00");
  const lifetime = { duplicatesLifetimeMs: 86_400_000 };
  const sentAgo = (ms: number) => ({ firstSentAt: new Date(NOW - ms).toISOString(), sinceLastPossibleSendMs: ms });
  const HALF = 43_200_000;
  const asks = { ...lifetime, inquiry: "fake/inquiry" };
  /** What the destination answers to an inquiry, then to what follows. */
  const answering = (...answers: readonly CallResult[]) => {
    let nth = -1;
    return () => {
      nth += 1;
      return answers[nth] ?? noReply;
    };
  };
  for (const [name, policy, claim, call, paths, step, park] of [
    ["never sent", lifetime, {}, replyOf(done), ["/json"], "finish", undefined],
    ["young", lifetime, sentAgo(HALF), replyOf(done), ["/json"], "finish", undefined],
    ["old, cannot be asked", lifetime, sentAgo(HALF + 1), replyOf(done), [], "park", "KEY_EXPIRED"],
    [
      "old, replayed by a person who looked",
      lifetime,
      { ...sentAgo(HALF + 1), because: "replay" },
      replyOf(done),
      ["/json"],
      "finish",
      undefined,
    ],
    ["old, came back by itself", lifetime, { ...sentAgo(HALF + 1), because: "lease-expired" }, replyOf(done), [], "park", "KEY_EXPIRED"],
    [
      "old, replayed where it can be asked",
      asks,
      { ...sentAgo(HALF + 1), because: "replay" },
      replyOf(done),
      ["/inquiry"],
      "finish",
      undefined,
    ],
    ["remembered for ever", {}, sentAgo(10 * HALF), replyOf(done), ["/json"], "finish", undefined],
    ["old: asked, it is there", asks, sentAgo(HALF + 1), replyOf(done), ["/inquiry"], "finish", undefined],
    [
      "old: asked, it is not there, sent in the same attempt",
      asks,
      sentAgo(HALF + 1),
      answering(replyOf({ outcome: "not-found", code: "4" }), replyOf(done)),
      ["/inquiry", "/json"],
      "finish",
      undefined,
    ],
    ["old: asked, no answer", asks, sentAgo(HALF + 1), noReply, ["/inquiry"], "ask", undefined],
  ] as const) {
    test(name, async () => {
      const { end, calls } = await run({ call, duplicates: "by-key", policy, claimed: claim });
      const asked = calls.map((one) => new URL(one.url).pathname.replace("/base", ""));
      assert.deepEqual([asked, end.step, end.park?.code], [paths, step, park]);
    });
  }
  test("old: stopped for a minute while it asked, it does not send: whoever took over its lease has sent it", async () => {
    let asked = false;
    const { end, calls } = await run({
      call: async (clock) => {
        if (asked) return replyOf(done);
        asked = true;
        await clock.advance(60_000);
        return replyOf({ outcome: "not-found", code: "4" });
      },
      duplicates: "by-key",
      policy: asks,
      claimed: sentAgo(HALF + 1),
    });
    assert.deepEqual([calls.length, end.step, end.mayHaveTakenEffect], [1, "resend", false]);
  });
  test("other destinations know no lifetime", async () => {
    const { end } = await run({ call: replyOf(done), duplicates: "by-reference", policy: lifetime, claimed: sentAgo(10 * HALF) });
    assert.equal(end.step, "finish");
  });
});

test("C-6 who is told to come later asks for less: 429, or Retry-After; an acknowledgement does not", async () => {
  for (const [call, throttled] of [
    [{ ...replyOf({ outcome: "unclear" }), status: 429 }, true],
    [{ ...replyOf({ outcome: "unclear" }), status: 503, retryAfterMs: 5_000 }, true],
    [{ ...replyOf({ outcome: "unclear" }), status: 503 }, false],
    [replyOf({ outcome: "busy", code: "9" }), false],
    [replyOf(done), false],
    [{ ...replyOf(done), retryAfterMs: 5_000 }, false],
    [noReply, false],
  ] as const) {
    const { delivered } = await run({ call });
    assert.equal(delivered.kind === "ended" && delivered.throttled, throttled, JSON.stringify(call));
  }
});
