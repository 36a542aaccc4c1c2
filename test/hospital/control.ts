/** The tests' own door to a partner: faults, mode, clock and ledger, on another port than the partner's, so that it answers while the partner refuses. */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Clock } from "./clock.ts";
import { chinaIso } from "./clock.ts";
import type { Faults } from "./faults.ts";
import type { LedgerFile } from "./ledger-file.ts";

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

const MAX_BODY = 65_536;
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
        const problem = await change(partner, await bodyOf(request));
        return problem === null ? answer(200, state(partner)) : answer(400, { error: problem });
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

function state(partner: Controlled): unknown {
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

async function change(partner: Controlled, body: string | null): Promise<string | null> {
  if (body === null) return `a body of more than ${MAX_BODY} bytes`;
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (error) {
    return `no JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "a JSON object is expected";
  const { mode, clock, answers, ...order } = value as Record<string, unknown>;
  if (mode === undefined && clock === undefined && answers === undefined && Object.keys(order).length === 0)
    return "give fault, mode, clock or answers";
  const wrongWay = answers === undefined ? null : partner.setAnswers(answers);
  if (wrongWay !== null) return wrongWay;
  if (mode !== undefined && (typeof mode !== "string" || !partner.setMode(mode))) return "mode is strict or naive";
  if (clock !== undefined && ((clock !== null && typeof clock !== "string") || !partner.clock.set(clock))) {
    return "clock is an ISO time with offset, or null for the machine's time";
  }
  if (Object.keys(order).length === 0) return null;
  if (order.fault === "none") partner.faults.clear();
  else {
    const problem = partner.faults.set(order);
    if (problem !== null) return problem;
  }
  await partner.changed();
  return null;
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
