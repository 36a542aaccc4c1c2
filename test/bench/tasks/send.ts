/** The HIS's side: publishes persistent, mandatory messages with confirms, as fast as the window lets it or at a rate. */
import { setTimeout as sleep } from "node:timers/promises";
import amqp from "amqplib";
import { CONTENT_TYPE, type BenchMessage, messagesOf, type Plan } from "../messages.ts";

/** Most messages not yet confirmed. */
const WINDOW = 256;
const TICK_MS = 5;

export interface SendTo {
  readonly url: string;
  readonly exchange: string;
  readonly routingKey: string;
}

export interface Sent {
  readonly startedMs: number;
  /** Per message, in order: when it was written and when the broker confirmed it (ms since 1970). */
  readonly publishedMs: readonly number[];
  readonly confirmedMs: readonly number[];
  readonly serials: readonly string[];
  readonly ids: readonly string[];
  readonly bytes: number;
  /** Returned as unroutable. */
  readonly returned: number;
}

/** Go: make these messages ready (`rate` messages a second; 0 = flood), or send what was made ready. */
export type SendGo = { readonly prepare: Plan } | { readonly rate: number };

export async function send(to: SendTo): Promise<(go: SendGo) => Promise<Sent | undefined>> {
  const connection = await amqp.connect(to.url);
  const channel = await connection.createConfirmChannel();
  let prepared: BenchMessage[] = [];
  let returned = 0;
  channel.on("return", () => {
    returned += 1;
  });
  return async (go) => {
    if ("prepare" in go) {
      prepared = messagesOf(go.prepare); // made beforehand: what a HIS does to get its messages is not our subject
      return undefined;
    }
    return flood(prepared, go.rate);
  };

  async function flood(messages: readonly BenchMessage[], rate: number): Promise<Sent> {
    const publishedMs: number[] = [];
    const confirmedMs: number[] = [];
    returned = 0;
    let flying = 0;
    let wake = (): void => undefined;
    let failure: Error | undefined;
    const startedMs = Date.now();
    for (const [index, message] of messages.entries()) {
      while (rate > 0 && Date.now() < startedMs + (index * 1_000) / rate) await sleep(TICK_MS);
      while (flying >= WINDOW)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      if (failure !== undefined) throw failure;
      flying += 1;
      publishedMs[index] = Date.now();
      const properties = { messageId: message.id, contentType: CONTENT_TYPE, persistent: true, mandatory: true };
      channel.publish(to.exchange, to.routingKey, message.bytes, properties, (error: Error | null) => {
        failure ??= error ?? undefined;
        confirmedMs[index] = Date.now();
        flying -= 1;
        wake();
      });
    }
    await channel.waitForConfirms();
    return {
      startedMs,
      publishedMs,
      confirmedMs,
      serials: messages.map((one) => one.serial),
      ids: messages.map((one) => one.id),
      bytes: messages.reduce((sum, one) => sum + one.bytes.byteLength, 0),
      returned,
    };
  }
}
