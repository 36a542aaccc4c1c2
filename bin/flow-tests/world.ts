/**
 * One stored test, played: the real deliveries, mappings, ack contracts and dispatcher over the stores in memory, with the partners that the test wrote down, on a
 * clock that only moves when nothing else does. The flows and their nodes are Node-RED's own (child.ts).
 */
import { createAcknowledgements } from "../../domain/acknowledgements/service.ts";
import { createDeliveries } from "../../domain/delivery/deliveries.ts";
import type { Engine } from "../../domain/delivery/engine.ts";
import type { OpenLedger } from "../../domain/delivery/ledger.ts";
import { createNodeCalls } from "../../domain/delivery/node-calls.ts";
import type { AfterSettle } from "../../domain/delivery/ports.ts";
import type { Subscriptions } from "../../domain/delivery/subscriptions.ts";
import { createTurns } from "../../domain/delivery/turns.ts";
import { compareFlowTest } from "../../domain/flowtests/compare.ts";
import { type FlowTest, type Given, HOURS } from "../../domain/flowtests/document.ts";
import type { FlowNodeSeen, Observed } from "../../domain/flowtests/observed.ts";
import type { Difference } from "../../domain/flowtests/result.ts";
import { createIntake } from "../../domain/journal/intake-service.ts";
import type { Verdict } from "../../domain/journal/intake.ts";
import type { Inbound } from "../../domain/journal/ports.ts";
import type { OutboundMapping } from "../../domain/mapping/mapping.ts";
import { refusal } from "../../domain/refusals.ts";
import { createDispatcher } from "../../domain/writeback/dispatcher.ts";
import { acknowledgedDraft, parkedDraft } from "../../domain/writeback/events.ts";
import { parkReason } from "../../domain/writeback/reasons.ts";
import { whyOf } from "../../domain/writeback/why.ts";
import { createMemoryAcknowledgements } from "../../platform/memory/acknowledgements.ts";
import { createMemoryCalls, createMemoryFinder } from "../../platform/memory/calls.ts";
import type { VirtualClock } from "../../platform/memory/clock.ts";
import { createMemoryGates } from "../../platform/memory/gates.ts";
import { createMemoryOrderFacts } from "../../platform/memory/order-facts.ts";
import type { MemoryWriteBack } from "../../platform/memory/rows.ts";
import { createMemoryStores } from "../../platform/memory/stores.ts";
import { createMemoryWriteBacks } from "../../platform/memory/write-backs.ts";
import { createCouriers } from "../engine/couriers.ts";
import { createNumbers } from "../engine/numbers.ts";
import { createRecord } from "../engine/record.ts";
import type { TestCatalogue } from "./catalogue.ts";
import { playedAdapter, syntheticSecrets } from "./envelopes.ts";
import { bodyReader, bytesOf, scriptedPartners } from "./partners.ts";

const HOUR_MS = 3_600_000;
/** Leases of messages: longer than any test. */
const LEASE_MS = 1_000 * HOUR_MS;
/** Turns of the event loop without a sign of life, after which only the clock can bring anything. */
const QUIET_TURNS = 8;
/** How often loops look by themselves: nobody else works on these stores, so only what is due wakes them. */
const POLL_MS = 60_000;
const REFRESH_MS = 10_000;
/** Chance, where a rule asks for it: the same in every run. */
const CHANCE = 0.5;
const WIRES = ["http:", "https:", "dll:", "dlls:", "mllp:", "mllps:", "sftp:", "ftp:", "ftps:", "file:", "soap:", "tcp:"];
const quiet = (): void => undefined;

export interface WorldDeps {
  readonly root: string;
  readonly catalogue: TestCatalogue;
  readonly clock: VirtualClock;
  readonly ledger: OpenLedger;
  readonly subscriptions: Subscriptions;
  /** Nodes reach the engine of the test that is played. */
  readonly use: (engine: Engine | undefined) => void;
  /** Counts every sign of life. */
  readonly pulse: { beats: number };
  readonly visited: Set<string>;
  /** Told when the nodes that take events change. */
  readonly subscribed: (changed: () => void) => void;
}

