/** Unclear, asked, not there, reversed: never after a find, never too early, under the original's number, and a lost reversal is never taken for a refusal. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { run } from "../../test/fakes/attempts.ts";
import { fakeDialect, replyOf } from "../../test/fakes/dialect.ts";
import type { OutboundDialect } from "./dialect.ts";
import { policyOf } from "./policy.ts";
import type { CallNumbers, CallRequest, CallResult, Claimed } from "./ports.ts";

const LATE = 120_000;
const reversal = { mapping: "fake/reverse", of: new Set(["fake/payment-confirm"]) };
const notFound = replyOf({ outcome: "not-found", code: "4" });
const found = replyOf({ outcome: "acknowledged", code: "0", amountFen: 1650n, serial: "S1" });
const reversed = replyOf({ outcome: "acknowledged", code: "0" });
const refused = replyOf({ outcome: "rejected", code: "-1", text: "原交易不存在" });
const lost: CallResult = { kind: "no-reply", why: "ECONNRESET", ms: 5 };

/** Numbers in memory, as the store keeps them. */
function numbersOf(): CallNumbers & { readonly slots: Map<string, string> } {
  const slots = new Map<string, string>();
  let made = 0;
  return {
    slots,
    of: async (_destination, slot) => {
      const known = slots.get(slot);
      if (known !== undefined) return { number: known, first: false };
      made += 1;
      slots.set(slot, `N${made}`);
      return { number: `N${made}`, first: true };
    },
    over: async (_destination, slot) => {
      slots.set(`${slot}:over`, slots.get(slot) ?? "");
      slots.delete(slot);
    },
  };
}

/** Both documents, told apart by the path; what they were made from is noted. */
function dialectOf(asked: unknown[]): Partial<OutboundDialect> {
  return {
    encodeInquiry: (mapping, about) => {
      asked.push([mapping, about.callNumber]);
      const encoded = fakeDialect.encodeInquiry(mapping, about);
      return encoded.ok
        ? { ...encoded, request: { ...encoded.request, path: mapping === "fake/reverse" ? "/reverse" : "/inquiry" } }
        : encoded;
    },
  };
}

interface Story {
  readonly inquiry: CallResult;
  readonly reverse?: CallResult;
  readonly sinceMs?: number;
  readonly numbers?: CallNumbers;
  readonly more?: Readonly<Record<string, unknown>>;
}
async function ask({ inquiry, reverse = lost, sinceMs = LATE, numbers = numbersOf(), more = {} }: Story) {
  const asked: unknown[] = [];
  const calls: CallRequest[] = [];
  const told = await run({
    call: () => {
      const request = calls.length;
      return request === 0 ? inquiry : reverse;
    },
    duplicates: "inquiry",
    policy: { reversal, ...more },
    claimed: { action: "ask", ...(sinceMs < 0 ? {} : { sinceLastPossibleSendMs: sinceMs }) },
    dialect: dialectOf(asked),
    numbers,
    seen: (request) => void calls.push(request),
  });
  return { ...told, asked, paths: calls.map((one) => new URL(one.url).pathname.replace("/base", "")), calls };
}

