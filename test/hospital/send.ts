/** The sender: pushes messages to RabbitMQ (mandatory, persistent, confirmed) or over HTTP the way a HIS and its DLL clients do. */
import { appendFile, writeFile } from "node:fs/promises";
import amqp, { type ConfirmChannel } from "amqplib";
import iconv from "iconv-lite";
import { createDice, makeCase, type Payer } from "./messages/cases.ts";
import { GENERATORS } from "./messages/index.ts";
import type { Made } from "./messages/made.ts";

const INBOUND_EXCHANGE = "huiliu.inbound";
/** Most messages sent and not yet confirmed. */
const CONFIRM_WINDOW = 512;
const HTTP_IN_FLIGHT = 32;
const SEND_TIMEOUT_MS = 30_000;
const HEARTBEAT_SECONDS = "10";
/** A duplicate follows its message after at most so many others. */
const DUPLICATE_AFTER = 5;

export interface SendOptions {
  readonly partner: string;
  readonly message: string;
  readonly count: number;
  /** Messages a second; absent: as fast as confirms come. */
  readonly rate?: number;
  readonly seed: number;
  /** Ordinal of the first message of the seed (default 0). */
  readonly first?: number;
  /** Business day, yyyy-MM-dd. */
  readonly date: string;
  /** Who pays; default as the message usually has it. */
  readonly payer?: Payer;
  /** Share of messages that are sent a second time, 0 to 1. */
  readonly duplicates?: number;
  /** UTF-8, GBK or GB18030; default as the partner sends. */
  readonly charset?: string;
  /** How an exchange travels over AMQP: two messages paired by header, or one JSON body. */
  readonly exchangeAs?: "two" | "json";
  /** False: without AMQP message-id or Idempotency-Key, as careless senders do. */
  readonly messageId?: boolean;
  /** False: fire and forget, nothing is confirmed. */
  readonly confirm?: boolean;
  /** Topic exchange (default {@link INBOUND_EXCHANGE}). */
  readonly exchange?: string;
  /** JSON lines of the effects to be expected, for the oracle. */
  readonly sentFile?: string;
}

export interface SendResult {
  readonly partner: string;
  readonly message: string;
  readonly seed: number;
  readonly date: string;
  /** Different messages; a duplicate is none. */
  readonly messages: number;
  readonly duplicates: number;
  /** What was put on the wire, duplicates and both parts of an exchange counted. */
  readonly sent: number;
  readonly confirmed: number;
  /** Came back: no queue takes this routing key. */
  readonly returned: number;
  readonly failed: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly error?: string;
}

