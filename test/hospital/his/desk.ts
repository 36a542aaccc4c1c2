/** The HIS's desk: takes one request at a time to the books, has it written down, and only then answers. Faults strike here. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Clock, chinaIso } from "../clock.ts";
import type { FaultOrder, Faults, Plan } from "../faults.ts";
import type { LedgerLine } from "../ledger.ts";
import type { LedgerFile } from "../ledger-file.ts";
import { bodyOf, GARBAGE } from "../body.ts";
import type { Mode } from "../partner.ts";
import { createTimers } from "../timers.ts";
import { type Book, type Decision, orderOf } from "./book.ts";
import type { LaterAnswers } from "./answers.ts";
import { type Asked, readBody, sendAnswer, sendProblem } from "./http.ts";
import type { Ask, Spelling } from "./wire.ts";

/** When the work of a deferred answer is done, unless the fault says otherwise. */
const DEFER_DEFAULT_MS = 1_000;

export interface DeskParts {
  readonly name: string;
  readonly book: Book;
  readonly ledger: LedgerFile;
  readonly clock: Clock;
  readonly faults: Faults;
  readonly answers: LaterAnswers;
  mode(): Mode;
}

export interface Desk {
  handle(request: IncomingMessage, response: ServerResponse): void;
  counters(): Readonly<Record<string, number>>;
  /** Goes on with the deferred work that a former run of this hospital owed. */
  resumeDeferred(): void;
  /** Forgets what waits; requests at work are not answered any more. */
  stop(): void;
}

const PATHS: Readonly<Record<string, Spelling>> = { "/xml": "xml", "/soap": "soap", "/json": "json" };

/** A desk over the given books. */
export function createDesk(parts: DeskParts): Desk {
  const { book, faults } = parts;
  const timers = createTimers();
  const counters = { requests: 0, writeBacks: 0, inquiries: 0, pings: 0, unreadable: 0, effects: 0 };
  let stopped = false;

  /** Writes a line down. A disk that refuses ends the hospital: it must not go on with books that its ledger does not hold. */
  async function record(line: LedgerLine): Promise<void> {
    if (line.effect) counters.effects += 1;
    try {
      await parts.ledger.append(line);
    } catch (error) {
      if (stopped) return;
      process.stderr.write(`the ledger ${parts.ledger.file} cannot be written: ${String(error)}\n`);
      process.exit(1);
    }
  }

  const lineOf = (asked: Asked, ask: Ask | null, decision: Decision | null, answer: string, plan: Plan): LedgerLine =>
    ledgerLine(parts, asked, ask, decision, answer, plan);

  /** Later does what was answered with code 2, writes it down, and tells the outcome on its own way. */
  async function finishDeferred(asked: Asked, ask: Ask, spelling: Spelling, order: FaultOrder | undefined): Promise<void> {
    if (order?.ack === "reject") {
      await parts.answers.tell(
        ask,
        spelling,
        { code: order.code ?? "E101", text: order.text ?? "单据不存在", key: ask.key },
        { ...order, ack: "once" },
      );
      return;
    }
    const decision = book.finish(ask, parts.mode());
    if (decision !== null) await record({ ...lineOf(asked, ask, decision, decision.answer.code, {}), deferred: true, spelling });
    if (order?.ackMs !== undefined) await timers.wait(order.ackMs);
    // A strict book that has done it meanwhile tells what it did then.
    const told = decision ?? book.decide({ ...ask, type: "inquiry", kind: "inquiry" }, parts.mode(), {});
    await parts.answers.tell(ask, spelling, { ...told.answer, code: "0", text: "成功" }, order ?? {});
  }

  async function work(asked: Asked, ask: Ask, spelling: Spelling, response: ServerResponse): Promise<void> {
    const plan = faults.plan({ scope: ask.type, bill: ask.bill, kind: ask.kind });
    if (plan.hang !== undefined && plan.hang.after === undefined) {
      await record(lineOf(asked, ask, null, "none", plan));
      return hang(response, plan.hang.ms);
    }
    if (plan["503"] !== undefined) {
      await record(lineOf(asked, ask, null, "503", plan));
      response.writeHead(503, { "content-type": "text/plain; charset=UTF-8" }).end("系统繁忙");
      return;
    }
    if (plan.slow !== undefined) await timers.wait(plan.slow.ms ?? 0);
    const decision = book.decide(ask, parts.mode(), plan);
    const deferred = decision.answer.code === "2" && plan.defer !== undefined;
    if (deferred && plan.defer?.ack !== "early") {
      timers.after(plan.defer?.ms ?? DEFER_DEFAULT_MS, () => void finishDeferred(asked, ask, spelling, plan.defer));
    }
    await record({ ...lineOf(asked, ask, decision, decision.answer.code, plan), ...(decision.answer.code === "2" ? { spelling } : {}) });
    if (deferred && plan.defer?.ack === "early") {
      await finishDeferred(asked, ask, spelling, { ...plan.defer, ack: "once" });
      await timers.wait(plan.defer.ms ?? 0);
    }
    if (plan.hang !== undefined) return hang(response, plan.hang.ms);
    if (plan["drop-reply"] === undefined) sendAnswer(response, spelling, ask.type, decision.answer, plan);
    else response.destroy();
  }

  async function serve(request: IncomingMessage, response: ServerResponse, spelling: Spelling): Promise<void> {
    const body = await bodyOf(request);
    if (body === "aborted") return;
    if (body === "too-large") {
      response.writeHead(413, { connection: "close" }).end();
      return;
    }
    const asked = readBody(request, spelling, body);
    if (!asked.result.ok) {
      counters.unreadable += 1;
      await record(lineOf(asked, null, null, "E900", {}));
      return sendProblem(response, spelling, asked.result.problem);
    }
    if (asked.result.ask.type === "inquiry") counters.inquiries += 1;
    else counters.writeBacks += 1;
    await work(asked, asked.result.ask, spelling, response);
  }

  function hang(response: ServerResponse, ms: number | undefined): void {
    if (ms !== undefined) timers.after(ms, () => response.destroy());
  }

  async function ping(response: ServerResponse): Promise<void> {
    counters.pings += 1;
    const plan = faults.plan({ scope: "ping", bill: null, kind: null });
    if (plan.hang !== undefined) return hang(response, plan.hang.ms);
    if (plan.slow !== undefined) await timers.wait(plan.slow.ms ?? 0);
    if (plan["drop-reply"] !== undefined) response.destroy();
    else if (plan["503"] !== undefined) response.writeHead(503).end();
    else response.writeHead(200, { "content-type": "text/plain; charset=UTF-8" }).end(plan.garble === undefined ? "pong" : GARBAGE);
  }

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
    const spelling = PATHS[path];
    if (path === "/ping" && request.method === "GET") await ping(response);
    else if (spelling !== undefined && request.method === "POST") await serve(request, response, spelling);
    else response.writeHead(404).end();
  }

  return {
    handle(request, response) {
      counters.requests += 1;
      route(request, response).catch((error: unknown) => {
        process.stderr.write(
          `the hospital's ${parts.name} failed on a request: ${error instanceof Error ? (error.stack ?? "") : String(error)}\n`,
        );
        response.destroy();
      });
    },
    counters: () => counters,
    resumeDeferred() {
      for (const line of book.pending()) {
        const ask = askOfLine(line);
        const spelling = spellingOf(line);
        timers.after(DEFER_DEFAULT_MS, () => void finishDeferred({ raw: line.raw, result: { ok: true, ask } }, ask, spelling, undefined));
      }
      for (const line of book.untold()) {
        const { key, receiptNo = "", amount, serial } = line;
        const answer = {
          code: "0",
          text: "成功",
          key: key ?? "",
          receiptNo,
          ...(amount === null ? {} : { amount }),
          ...(serial === undefined ? {} : { serial }),
        };
        timers.after(DEFER_DEFAULT_MS, () => void parts.answers.tell(askOfLine(line), spellingOf(line), answer, {}));
      }
    },
    stop() {
      stopped = true;
      parts.answers.stop();
      timers.clear();
    },
  };
}

