import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Sample } from "../domain/operations/ports.ts";
import { createMetrics } from "./metrics.ts";

const sample: Sample = {
  messages: { received: 3, "awaiting-part": 1, parked: 2 },
  oldestMessageSeconds: 7,
  outbox: 5,
  eventDeliveries: { received: 1, parked: 4 },
  destinations: [
    {
      destination: "his",
      known: true,
      paused: true,
      backlog: { held: 1, queued: 2, waiting: 3, sending: 4, deferred: 5, parked: 6 },
      fen: "99999999999999",
      unclear: 7,
      blockedLanes: 2,
      oldestAgeSeconds: 61,
    },
  ],
  services: { postgres: { up: true }, broker: { up: false }, redis: { up: true } },
  deliveries: { live: 8, queued: 9, waitingTurn: 0 },
};

describe("metrics", () => {
  test("what is counted and what is sampled", async () => {
    const metrics = createMetrics();
    metrics.sampleFrom(async () => sample);
    metrics.accepted("amqp", "his", "accepted");
    metrics.journaled(3);
    metrics.delivery("settled");
    metrics.published(2);
    metrics.acknowledgement("his", "late");
    metrics.unbalanced("2026-11-20", { partner: "his", kind: "payment-confirm" }, 1);
    const { dispatcher } = metrics;
    dispatcher.attempt({ destination: "his", action: "send", outcome: "unclear", step: "ask", settled: "settled", ms: 20 });
    dispatcher.inHand("his", 2, 1);
    dispatcher.storeFailed("his", "claim");
    dispatcher.gate("his", "open", 12);
    dispatcher.probe("his", "ping", false);
    dispatcher.call("his", "failed");
    const text = await metrics.text();
    const wanted = [
      'huiliu_acknowledgements_total{destination="his",state="late"} 1',
      'huiliu_accepted_total{door="amqp",partner="his",kind="accepted"} 1',
      'huiliu_journal_seconds_bucket{le="0.005"} 1',
      'huiliu_deliveries_total{what="settled"} 1',
      "huiliu_events_published_total 2",
      'huiliu_totals_differences{business_date="2026-11-20",partner="his",kind="payment-confirm"} 1',
      'huiliu_write_back_attempts_total{destination="his",action="send",outcome="unclear",step="ask",settled="settled"} 1',
      'huiliu_write_backs_in_hand{destination="his",where="wire"} 2',
      'huiliu_write_back_store_failures_total{destination="his",operation="claim"} 1',
      'huiliu_destination_breaker{destination="his",state="open"} 1',
      'huiliu_destination_breaker{destination="his",state="closed"} 0',
      'huiliu_destination_rate{destination="his"} 12',
      'huiliu_destination_probes_total{destination="his",by="ping",result="failed"} 1',
      'huiliu_destination_calls_total{destination="his",reach="failed"} 1',
      'huiliu_messages{state="parked"} 2',
      'huiliu_write_backs{destination="his",state="queued"} 2',
      'huiliu_write_back_oldest_seconds{destination="his"} 61',
      'huiliu_destination_paused{destination="his"} 1',
      'huiliu_service_up{service="broker"} 0',
      "huiliu_outbox_events 5",
      "huiliu_deliveries_live 8",
      "huiliu_sample_up 1",
    ];
    for (const line of wanted) assert.ok(text.includes(line), line);
    assert.match(text, /nodejs_eventloop_lag_seconds/);
    metrics.unbalanced("2026-11-20", { partner: "his", kind: "payment-confirm" }, 0);
    assert.doesNotMatch(await metrics.text(), /huiliu_totals_differences\{/);
  });

  test("a destination that is gone is no longer told", async () => {
    const metrics = createMetrics();
    let now: Sample = sample;
    metrics.sampleFrom(async () => now);
    await metrics.text();
    now = { ...sample, destinations: [] };
    assert.doesNotMatch(await metrics.text(), /huiliu_write_backs\{/);
  });

  test("without its database it still answers", async () => {
    const metrics = createMetrics();
    assert.match(await metrics.text(), /process_cpu_seconds_total/);
    metrics.sampleFrom(() => Promise.reject(new Error("gone")));
    assert.match(await metrics.text(), /huiliu_sample_up 0/);
    metrics.sampleFrom(async () => ({ ...sample, services: { ...sample.services, postgres: { up: false } } }));
    const text = await metrics.text();
    assert.match(text, /huiliu_service_up\{service="postgres"\} 0/);
    assert.doesNotMatch(text, /huiliu_messages\{/, "what was not read is not said");
  });

  test("two registries do not mix", async () => {
    createMetrics().published(5);
    assert.doesNotMatch(await createMetrics().text(), /huiliu_events_published_total 5/);
  });
});
