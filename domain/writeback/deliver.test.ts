import assert from "node:assert/strict";
import { traceparentOf } from "../trace.ts";
import { describe, test } from "node:test";
import { ALL, run, done, already, noReply, unsent } from "../../test/fakes/attempts.ts";
import { replyOf } from "../../test/fakes/dialect.ts";
import type { Duplicates, Outcome, Step } from "./outcome.ts";
import { REPLY_BYTES_MAX } from "./policy.ts";
import type { CallResult } from "./ports.ts";

void describe("C-6 one attempt: outcome × duplicates", () => {
  type Row = {
    readonly name: string;
    readonly call: CallResult;
    readonly outcome: Outcome;
    readonly steps: Readonly<Record<Duplicates, Step>>;
  };
  const every = (step: Step) => ({ "by-key": step, "by-reference": step, inquiry: step, none: step });
  const unclear: Row["steps"] = { "by-key": "resend", "by-reference": "resend", inquiry: "ask", none: "park" };
  const rows: readonly Row[] = [
    { name: "receipt", call: replyOf(done), outcome: "acknowledged", steps: every("finish") },
    {
      name: "receipt without amount",
      call: replyOf({ outcome: "acknowledged", code: "0" }),
      outcome: "acknowledged",
      steps: every("finish"),
    },
    { name: "already done, amount and serial equal", call: replyOf(already), outcome: "acknowledged", steps: every("finish") },
    { name: "already done, other amount", call: replyOf({ ...already, amountFen: 1651n }), outcome: "unclear", steps: every("park") },
    { name: "already done, other serial", call: replyOf({ ...already, serial: "S2" }), outcome: "unclear", steps: every("park") },
    { name: "done, other amount", call: replyOf({ ...done, amountFen: 1n }), outcome: "unclear", steps: every("park") },
    {
      name: "already done, nothing to compare",
      call: replyOf({ outcome: "acknowledged", how: "already-done", code: "1" }),
      outcome: "unclear",
      steps: { ...every("park"), inquiry: "ask" },
    },
    {
      name: "business reject in HTTP 200",
      call: replyOf({ outcome: "rejected", code: "E102", text: "金额不符" }),
      outcome: "rejected",
      steps: every("park"),
    },
    { name: "listed busy", call: replyOf({ outcome: "busy", code: "9" }), outcome: "busy", steps: every("resend") },
    { name: "HTTP 429", call: replyOf(done, 429), outcome: "busy", steps: every("resend") },
    { name: "deferred", call: replyOf({ outcome: "deferred", code: "2" }), outcome: "deferred", steps: every("wait") },
    { name: "refused connection", call: unsent, outcome: "unsent", steps: every("resend") },
    {
      name: "dialect: claims done, other amount",
      call: replyOf({ ...done, outcome: "unclear", claims: "done", amountFen: 1n }),
      outcome: "unclear",
      steps: every("park"),
    },
    {
      name: "dialect: claims done, no amount",
      call: replyOf({ outcome: "unclear", claims: "done", code: "0" }),
      outcome: "unclear",
      steps: unclear,
    },
    {
      name: "dialect: claims already done, other amount",
      call: replyOf({ ...already, outcome: "unclear", claims: "already-done", amountFen: 1n }),
      outcome: "unclear",
      steps: every("park"),
    },
    {
      name: "dialect: claims already done, unproved",
      call: replyOf({ outcome: "unclear", claims: "already-done", code: "1" }),
      outcome: "unclear",
      steps: { ...every("park"), inquiry: "ask" },
    },
    {
      name: "another payment's reply, other amount, no claim",
      call: replyOf({ outcome: "unclear", amountFen: 1n }),
      outcome: "unclear",
      steps: unclear,
    },
    { name: "no reply", call: noReply, outcome: "unclear", steps: unclear },
    { name: "HTTP 503 with a good body", call: replyOf(done, 503), outcome: "unclear", steps: unclear },
    { name: "HTTP 500", call: replyOf(done, 500), outcome: "unclear", steps: unclear },
    { name: "HTTP 302", call: replyOf(done, 302), outcome: "unclear", steps: unclear },
    { name: "garbled", call: { ...replyOf(done), body: new Uint8Array([0xff, 0xfe, 0]) }, outcome: "unclear", steps: unclear },
    { name: "empty 200", call: { ...replyOf(done), body: new Uint8Array() }, outcome: "unclear", steps: unclear },
    { name: "a send answered “not found”", call: replyOf({ outcome: "not-found", code: "4" }), outcome: "unclear", steps: unclear },
  ];
  for (const { name, call, outcome, steps } of rows) {
    for (const duplicates of ALL) {
      test(`${name} at ${duplicates}: ${outcome}, ${steps[duplicates]}`, async () => {
        const { end, delivered } = await run({ call, duplicates });
        assert.deepEqual([end.outcome, end.step], [outcome, steps[duplicates]]);
        assert.equal(delivered.kind, "ended");
        assert.equal(end.receipt !== undefined, end.step === "finish");
        assert.equal(end.park !== undefined, end.step === "park");
        assert.equal(end.event?.type, { finish: "writeback.acknowledged", park: "writeback.parked" }[String(end.step)]);
        assert.equal(end.retryInMs !== undefined, ["resend", "ask", "wait"].includes(end.step));
        assert.equal(end.mayHaveTakenEffect, ["acknowledged", "deferred", "unclear"].includes(outcome));
      });
    }
  }
});