/** What a test is about beside its document. */
export interface AboutFlow {
  readonly flow: string;
  readonly nodes: readonly FlowNodeSeen[];
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Plays a test to its end and tells every difference. Throws BadContent where the document names bytes that are not there. */
export async function playTest(deps: WorldDeps, about: AboutFlow, test: FlowTest): Promise<readonly Difference[]> {
  const world = createWorld(deps, test);
  deps.visited.clear();
  deps.use(world.engine);
  try {
    const answers = await world.play();
    return compareFlowTest(test, observe(deps, about, world, answers));
  } finally {
    await world.stop();
    deps.use(undefined);
  }
}

type World = ReturnType<typeof createWorld>;

function createWorld(deps: WorldDeps, test: FlowTest) {
  const { root, catalogue, clock, ledger, subscriptions, pulse } = deps;
  const { dialects, sealer, partners, loaded } = catalogue.at(clock.nowMs);
  const beat = (): void => {
    pulse.beats += 1;
  };
  const outbound = (id: string): OutboundMapping | undefined => {
    const mapping = loaded.mappings.get(id);
    return mapping?.direction === "outbound" ? mapping : undefined;
  };
  const script = scriptedPartners({ root, test, clock, mapping: outbound, vendor: (name) => loaded.vendors.get(name), called: beat });
  const stores = createMemoryStores(clock.nowMs, clock.tickMs);
  const settled = (done: AfterSettle): void => {
    beat();
    for (const destination of done.destinations) dispatcher.poke(destination);
    if (done.eventDeliveries.length > 0) deliveries.offerEvents(done.eventDeliveries);
  };
  const worker = stores.worker({ parkedEvent: sealer.parked, after: settled, leaseMs: LEASE_MS });
  const writeBacks = createMemoryWriteBacks(clock, {
    rows: stores.writeBacks,
    record: worker.record,
    due: (destination) => setImmediate(() => dispatcher.poke(destination)),
  });
  const partner = (name: string) => partners.get(name);
  const calls = createMemoryCalls(stores);
  const numbers = createNumbers({ store: calls, partner, adapterOf: catalogue.adapterOf, nowMs: clock.nowMs });
  const courier = createCouriers({
    wires: Object.fromEntries(WIRES.map((protocol) => [protocol, script.courier])),
    partner,
    adapterOf: (vendor) => playedAdapter(catalogue.adapterOf(vendor)),
    secretsOf: (name) => syntheticSecrets(catalogue.adapterOf(partners.get(name)?.vendor ?? "")),
    nowMs: clock.nowMs,
    log: { warn: quiet },
  });
  const acknowledgements = createAcknowledgements({
    store: createMemoryAcknowledgements(writeBacks, {
      isOpen: stores.isOpen,
      close: stores.close,
      ended: (row, how, receipt) => {
        const { id, key, destination, lane, amountFen, owedAt, firstSentAt, attempt, owed } = row;
        const sent = firstSentAt === undefined ? {} : { firstSentAt };
        const facts = { id, key, destination, lane, amountFen, owedAt, attempt, kind: owed.kind, cause: owed.cause, ...sent };
        const parking = {
          park: parkReason("REJECTED"),
          outcome: "rejected" as const,
          mayHaveTakenEffect: row.mayHaveTakenEffect,
          atMs: clock.nowMs(),
          laneBehind: 0,
        };
        const sealed = sealer.writeBack(
          how === "acknowledged" ? acknowledgedDraft(facts, { receipt, how: "message", atMs: clock.nowMs() }) : parkedDraft(facts, parking),
        );
        if (sealed.ok) worker.record(row.messageId, sealed.event);
      },
    }),
    dialect: dialects.later,
    ledger,
    count: quiet,
    log: { warn: quiet },
  });
  let tokens = 0;
  const deliveries = createDeliveries({
    journal: worker.journal,
    ledger,
    turns: createTurns(),
    ...acknowledgements.through({
      settleStore: worker.settle,
      translateByDefault: dialects.translateByDefault,
      messageSubscription: subscriptions.ofMessage,
    }),
    eventSubscription: subscriptions.ofEvent,
    eventSubscribers: () => subscriptions.eventSubscribers().map((one) => one.id),
    parkedEvent: sealer.parked,
    orderFacts: createMemoryOrderFacts(stores),
    newToken: () => {
      tokens += 1;
      return `test-${clock.nowMs()}-${tokens}`;
    },
    after: clock.after,
    log: quiet,
    count: beat,
    backlog: false,
  });
  const dispatcher = createDispatcher({
    store: writeBacks,
    courier,
    numbers,
    record: createRecord({ store: calls, partner }),
    dialect: dialects.outboundDialect,
    destinations: {
      names: () => [...partners.values()].filter((one) => one.destination).map((one) => one.partner),
      policy: catalogue.policyFor,
    },
    seal: sealer.writeBack,
    clock,
    random: () => CHANCE,
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    metrics: { attempt: beat, inHand: quiet, storeFailed: quiet, gate: quiet, probe: quiet, call: beat },
    gates: createMemoryGates(clock),
    worker: 1,
    connect: async () => undefined,
    pollMs: POLL_MS,
    refreshMs: REFRESH_MS,
  });
  const intake = createIntake({ journal: worker.journal, deliveries, policies: dialects.policies });
  courier.journalBy(async (inbound) => {
    beat();
    return intake.accept(inbound);
  });
  const noCache = { get: async () => undefined, set: async () => undefined };
  const engine = createNodeCalls({
    ready: Promise.resolve(),
    catalogue: dialects.catalogue,
    deliveries,
    ledger,
    subscriptions,
    translate: dialects.translateBy,
    encodeWriteBack: dialects.encodeWriteBack,
    askPartner: dialects.askPartner(courier, noCache),
    find: createMemoryFinder(stores),
  });
  const subscribersNow = (): void => worker.settle.setSubscribers(subscriptions.eventSubscribers());
  deps.subscribed(subscribersNow);
  subscribersNow();

  const isBusy = (): boolean => {
    const { live, queued, waitingTurn } = deliveries.counts();
    return live + queued + waitingTurn > 0;
  };
  const isOwing = (row: MemoryWriteBack): boolean => ["waiting", "sending", "deferred"].includes(row.state);
  /** Lets everything run that needs no time. */
  const rest = async (): Promise<void> => {
    for (let turns = 0; turns < QUIET_TURNS; turns += 1) {
      const before = pulse.beats;
      await turn();
      if (pulse.beats !== before) turns = -1;
    }
  };
  const until = async (done: () => boolean, untilTickMs: number): Promise<boolean> => {
    await rest();
    while (!done()) {
      if (!clock.step(untilTickMs)) return done();
      await rest();
    }
    return true;
  };

  const inboundOf = (given: Given): Inbound => {
    const unknown = dialects.policies().get(given.partner)?.kinds.has(given.kind) !== true;
    return {
      door: given.door ?? "amqp",
      partner: given.partner,
      kind: given.kind,
      headers: given.headers ?? {},
      raw: bytesOf(root, given),
      ...(given.identity === undefined ? {} : { identity: given.identity }),
      ...(given.contentType === undefined ? {} : { contentType: given.contentType }),
      ...(given.charset === undefined ? {} : { charset: given.charset }),
      ...(given.reply === undefined ? {} : { reply: bytesOf(root, given.reply) }),
      ...(given.returnValue === undefined ? {} : { returnValue: given.returnValue }),
      ...(unknown ? { refusal: refusal("UNKNOWN_MESSAGE") } : {}),
    };
  };
  const ids: string[] = [];
  const play = async (): Promise<readonly (Verdict | undefined)[]> => {
    const inbounds = test.given.map(inboundOf);
    const answers: (Verdict | undefined)[] = [];
    const from = clock.tickMs();
    const end = from + (test.hours ?? HOURS) * HOUR_MS;
    deliveries.resume();
    dispatcher.start();
    for (const [index, inbound] of inbounds.entries()) {
      const at = test.given[index]?.at;
      if (at !== undefined)
        await until(() => clock.nowMs() >= Date.parse(at), clock.tickMs() + Math.max(Date.parse(at) - clock.nowMs(), 0));
      const journaled = await intake.accept(inbound);
      ids.push(journaled.kind === "accepted" ? journaled.message.id : journaled.messageId);
      void intake.verdict(journaled, LEASE_MS).then((verdict) => {
        answers[index] = verdict;
      });
      await until(() => !isBusy(), end);
    }
    await until(() => !isBusy() && ![...stores.writeBacks.values()].some(isOwing), end);
    await rest();
    return inbounds.map((_, index) => answers[index]);
  };
  const unfinished = (): readonly string[] => (isBusy() ? [`${deliveries.counts().live} deliveries`] : []);
  const stop = async (): Promise<void> => {
    const stopped = Promise.all([deliveries.stop(0), dispatcher.stop()]);
    let over = false;
    void stopped.then(() => {
      over = true;
    });
    await until(() => over, clock.tickMs() + HOUR_MS);
    await stopped;
  };
  return { engine, play, stop, stores, script, unfinished, ids, outbound, loaded };
}

/** Kinds of event that are seen in the write-back or the message itself. */
const OWN_EVENTS = /^(?:writeback\.|message\.parked$)/;

function observe(deps: WorldDeps, { flow, nodes }: AboutFlow, world: World, answers: Observed["answers"]): Observed {
  const { stores, script, ids, outbound, loaded } = world;
  const partners = deps.catalogue.partners;
  const mappingOf = (messageId: string): string | undefined => {
    const message = stores.messages.get(messageId)?.message;
    const id = message && `${partners.get(message.partner)?.vendor ?? ""}/${message.kind}`;
    return id !== undefined && loaded.mappings.has(id) ? id : undefined;
  };
  return {
    flow,
    nodes,
    answers,
    visited: deps.visited,
    unscripted: script.unscripted,
    unused: script.unused(),
    unfinished: world.unfinished(),
    document: (id) => loaded.mappings.get(id)?.document,
    messages: [...stores.messages.values()].map(({ message, state, park }) => {
      const given = ids.indexOf(message.id);
      const { id, partner, kind } = message;
      return { id, partner, kind, state, ...(given < 0 ? {} : { given: given + 1 }), ...(park === undefined ? {} : { park }) };
    }),
    events: stores.events
      .filter(({ event, seq }) => stores.outboxRows.has(seq) && !OWN_EVENTS.test(event.type))
      .map(({ event, messageId }) => {
        const mapping = mappingOf(messageId);
        return { event, ...(mapping === undefined ? {} : { mapping }) };
      }),
    writeBacks: [...stores.writeBacks.values()].map((row) => {
      const { owed, ends } = row;
      const last = ends.at(-1);
      const code = row.state === "parked" ? last?.park?.code : last?.receipt?.code;
      const rule = last && whyOf(last.why);
      const vendor = loaded.vendors.get(owed.mapping.split("/")[0] ?? "");
      const contentType = /charset=/i.test(owed.contentType) ? owed.contentType : `${owed.contentType}; charset=${owed.charset}`;
      return {
        destination: owed.destination,
        kind: owed.kind,
        key: owed.key,
        lane: owed.lane,
        ...(owed.amountFen === undefined ? {} : { amountFen: owed.amountFen }),
        mapping: owed.mapping,
        state: row.state,
        calls: ends.map((one) => one.action),
        ...(code === undefined ? {} : { code }),
        ...(rule === undefined ? {} : { rule: `${rule.zh} · ${rule.en}` }),
        flow: owed.flow,
        node: owed.node,
        ...bodyReader(outbound(owed.mapping), vendor, { body: owed.body, contentType }),
      };
    }),
  };
}
