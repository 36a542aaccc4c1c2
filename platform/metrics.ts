/** What the engine measures, for Prometheus (prom-client). Labels are closed sets or names of partners and routes: never ids, never personal data. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Sample } from "../domain/operations/ports.ts";
import type { DispatcherMetrics } from "../domain/writeback/watch.ts";

const BREAKER_STATES = ["closed", "open", "half-open"] as const;
/** Seconds. The journal's promise is milliseconds; a partner may take a minute. */
const JOURNAL_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
const ATTEMPT_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60];
const REQUEST_BUCKETS = [0.005, 0.025, 0.1, 0.5, 1, 3, 15];

export interface Metrics {
  readonly contentType: string;
  /** The text that /metrics answers. What is sampled is asked now; a sample that fails leaves its gauges out and says `huiliu_sample_up 0`. Never rejects for that. */
  text(): Promise<string>;
  /** Where gauges of backlog, age and services come from: `operations.sample`. */
  sampleFrom(source: () => Promise<Sample>): void;
  /** Where the number of open alarms comes from: `operations.alarms.open`. */
  alarmsFrom(source: () => Promise<readonly { readonly kind: string; readonly severity: string; readonly count: number }[]>): void;
  /** What subscribers are owed again, and whose queue takes nothing: `operations.subscribers.list`. */
  subscribersFrom(source: () => Promise<readonly { readonly name: string; readonly owed: number; readonly stalled: boolean }[]>): void;
  /** Doors that go and look for themselves: whether what they look into is there. */
  doorsFrom(source: () => readonly { readonly partner: string; readonly wire: string; readonly up: boolean }[]): void;
  /** A door handed a message to the journal. `kind`: what Journaled says, or "refused" / "busy". */
  accepted(door: string, partner: string, kind: string): void;
  /** Milliseconds from a door's hand-over to the commit. */
  journaled(ms: number): void;
  /** What became of a delivery: "fed" or the kind of its settlement (DeliveriesDeps.count). */
  delivery(what: string): void;
  published(count: number): void;
  /** An acknowledgement that came on its own way, by what became of it (domain/acknowledgements/ruling.ts). */
  acknowledgement(destination: string, state: string): void;
  request(route: string, status: number, ms: number): void;
  /** Rows of a day's totals that do not agree (OperationsDeps.unbalanced). */
  unbalanced(businessDate: string, row: { readonly partner: string; readonly kind: string }, differences: number): void;
  readonly dispatcher: DispatcherMetrics;
}

function gaugesOf(registry: Registry) {
  const gauge = (name: string, help: string, labelNames: readonly string[] = []) =>
    new Gauge({ name: `huiliu_${name}`, help, labelNames: [...labelNames], registers: [registry] });
  return {
    up: gauge("sample_up", "1 when the numbers below could be read from the database"),
    messages: gauge("messages", "open messages by state", ["state"]),
    oldestMessage: gauge("message_oldest_seconds", "age of the oldest message that is not settled"),
    outbox: gauge("outbox_events", "events committed and not yet confirmed by the broker"),
    eventDeliveries: gauge("event_deliveries", "events owed to event-in nodes by state", ["state"]),
    writeBacks: gauge("write_backs", "write-backs owed, by destination and state", ["destination", "state"]),
    writeBackFen: gauge("write_backs_fen", "amount owed in fen, by destination", ["destination"]),
    oldestWriteBack: gauge("write_back_oldest_seconds", "age of the oldest write-back owed, by destination", ["destination"]),
    paused: gauge("destination_paused", "1 while a person has paused the destination", ["destination"]),
    services: gauge("service_up", "1 when the service answers", ["service"]),
    live: gauge("deliveries_live", "deliveries inside flows"),
    subscriberOwed: gauge("subscriber_owed_events", "numbers of events to be published again to a subscriber's queue", ["subscriber"]),
    subscriberStalled: gauge("subscriber_stalled", "1 while a subscriber's queue takes no events", ["subscriber"]),
    queued: gauge("deliveries_queued", "messages in memory that wait for their turn"),
  };
}