void describe("one attempt: what is written down", () => {
  test("the request: address, body, key, charset, time-outs", async () => {
    const { calls } = await run({ call: replyOf(done), claimed: { charset: "gbk", contentType: "text/xml" } });
    assert.equal(calls.length, 1);
    const [call] = calls;
    assert.deepEqual([call?.url, call?.method], ["http://his.test/base/json", "POST"]);
    assert.deepEqual(call?.headers, {
      "content-type": "text/xml; charset=gbk",
      "idempotency-key": "k1",
      traceparent: traceparentOf("m1", "wb1"),
    });
    assert.deepEqual([call?.connectTimeoutMs, call?.replyTimeoutMs, call?.replyBytesMax], [1_000, 5_000, REPLY_BYTES_MAX]);
  });

  test("the acknowledged event has every field of the model", async () => {
    const { end } = await run({ call: replyOf(done) });
    assert.deepEqual(end.event?.data, {
      schemaVersion: 1,
      bills: [{ no: "DJ1" }],
      serials: [],
      occurredAt: "2026-11-20T09:00:00+08:00",
      businessDate: "2026-11-20",
      missing: [],
      writebackId: "wb-1",
      key: "k1",
      destination: "his",
      kind: "payment-confirm",
      cause: { eventId: "e1", type: "payment.settled" },
      lane: "bill:DJ1",
      attempts: 1,
      owedAt: "2026-11-20T08:59:00+08:00",
      firstSentAt: "2026-11-20T09:00:00+08:00",
      amount: { sent: "1650", confirmed: "1650" },
      receipt: { code: "0", text: "成功", partnerNo: "HIS1" },
      how: "reply",
      acknowledgedAt: "2026-11-20T09:00:00+08:00",
    });
  });

  test("the parked event has reason, advice, excerpt masked, age, what it blocks, and whether it may have taken effect", async () => {
    const { end } = await run({ call: replyOf({ outcome: "rejected", code: "E101", text: "无此单据 6222020200012345678" }) });
    assert.equal(end.park?.code, "REJECTED");
    assert.match(end.park?.zh ?? "", /对方拒绝了回写：E101 无此单据/);
    const data = end.event?.data ?? {};
    assert.deepEqual(data.reason, { code: "E101", text: "对方拒绝了回写：E101 无此单据 62***************78", normalised: "REJECTED" });
    assert.deepEqual(data.lastAttempt, { at: "2026-11-20T09:00:00+08:00", status: "200", excerpt: "无此单据 62***************78" });
    assert.deepEqual([data.mayHaveTakenEffect, data.laneBlocked, data.ageSeconds, data.outcome], [false, { count: 2 }, 60, "rejected"]);
    assert.ok(String(data.advice).length > 0);
  });

  test("rejected after an earlier unclear send may have taken effect", async () => {
    const { end } = await run({
      call: replyOf({ outcome: "rejected", code: "E103" }),
      claimed: { sinceLastPossibleSendMs: 9_000, attempt: 2 },
    });
    assert.equal(end.event?.data.mayHaveTakenEffect, true);
    assert.equal(end.mayHaveTakenEffect, false);
  });

  test("Retry-After is believed within bounds, a deferred answer has its own timer", async () => {
    assert.equal((await run({ call: { ...replyOf({ outcome: "busy", code: "9" }), retryAfterMs: 7_000 } })).end.retryInMs, 7_000);
    assert.equal((await run({ call: { ...replyOf({ outcome: "busy", code: "9" }), retryAfterMs: 1e9 } })).end.retryInMs, 120_000);
    assert.equal((await run({ call: replyOf({ outcome: "deferred", code: "2" }) })).end.retryInMs, 1_800_000);
  });

  test("a reply is kept up to 64 KiB", async () => {
    const { end } = await run({ call: { ...replyOf(done), body: new Uint8Array(100_000) } });
    assert.equal(end.reply?.length, 65_536);
  });
});

