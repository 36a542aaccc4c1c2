/** What the doors on the gateway share: a refusal on its way to whoever answers, our own error JSON, and a body read within its limit. */
import type { IncomingMessage } from "node:http";
import type { ParkReason } from "../../../domain/journal/ports.ts";
import { nextOf, refusal, refusalText } from "../../../domain/refusals.ts";

/** A refusal on its way to the error handler. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly reason: ParkReason;
  readonly retryAfterS: number | undefined;
  constructor(reason: ParkReason, retryAfterS?: number) {
    super(reason.code);
    this.reason = reason;
    this.retryAfterS = retryAfterS;
  }
}

/** HTTP status of a refusal code. */
export const statusOf = (code: string): number => refusalText(code)?.http ?? 422;

/** Our own error JSON (design.md: every error has a closed code, both languages and a next step). */
export function errorBody(reason: ParkReason): object {
  const next = nextOf(reason);
  return {
    error: {
      code: reason.code,
      zh: reason.zh,
      en: reason.en,
      ...(next === undefined ? {} : { next }),
      ...(reason.place === undefined ? {} : { place: reason.place }),
      ...(reason.problems === undefined ? {} : { problems: reason.problems }),
    },
  };
}

/** Reads a body of at most `max` bytes. Rejects with Refused when it is longer, or when the sender went away in the middle: half a message is no message. */
export function readBody(payload: IncomingMessage, max: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    payload.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= max) chunks.push(chunk);
      else {
        payload.removeAllListeners("data");
        payload.pause(); // the connection is closed after the answer
        reject(new Refused(refusal("TOO_LARGE")));
      }
    });
    payload.once("end", () => resolve(Buffer.concat(chunks, size)));
    payload.once("error", () => reject(new Refused(refusal("BAD_REQUEST"))));
    payload.once("close", () => reject(new Refused(refusal("BAD_REQUEST")))); // after `end` it is settled already
  });
}
