/** The partners of a stored test: they answer what the test wrote down, in its order, on the virtual clock. Nothing leaves this process. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Content, FlowTest, ScriptedReply } from "../../domain/flowtests/document.ts";
import { charsetOf, encodeText } from "../../domain/mapping/charset.ts";
import { decodeBytes } from "../../domain/mapping/source.ts";
import type { OutboundMapping } from "../../domain/mapping/mapping.ts";
import { readSent } from "../../domain/mapping/sent.ts";
import type { VendorDocument } from "../../domain/mapping/vendor.ts";
import type { Clock } from "../../domain/writeback/clock.ts";
import type { CallRequest, CallResult, Courier } from "../../domain/writeback/ports.ts";

/** How long a partner takes to answer, where the test does not say. */
const REPLY_MS = 20;
const UNSENT_MS = 2;

/** A test names bytes that cannot be had: told as a fault of its document. */
export class BadContent extends Error {
  override readonly name = "BadContent";
}

/** The bytes of a test's content. Throws BadContent when the file is not there, a replacement does not occur, or the charset cannot hold the text. */
export function bytesOf(root: string, content: Content): Uint8Array {
  const charset = charsetOf(content.charset ?? "utf-8");
  if (charset === undefined) throw new BadContent(`no such charset: ${content.charset ?? ""}`);
  const raw = rawOf(root, content);
  const replace = Object.entries(content.replace ?? {});
  if (typeof raw !== "string" && replace.length === 0) return raw;
  let text: string;
  if (typeof raw === "string") text = raw;
  else
    try {
      text = new TextDecoder(charset, { fatal: true, ignoreBOM: true }).decode(raw);
    } catch {
      throw new BadContent(`${content.file ?? "base64"} is not ${charset}: replace needs its charset`);
    }
  for (const [old, fresh] of replace) {
    if (!text.includes(old)) throw new BadContent(`nothing to replace: ${old} does not occur in ${content.file ?? "the text"}`);
    text = text.replaceAll(old, fresh);
  }
  const encoded = encodeText(text, charset);
  if (encoded === undefined) throw new BadContent(`${charset} cannot hold the text`);
  return encoded;
}

function rawOf(root: string, { file, text, base64 }: Content): string | Uint8Array {
  if (text !== undefined) return text;
  if (base64 !== undefined) return new Uint8Array(Buffer.from(base64, "base64"));
  if (file === undefined) return "";
  try {
    return new Uint8Array(readFileSync(join(root, file)));
  } catch (error) {
    throw new BadContent(error instanceof Error ? error.message : String(error));
  }
}

/** `/PID/3` or `/PID/3/1` of an HL7 message, as its mapping writes them: segment, field, component. */
function readHl7(text: string, place: string): string | undefined {
  const [, segment, field, component] = /^\/([A-Z][A-Z0-9]{2})\/(\d+)(?:\/(\d+))?$/.exec(place) ?? [];
  const line = text.split(/[\r\n]+/).find((one) => one.startsWith(`${segment}|`));
  if (line === undefined || field === undefined) return undefined;
  const value = line.split("|")[Number(field) - (segment === "MSH" ? 1 : 0)];
  const part = component === undefined ? value : value?.split("^")[Number(component) - 1];
  return part === undefined || part === "" ? undefined : part;
}

/** Reads places of what went to a partner, in the words of its codec. */
export function bodyReader(
  mapping: OutboundMapping | undefined,
  vendor: VendorDocument | undefined,
  sent: { readonly body: Uint8Array; readonly contentType?: string | undefined },
): { readonly text: string; readonly read: (place: string) => string | undefined } {
  if (!mapping || !vendor) return { text: "", read: () => undefined };
  const { codec } = mapping.document;
  const decoded = decodeBytes({ raw: sent.body, contentType: sent.contentType }, codec, charsetOf(vendor.charset) ?? "utf-8");
  const text = "code" in decoded ? "" : decoded.text;
  const inside = codec.kind === "hl7" ? (place: string) => readHl7(text, place) : readSent(codec, vendor, sent);
  // Attributes are children named with an @ in the codec's tree.
  return { text, read: inside };
}

export interface Scripted {
  readonly destination: string;
  readonly mapping: string;
  readonly text: string;
}