void describe("asking first", () => {
  const rows: readonly {
    readonly name: string;
    readonly call: CallResult;
    readonly since?: number;
    readonly step: Step;
    readonly outcome: Outcome;
    readonly retry?: number;
    readonly park?: string;
  }[] = [
    { name: "found, equal", call: replyOf(done), since: 1, step: "finish", outcome: "acknowledged" },
    {
      name: "found, other amount",
      call: replyOf({ ...done, amountFen: 1n }),
      since: 1,
      step: "park",
      outcome: "unclear",
      park: "RECEIPT_DIFFERS",
    },
    {
      name: "found, no amount told",
      call: replyOf({ outcome: "acknowledged", code: "0" }),
      since: 1,
      step: "park",
      outcome: "unclear",
      park: "ALREADY_DONE_UNPROVED",
    },
    {
      name: "not found, too early",
      call: replyOf({ outcome: "not-found", code: "4" }),
      since: 20_000,
      step: "ask",
      outcome: "unclear",
      retry: 40_000,
    },
    {
      name: "not found, one millisecond early",
      call: replyOf({ outcome: "not-found", code: "4" }),
      since: 59_999,
      step: "ask",
      outcome: "unclear",
      retry: 1,
    },
    {
      name: "not found, trusted",
      call: replyOf({ outcome: "not-found", code: "4" }),
      since: 60_000,
      step: "resend",
      outcome: "unsent",
      retry: 0,
    },
    { name: "not found, never sent", call: replyOf({ outcome: "not-found", code: "4" }), step: "resend", outcome: "unsent", retry: 0 },
    { name: "no reply", call: noReply, since: 1, step: "ask", outcome: "unclear", retry: 500 },
    { name: "refused connection is not “not found”", call: unsent, since: 1e9, step: "ask", outcome: "unclear", retry: 500 },
    { name: "503", call: replyOf(done, 503), since: 1e9, step: "ask", outcome: "unclear", retry: 500 },
    { name: "busy", call: replyOf({ outcome: "busy", code: "9" }), since: 1e9, step: "ask", outcome: "unclear", retry: 500 },
    {
      name: "refused inquiry",
      call: replyOf({ outcome: "rejected", code: "E9" }),
      since: 1e9,
      step: "park",
      outcome: "unclear",
      park: "INQUIRY_REFUSED",
    },
  ];
  for (const { name, call, since, step, outcome, retry, park } of rows) {
    test(`${name}: ${step}`, async () => {
      const { end, calls } = await run({
        call,
        duplicates: "inquiry",
        claimed: { action: "ask", ...(since === undefined ? {} : { sinceLastPossibleSendMs: since }) },
      });
      assert.equal(calls[0]?.url, "http://his.test/base/inquiry");
      assert.deepEqual([end.action, end.outcome, end.step, end.retryInMs, end.park?.code], ["ask", outcome, step, retry, park]);
      assert.equal(end.mayHaveTakenEffect, false, "an inquiry never moves the last possible send");
      if (step === "finish") assert.equal(end.how, "inquiry");
    });
  }

  test("without an inquiry message it parks", async () => {
    const { end, calls } = await run({ call: noReply, duplicates: "none", claimed: { action: "ask", sinceLastPossibleSendMs: 5 } });
    assert.deepEqual([end.step, end.park?.code, calls.length], ["park", "CANNOT_ASK", 0]);
  });
});
