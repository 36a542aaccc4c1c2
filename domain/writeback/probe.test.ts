import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fakeDialect, replyOf } from "../../test/fakes/dialect.ts";
import { POLICY } from "../../test/fakes/policy.ts";
import type { DestinationPolicy } from "./policy.ts";
import type { CallRequest, CallResult } from "./ports.ts";
import { createProbe } from "./probe.ts";

/** One that can be asked nothing yet. */
const { inquiry: _, ...BARE } = { ...POLICY, url: "http://his.test/api" };
const head = { key: "k", kind: "payment-confirm", businessDate: "2026-11-20" };
const status = (code: number): CallResult => ({ ...replyOf({ outcome: "unclear" }), status: code });
const refused: CallResult = { kind: "unsent", why: "ECONNREFUSED", ms: 1 };

async function probeOnce(more: Partial<DestinationPolicy>, answer: CallResult | Error, owed: typeof head | undefined, connects?: string) {
  const calls: CallRequest[] = [];
  let connected = 0;
  const probe = createProbe({
    courier: {
      call: async (request) => {
        calls.push(request);
        if (answer instanceof Error) throw answer;
        return answer;
      },
      close: async () => undefined,
    },
    connect: async () => {
      connected += 1;
      return connects;
    },
    dialect: fakeDialect,
    store: { oldestHead: async () => owed },
  });
  const result = await probe({ ...BARE, ...more }, new AbortController().signal);
  return { ...result, asked: calls.map((call) => `${call.method} ${call.url}`), connected };
}

const PING = { ping: "/ping" };
const ASK = { inquiry: "fake/inquiry" };

void describe("C-6 a probe is never a write-back", () => {
  for (const [name, more, answer, owed, connects, by, answered] of [
    ["ping", PING, status(200), head, undefined, "ping", true],
    ["ping before inquiry; whoever says 404 is there", { ...PING, ...ASK }, status(404), head, undefined, "ping", true],
    ["ping with 503", PING, status(503), head, undefined, "ping", false],
    ["ping refused", PING, refused, head, undefined, "ping", false],
    ["inquiry, not found", ASK, replyOf({ outcome: "not-found", code: "4" }), head, undefined, "inquiry", true],
    ["inquiry, done: its lane will find out", ASK, replyOf({ outcome: "acknowledged", code: "0" }), head, undefined, "inquiry", true],
    ["inquiry, garbled", ASK, status(500), head, undefined, "inquiry", false],
    ["inquiry with nothing owed: a connect", ASK, refused, undefined, undefined, "connect", true],
    ["connect refused", {}, refused, head, "ECONNREFUSED", "connect", false],
    ["a courier that throws", PING, new Error("broken"), head, undefined, "ping", false],
  ] as const) {
    test(name, async () => {
      const told = await probeOnce(more, answer, owed, connects);
      assert.deepEqual([told.by, told.answered], [by, answered]);
      const asked = { ping: ["GET http://his.test/api/ping"], inquiry: ["POST http://his.test/api/inquiry"], connect: [] }[by];
      assert.deepEqual([told.asked, told.connected], [asked, by === "connect" ? 1 : 0]);
    });
  }
});