interface Piece {
  readonly id: string;
  readonly bytes: Buffer;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** How one piece fared. */
type Fate = "confirmed" | "returned" | "failed";

/** Takes one piece to the other side; resolves with its fate, never rejects. */
type Carrier = (piece: Piece) => Promise<Fate>;

/** Sends over AMQP, a confirm for every message. Rejects only when the broker cannot be reached at all or the options are wrong. */
export async function sendAmqp(url: string, options: SendOptions): Promise<SendResult> {
  const address = new URL(url);
  if (!address.searchParams.has("heartbeat")) address.searchParams.set("heartbeat", HEARTBEAT_SECONDS);
  const connection = await amqp.connect(address.href, { timeout: SEND_TIMEOUT_MS });
  const lost: { error: Error | null } = { error: null };
  connection.on("error", (error: Error) => {
    lost.error = error;
  });
  const channel = await connection.createConfirmChannel();
  channel.on("error", (error: Error) => {
    lost.error = error;
  });
  const result = await run(options, options.exchangeAs === "json", CONFIRM_WINDOW, amqpCarrier(channel, options));
  const closed = await connection.close().then(
    () => null,
    (error: unknown) => error,
  );
  const error = lost.error ?? (result.failed > 0 ? closed : null);
  return error === null ? result : { ...result, error: error instanceof Error ? error.message : String(error) };
}

function amqpCarrier(channel: ConfirmChannel, options: SendOptions): Carrier {
  // A returned message comes back before its confirm, on the same channel: so the oldest waiting one with this body is it.
  const waiting = new Set<{ piece: Piece; returned: boolean }>();
  let broken = false;
  const unanswered = new Set<(fate: Fate) => void>();
  channel.on("return", (message) => {
    for (const one of waiting) {
      if (one.returned || !one.piece.bytes.equals(message.content)) continue;
      one.returned = true;
      return;
    }
  });
  channel.on("close", () => {
    broken = true;
    for (const answer of unanswered) answer("failed");
  });
  return (piece) =>
    new Promise((resolve) => {
      if (broken) return resolve("failed");
      const one = { piece, returned: false };
      const timer = setTimeout(() => answer("failed"), SEND_TIMEOUT_MS);
      const answer = (fate: Fate): void => {
        clearTimeout(timer);
        waiting.delete(one);
        unanswered.delete(answer);
        resolve(fate);
      };
      waiting.add(one);
      unanswered.add(answer);
      const properties = { contentType: piece.contentType, persistent: true, mandatory: true, headers: piece.headers };
      const identified = options.messageId === false ? properties : { ...properties, messageId: piece.id };
      try {
        channel.publish(
          options.exchange ?? INBOUND_EXCHANGE,
          `${options.partner}.${options.message}`,
          piece.bytes,
          identified,
          (error: unknown) => answer(error ? "failed" : one.returned ? "returned" : "confirmed"),
        );
      } catch (error) {
        process.stderr.write(`publish: ${error instanceof Error ? error.message : String(error)}\n`);
        answer("failed");
      }
    });
}

/** Sends over HTTP to the gateway with the partner's key; exchanges go as one JSON body. A 2xx is a confirm, 4xx a return, all else failed. */
export async function sendHttp(gateway: string, key: string, options: SendOptions): Promise<SendResult> {
  const url = `${gateway.replace(/\/$/, "")}/partners/${encodeURIComponent(options.partner)}/messages/${encodeURIComponent(options.message)}`;
  let problem = "";
  const carrier: Carrier = async (piece) => {
    const headers = { ...piece.headers, "content-type": piece.contentType, authorization: `Bearer ${key}` };
    const identified = options.messageId === false ? headers : { ...headers, "idempotency-key": piece.id };
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: identified,
        body: new Uint8Array(piece.bytes),
        signal: AbortSignal.timeout(SEND_TIMEOUT_MS),
      });
      const text = await response.text();
      if (response.ok) return "confirmed";
      problem ||= `HTTP ${response.status}: ${text.slice(0, 300)}`;
      return response.status < 500 ? "returned" : "failed";
    } catch (error) {
      problem ||= error instanceof Error ? `${error.message}: ${String(error.cause ?? "")}` : String(error);
      return "failed";
    }
  };
  const result = await run(options, true, HTTP_IN_FLIGHT, carrier);
  return problem === "" ? result : { ...result, error: problem };
}

/** One message on its way: its pieces go in order, and it fared as badly as its worst piece. */
async function carry(pieces: readonly Piece[], carrier: Carrier, count: Record<Fate | "sent", number>): Promise<Fate> {
  const fates = await Promise.all(pieces.map(carrier));
  count.sent += fates.length;
  for (const fate of fates) count[fate] += 1;
  return fates.find((fate) => fate === "failed") ?? fates.find((fate) => fate === "returned") ?? "confirmed";
}

