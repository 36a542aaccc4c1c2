/** The tests' own door to a partner: faults, mode, clock and ledger, on another port than the partner's, so that it answers while the partner refuses. */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Clock } from "./clock.ts";
import { chinaIso } from "./clock.ts";
import type { Faults } from "./faults.ts";
import type { LedgerFile } from "./ledger-file.ts";
import { type EngineTold, OrderRefused } from "./told.ts";

export interface Controlled {
  readonly name: string;
  readonly faults: Faults;
  readonly clock: Clock;
  readonly ledger: LedgerFile;
  mode(): string;
  /** False when there is no such mode. */
  setMode(mode: string): boolean;
  /** Sets where later answers go; what is wrong with it, null when nothing. */
  setAnswers(way: unknown): string | null;
  /** Takes the engine's addresses and keys. */
  setEngine(told: EngineTold): void;
  /** Sends what is asked and tells what was sent; absent: this partner sends nothing by itself. */
  send?(order: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** Called after every change of faults. */
  changed(): Promise<void>;
  counters(): Readonly<Record<string, number>>;
  listening(): boolean;
}

export interface Control {
  readonly faultsUrl: string;
  readonly ledgerUrl: string;
  close(): Promise<void>;
}

const MAX_BODY = 262_144;
const LEDGER_PAGE = 16 * 1024 * 1024;

/** Opens the control door on loopback: `GET|POST /faults` and `GET /ledger?since=<offset>`. */
export async function createControl(port: number, partner: Controlled): Promise<Control> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://hospital");
    const answer = (status: number, value: unknown): void => {
      response.writeHead(status, { "content-type": "application/json; charset=UTF-8" });
      response.end(`${JSON.stringify(value)}\n`);
    };
    const work = async (): Promise<void> => {
      if (url.pathname === "/faults" && request.method === "GET") return answer(200, state(partner));
      if (url.pathname === "/faults" && request.method === "POST") {
        const changed = await change(partner, await bodyOf(request));
        return typeof changed === "string" ? answer(400, { error: changed }) : answer(200, { ...state(partner), ...changed });
      }
      if (url.pathname === "/ledger" && request.method === "GET") {
        const since = Number(url.searchParams.get("since") ?? "0");
        if (!Number.isSafeInteger(since) || since < 0) return answer(400, { error: "since is a byte offset given as next before" });
        const { text, next } = await partner.ledger.read(since, LEDGER_PAGE);
        const lines = text.split("\n").filter((line) => line !== "");
        return answer(200, { next, lines: lines.map((line) => JSON.parse(line) as unknown) });
      }
      answer(404, { error: "GET or POST /faults, GET /ledger?since=" });
    };
    work().catch((error: unknown) => answer(500, { error: String(error) }));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve());
  });
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    faultsUrl: `${base}/faults`,
    ledgerUrl: `${base}/ledger`,
    async close() {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

function state(partner: Controlled): Readonly<Record<string, unknown>> {
  return {
    partner: partner.name,
    mode: partner.mode(),
    clock: chinaIso(partner.clock.now()),
    listening: partner.listening(),
    faults: partner.faults.state(),
    counters: partner.counters(),
    ledger: { file: partner.ledger.file, bytes: partner.ledger.size() },
  };
}

type Told = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

/** Follows an order: what is wrong with it, or what is to be told besides the state. */
async function change(partner: Controlled, body: string | null): Promise<string | Told> {
  if (body === null) return `a body of more than ${MAX_BODY} bytes`;
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (error) {
    return `no JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
  if (!isObject(value)) return "a JSON object is expected";
  if (Object.keys(value).length === 0) return "give fault, mode, clock, answers, engine or send";
  const { mode, clock, answers, engine, send, ...order } = value;
  const wrongWay = answers === undefined ? null : partner.setAnswers(answers);
  if (wrongWay !== null) return wrongWay;
  if (mode !== undefined && (typeof mode !== "string" || !partner.setMode(mode))) return "mode is strict or naive";
  if (clock !== undefined && ((clock !== null && typeof clock !== "string") || !partner.clock.set(clock))) {
    return "clock is an ISO time with offset, or null for the machine's time";
  }
  if (engine !== undefined) {
    if (!isObject(engine)) return "engine is what run.json says";
    partner.setEngine(engine);
  }
  const problem = Object.keys(order).length === 0 ? null : await setFault(partner, order);
  if (problem !== null) return problem;
  return send === undefined ? {} : await sendBy(partner, send);
}

async function setFault(partner: Controlled, order: Told): Promise<string | null> {
  if (order.fault === "none") partner.faults.clear();
  else {
    const problem = partner.faults.set(order);
    if (problem !== null) return problem;
  }
  await partner.changed();
  return null;
}

async function sendBy(partner: Controlled, order: unknown): Promise<string | Told> {
  if (partner.send === undefined) return `${partner.name} sends nothing by itself`;
  if (!isObject(order)) return "send is an object";
  try {
    return { sent: await partner.send(order) };
  } catch (error) {
    if (error instanceof OrderRefused) return error.message;
    throw error;
  }
}

async function bodyOf(request: IncomingMessage): Promise<string | null> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > MAX_BODY) return null;
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}
