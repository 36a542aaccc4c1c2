/**
 * Things that a load of good messages alone never brings about, so that kill points behind them are reached: deploys, stops, partners that fail or answer later, and the
 * deeds of people (gates, lanes, profiles, replay jobs). An engine may die under each; a run goes through them again and again until every point was hit.
 */
import { setTimeout as sleep } from "node:timers/promises";
import amqp from "amqplib";
import type { Row } from "../journeys/harness.ts";
import type { Stage } from "./registry.ts";
import { dicom, files, hl7, soap } from "./wire-stimuli.ts";
import { alive } from "./world.ts";

export interface Stimulus {
  readonly what: string;
  /** Beginnings of the names of kill points that it leads to. */
  readonly reaches: readonly string[];
  run(stage: Stage): Promise<void>;
}

const SIGNED = { by: "fault run", reason: "kill points are reached" };
const OTHER = { by: "second person", reason: "kill points are reached" };
/** Longest wait for a replay job to go on. */
const JOB_MS = 6_000;

type Item = Readonly<Record<string, unknown>>;

async function api(stage: Stage, path: string, body?: Row): Promise<Item> {
  const { status, body: answer } = await stage.world.huiliu.api(path, body);
  if (status >= 400) throw new Error(`${path}: HTTP ${status} ${JSON.stringify(answer).slice(0, 160)}`);
  return answer as Item;
}

/** As the editor does it: reads the flows with their revision, moves them, posts them. */
async function deploy({ world }: Stage): Promise<void> {
  const { editor, token } = world.huiliu.run();
  const headers = { authorization: `Bearer ${token}`, "Node-RED-API-Version": "v2", "content-type": "application/json" };
  const signal = AbortSignal.timeout(15_000);
  const { flows, rev } = (await (await fetch(new URL("flows", editor), { headers, signal })).json()) as { flows: Row[]; rev: string };
  const shift = Date.now() % 2 === 0 ? 10 : -10;
  const moved = flows.map((node) => (typeof node.x === "number" ? { ...node, x: node.x + shift } : node));
  const answer = await fetch(new URL("flows", editor), {
    method: "POST",
    headers: { ...headers, "Node-RED-Deployment-Type": "full" },
    body: JSON.stringify({ flows: moved, rev }),
    signal,
  });
  if (!answer.ok) throw new Error(`HTTP ${answer.status} ${(await answer.text()).slice(0, 200)}`);
  await answer.body?.cancel();
}

async function stopInOrder({ world }: Stage): Promise<void> {
  const pid = world.enginePid();
  if (pid === undefined || !alive(pid)) return;
  try {
    process.kill(pid, "SIGTERM");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // it died of a kill point in between
  }
}

async function lostReplies(stage: Stage): Promise<void> {
  await stage.world.huiliu.fault({ fault: "drop-reply", count: 12 });
  stage.more(20, { httpPercent: 100 });
  await sleep(400);
}

/** Long enough for a breaker to open and to probe. */
async function partnerAway(stage: Stage): Promise<void> {
  await stage.world.huiliu.fault({ fault: "refuse", ms: 2_500 });
  stage.more(30, { httpPercent: 100 });
  await sleep(2_500);
}

/** Payments and their refunds while the HIS thinks: what is given back is on the wire. */
async function overtaken(stage: Stage): Promise<void> {
  await stage.world.huiliu.fault({ fault: "slow", ms: 600, count: 40 });
  stage.more(30, { httpPercent: 100 });
  await sleep(2_000);
}

/** The HIS takes a few and tells their outcome later, by callback. */
async function laterAnswers(stage: Stage): Promise<void> {
  const { huiliu } = stage.world;
  const { gateway, partners } = huiliu.run();
  await huiliu.fault({ answers: { by: "callback", url: `${gateway}/partners/his/acknowledgements`, key: partners.his?.key ?? "" } });
  await huiliu.fault({ fault: "defer", count: 6, ms: 300 });
  stage.more(10, { httpPercent: 100 });
  await sleep(1_200);
}

async function gates(stage: Stage): Promise<void> {
  await api(stage, "/destinations/his/pause", SIGNED);
  await api(stage, "/destinations/his/drain", { ...SIGNED, minutes: 1 });
  await api(stage, "/destinations/his/resume", SIGNED);
}