async function run(options: SendOptions, exchangeAsJson: boolean, window: number, carrier: Carrier): Promise<SendResult> {
  const count = { sent: 0, confirmed: 0, returned: 0, failed: 0 };
  const started = performance.now();
  const flying = new Set<Promise<void>>();
  const journal = await createSentFile(options.sentFile);
  let messages = 0;
  let duplicates = 0;
  let put = 0;
  for (const { made, repeat } of plannedMessages(options)) {
    if (repeat) duplicates += 1;
    else messages += 1;
    if (options.rate !== undefined) await pace(started + (put * 1_000) / options.rate);
    put += 1;
    const flight = carry(piecesOf(made, options, exchangeAsJson), carrier, count).then((fate) => {
      if (!repeat) journal.add(made, fate);
      flying.delete(flight);
    });
    flying.add(flight);
    // With confirms the window is the brake; without, one turn of the loop lets the socket breathe.
    if (options.confirm === false) await new Promise((resolve) => setImmediate(resolve));
    else while (flying.size >= window) await Promise.race(flying);
  }
  await Promise.all(flying);
  await journal.flush();
  const seconds = (performance.now() - started) / 1_000;
  const { partner, message, seed, date } = options;
  const rates = { seconds: Math.round(seconds * 1_000) / 1_000, perSecond: Math.round(count.sent / Math.max(seconds, 0.001)) };
  return { partner, message, seed, date, messages, duplicates, ...count, ...rates };
}

async function pace(due: number): Promise<void> {
  const ahead = due - performance.now();
  if (ahead > 1) await new Promise((resolve) => setTimeout(resolve, ahead));
}

/** The messages of this run in the order they are sent; `repeat` marks one that was sent before. Equal options, equal messages. */
export function* plannedMessages(options: SendOptions): Generator<{ made: Made; repeat: boolean }> {
  const name = `${options.partner}.${options.message}`;
  const generator = GENERATORS[name];
  if (generator === undefined) throw new RangeError(`no message ${name}; known: ${Object.keys(GENERATORS).join(", ")}`);
  const { seed, date, payer = generator.payer, duplicates = 0, first = 0 } = options;
  const dice = createDice(seed + 17);
  const again: { made: Made; after: number }[] = [];
  for (let index = 0; index < options.count; index += 1) {
    const made = generator.make(makeCase({ seed, date, payer }, first + index), options.charset ?? generator.charset);
    yield { made, repeat: false };
    if (dice(1_000_000) < duplicates * 1_000_000) again.push({ made, after: index + dice(DUPLICATE_AFTER) });
    for (let at = again.length - 1; at >= 0; at -= 1) {
      const held = again[at];
      if (held === undefined || held.after > index) continue;
      again.splice(at, 1);
      yield { made: held.made, repeat: true };
    }
  }
  for (const { made } of again) yield { made, repeat: true };
}

/** The bytes of a message as they go on the wire. Throws RangeError for a charset that cannot be written. */
export function piecesOf(made: Made, options: Pick<SendOptions, "partner" | "message" | "charset">, exchangeAsJson: boolean): Piece[] {
  const charset = options.charset ?? GENERATORS[`${options.partner}.${options.message}`]?.charset ?? "UTF-8";
  if (!iconv.encodingExists(charset)) throw new RangeError(`unknown charset ${charset}`);
  const { id, body } = made;
  if (body.type === "document")
    return [{ id, bytes: iconv.encode(body.text, charset), contentType: `${body.media}; charset=${charset}`, headers: {} }];
  if (exchangeAsJson) {
    const json = JSON.stringify({ request: body.request, reply: body.reply, return: body.returned });
    return [{ id, bytes: Buffer.from(json), contentType: "application/json; charset=UTF-8", headers: {} }];
  }
  const contentType = `text/plain; charset=${charset}`;
  const part = (name: string, text: string, more: Record<string, string>): Piece => ({
    id: `${id}-${name}`,
    bytes: iconv.encode(text, charset),
    contentType,
    headers: { "huiliu-exchange": id, "huiliu-part": name, ...more },
  });
  return [part("request", body.request, {}), part("reply", body.reply, { "huiliu-return": body.returned })];
}

/** Effects to be expected, one JSON line each; of an unconfirmed message they are optional. */
async function createSentFile(file: string | undefined): Promise<{ add(made: Made, fate: Fate): void; flush(): Promise<void> }> {
  if (file === undefined) return { add: () => undefined, flush: () => Promise.resolve() };
  await writeFile(file, "");
  let text = "";
  return {
    add(made, fate) {
      for (const one of made.expect) text += `${JSON.stringify(fate === "confirmed" ? one : { ...one, optional: true })}\n`;
    },
    flush: () => appendFile(file, text),
  };
}
