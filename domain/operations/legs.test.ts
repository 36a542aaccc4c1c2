import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { countsOf, partnerLegOf, senderLegOf } from "./legs.ts";

describe("two legs of a message", () => {
  const senders: readonly (readonly [Parameters<typeof senderLegOf>[0], string])[] = [
    [{ door: "amqp", state: "received" }, "answered"],
    [{ door: "http", state: "parked" }, "answered"],
    [{ door: "mllp", state: "received", waits: true }, "waiting"],
    [{ door: "mllp", state: "parked", waits: true }, "refused"],
    [{ door: "soap", state: "settled", waits: true }, "accepted"],
    [{ door: "soap", state: "settled", waits: true, verdict: "refused" }, "refused"],
    [{ door: "file", state: "settled" }, "not-owed"],
    [{ door: "view", state: "settled" }, "not-owed"],
    [{ door: "replay", state: "parked" }, "not-owed"],
  ];
  for (const [given, leg] of senders) test(`${JSON.stringify(given)} → ${leg}`, () => assert.equal(senderLegOf(given), leg));

  const partners: readonly (readonly [Readonly<Record<string, number>>, string])[] = [
    [{}, "not-owed"],
    [{ acknowledged: 2 }, "acknowledged"],
    [{ acknowledged: 1, queued: 1 }, "waiting"],
    [{ acknowledged: 1, queued: 1, parked: 1 }, "parked"],
    [{ resolved: 1 }, "by-hand"],
    [{ resolved: 1, acknowledged: 1 }, "acknowledged"],
    [{ held: 1 }, "waiting"],
    [{ deferred: 1 }, "waiting"],
  ];
  for (const [states, leg] of partners) {
    test(`${JSON.stringify(states)} → ${leg}`, () =>
      assert.equal(partnerLegOf(countsOf(Object.entries(states).map(([state, count]) => ({ state, count })))), leg));
  }
});
