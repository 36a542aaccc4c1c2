/** Faults of the network, by our own proxies between the engine and its peers: lost answers, half-open links, resets, one-way cuts, slowness, late and spoiled answers. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Spoiling } from "../http.ts";
import type { Mode } from "../proxy.ts";
import { bills, DOUBT, type Fault, type Stage } from "../registry.ts";

/** Longest time for which messages are spoiled. */
const SPOIL_MS = 30_000;
const PASS: Mode = { kind: "pass" };
type Peer = "his" | "amqp" | "postgres" | "redis";
const PEERS: readonly Peer[] = ["his", "amqp", "postgres", "redis"];

/** Whatever was done to a wire is undone, and its connections are cut: what hung on them is over. */
async function clear(stage: Stage): Promise<void> {
  const wires = await stage.world.wires();
  for (const peer of PEERS) wires[peer].set(PASS);
  wires.hisMessages.set([]);
}

/** Runs one mode after another on wires, each for a while, under load. */
const modes =
  (steps: (stage: Stage) => readonly { readonly peer: Peer; readonly mode: Mode; readonly ms: number }[]) =>
  async (stage: Stage): Promise<void> => {
    const wires = await stage.world.wires();
    let struck = 0;
    for (const { peer, mode, ms } of steps(stage)) {
      if (stage.load.progress().chains >= stage.load.total) stage.more(100, { rate: RATE });
      wires[peer].set(mode);
      await sleep(ms);
      struck += wires[peer].struck();
      wires[peer].set(PASS);
      await sleep(300);
    }
    stage.over();
    stage.note("struck", struck);
  };

const ms = (stage: Stage, short: number, full: number): number => (stage.form === "short" ? short : full);

/** The command arrives, its answer never does: at every server, again and again. */
async function lostAnswers(stage: Stage): Promise<void> {
  const wires = await stage.world.wires();
  const times = ms(stage, 2, 12);
  const cut = (pattern: string): Mode => ({
    kind: "cut-at",
    pattern: Buffer.from(pattern),
    times: 1,
    skip: stage.dice(12),
    after: "before-reply",
  });
  const plans: readonly (readonly [Peer, string])[] = [
    ["postgres", "commit"],
    ["his", "POST /"],
    ["amqp", "application/cloudevents"],
    ["redis", "\r\n"],
  ];
  for (const [peer, pattern] of plans) {
    let struck = 0;
    for (let at = 0; at < times; at += 1) {
      if (stage.load.progress().chains >= stage.load.total - 40) stage.more(100, { rate: RATE });
      wires[peer].set(cut(pattern));
      for (let waited = 0; waited < 3_000 && wires[peer].struck() === 0; waited += 50) await sleep(50);
      struck += wires[peer].struck();
      wires[peer].set(PASS);
    }
    stage.note(`${peer} answers lost`, struck);
  }
  stage.over();
}

/** How long until the engine notices that a link is dead though nothing says so: it must ask again elsewhere within 20 s. */
async function halfOpen(stage: Stage): Promise<void> {
  const wires = await stage.world.wires();
  for (const peer of ["amqp", "postgres", "his"] as const) {
    const since = Date.now();
    wires[peer].set({ kind: "drop", direction: "both" });
    const before = wires[peer].opened();
    const limit = 25_000;
    while (wires[peer].opened() === before && Date.now() - since < limit) await sleep(50);
    const noticed = Date.now() - since;
    stage.note(`${peer} noticed ms`, noticed);
    if (noticed > 20_000) stage.fail(`a half-open link to ${peer} was not noticed within 20 s (${noticed} ms)`);
    wires[peer].set(PASS);
    if (stage.load.progress().chains >= stage.load.total) stage.more(100, { rate: RATE });
    await sleep(500);
  }
  stage.over();
}

const spoiled =
  (spoilings: (stage: Stage) => readonly Spoiling[], forMs: (stage: Stage) => number) =>
  async (stage: Stage): Promise<void> => {
    const { hisMessages } = await stage.world.wires();
    const before = { ...hisMessages.counts() };
    const done = (): number => Object.entries(hisMessages.counts()).reduce((sum, [kind, count]) => sum + count - (before[kind] ?? 0), 0);
    hisMessages.set(spoilings(stage));
    // So many messages at least, however slow the machine is; and for so long.
    let more = 6;
    const [least, until] = [stage.form === "short" ? 25 : 150, Date.now() + forMs(stage)];
    for (const end = Date.now() + SPOIL_MS; Date.now() < end && (Date.now() < until || done() < least); await sleep(100))
      if (stage.pending() === 0 && more > 0) {
        more -= 1;
        stage.more(60, { rate: RATE });
      }
    hisMessages.set([]);
    stage.over();
    for (const [kind, count] of Object.entries(hisMessages.counts())) stage.note(kind, count - (before[kind] ?? 0));
  };

async function storm(stage: Stage): Promise<void> {
  const { amqp } = await stage.world.wires();
  const times = ms(stage, 8, 100);
  for (let at = 0; at < times; at += 1) {
    await sleep(150);
    if (stage.load.progress().chains >= stage.load.total) stage.more(100, { httpPercent: 0, rate: RATE });
    amqp.reset();
  }
  stage.over();
  stage.note("consumers cut", times);
}

const resets = (stage: Stage): readonly { peer: Peer; mode: Mode; ms: number }[] =>
  PEERS.flatMap((peer) =>
    (["up", "down"] as const).map((direction) => ({
      peer,
      mode: {
        kind: "cut",
        bytes: 600 + stage.dice(60_000),
        direction,
        how: stage.dice(2) === 0 ? "reset" : "end",
        times: ms(stage, 2, 6),
      } as Mode,
      ms: ms(stage, 400, 2_500),
    })),
  );

