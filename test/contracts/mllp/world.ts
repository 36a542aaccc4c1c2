/** A door with a journal of the test's own, and senders that frame by hand. What is set in `world` counts for the test under way. */
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { DoorPolicy, Intake, Verdict } from "../../../domain/journal/intake.ts";
import type { Inbound, Journaled, JournaledMessage } from "../../../domain/journal/ports.ts";
import type { Log } from "../../../domain/log.ts";
import { type MllpDoor, type MllpDoorOptions, openMllpDoor } from "../../../platform/transports/mllp/door.ts";

export const BYTES_MAX = 20_000;
const policy: DoorPolicy = {
  partner: "lis",
  vendor: "lis",
  bytesMax: BYTES_MAX,
  perSecond: 100,
  charset: "utf-8",
  kinds: new Set(["dft-p03", "oru-r01"]),
  exchanges: new Set(),
};
export const none = (): void => undefined;
export const accepted = (id: string): Journaled => ({ kind: "accepted", message: { id } as JournaledMessage });

export interface World {
  taken: Inbound[];
  warned: string[];
  journal: (inbound: Inbound) => Promise<Journaled>;
  verdict: (journaled: Journaled, withinMs: number) => Promise<Verdict>;
}
export const world: World = {
  taken: [],
  warned: [],
  journal: async () => accepted("m1"),
  verdict: async () => ({ verdict: "accepted", messageId: "m1" }),
};
const log: Log = { debug: none, info: none, warn: (_, text) => void world.warned.push(String(text)), error: none };
const intake: Intake = {
  policy: (partner) => (partner === "lis" ? policy : undefined),
  partners: () => [policy],
  accept: (inbound) => {
    world.taken.push(inbound);
    return world.journal(inbound);
  },
  verdict: (journaled, withinMs) => world.verdict(journaled, withinMs),
};

let door: MllpDoor;
const sockets = new Set<Socket>();
export const doorNow = (): MllpDoor => door;

/** Opens a door on a world as new: everything is taken, and what the door refused is parked. */
export async function open(more: Partial<MllpDoorOptions> = {}): Promise<MllpDoor> {
  world.taken = [];
  world.warned = [];
  world.journal = async (inbound) =>
    inbound.refusal === undefined ? accepted("m1") : { kind: "parked", messageId: "p1", reason: inbound.refusal };
  world.verdict = async (journaled) =>
    journaled.kind === "parked"
      ? { verdict: "refused", messageId: "p1", reason: journaled.reason }
      : { verdict: "accepted", messageId: "m1" };
  door = await openMllpDoor({
    host: "127.0.0.1",
    port: 0,
    partner: "lis",
    from: ["127.0.0.0/8"],
    processing: ["P"],
    answer: "settlement",
    waitMs: 1_000,
    frameMs: 60_000,
    idleMs: 60_000,
    connectionsMax: 5,
    unansweredMax: 4,
    intake,
    log,
    nowMs: () => Date.UTC(2026, 10, 20, 1, 30, 1),
    ...more,
  });
  return door;
}

/** After each test. */
export async function cleanUp(): Promise<void> {
  await door.close();
  for (const socket of sockets) socket.destroy();
  sockets.clear();
}

/** A sender of the test's own: what it hears, frame by frame. */
export interface Sender {
  readonly socket: Socket;
  heard(): readonly string[];
  closed(): boolean;
  /** Waits until so many frames came, or the connection is closed. */
  until(count: number): Promise<readonly string[]>;
}
export function sender(socket: Socket = connect(Number(new URL(door.address).port), "127.0.0.1")): Sender {
  let bytes = Buffer.alloc(0);
  let closed = false;
  sockets.add(socket);
  socket.on("data", (chunk) => {
    bytes = Buffer.concat([bytes, chunk]);
  });
  socket.on("close", () => {
    closed = true;
  });
  socket.on("error", none);
  const heard = (): readonly string[] =>
    bytes
      .toString("latin1")
      .split("\x1c\r")
      .slice(0, -1)
      .map((one) => one.slice(1));
  return {
    socket,
    heard,
    closed: () => closed,
    until: async (count) => {
      for (let waited = 0; waited < 30_000 && heard().length < count && !closed; waited += 5) await sleep(5);
      return heard();
    },
  };
}
export const wrapped = (text: string | Buffer): Buffer =>
  Buffer.concat([Buffer.of(0x0b), typeof text === "string" ? Buffer.from(text) : text, Buffer.of(0x1c, 0x0d)]);
export const message = (
  id: string,
  {
    ack = "|",
    type = "DFT^P03^DFT_P03",
    app = "LIS",
    rest = "PID|1|||||测试",
    mode = "P",
    version = "2.5.1",
    charset = "UNICODE UTF-8",
  } = {},
): string => `MSH|^~\\&|${app}|LAB|HPIE|PAY|20261120093000||${type}|${id}|${mode}|${version}|||${ack}|CHN|${charset}\r${rest}\r`;
export const msaOf = (frame: string | undefined): string => /MSA\|[^\r]*/.exec(frame ?? "")?.[0] ?? `(${frame})`;