export interface ScriptedPartners {
  readonly courier: Courier;
  /** Calls that no reply was written for, each kind once. */
  readonly unscripted: readonly Scripted[];
  /** Pointers of replies that were never used. */
  unused(): readonly string[];
}

export interface ScriptDeps {
  readonly root: string;
  readonly test: Pick<FlowTest, "replies">;
  readonly clock: Clock;
  readonly mapping: (id: string) => OutboundMapping | undefined;
  readonly vendor: (name: string) => VendorDocument | undefined;
  /** Told of every call: time goes on only when nothing else happens. */
  readonly called: () => void;
}

/** Reads every reply before anything is played: a bad one is a fault of the document. */
export function scriptedPartners({ root, test, clock, mapping, vendor, called }: ScriptDeps): ScriptedPartners {
  const scripts = new Map(
    Object.entries(test.replies ?? {}).map(([destination, replies]) => [
      destination,
      replies.map((reply, index) => ({ reply, at: `/replies/${destination}/${index}`, used: 0, body: bytesOf(root, reply) })),
    ]),
  );
  const unscripted: Scripted[] = [];

  const fill = (body: Uint8Array, reply: ScriptedReply, request: CallRequest): Uint8Array => {
    if (reply.text === undefined && reply.replace === undefined) return body;
    const { about } = request;
    const charset = charsetOf(reply.charset ?? "utf-8") ?? "utf-8";
    const text = new TextDecoder(charset).decode(body);
    const { read } = bodyReader(mapping(about?.mapping ?? ""), vendor(about?.mapping.split("/")[0] ?? ""), {
      body: request.body ?? new Uint8Array(),
      contentType: request.headers["content-type"],
    });
    const filled = text.replace(/\{(key|number|sent:(\/[^{}\s]+))\}/g, (_all, what: string, place: string | undefined) => {
      if (what === "key") return about?.key ?? "";
      return (place === undefined ? about?.number : read(place)) ?? "";
    });
    return encodeText(filled, charset) ?? body;
  };

  const call = (request: CallRequest): Promise<CallResult> =>
    new Promise((resolve) => {
      called();
      const later = (ms: number, result: CallResult): void =>
        void clock.after(ms, () => {
          called();
          resolve(result);
        });
      const { about } = request;
      // A ping asks nothing of the business.
      if (about === undefined) return later(UNSENT_MS, { kind: "reply", status: 200, body: new Uint8Array(), ms: UNSENT_MS });
      const message = about.mapping.slice(about.mapping.indexOf("/") + 1);
      const script = scripts
        .get(about.destination)
        ?.find(({ reply, used }) => used < (reply.times ?? 1) && (reply.to === undefined || reply.to === message));
      if (script === undefined) {
        const { text } = bodyReader(mapping(about.mapping), vendor(about.mapping.split("/")[0] ?? ""), {
          body: request.body ?? new Uint8Array(),
          contentType: request.headers["content-type"],
        });
        if (!unscripted.some((one) => one.mapping === about.mapping))
          unscripted.push({ destination: about.destination, mapping: about.mapping, text });
        return later(UNSENT_MS, { kind: "unsent", why: "the test has no reply for this call", ms: UNSENT_MS });
      }
      script.used += 1;
      const { reply, body } = script;
      const ms = reply.ms ?? REPLY_MS;
      if (reply.fails === "refused") return later(UNSENT_MS, { kind: "unsent", why: "ECONNREFUSED", ms: UNSENT_MS });
      if (reply.fails === "cut") return later(ms, { kind: "no-reply", why: "ECONNRESET", ms });
      if (reply.fails === "timeout" || ms > request.replyTimeoutMs)
        return later(request.replyTimeoutMs, { kind: "no-reply", why: "no whole reply in time", ms: request.replyTimeoutMs });
      const contentType = reply.contentType ?? (reply.charset === undefined ? undefined : `text/plain; charset=${reply.charset}`);
      later(ms, {
        kind: "reply",
        status: reply.status ?? 200,
        body: fill(body, reply, request),
        ...(contentType === undefined ? {} : { contentType }),
        ...(reply.returnValue === undefined ? {} : { returnValue: reply.returnValue }),
        ms,
      });
    });

  return {
    courier: { call, close: async () => undefined },
    unscripted,
    unused: () => [...scripts.values()].flat().flatMap(({ used, at }) => (used === 0 ? [at] : [])),
  };
}