const partitions = (stage: Stage): readonly { peer: Peer; mode: Mode; ms: number }[] =>
  PEERS.flatMap((peer) =>
    (["up", "down", "both"] as const).map((direction) => ({ peer, mode: { kind: "drop", direction } as Mode, ms: ms(stage, 900, 25_000) })),
  );

const gone = (peer: Peer, short: number, full: number) => (stage: Stage) => [
  { peer, mode: { kind: "refuse" } as Mode, ms: ms(stage, short, full) },
];

const slow = (stage: Stage): readonly { peer: Peer; mode: Mode; ms: number }[] => [
  { peer: "his", mode: { kind: "trickle", ms: 1_000, direction: "down" }, ms: ms(stage, 3_000, 20_000) },
  { peer: "his", mode: { kind: "hang" }, ms: ms(stage, 3_000, 20_000) },
  { peer: "redis", mode: { kind: "hang" }, ms: ms(stage, 2_000, 20_000) },
  { peer: "postgres", mode: { kind: "delay", ms: 120, direction: "down" }, ms: ms(stage, 2_000, 15_000) },
  { peer: "amqp", mode: { kind: "delay", ms: 250, direction: "both" }, ms: ms(stage, 2_000, 15_000) },
];

const flips = (stage: Stage): readonly { peer: Peer; mode: Mode; ms: number }[] =>
  Array.from({ length: ms(stage, 4, 16) }, () => ({
    peer: "amqp" as const,
    mode: { kind: "flip", at: 4_000 + stage.dice(40_000), bit: stage.dice(8), direction: "down", times: 1 } as Mode,
    ms: 500,
  }));

/** What a paced hospital sends: proxies cost time, and what piles up behind them is nobody's fault. */
const RATE = 100;
/** Faults on the way to the HIS alone. */
const HIS_ALONE = ["F17", "F19", "F20"];

const ALL: readonly Omit<Fault, "wired">[] = [
  {
    id: "F08",
    what: "commands arrive, answers are lost (COMMIT, HIS, AMQP, Redis)",
    short: true,
    bills: bills(400, 2_000),
    inject: lostAnswers,
    clear,
  },
  {
    id: "F05",
    what: "the broker cannot be reached",
    short: false,
    bills: bills(300, 3_000),
    inject: modes(gone("amqp", 6_000, 120_000)),
    clear,
  },
  {
    id: "F09d",
    what: "PostgreSQL cannot be reached",
    short: false,
    bills: bills(300, 2_000),
    inject: modes(gone("postgres", 4_000, 60_000)),
    clear,
  },
  {
    id: "F13",
    what: "partitions, both ways and one way, at every peer",
    short: false,
    bills: bills(300, 3_000),
    inject: modes(partitions),
    clear,
  },
  { id: "F14", what: "half-open links: noticed within 20 s", short: false, bills: bills(400, 1_500), rate: 120, inject: halfOpen, clear },
  { id: "F15", what: "links reset or ended after so many bytes", short: true, bills: bills(500, 3_000), inject: modes(resets), clear },
  {
    id: "F16e",
    what: "slow peers: a byte a second, no answer, late answers",
    short: false,
    bills: bills(300, 2_000),
    inject: modes(slow),
    clear,
  },
  {
    id: "F17",
    what: "late answers, and the answer of one to another",
    short: true,
    bills: bills(400, 2_000),
    inject: spoiled(
      () => [
        { spoil: "swap-answers", percent: 10 },
        { spoil: "late-answer", percent: 6, ms: 2_200 },
        { spoil: "no-answer", percent: 4 },
      ],
      (stage) => ms(stage, 2_500, 15_000),
    ),
    // What somebody else's answer claims is for a person: parked, never guessed.
    parks: DOUBT,
    clear,
  },
  {
    id: "F19",
    what: "requests that wait and are overtaken",
    short: false,
    bills: bills(300, 2_000),
    inject: spoiled(
      () => [{ spoil: "late-request", percent: 20, ms: 900 }],
      (stage) => ms(stage, 4_000, 20_000),
    ),
    clear,
  },
  {
    id: "F20",
    what: "answers cut at any byte, with a bit flipped",
    short: true,
    bills: bills(400, 2_000),
    inject: spoiled(
      () => [
        { spoil: "cut-answer", percent: 10 },
        { spoil: "flip-answer", percent: 10 },
      ],
      (stage) => ms(stage, 2_500, 15_000),
    ),
    parks: DOUBT,
    clear,
  },
  {
    id: "F20b",
    what: "bits flipped on the broker's wire",
    short: false,
    bills: bills(300, 1_500),
    inject: modes(flips),
    parks: DOUBT,
    clear,
  },
  {
    id: "F27",
    what: "redelivery storm: consumers cut with their prefetch full",
    short: false,
    bills: bills(400, 4_000),
    httpPercent: 0,
    inject: storm,
    clear,
  },
];

/** Those on the way to the HIS alone first: every change of wires is a restart of the engine. */
export const WIRES: readonly Fault[] = [
  ...ALL.filter((fault) => HIS_ALONE.includes(fault.id)).map((fault): Fault => ({ ...fault, wired: "his" })),
  ...ALL.filter((fault) => !HIS_ALONE.includes(fault.id)).map((fault): Fault => ({ ...fault, wired: "all" })),
];