void describe("S0-27 C-6 a reversal after an inquiry", () => {
  const rows: readonly [string, Story, readonly string[], string, string | undefined][] = [
    ["found: finished, never reversed", { inquiry: found }, ["/inquiry"], "finish", undefined],
    [
      "found with another amount: parked, never reversed",
      { inquiry: replyOf({ outcome: "acknowledged", code: "0", amountFen: 1n, serial: "S1" }) },
      ["/inquiry"],
      "park",
      "RECEIPT_DIFFERS",
    ],
    ["not found, too early: asked again, not reversed", { inquiry: notFound, sinceMs: 59_999 }, ["/inquiry"], "ask", undefined],
    ["not found, never sent: sent, not reversed", { inquiry: notFound, sinceMs: -1 }, ["/inquiry"], "resend", undefined],
    ["no answer: asked again, not reversed", { inquiry: lost }, ["/inquiry"], "ask", undefined],
    ["not found, reversed: parked as such", { inquiry: notFound, reverse: reversed }, ["/inquiry", "/reverse"], "park", "REVERSED"],
    [
      "not found, nothing to reverse: sent again under its number",
      { inquiry: notFound, reverse: refused },
      ["/inquiry", "/reverse"],
      "resend",
      undefined,
    ],
    ["not found, reversal lost: asked again", { inquiry: notFound, reverse: lost }, ["/inquiry", "/reverse"], "ask", undefined],
    [
      "not found, reversal busy: asked again",
      { inquiry: notFound, reverse: replyOf({ outcome: "busy", code: "9" }) },
      ["/inquiry", "/reverse"],
      "ask",
      undefined,
    ],
    [
      "of another message: sent again, not reversed",
      { inquiry: notFound, more: { reversal: { ...reversal, of: new Set(["fake/x"]) } } },
      ["/inquiry"],
      "resend",
      undefined,
    ],
  ];
  for (const [name, story, paths, step, park] of rows)
    test(name, async () => {
      const { end, paths: called } = await ask(story);
      assert.deepEqual([called, end.step, end.park?.code], [paths, step, park]);
      assert.equal(end.mayHaveTakenEffect, false, "neither an inquiry nor a reversal is a send");
      assert.equal(end.retryInMs !== undefined, step === "ask" || step === "resend");
    });

  test("every question has a number of its own, the reversal names the original's; sent again the number is the same", async () => {
    const numbers = numbersOf();
    const first = await numbers.of("his", "k1");
    const { asked, calls } = await ask({ inquiry: notFound, reverse: refused, numbers });
    assert.deepEqual(asked, [
      ["fake/inquiry", first?.number],
      ["fake/reverse", first?.number],
    ]);
    assert.equal(new Set([first?.number, ...calls.map((one) => one.about?.number)]).size, 3);
    assert.deepEqual(await numbers.of("his", "k1"), { number: first?.number, first: false });
  });

  test("a refusal after a lost reversal may mean “undone already”: a person looks; after a refused one it means what it says", async () => {
    const numbers = numbersOf();
    assert.equal((await ask({ inquiry: notFound, reverse: lost, numbers })).end.step, "ask");
    assert.equal((await ask({ inquiry: notFound, reverse: refused, numbers })).end.park?.code, "REVERSAL_UNPROVED");
    assert.equal((await ask({ inquiry: notFound, reverse: reversed, numbers })).end.park?.code, "REVERSED", "2601 itself may be repeated");
    const others = numbersOf();
    for (let round = 0; round < 3; round += 1)
      assert.equal((await ask({ inquiry: notFound, reverse: refused, numbers: others })).end.step, "resend", `round ${round}`);
  });

  test("reversed, and a person sends it all the same: another number, and another for its reversal", async () => {
    const numbers = numbersOf();
    const undone = await numbers.of("his", "k1");
    const { end, calls } = await ask({ inquiry: notFound, reverse: reversed, numbers });
    assert.equal(end.park?.code, "REVERSED");
    const anew = await numbers.of("his", "k1");
    assert.deepEqual([anew?.first, anew?.number === undone?.number], [true, false]);
    const again = await ask({ inquiry: notFound, reverse: refused, numbers });
    assert.deepEqual(again.asked.at(-1), ["fake/reverse", anew?.number]);
    assert.notEqual(again.calls.at(-1)?.about?.number, calls.at(-1)?.about?.number);
    assert.equal(again.end.step, "resend", "of the new number nothing was reversed before");
  });

  test("a number that cannot be stored: nothing leaves us", async () => {
    const numbers: CallNumbers = { of: () => Promise.reject(new Error("the database is away")), over: async () => undefined };
    const { end, calls } = await run({ call: found, numbers });
    assert.deepEqual([end.outcome, end.step, calls.length], ["unsent", "resend", 0]);
    assert.match(end.why, /^no-call-number: /);
    const asked = await ask({ inquiry: found, numbers });
    assert.deepEqual([asked.end.step, asked.calls.length], ["ask", 0]);
  });

  test("the lease must last for both calls; without an inquiry there is no reversal", () => {
    const destination = {
      url: "http://x.test",
      connectTimeoutMs: 1_000,
      replyTimeoutMs: 5_000,
      leaseMs: 12_500,
      parallel: 1,
      duplicates: "inquiry",
      trustNotFoundAfterMs: 1,
      retry: { firstMs: 10, maxMs: 100 },
      messages: {},
      inquiry: "ask",
      reversal: { message: "reverse", of: ["settle"] },
    } as const;
    const made = policyOf({ partner: "p", vendor: "v", destination: { ...destination, reversal: { message: "reverse", of: ["settle"] } } });
    assert.ok(made?.ok);
    assert.deepEqual([made.policy.reversal?.mapping, [...(made.policy.reversal?.of ?? [])]], ["v/reverse", ["v/settle"]]);
    const short = policyOf({
      partner: "p",
      vendor: "v",
      destination: { ...destination, leaseMs: 12_499, reversal: { message: "reverse", of: ["settle"] } },
    });
    assert.equal(short?.ok, false);
    const { inquiry: _, ...unasked } = destination;
    const blind = policyOf({
      partner: "p",
      vendor: "v",
      destination: { ...unasked, duplicates: "by-key", reversal: { message: "reverse", of: ["settle"] } },
    });
    assert.equal(blind?.ok, false);
  });
});