/** A pause that an engine did not live to take back would hold everything up. */
export async function letGo(stage: Stage): Promise<void> {
  await api(stage, "/destinations/his/resume", SIGNED).catch(() => undefined); // it was not paused
  for (const lane of ((await api(stage, "/lanes?state=held")).items as readonly Item[]) ?? [])
    await api(stage, "/lanes/release", { ...SIGNED, destination: lane.destination, lane: lane.lane });
}

async function profiles(stage: Stage): Promise<void> {
  const { version, profile } = await api(stage, "/destinations/his");
  const changed = { ...(profile as Row), parallel: 96 + (Date.now() % 32) };
  await api(stage, "/destinations/his/profile", { ...SIGNED, version, profile: changed });
}

async function lanes(stage: Stage): Promise<void> {
  const lane = { destination: "his", lane: "bill:DJ-NOBODY" };
  await api(stage, "/lanes/hold", { ...SIGNED, ...lane });
  await api(stage, "/lanes/release", { ...SIGNED, ...lane });
}

const parkedOnes = async (stage: Stage): Promise<readonly Item[]> =>
  (await api(stage, "/write-backs?state=parked&limit=20")).items as readonly Item[];

/** The HIS refuses a few for good: they are parked, and block their lanes. */
async function refusedOnes(stage: Stage): Promise<void> {
  await stage.world.huiliu.fault({ fault: "reject", count: 6 });
  stage.more(10, { httpPercent: 100 });
  await sleep(800);
}

async function unblocked(stage: Stage): Promise<void> {
  const [one] = await parkedOnes(stage);
  if (one === undefined) return refusedOnes(stage);
  await api(stage, "/lanes/unblock", { ...SIGNED, destination: one.destination, lane: one.lane, head: one.id });
}

async function parkedByHand(stage: Stage): Promise<void> {
  await stage.world.huiliu.fault({ fault: "503", ms: 1_500 });
  stage.more(10, { httpPercent: 100 });
  await sleep(600);
  const [one] = (await api(stage, "/write-backs?state=waiting&limit=5")).items as readonly Item[];
  if (one !== undefined) await api(stage, `/write-backs/${String(one.id)}/park`, SIGNED);
}

/** Everything that is parked and may be, sent again by a job: preview, start, a second person where it asks for one, canary, the rest. */
export async function replayed(stage: Stage): Promise<void> {
  const parked = await parkedOnes(stage);
  if (parked.length === 0) return refusedOnes(stage);
  const open = ((await api(stage, "/replays?open=true")).items as readonly Item[])[0];
  const job =
    open ??
    (await api(stage, "/replays", {
      ...SIGNED,
      of: "write-backs",
      select: { ids: parked.map((one) => String(one.id)) },
      confirmedChecked: true,
    }));
  const id = String(job.id);
  const end = Date.now() + JOB_MS;
  while (Date.now() < end) {
    const now = await api(stage, `/replays/${id}`);
    const state = String(now.state);
    if (["done", "cancelled", "failed", "refused"].includes(state)) return;
    const may = (now.allowed ?? now.commands ?? []) as readonly string[];
    const next = (["start", "approve", "continue", "resume"] as const).find((command) => may.includes?.(command));
    if (next !== undefined)
      await api(stage, `/replays/${id}/${next}`, {
        ...(next === "approve" ? OTHER : SIGNED),
        ...(now.hash === undefined ? {} : { hash: now.hash }),
      });
    await sleep(200);
  }
}

/** As the broker's owner: deletes queues of the engine's, as an accident does. */
async function withoutQueues(stage: Stage, queues: readonly string[]): Promise<void> {
  const connection = await amqp.connect(stage.world.huiliu.engineEnv().HUILIU_AMQP_URL ?? "", { timeout: 3_000 });
  connection.on("error", () => undefined); // the broker may be killed meanwhile
  try {
    const channel = await connection.createChannel();
    channel.on("error", () => undefined);
    for (const queue of queues) await channel.deleteQueue(queue);
  } finally {
    await connection.close();
  }
}

const SUBSCRIBER = "kill-points";

