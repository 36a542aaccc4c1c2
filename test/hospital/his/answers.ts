/**
 * The answers that the HIS gives on their own way: after "taken" (code 2) it tells the outcome later, by AMQP message or by HTTP callback, as often as it takes until it is
 * accepted or refused for good, and, where a fault asks for it, twice, early, for another key or with another amount.
 */
import { existsSync, readFileSync } from "node:fs";
import amqp from "amqplib";
import type { FaultOrder } from "../faults.ts";
import type { LedgerLine } from "../ledger.ts";
import { type Answer, type Ask, type Spelling, writeAnswer } from "./wire.ts";
import { writeWhole } from "../whole-file.ts";

/** Where later answers go. `url` of a callback is the address without the message's name; of a message, the broker. */
export interface AnswerWay {
  readonly by: "callback" | "message";
  readonly url: string;
  /** The partner's key; callbacks only. */
  readonly key?: string;
}

export interface LaterAnswers {
  /** Sets one of both ways, and makes it the usual one; null: nowhere. Answers what is wrong with it, null when nothing. Kept over restarts. */
  set(way: unknown): string | null;
  /** Tells the outcome; resolves once it was taken, refused for good, or given up because the hospital stops. */
  tell(ask: Ask, spelling: Spelling, answer: Answer, order: Pick<FaultOrder, "ack" | "by">): Promise<void>;
  stop(): void;
}

export interface LaterParts {
  readonly partner: string;
  /** Where the way is remembered. */
  readonly file: string;
  /** Writes down that an answer went out, and how it was received. */
  record(line: Pick<LedgerLine, "key" | "answer" | "raw"> & { readonly kind: "answer" }): Promise<void>;
}

const EXCHANGE = "huiliu.inbound";
const RETRY_MS = 150;
const TIMEOUT_MS = 5_000;
const CONTENT: Readonly<Record<Spelling, string>> = {
  xml: "text/xml; charset=UTF-8",
  soap: "text/xml; charset=UTF-8",
  json: "application/json; charset=UTF-8",
};

/** How one sending ended: "taken", a status that will not change, or undefined: to be tried again. */
type Ended = string | undefined;

async function byCallback(way: AnswerWay, kind: string, id: string, body: string, type: string): Promise<Ended> {
  const answer = await fetch(`${way.url}/${kind}`, {
    method: "POST",
    headers: { "content-type": type, "idempotency-key": id, ...(way.key === undefined ? {} : { authorization: `Bearer ${way.key}` }) },
    body,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  await answer.body?.cancel();
  if (answer.ok) return "taken";
  return answer.status >= 500 || answer.status === 429 ? undefined : String(answer.status);
}

async function byMessage(way: AnswerWay, partner: string, kind: string, id: string, body: string, type: string): Promise<Ended> {
  const connection = await amqp.connect(way.url, { timeout: TIMEOUT_MS });
  connection.on("error", () => undefined); // the confirm below fails with it
  try {
    const channel = await connection.createConfirmChannel();
    channel.on("error", () => undefined);
    channel.publish(EXCHANGE, `${partner}.${kind}`, Buffer.from(body), {
      persistent: true,
      mandatory: true,
      messageId: id,
      contentType: type,
    });
    await channel.waitForConfirms();
    return "taken";
  } finally {
    await connection.close().catch(() => undefined); // gone already: what was confirmed stays so
  }
}

/** The last one set is the usual one. */
function read(file: string): readonly AnswerWay[] {
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as readonly AnswerWay[]) : [];
}

export function createLaterAnswers(parts: LaterParts): LaterAnswers {
  let ways = read(parts.file);
  let stopped = false;
  let number = 0;

  const once = async (by: AnswerWay["by"] | undefined, kind: string, id: string, body: string, type: string): Promise<string> => {
    for (;;) {
      if (stopped) return "stopped";
      const to = ways.findLast((one) => by === undefined || one.by === by);
      const ended = to
        ? await (to.by === "callback" ? byCallback(to, kind, id, body, type) : byMessage(to, parts.partner, kind, id, body, type)).catch(
            () => undefined, // nobody there: tried again
          )
        : "nowhere";
      if (ended !== undefined) return ended;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  };

  return {
    set(value) {
      if (value !== null) {
        const { by, url, key } = (value ?? {}) as Partial<AnswerWay>;
        if ((by !== "callback" && by !== "message") || typeof url !== "string" || (key !== undefined && typeof key !== "string"))
          return 'answers is null or {"by":"callback|message","url","key"}';
      }
      const way = value as AnswerWay | null;
      ways = way === null ? [] : [...ways.filter((one) => one.by !== way.by), way];
      writeWhole(parts.file, JSON.stringify(ways));
      return null;
    },
    async tell(ask, spelling, answer, { ack: how = "once", by }) {
      if (how === "none" || ways.length === 0) return;
      const said: Answer = {
        ...answer,
        ...(how === "other-amount" ? { amount: String(BigInt(answer.amount ?? "0") + 1n) } : {}),
        ...(how === "other-key" ? { key: `${ask.key.slice(0, -4)}0000` } : {}),
      };
      const body = writeAnswer(spelling, "write-back", said, "UTF-8", false);
      const kind = `${ask.kind}${spelling === "xml" ? "" : `-${spelling}`}-answer`;
      for (let turn = 0; turn < (how === "twice" ? 2 : 1); turn += 1) {
        number += 1;
        const ended = await once(by, kind, `${ask.key}-${process.pid}-${number}`, body, CONTENT[spelling]);
        if (ended !== "stopped") await parts.record({ kind: "answer", key: ask.key, answer: ended, raw: body });
      }
    },
    stop: () => {
      stopped = true;
    },
  };
}
