import assert from "node:assert/strict";
import { test } from "node:test";
import type { Partner } from "../../domain/partners/profile.ts";
import { waitsForFlow } from "./waits.ts";

const mllp = (answer: "journal" | "settlement") => ({ inbound: { doors: { mllp: { answer } } } }) as unknown as Partner;

test("who is answered only after the flow", () => {
  const partners: Readonly<Record<string, Partner>> = { early: mllp("journal"), late: mllp("settlement") };
  const waits = waitsForFlow({ partner: (name) => partners[name], waitMs: (partner) => (partner === "slow" ? 10_000 : 0) });
  const cases: readonly (readonly [partner: string, door: string, waits: boolean])[] = [
    ["early", "mllp", false],
    ["late", "mllp", true],
    ["nobody", "mllp", false],
    ["slow", "http", true],
    ["slow", "soap", true],
    ["slow", "amqp", false],
    ["quick", "http", false],
  ];
  for (const [partner, door, expected] of cases) assert.equal(waits({ partner, door, kind: "k" }), expected, `${partner} ${door}`);
});
