import assert from "node:assert/strict";
import { test } from "node:test";
import { refusal } from "../refusals.ts";
import { createIntake } from "./intake-service.ts";
import type { Journaled, JournalStore } from "./ports.ts";

const intake = createIntake({
  journal: {} as JournalStore,
  deliveries: { offer: () => undefined, verdict: async (messageId) => ({ verdict: "accepted", messageId, pending: true }) },
  policies: () => new Map(),
});

const rows: readonly (readonly [string, Journaled, string, string | undefined])[] = [
  ["sent again while it is worked on", { kind: "duplicate", messageId: "m1", state: "received" }, "duplicate", undefined],
  ["sent again once it is settled", { kind: "duplicate", messageId: "m1", state: "settled" }, "duplicate", undefined],
  [
    "sent again while it is parked",
    { kind: "duplicate", messageId: "m1", state: "parked", reason: refusal("BUSINESS_CONFLICT") },
    "refused",
    "BUSINESS_CONFLICT",
  ],
  ["another content", { kind: "conflict", messageId: "m2", with: "m1" }, "refused", "IDENTITY_CONFLICT"],
  ["half of an exchange", { kind: "awaiting-part", messageId: "m1" }, "accepted", undefined],
];
test("I6 sent again while it is worked on, by a sender who waits: refused when it ends refused, else a duplicate", async () => {
  const again: Journaled = { kind: "duplicate", messageId: "m1", state: "received" };
  for (const ended of ["accepted", "refused"] as const) {
    const waiting = createIntake({
      journal: {} as JournalStore,
      deliveries: { offer: () => undefined, verdict: async (messageId) => ({ verdict: ended, messageId }) },
      policies: () => new Map(),
    });
    assert.equal((await waiting.verdict(again, 100)).verdict, ended === "refused" ? "refused" : "duplicate");
  }
});

for (const [what, journaled, verdict, code] of rows)
  test(`I6 what the sender of a message is told: ${what} → ${verdict}`, async () => {
    const told = await intake.verdict(journaled, 0);
    assert.deepEqual([told.verdict, told.reason?.code], [verdict, code]);
  });
