/**
 * A webhook as a sink: one POST of a CloudEvent to the configured address and to nowhere else. Signed, so that the receiver knows who speaks and when; no redirect
 * is followed, because it would carry the notice to somebody who was not configured. Any 2xx is a receipt.
 */
import { createHmac } from "node:crypto";
import { Agent, request } from "undici";
import { cloudEventOf, noticeId } from "../../../domain/alarms/notice.ts";
import type { AlarmSink } from "../../../domain/alarms/ports.ts";

const CONNECT_TIMEOUT_MS = 3_000;
/** From the first byte of ours to the last byte of theirs. */
const WHOLE_TIMEOUT_MS = 10_000;
/** What they answer is thrown away; more than this is not even read. */
const ANSWER_BYTES_MAX = 65_536;

export interface WebhookOptions {
  readonly url: string;
  readonly secret: string;
  /** Seconds since 1970: stands in the signature, so that an old notice cannot be played again. */
  readonly nowSeconds: () => number;
  readonly timeoutMs?: number;
}

/** `t=<seconds>,v1=<hex of HMAC-SHA256 over "<t>.<body>">`. */
const signatureOf = (secret: string, seconds: number, body: string): string =>
  `t=${seconds},v1=${createHmac("sha256", secret).update(`${seconds}.${body}`).digest("hex")}`;

export function createWebhookSink(options: WebhookOptions): AlarmSink {
  const { url, secret, nowSeconds } = options;
  const timeoutMs = options.timeoutMs ?? WHOLE_TIMEOUT_MS;
  const agent = new Agent({
    connect: { timeout: Math.min(CONNECT_TIMEOUT_MS, timeoutMs) },
    connections: 1,
    maxResponseSize: ANSWER_BYTES_MAX,
  });
  const { origin } = new URL(url);
  return {
    name: "webhook",
    target: origin,
    tell: async (notice) => {
      const body = JSON.stringify(cloudEventOf(notice));
      try {
        const answer = await request(url, {
          dispatcher: agent,
          method: "POST",
          headers: {
            "content-type": "application/cloudevents+json; charset=utf-8",
            "idempotency-key": noticeId(notice),
            "huiliu-signature": signatureOf(secret, nowSeconds(), body),
          },
          body,
          signal: AbortSignal.timeout(timeoutMs),
        });
        await answer.body.dump();
        const ok = answer.statusCode >= 200 && answer.statusCode < 300;
        return ok ? { ok } : { ok, why: `answered ${answer.statusCode}` };
      } catch (error) {
        // Names and codes only: a message may quote the address, and the address may hold a token.
        const { name, code } = error instanceof Error ? (error as NodeJS.ErrnoException) : { name: "Error", code: undefined };
        return { ok: false, why: typeof code === "string" ? code : name };
      }
    },
    close: () => agent.close(),
  };
}