/** A subscriber whose queue vanishes: what it has not read is published again; one whose queue takes nothing is taken off the exchange. */
async function subscribers(stage: Stage): Promise<void> {
  const list = (await api(stage, "/subscribers")).items as readonly Item[];
  if (!list.some((one) => one.name === SUBSCRIBER))
    await api(stage, "/subscribers", { ...SIGNED, name: SUBSCRIBER, events: ["charge.posted"] });
  const marker = (await stage.world.huiliu.sql("select id::text as id from broker_epoch"))[0]?.id;
  await withoutQueues(stage, [`huiliu.events.${SUBSCRIBER}`]);
  await api(stage, "/subscribers/republish", { ...SIGNED, subscriber: SUBSCRIBER, since: "2026-01-01" });
  await sleep(1_500);
  await withoutQueues(stage, [`huiliu.events.${SUBSCRIBER}`, ...(marker === undefined ? [] : [`huiliu.epoch.${String(marker)}`])]);
  await stopInOrder(stage); // whoever starts next finds the marker gone
}

/** Days long ago, empty: something that retention may drop. */
async function retention(stage: Stage): Promise<void> {
  const { huiliu } = stage.world;
  const day = "2025-01-05";
  const floor = (ms: number): string => {
    const hex = ms.toString(16).padStart(12, "0");
    return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
  };
  const start = Date.parse(`${day}T00:00:00+08:00`);
  for (const table of ["message", "message_history", "event", "write_back_body", "attempt"])
    await huiliu.sql(
      `create table if not exists ${table}_${day.replaceAll("-", "")} partition of ${table} for values from ('${floor(start)}') to ('${floor(start + 86_400_000)}')`,
    );
  await api(stage, "/retention/policy", { ...SIGNED, messages: 31, events: 31, bodies: 31, attempts: 31 });
  const { hash } = await api(stage, "/retention/simulate", { by: SIGNED.by });
  await api(stage, "/retention/run", { ...SIGNED, hash });
}

export const STIMULI: readonly Stimulus[] = [
  { what: "a deploy from the editor", reaches: ["flows."], run: deploy },
  { what: "replies of the HIS are lost", reaches: ["write-back.before-inquiry", "claim.before-expiring"], run: lostReplies },
  { what: "a stop in good order", reaches: ["engine.before-drain", "engine.after-drain"], run: stopInOrder },
  { what: "a gate is closed and opened", reaches: ["gate."], run: gates },
  { what: "the HIS refuses a few for good", reaches: ["lane.before-unblock", "replay.", "alarms."], run: refusedOnes },
  { what: "a lane is held and released", reaches: ["lane.before-hold", "lane.before-release"], run: lanes },
  { what: "a lane is let go past its head", reaches: ["lane.before-unblock"], run: unblocked },
  { what: "parked ones are replayed by a job", reaches: ["replay."], run: replayed },
  { what: "a profile is changed", reaches: ["profile."], run: profiles },
  { what: "a write-back is parked by hand", reaches: ["lane.before-park"], run: parkedByHand },
  { what: "a subscriber's queue and the broker's marker are deleted", reaches: ["subscribers."], run: subscribers },
  { what: "old days are dropped", reaches: ["retention."], run: retention },
  { what: "refunds overtake their payments", reaches: ["overtaken."], run: overtaken },
  { what: "the HIS answers later", reaches: ["acknowledgement."], run: laterAnswers },
  { what: "HL7 comes in and goes out", reaches: ["mllp-"], run: hl7 },
  { what: "a modality tells of an exam", reaches: ["dicom-"], run: dicom },
  { what: "a file lies there", reaches: ["file-door."], run: files },
  { what: "a platform calls by SOAP", reaches: ["soap-"], run: soap },
  { what: "the HIS refuses connections", reaches: ["alarms.", "gate."], run: partnerAway },
];

/** Brought about by a stimulus, rarely or never by load. */
export const isStimulated = (name: string): boolean => STIMULI.some((one) => one.reaches.some((beginning) => name.startsWith(beginning)));

/** What may reach one of these points; everything, where nobody knows what does. */
export function stimuliFor(points: readonly string[]): readonly Stimulus[] {
  const leads = (one: Stimulus, name: string): boolean => one.reaches.some((beginning) => name.startsWith(beginning));
  if (points.some((name) => !STIMULI.some((one) => leads(one, name)))) return STIMULI;
  return STIMULI.filter((one) => points.some((name) => leads(one, name)));
}
