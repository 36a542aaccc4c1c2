import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createEventRegistry } from "../events/event.ts";
import { definition as acknowledged } from "../events/writeback.acknowledged/schema.ts";
import { definition as parked } from "../events/writeback.parked/schema.ts";
import { definition as resolved } from "../events/writeback.resolved/schema.ts";
import { acknowledgedDraft, maskedExcerpt, parkedDraft, resolvedDraft, type WriteBackEventDraft, type WriteBackFacts } from "./events.ts";
import type { Outcome } from "./outcome.ts";
import { PARK, type ParkCode, parkReason } from "./reasons.ts";

const registry = createEventRegistry([acknowledged, parked, resolved]);
const atMs = Date.parse("2026-11-20T23:30:00+08:00");

const facts: WriteBackFacts = {
  id: "0199aa00-0000-7000-8000-000000000001",
  key: "k".repeat(32),
  destination: "his",
  kind: "payment-confirm",
  cause: { eventId: "e".repeat(64), type: "payment.settled" },
  lane: "bill:DJ2026112000001",
  amountFen: 1650n,
  owedAt: "2026-11-20T15:29:00.123Z",
  firstSentAt: "2026-11-20T23:29:01+08:00",
  attempt: 2,
};

/** Seals as the composition root does: institution and test traffic are added, the schema is asked. */
const seal = (draft: WriteBackEventDraft) => {
  const { type, source, subject } = draft;
  return registry.seal({ id: "id", type, source, subject, data: { institution: { code: "H001" }, test: false, ...draft.data } });
};
const sealed = (draft: WriteBackEventDraft) => {
  const answer = seal(draft);
  assert.ok(answer.ok, JSON.stringify(answer));
  return answer.event.data;
};

void describe("write-back events satisfy their schemas", () => {
  test("acknowledged; after the cut-off it belongs to the next business day", () => {
    const data = sealed(
      acknowledgedDraft(facts, { receipt: { code: "0", text: "成功", partnerNo: "HIS1", amountFen: 1650n }, how: "reply", atMs }),
    );
    assert.deepEqual(
      [data.businessDate, data.owedAt, data.acknowledgedAt],
      ["2026-11-21", "2026-11-20T23:29:00+08:00", "2026-11-20T23:30:00+08:00"],
    );
  });

  test("acknowledged without amount, first send time and bill: absent, never empty", () => {
    const { amountFen: _amount, firstSentAt: _first, ...bare } = facts;
    const data = sealed(acknowledgedDraft({ ...bare, lane: "visit:MZ1" }, { receipt: { code: "HTTP 200" }, how: "inquiry", atMs }));
    assert.deepEqual([data.amount, data.firstSentAt, data.bills], [undefined, undefined, []]);
  });

  for (const code of Object.keys(PARK) as ParkCode[]) {
    test(`parked ${code}, with and without the partner's words`, () => {
      const outcome: Outcome = PARK[code].mayHaveTakenEffect ? "unclear" : "rejected";
      const mayHaveTakenEffect = PARK[code].mayHaveTakenEffect;
      for (const words of [{}, { code: "E101", text: "无此单据", status: 200 }]) {
        const data = sealed(
          parkedDraft(facts, { park: parkReason(code, words.text), outcome, mayHaveTakenEffect, atMs, laneBehind: 3, ...words }),
        );
        assert.deepEqual([data.laneBlocked, data.ageSeconds], [{ count: 3 }, 59]);
        assert.equal((data.reason as { normalised: string }).normalised, code);
      }
    });
  }

  for (const decision of ["done-by-hand", "cancelled", "superseded"] as const) {
    test(`resolved ${decision}`, () => {
      const hand = decision === "done-by-hand" ? { hisReceiptNo: "HIS9" } : {};
      sealed(resolvedDraft(facts, { decision, by: { no: "U1" }, approvedBy: { no: "U2" }, reason: "核对后登记", ...hand, atMs }));
    });
  }
});

void describe("excerpts are masked", () => {
  for (const [text, masked] of [
    ["无此单据", "无此单据"],
    ["患者 110105194912310021 不存在", "患者 11**************21 不存在"],
    ["11010519491231002X", "11**************2X"],
    ["手机13800138000", "手机13*******00"],
    ["E101 1234", "E101 1234"],
    ["x".repeat(500), "x".repeat(200)],
  ] as const) {
    test(masked.slice(0, 40), () => assert.equal(maskedExcerpt(text), masked));
  }
});
