/** An outside system at the broker: pushes messages the way a HIS does, watches huiliu.events, reads verdicts. Nothing of the engine is used. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import amqp from "amqplib";
import { ROOT } from "./harness.ts";

export interface Push {
  readonly partner: string;
  readonly kind: string;
  readonly body: Uint8Array;
  readonly contentType?: string;
  readonly messageId?: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly contentEncoding?: string;
}

/** What the engine answered at reply-to. */
export interface Verdict {
  readonly verdict: string;
  readonly messageId: string;
  readonly pending?: boolean;
  readonly code?: string;
  readonly text?: { readonly zh: string; readonly en: string };
  readonly problems?: readonly { readonly code: string; readonly at: string; readonly place: string; readonly zh: string }[];
}

export interface SeenEvent {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly subject: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** When it was read from the queue, ms. */
  readonly at: number;
}

export interface Client {
  /** Publishes mandatory and persistent; resolves once the broker has confirmed it or sent it back. Rejects when the broker is gone. */
  push(message: Push): Promise<"confirmed" | "returned">;
  /** Pushes and waits for the verdict at reply-to: by then the bytes are journaled and, where a flow took them, settled. */
  ask(message: Push): Promise<Verdict>;
  /** Both parts of a DLL call, the reply after the request's verdict; resolves with the reply's. */
  exchange(one: Exchange): Promise<Verdict>;
  /** Events seen since the watch began, oldest first. */
  readonly events: readonly SeenEvent[];
  /** Binds a queue of its own to huiliu.events; events are collected from then on. */
  watch(): Promise<void>;
  close(): Promise<void>;
}

export interface Exchange {
  readonly partner: string;
  readonly kind: string;
  readonly id: string;
  readonly request: Uint8Array;
  readonly reply: Uint8Array;
  readonly returned?: string;
  readonly charset?: string;
  /** Prefix of the AMQP message ids of both parts; absent: they have none. */
  readonly messageId?: string;
}

/** Patience, as everywhere in the journeys: nobody is timed. */
const VERDICT_MS = 90_000;

/** Connects as whoever the address names. */
export async function connectClient(url: string): Promise<Client> {
  const connection = await amqp.connect(url, { timeout: 60_000 });
  connection.on("error", () => undefined); // a killed broker: pushes under way reject
  const channel = await connection.createConfirmChannel();
  channel.on("error", () => undefined); // the same
  const returned = new Set<string>();
  const events: SeenEvent[] = [];
  let count = 0;
  const waiting = new Map<string, (verdict: Verdict) => void>();
  const { queue: replies } = await channel.assertQueue("", { exclusive: true });
  await channel.consume(
    replies,
    (message) => {
      if (message === null) return;
      const tag = String(message.properties.correlationId);
      waiting.get(tag)?.(JSON.parse(message.content.toString("utf8")) as Verdict);
      waiting.delete(tag);
    },
    { noAck: true },
  );
  channel.on("return", (message: { properties: { headers?: Record<string, unknown> } }) => {
    returned.add(String(message.properties.headers?.["test-push"]));
  });

  const publish = (message: Push, tag: string, replyTo?: string): Promise<"confirmed" | "returned"> => {
    const { messageId, contentType, contentEncoding } = message;
    return new Promise((resolve, reject) => {
      channel.publish(
        "huiliu.inbound",
        `${message.partner}.${message.kind}`,
        Buffer.from(message.body),
        {
          persistent: true,
          mandatory: true,
          headers: { ...message.headers, "test-push": tag },
          ...(contentType === undefined ? {} : { contentType }),
          ...(contentEncoding === undefined ? {} : { contentEncoding }),
          ...(messageId === undefined ? {} : { messageId }),
          ...(replyTo === undefined ? {} : { replyTo, correlationId: tag }),
        },
        (error: unknown) => (error ? reject(error) : resolve(returned.delete(tag) ? "returned" : "confirmed")),
      );
    });
  };
  const next = (): string => String(++count);
  const ask = async (message: Push): Promise<Verdict> => {
    const tag = next();
    let timer: NodeJS.Timeout | undefined;
    const answered = new Promise<Verdict>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no verdict for ${message.partner}.${message.kind}`)), VERDICT_MS);
      waiting.set(tag, (verdict) => {
        clearTimeout(timer);
        resolve(verdict);
      });
    });
    try {
      await publish(message, tag, replies);
    } catch (error) {
      // Nobody will answer what the broker did not take.
      clearTimeout(timer);
      waiting.delete(tag);
      throw error;
    }
    return answered;
  };

  return {
    push: (message) => publish(message, next()),
    ask,
    exchange: async ({ partner, kind, id, request, reply, returned: value = "0", charset = "GBK", messageId }) => {
      const part = (body: Uint8Array, name: string, more: Record<string, string>): Promise<Verdict> =>
        ask({
          partner,
          kind,
          body,
          contentType: `text/plain; charset=${charset}`,
          headers: { "huiliu-exchange": id, "huiliu-part": name, ...more },
          ...(messageId === undefined ? {} : { messageId: `${messageId}-${name}` }),
        });
      await part(request, "request", {});
      return part(reply, "reply", { "huiliu-return": value });
    },
    events,
    watch: async () => {
      const { queue } = await channel.assertQueue("", { exclusive: true });
      await channel.bindQueue(queue, "huiliu.events", "#");
      await channel.consume(
        queue,
        (message) => {
          if (message === null) return;
          events.push({ ...(JSON.parse(message.content.toString("utf8")) as Omit<SeenEvent, "at">), at: Date.now() });
        },
        { noAck: true },
      );
    },
    close: async () => {
      await connection.close().catch(() => undefined); // a killed broker has closed it already
    },
  };
}

/** The samples of the three partners, as they stand beside their mappings (byte for byte what the partners sent). */
export const SAMPLE = {
  neusoft: exchangeSample("neusoft/settle/examples/sample-settled"),
  chongqing: exchangeSample("chongqing/settle/examples/sample-settled"),
  jkt: readFileSync(join(ROOT, "mappings/jkt/pay-order/examples/sample-paid/in.xml")),
};

function exchangeSample(folder: string): { readonly request: Buffer; readonly reply: Buffer } {
  const read = (name: string): Buffer => readFileSync(join(ROOT, "mappings", folder, name));
  return { request: read("request.gbk.txt"), reply: read("reply.gbk.txt") };
}
