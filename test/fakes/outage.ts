/** Eight hours without the HIS, in seconds: what is called meanwhile, and how the backlog drains when it is back. */
import { createDispatcher } from "../../domain/writeback/dispatcher.ts";
import type { DestinationPolicy } from "../../domain/writeback/policy.ts";
import { createBacklogStore } from "./backlog-store.ts";
import { createVirtualClock, createRandom } from "../../platform/memory/clock.ts";
import { fakeDialect, fakeSeal, replyOf } from "./dialect.ts";
import { createMemoryGates } from "../../platform/memory/gates.ts";

export interface OutageOf {
  readonly owed: number;
  readonly lanes: number;
  readonly ceiling: number;
  readonly hours: number;
  readonly workers: number;
}

export interface Outage {
  /** Calls to the dead HIS, probes among them. */
  readonly callsWhileDead: number;
  /** Changes of write-back rows after the breaker opened. */
  readonly touchedWhileOpen: number;
  /** From the first call that succeeded until nothing was owed of the backlog. */
  readonly drainMs: number;
  readonly idealMs: number;
  readonly noticedMs: number;
  readonly failedShare: number;
  /** Most calls within any second of the drain. */
  readonly peak: number;
  /** Slowest first try of a lane that was new during the drain. */
  readonly liveFirstTryMs: number;
  readonly liveLanes: number;
}

const HOUR_MS = 3_600_000;
const CALL_MS = 40;
const LIVE_EVERY_MS = 500;

/** Plays it. New lanes come up while it drains, two a second: they must not wait for the backlog. */
export async function playOutage({ owed, lanes, ceiling, hours, workers }: OutageOf): Promise<Outage> {
  const clock = createVirtualClock();
  const random = createRandom(owed);
  const store = createBacklogStore(clock);
  const gates = createMemoryGates(clock);
  const policy: DestinationPolicy = {
    name: "his",
    url: "http://his.test",
    connectTimeoutMs: 1_000,
    replyTimeoutMs: 5_000,
    leaseMs: 15_000,
    parallel: 32,
    duplicates: "by-key",
    trustNotFoundAfterMs: 60_000,
    deferredMs: 60_000,
    retry: { firstMs: 500, maxMs: 10_000 },
    replyBytesMax: 65_536,
    ping: "/ping",
    ratePerSecond: ceiling,
  };
  let dead = true;
  let callsWhileDead = 0;
  const sent: number[] = [];
  let failed = 0;
  const quiet = () => undefined;
  const all = Array.from({ length: workers }, (_, index) =>
    createDispatcher({
      store,
      gates,
      worker: index + 1,
      connect: async () => "refused",
      courier: {
        call: (request) =>
          new Promise((resolve) => {
            const isPing = request.url.endsWith("/ping");
            if (dead) callsWhileDead += 1;
            else if (!isPing) sent.push(clock.tickMs());
            if (dead) {
              failed += 1;
              clock.after(2, () => resolve({ kind: "unsent", why: "refused", ms: 2 }));
            } else
              clock.after(CALL_MS / 2 + random() * CALL_MS, () => resolve(replyOf({ outcome: "acknowledged", how: "reply", code: "0" })));
          }),
        close: async () => undefined,
      },
      dialect: fakeDialect,
      destinations: { names: () => ["his"], policy: () => policy },
      seal: fakeSeal,
      clock,
      random,
      log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
      metrics: { attempt: quiet, inHand: quiet, storeFailed: quiet, gate: quiet, probe: quiet, call: quiet },
      pollMs: 1_000,
      refreshMs: 1_000,
    }),
  );
  for (const one of all) one.start();
  // All of it is owed from the beginning: nothing that the outage brings can be worse.
  const perLane = Math.ceil(owed / lanes);
  for (let n = 0; n < perLane; n += 1) for (let lane = 0; lane < lanes; lane += 1) store.owe(lane);
  await clock.until(() => gates.row("his").breaker === "open", HOUR_MS);
  const touchedBefore = store.touched();
  // Calls that were out when it opened end within their time-outs.
  await clock.advance(10_000);
  const settled = store.touched();
  await clock.advance(hours * HOUR_MS - clock.tickMs());
  const touchedWhileOpen = store.touched() - settled;
  if (touchedBefore > settled) throw new Error("rows cannot be untouched");
  dead = false;
  failed = 0;
  const back = clock.tickMs();
  await clock.until(() => sent.length > 0, HOUR_MS);
  const began = sent[0] ?? back;
  let live = 0;
  const comeUp = (): void => {
    if (store.open() <= live) return;
    store.owe(lanes + live);
    live += 1;
    clock.after(LIVE_EVERY_MS, comeUp);
  };
  comeUp();
  const total = (): number => perLane * lanes + live;
  await clock.until(() => store.open() === 0, 100 * HOUR_MS);
  const ended = clock.tickMs();
  await Promise.all(all.map((one) => one.stop().catch(quiet)).concat([clock.advance(20_000).then(() => ({ unsettled: 0 }))]));
  let [peak, from] = [0, 0];
  for (const [index, at] of sent.entries()) {
    while ((sent[from] ?? at) <= at - 1_000) from += 1;
    peak = Math.max(peak, index - from + 1);
  }
  const liveTries = [...store.firstTriesMs].filter(([lane]) => lane >= lanes).map(([, ms]) => ms);
  return {
    callsWhileDead,
    touchedWhileOpen,
    drainMs: ended - began,
    idealMs: (total() / ceiling) * 1_000,
    noticedMs: began - back,
    failedShare: failed / sent.length,
    peak,
    liveFirstTryMs: Math.max(0, ...liveTries),
    liveLanes: live,
  };
}