function show(gauges: ReturnType<typeof gaugesOf>, sample: Sample): void {
  for (const [state, n] of Object.entries(sample.messages)) gauges.messages.set({ state }, n);
  for (const [state, n] of Object.entries(sample.eventDeliveries)) gauges.eventDeliveries.set({ state }, n);
  gauges.oldestMessage.set(sample.oldestMessageSeconds);
  gauges.outbox.set(sample.outbox);
  for (const labelled of [gauges.writeBacks, gauges.writeBackFen, gauges.oldestWriteBack, gauges.paused]) labelled.reset();
  for (const { destination, backlog, fen, oldestAgeSeconds, paused } of sample.destinations) {
    for (const [state, n] of Object.entries(backlog)) gauges.writeBacks.set({ destination, state }, n);
    gauges.writeBackFen.set({ destination }, Number(fen)); // a gauge is a float; the books are in /api/v1/totals
    gauges.oldestWriteBack.set({ destination }, oldestAgeSeconds ?? 0);
    gauges.paused.set({ destination }, paused ? 1 : 0);
  }
  gauges.live.set(sample.deliveries.live);
  gauges.queued.set(sample.deliveries.queued);
}

/** Makes the registry with the process's own measurements (event loop lag, memory, CPU, garbage collection). */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const counter = (name: string, help: string, labelNames: readonly string[]) =>
    new Counter({ name: `huiliu_${name}`, help, labelNames: [...labelNames], registers: [registry] });
  const histogram = (name: string, help: string, buckets: number[], labelNames: readonly string[] = []) =>
    new Histogram({ name: `huiliu_${name}`, help, buckets, labelNames: [...labelNames], registers: [registry] });

  const acceptedTotal = counter("accepted_total", "messages that doors handed over, by what the journal answered", [
    "door",
    "partner",
    "kind",
  ]);
  const journalSeconds = histogram("journal_seconds", "from hand-over to commit", JOURNAL_BUCKETS);
  const deliveriesTotal = counter("deliveries_total", "deliveries by what became of them", ["what"]);
  const acknowledgementsTotal = counter("acknowledgements_total", "acknowledgements that came on their own way, by what became of them", [
    "destination",
    "state",
  ]);
  const publishedTotal = counter("events_published_total", "events confirmed by the broker", []);
  const attemptsTotal = counter("write_back_attempts_total", "attempts by outcome and next step", [
    "destination",
    "action",
    "outcome",
    "step",
    "settled",
  ]);
  const attemptSeconds = histogram("write_back_attempt_seconds", "time at the wire", ATTEMPT_BUCKETS, ["destination"]);
  const storeFailedTotal = counter("write_back_store_failures_total", "store operations that are tried again", [
    "destination",
    "operation",
  ]);
  const requestSeconds = histogram("console_request_seconds", "operators' API by route", REQUEST_BUCKETS, ["route", "status"]);
  const differences = new Gauge({
    name: "huiliu_totals_differences",
    help: "differences in a day's totals; any is an alarm",
    labelNames: ["business_date", "partner", "kind"],
    registers: [registry],
  });
  const inHand = new Gauge({
    name: "huiliu_write_backs_in_hand",
    help: "claims of this worker: on the wire and being settled",
    labelNames: ["destination", "where"],
    registers: [registry],
  });
  const breaker = new Gauge({
    name: "huiliu_destination_breaker",
    help: "1 at the state of the destination's breaker: while open it gets nothing but probes",
    labelNames: ["destination", "state"],
    registers: [registry],
  });
  const rateNow = new Gauge({
    name: "huiliu_destination_rate",
    help: "calls a second that the destination may get now, all workers together; absent where nothing limits them",
    labelNames: ["destination"],
    registers: [registry],
  });
  const probesTotal = counter("destination_probes_total", "probes of this worker by what they asked and whether they were answered", [
    "destination",
    "by",
    "result",
  ]);
  const callsTotal = counter("destination_calls_total", "calls of this worker by what they told of the destination", [
    "destination",
    "reach",
  ]);
  const gauges = gaugesOf(registry);
  const alarmsOpen = new Gauge({
    name: "huiliu_alarms_open",
    help: "alarms that have started and not ended; docs/alarms.md has every kind",
    labelNames: ["kind", "severity"],
    registers: [registry],
  });
  const doorUp = new Gauge({
    name: "huiliu_door_up",
    help: "1 while this worker's door can look into what it polls, 0 while that is away",
    labelNames: ["partner", "wire"],
    registers: [registry],
  });
  let doors: Parameters<Metrics["doorsFrom"]>[0] = () => [];
  let alarms: Parameters<Metrics["alarmsFrom"]>[0] | undefined;
  let subscribers: Parameters<Metrics["subscribersFrom"]>[0] | undefined;
  let source: (() => Promise<Sample>) | undefined;

  const refresh = async (): Promise<void> => {
    doorUp.reset();
    // One that is away is what is told, where a partner has several.
    for (const { partner, wire, up } of [...doors()].sort((a, b) => Number(b.up) - Number(a.up))) doorUp.set({ partner, wire }, up ? 1 : 0);
    if (source === undefined) return;
    try {
      const sample = await source();
      const seen = sample.services.postgres.up;
      gauges.up.set(seen ? 1 : 0);
      for (const [service, { up }] of Object.entries(sample.services)) gauges.services.set({ service }, up ? 1 : 0);
      if (seen) show(gauges, sample);
      const open = seen ? await alarms?.() : undefined;
      alarmsOpen.reset();
      for (const { kind, severity, count } of open ?? []) alarmsOpen.set({ kind, severity }, count);
      const reading = seen ? await subscribers?.() : undefined;
      for (const gauge of [gauges.subscriberOwed, gauges.subscriberStalled]) gauge.reset();
      for (const { name: subscriber, owed, stalled } of reading ?? []) {
        gauges.subscriberOwed.set({ subscriber }, owed);
        gauges.subscriberStalled.set({ subscriber }, stalled ? 1 : 0);
      }
    } catch {
      gauges.up.set(0); // the scrape goes on with what this process knows by itself; the log has the reason where it was thrown
    }
  };

  return {
    contentType: registry.contentType,
    text: async () => {
      await refresh();
      return registry.metrics();
    },
    alarmsFrom: (given) => {
      alarms = given;
    },
    subscribersFrom: (given) => {
      subscribers = given;
    },
    doorsFrom: (given) => {
      doors = given;
    },
    sampleFrom: (given) => {
      source = given;
    },
    accepted: (door, partner, kind) => acceptedTotal.inc({ door, partner, kind }),
    journaled: (ms) => journalSeconds.observe(ms / 1_000),
    delivery: (what) => deliveriesTotal.inc({ what }),
    published: (count) => publishedTotal.inc(count),
    acknowledgement: (destination, state) => acknowledgementsTotal.inc({ destination, state }),
    request: (route, status, ms) => requestSeconds.observe({ route, status: String(status) }, ms / 1_000),
    unbalanced: (businessDate, { partner, kind }, count) => {
      const labels = { business_date: businessDate, partner, kind };
      if (count === 0) differences.remove(labels);
      else differences.set(labels, count);
    },
    dispatcher: {
      attempt: ({ destination, action, outcome, step, settled, ms }) => {
        attemptsTotal.inc({ destination, action, outcome, step, settled });
        attemptSeconds.observe({ destination }, ms / 1_000);
      },
      inHand: (destination, onWire, settling) => {
        inHand.set({ destination, where: "wire" }, onWire);
        inHand.set({ destination, where: "settling" }, settling);
      },
      storeFailed: (destination, operation) => storeFailedTotal.inc({ destination, operation }),
      gate: (destination, now, rate) => {
        for (const state of BREAKER_STATES) breaker.set({ destination, state }, state === now ? 1 : 0);
        if (rate === undefined) rateNow.remove({ destination });
        else rateNow.set({ destination }, rate);
      },
      probe: (destination, by, answered) => probesTotal.inc({ destination, by, result: answered ? "answered" : "failed" }),
      call: (destination, reach) => callsTotal.inc({ destination, reach }),
    },
  };
}
