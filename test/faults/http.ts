/**
 * An HTTP proxy between the engine and a partner that spoils whole messages: the answer of one request to another, an answer that comes too late, not at all, cut, with a
 * bit flipped or a word exchanged; requests that wait so that later ones overtake them. What it does to a message is decided by its seed.
 */
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";

export type Spoil =
  /** The answer is kept back; the next request is answered with it instead of its own. */
  | "swap-answers"
  /** Not before `ms`: longer than anybody waits. */
  | "late-answer"
  | "no-answer"
  | "cut-answer"
  | "flip-answer"
  /** The request reaches the partner `ms` later. */
  | "late-request";

export interface Spoiling {
  readonly spoil: Spoil;
  /** Of a hundred messages so many. */
  readonly percent: number;
  readonly ms?: number;
  /** Only write-backs, or inquiries too. */
  readonly inquiries?: boolean;
}

export interface HttpProxy {
  readonly port: number;
  set(spoilings: readonly Spoiling[]): void;
  /** What was done so far, by kind. */
  counts(): Readonly<Record<string, number>>;
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Buffer;
}

const bodyOf = async (message: IncomingMessage): Promise<Buffer> => {
  const parts: Buffer[] = [];
  for await (const part of message as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts);
};

/** Opens it on a free loopback port in front of `target`. */
export async function openHttpProxy(target: string, dice: (limit: number) => number): Promise<HttpProxy> {
  const to = new URL(target);
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  const counts: Record<string, number> = {};
  let spoilings: readonly Spoiling[] = [];
  let kept: Answer | undefined;

  const pass = (method: string, path: string, headers: IncomingMessage["headers"], body: Buffer): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const { connection: _, "transfer-encoding": __, ...rest } = headers;
      const out = request(
        { host: to.hostname, port: to.port, method, path, headers: { ...rest, host: to.host, "content-length": body.length }, agent },
        (got) => {
          bodyOf(got).then((answer) => resolve({ status: got.statusCode ?? 502, headers: got.headers, body: answer }), reject);
        },
      );
      out.on("error", reject);
      out.end(body);
    });
  const choose = (inquiry: boolean): Spoiling | undefined => {
    let at = dice(100);
    for (const one of spoilings) {
      if (inquiry && one.inquiries !== true) continue;
      if (at < one.percent) return one;
      at -= one.percent;
    }
    return undefined;
  };
  const answerWith = (response: ServerResponse, answer: Answer, body = answer.body): void => {
    if (response.destroyed) return;
    const { connection: _, "transfer-encoding": __, "content-length": ___, ...headers } = answer.headers;
    response.writeHead(answer.status, { ...headers, "content-length": answer.body.length });
    if (body.length < answer.body.length) {
      response.write(body, () => response.destroy());
      return;
    }
    response.end(body);
  };
  const spoiled = (body: Buffer): Buffer => {
    const changed = Buffer.from(body);
    const at = dice(Math.max(1, changed.length));
    changed[at] = (changed[at] ?? 0) ^ (1 << dice(8));
    return changed;
  };
  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await bodyOf(incoming);
    const inquiry = body.includes("Inquiry") || body.includes("inquiry");
    const chosen = incoming.method === "POST" ? choose(inquiry) : undefined;
    if (chosen !== undefined) counts[chosen.spoil] = (counts[chosen.spoil] ?? 0) + 1;
    const wait = (ms = 0): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
    if (chosen?.spoil === "late-request") await wait(chosen.ms);
    const answer = await pass(incoming.method ?? "GET", incoming.url ?? "/", incoming.headers, body);
    switch (chosen?.spoil) {
      case "swap-answers": {
        const other = kept;
        kept = answer;
        if (other === undefined) return void response.destroy();
        return answerWith(response, other);
      }
      case "late-answer":
        await wait(chosen.ms);
        return answerWith(response, answer);
      case "no-answer":
        return void response.destroy();
      case "cut-answer":
        return answerWith(response, answer, answer.body.subarray(0, dice(Math.max(1, answer.body.length))));
      case "flip-answer":
        return answerWith(response, answer, spoiled(answer.body));
      default:
        return answerWith(response, answer);
    }
  };
  const server = createServer((incoming, response) => {
    handle(incoming, response).catch(() => response.destroy()); // the partner is away or the engine hung up: so does this
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    set(next) {
      spoilings = next;
      kept = undefined;
    },
    counts: () => counts,
    close: async () => {
      agent.destroy();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