function ledgerLine(parts: DeskParts, asked: Asked, ask: Ask | null, decision: Decision | null, answer: string, plan: Plan): LedgerLine {
  const done = decision?.done;
  const fault = Object.keys(plan).join("+");
  const serial = ask?.serial ?? done?.serial ?? null;
  return {
    at: chinaIso(parts.clock.now()),
    partner: parts.name,
    key: ask?.key ?? null,
    kind: ask?.kind ?? "unreadable",
    order: ask === null ? null : (orderOf(ask) ?? done?.order ?? null),
    amount: ask?.amount ?? done?.amount ?? null,
    effect: decision?.effect ?? false,
    answer,
    raw: asked.raw,
    ...(serial === null ? {} : { serial }),
    ...(done === undefined ? {} : { receiptNo: done.receiptNo }),
    ...(ask === null || ask.action === null ? {} : { action: ask.action }),
    ...(fault === "" ? {} : { fault }),
    ...(asked.rawEncoding === undefined ? {} : { rawEncoding: asked.rawEncoding }),
  };
}

/** How it was written; lines of before say nothing, and were XML. */
function spellingOf({ spelling }: LedgerLine): Spelling {
  return spelling === "soap" || spelling === "json" ? spelling : "xml";
}

/** A deferred write-back as its ledger line remembers it. The line's order is the bill, or else the visit: as good as either here. */
function askOfLine(line: LedgerLine): Ask {
  const { kind, amount } = line;
  return {
    type: "write-back",
    kind,
    key: line.key ?? "",
    bill: line.order,
    visit: null,
    amount,
    serial: line.serial ?? null,
    action: line.action ?? null,
  };
}
