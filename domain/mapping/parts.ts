/** The parts of an inbound message: one, or an exchange's request, reply and return value. Decoded, then read into rows. */
import { type Charset, charsetOf } from "./charset.ts";
import type { Codec, InboundDocument } from "./document.ts";
import type { TranslateInput } from "./inbound.ts";
import { type Frames, type Place, type Sink, whereIs } from "./shape.ts";
import { decodeBytes, type Fault, type ReadPart, type Source } from "./source.ts";

interface Part {
  readonly name: string;
  readonly codec: Codec;
  readonly read: ReadPart;
  readonly place: Place | undefined;
}

/** Nothing more can be said of a message whose bytes could not be read. */
export const FATAL: ReadonlySet<string> = new Set(["charset", "malformed", "forbidden", "too-large", "too-deep"]);
const RETURN_VALUE = /^-?\d{1,9}$/;

function readReturn(text: string | undefined, optional: boolean, place: Place, frames: Frames, sink: Sink): void {
  const bare = text?.trim() ?? "";
  if (bare === "") {
    if (!optional) sink.add("missing", whereIs(place));
  } else if (!RETURN_VALUE.test(bare)) sink.add("bad-number", whereIs(place));
  else if (frames[0]) frames[0].values[place.slot] = bare;
}

/** Compiles the parts. `read` fills the message's row, reports what is wrong, and answers the charset of the first part that could be decoded. */
export function compileParts(
  document: InboundDocument,
  fallback: Charset,
  source: Source,
  fault: Fault,
): { readonly list: readonly Part[]; readonly read: (input: TranslateInput, frames: Frames, sink: Sink) => Charset | undefined } {
  const list: Part[] = [];
  const add = (name: string, codec: Codec, label: string, at: string): void => {
    const read = source.addPart(name, codec, label, false, at);
    if (codec.charset !== undefined && charsetOf(codec.charset) === undefined)
      fault(`${at}/charset`, "字符集不受支持", "is no supported charset");
    list.push({ name, codec, read, place: source.parts.get(name) });
  };
  if ((document.codec === undefined) === (document.parts === undefined))
    fault("", "须恰有 codec、parts 之一", "needs exactly one of codec, parts");
  const returned = document.parts?.return ? source.addValue("return", "返回值") : undefined;
  if (document.codec) add("", document.codec, "报文", "/codec");
  if (document.parts) {
    // The reply first: how it ended decides which layout its request must have.
    add("reply", document.parts.reply.codec, "应答", "/parts/reply/codec");
    add("request", document.parts.request.codec, "请求", "/parts/request/codec");
  }
  const read = (input: TranslateInput, frames: Frames, sink: Sink): Charset | undefined => {
    if (returned) readReturn(input.returnValue, document.parts?.return?.optional === true, returned, frames, sink);
    let charset: Charset | undefined;
    for (const part of list) {
      const raw = part.name === "reply" ? input.reply : input.raw;
      const where = part.place ? whereIs(part.place) : { at: part.name, place: part.name };
      if (raw === undefined) {
        sink.add("missing", where, { zh: "只有请求，没有应答", en: "the request came without its reply" });
        continue;
      }
      const decoded = decodeBytes({ raw, charset: input.charset, contentType: input.contentType }, part.codec, fallback);
      if ("code" in decoded) sink.add(decoded.code, where, { zh: decoded.zh, en: decoded.en });
      else {
        charset ??= decoded.charset;
        part.read(decoded.text, frames, sink, input.framed === true);
      }
    }
    return charset;
  };
  return { list, read };
}