void describe("S0-8 what our own journal holds", () => {
  const story = async (record: () => Promise<Extract<CallResult, { kind: "reply" }> | undefined>) => {
    const calls: CallRequest[] = [];
    const { end } = await run({
      call: notFound,
      duplicates: "inquiry",
      policy: { reversal },
      claimed: { action: "ask", sinceLastPossibleSendMs: LATE, attempt: 2 },
      record,
      seen: (request) => void calls.push(request),
    });
    return { end, calls: calls.length };
  };
  test("a receipt that was journaled finishes it: the partner is neither asked nor told to undo it", async () => {
    const { end, calls } = await story(async () => found);
    assert.deepEqual([end.step, end.why, end.receipt?.code, calls], ["finish", "own-record", "0", 0]);
  });
  test("a refusal, or another amount, proves nothing now: asked", async () => {
    assert.ok((await story(async () => refused)).calls > 0);
    assert.ok((await story(async () => replyOf({ outcome: "acknowledged", code: "0", amountFen: 1n, serial: "S1" }))).calls > 0);
    assert.ok((await story(async () => undefined)).calls > 0);
  });
  test("while the journal cannot be read nobody is asked and nothing is undone", async () => {
    const { end, calls } = await story(() => Promise.reject(new Error("away")));
    assert.deepEqual([end.step, calls], ["ask", 0]);
  });
  const again = async (record: () => Promise<Extract<CallResult, { kind: "reply" }> | undefined>, more: Partial<Claimed> = {}) => {
    const claimed = { action: "send", sinceLastPossibleSendMs: LATE, attempt: 2, ...more } as const;
    const { end, calls } = await run({ call: refused, duplicates: "by-key", claimed, record });
    return [end.outcome, end.step, calls.length];
  };
  test("sent again by key: a journaled receipt finishes it, or a partner's “cancelled already” would be told as a refusal", async () => {
    assert.deepEqual(await again(async () => found), ["acknowledged", "finish", 0]);
    assert.deepEqual(await again(async () => undefined), ["rejected", "park", 1]);
    assert.deepEqual(await again(() => Promise.reject(new Error("away"))), ["unsent", "resend", 0]);
    assert.deepEqual(await again(async () => found, { because: "replay" }), ["rejected", "park", 1], "a person wants it sent");
  });
});

void describe("S0-27 a lane that goes on past what is parked", () => {
  const rows: readonly [string, CallResult, true | undefined][] = [
    ["refused: the next may go", refused, true],
    [
      "another amount: it may have taken effect, and the next settlement of the bill waits",
      replyOf({ outcome: "acknowledged", code: "0", amountFen: 1n, serial: "S1" }),
      undefined,
    ],
  ];
  for (const [name, call, goesOn] of rows)
    test(name, async () => {
      const { end } = await run({ call, duplicates: "inquiry", policy: { parkedHead: "skip" } });
      assert.deepEqual([end.step, end.letsNextGo], ["park", goesOn]);
    });
  test("reversed: the HIS may ask anew", async () => {
    const { end } = await ask({ inquiry: notFound, reverse: reversed, more: { parkedHead: "skip" } });
    assert.deepEqual([end.park?.code, end.letsNextGo], ["REVERSED", true]);
  });
});
