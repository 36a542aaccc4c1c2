/**
 * The ack contract at work (design.md decisions 8 and 9): a partner's reply → what it told us. Total: any status and any bytes have an outcome.
 * Only a listed code in a readable reply to *this* request acknowledges; HTTP 200 with a business reject is rejected; whatever is not listed is unclear.
 */
import { fenFromFenText, fenFromYuan } from "../money.ts";
import { charsetOf } from "./charset.ts";
import { LIMITS } from "./limits.ts";
import type { AckContract, OutboundDocument } from "./outbound-document.ts";
import { createRow, createSink, type Frames } from "./shape.ts";
import { createSource, decodeBytes, type Fault, type Reference } from "./source.ts";
import type { VendorDocument } from "./vendor.ts";
import { because, inBoth, type Why } from "../writeback/why.ts";

/** What came back, and what it must agree with. */
export interface Reply {
  /** Absent when the wire has none or it was not read. */
  readonly status?: number | undefined;
  readonly contentType?: string | undefined;
  readonly body: Uint8Array;
  /** What a DLL's function returned; the contract may ask for it as `return`. */
  readonly returnValue?: string | undefined;
  readonly sent: {
    readonly key: string;
    readonly serial?: string | undefined;
    readonly amountFen?: bigint | undefined;
    /** Our number of the call that sent it. */
    readonly callNumber?: string | undefined;
  };
}

export interface Interpreted {
  readonly outcome: "acknowledged" | "rejected" | "busy" | "deferred" | "unclear" | "not-found";
  /** Of an acknowledgement. */
  readonly how?: "reply" | "already-done";
  /** Of `unclear`: the partner's code says that this very request is done, but the proof does not hold (other amount, nothing to compare). */
  readonly claims?: "done" | "already-done";
  /** The partner's code; `HTTP 503`, `fault` or "" where it gave none. */
  readonly code: string;
  /** The partner's words; "" where it gave none. */
  readonly text: string;
  readonly receiptNo?: string;
  readonly invoiceNo?: string;
  readonly remark?: string;
  readonly amountFen?: bigint;
  readonly serial?: string;
  /** The partner's own number of the work it took. */
  readonly reference?: string;
  /** Why this outcome, for operators. */
  readonly why: Why;
}

/** What an answer names, whoever it is for: by this a later acknowledgement finds its write-back. Absent: it names none. */
export interface Named {
  readonly key?: string;
  readonly serial?: string;
  readonly reference?: string;
}

/** A reply half, compiled. */
export interface ReplyReader {
  /** Total: see above. */
  interpret(reply: Reply): Interpreted;
  /** What the bytes name; why they cannot be read otherwise. */
  names(
    body: Pick<Reply, "body" | "contentType">,
  ): { readonly ok: true; readonly named: Named } | { readonly ok: false; readonly why: Interpreted["why"] };
}

type Meaning = "acknowledged" | "alreadyDone" | "busy" | "deferred" | "rejected" | "notFound";
const MEANINGS = ["acknowledged", "alreadyDone", "busy", "deferred", "rejected", "notFound"] as const;

interface Told {
  readonly code: string;
  readonly text: string;
  readonly key: string | undefined;
  readonly callNumber: string | undefined;
  readonly serial: string | undefined;
  readonly amountText: string | undefined;
  readonly amountFen: bigint | undefined;
  readonly reference: string | undefined;
  readonly receiptNo: string | undefined;
  readonly invoiceNo: string | undefined;
  readonly remark: string | undefined;
}

/** Longest text of a partner that is kept. */
const TEXT_KEPT = 2_000;
const RETURN_VALUE = /^-?\d{1,9}$/;
const WHOLE = /^-?\d{1,15}$/;
/** "00" and "-0" are zero; what is no whole number is no code. */
const wholeOf = (text: string): string | undefined => (WHOLE.test(text) ? BigInt(text).toString() : undefined);
const clip = (text: string): string => (text.length > TEXT_KEPT ? text.slice(0, TEXT_KEPT) : text);

const unclear = (code: string, text: string, why: Why): Interpreted => ({
  outcome: "unclear",
  code: clip(code),
  text: clip(text),
  why,
});

/** code → meaning; a listed code wins over a prefix (`E*`). */
function meaningsOf(ack: AckContract, fault: Fault): (code: string) => Meaning | undefined {
  const exact = new Map<string, Meaning>();
  const prefixes: (readonly [string, Meaning])[] = [];
  for (const meaning of MEANINGS)
    for (const code of ack[meaning] ?? []) {
      if (code.endsWith("*")) {
        if (meaning === "acknowledged" || meaning === "alreadyDone")
          fault(`/reply/ack/${meaning}`, "确认代码不能用通配", "a code that acknowledges cannot be a prefix");
        prefixes.push([code.slice(0, -1), meaning]);
      } else if (exact.has(code)) fault(`/reply/ack/${meaning}`, `代码 ${code} 有两种含义`, `code ${code} means two things`);
      else exact.set(code, meaning);
    }
  return (code) => exact.get(code) ?? prefixes.find(([prefix]) => code.startsWith(prefix))?.[1];
}

/** Compiles a document's reply half. */
export function compileReply(document: OutboundDocument, vendor: VendorDocument, fault: Fault): ReplyReader {
  const { codec, ack } = document.reply;
  const source = createSource((at, zh, en) => fault(`/reply${at}`, zh, en));
  const returned = source.addValue("return", "返回值");
  const read = source.addPart("", codec, "应答", true, "/codec");
  const one = (path: string | undefined, at: string): Reference | undefined =>
    path === undefined ? undefined : source.ref(path, `/ack/${at}`);
  const many = (paths: readonly string[] | undefined, at: string): readonly Reference[] =>
    (paths ?? []).map((path) => one(path, at)).filter((found) => found !== undefined);
  const places = {
    code: many(ack.code, "code"),
    text: many(ack.text, "text"),
    key: one(ack.key, "key"),
    callNumber: one(ack.callNumber, "callNumber"),
    serial: one(ack.serial, "serial"),
    reference: one(ack.reference, "reference"),
    amount: one(ack.amount?.at, "amount"),
    receiptNo: one(ack.receiptNo, "receiptNo"),
    invoiceNo: one(ack.invoiceNo, "invoiceNo"),
    remark: one(ack.remark, "remark"),
    faults: many(ack.faults?.at, "faults"),
  };
  for (const need of ack.needs)
    if (places[need] === undefined)
      fault(`/reply/ack/needs`, `needs 要求 ${need}，但未写它的位置`, `needs ${need}, but its place is not given`);
  if (ack.alreadyDone && (!places.amount || !places.serial))
    fault("/reply/ack/alreadyDone", "“已处理”须写 amount 与 serial 的位置", "alreadyDone needs the places of amount and serial");
  if (ack.keyFirst !== undefined && places.key === undefined)
    fault("/reply/ack/keyFirst", "keyFirst 须写 key 的位置", "keyFirst needs the place of key");
  if (ack.notFound && document.purpose !== "inquiry") fault("/reply/ack/notFound", "notFound 只用于查询", "notFound belongs to inquiries");
  const meaningOf = meaningsOf(ack, fault);
  const exceptions = (ack.exceptions ?? []).map((exception, index) => {
    if (exception.outcome === "not-found" && document.purpose !== "inquiry")
      fault(`/reply/ack/exceptions/${index}`, "not-found 只用于查询", "not-found belongs to inquiries");
    return { exception, holds: source.condition(exception.when, `/ack/exceptions/${index}/when`) };
  });
  const statuses = new Set(ack.statuses);
  const readMoney = ack.amount?.as === "fen" ? fenFromFenText : fenFromYuan;
  const fallback = charsetOf(codec.charset ?? vendor.charset) ?? "utf-8";

  const tell = (frames: Frames): Told | undefined => {
    const given = places.code.map((place) => place.get(frames)).filter((text) => text !== undefined);
    const codes = new Set(ack.numeric === true ? given.map(wholeOf) : given);
    const [code] = codes;
    if (code === undefined || codes.size !== 1) return undefined;
    const amountText = places.amount?.get(frames);
    return {
      code,
      text: places.text.map((place) => place.get(frames)).find((text) => text !== undefined) ?? "",
      key: places.key?.get(frames),
      callNumber: places.callNumber?.get(frames),
      serial: places.serial?.get(frames),
      amountText,
      amountFen: amountText === undefined ? undefined : readMoney(amountText),
      reference: places.reference?.get(frames),
      receiptNo: places.receiptNo?.get(frames),
      invoiceNo: places.invoiceNo?.get(frames),
      remark: places.remark?.get(frames),
    };
  };

  /** The bytes in the codec's frames, or why they cannot be read. */
  const framed = (reply: Pick<Reply, "body" | "contentType" | "returnValue">): { readonly frames: Frames } | Why => {
    const decoded = decodeBytes({ raw: reply.body, contentType: reply.contentType }, codec, fallback, LIMITS.replyBytes);
    if ("code" in decoded)
      return because("unreadable", inBoth(decoded.zh, /^(?:is|names) /.test(decoded.en) ? `it ${decoded.en}` : decoded.en));
    const sink = createSink();
    const row = createRow(source.scope);
    const frames: Frames = [row];
    if (reply.returnValue !== undefined && RETURN_VALUE.test(reply.returnValue)) row.values[returned.slot] = reply.returnValue;
    read(decoded.text, frames, sink);
    const [wrong] = sink.problems;
    return wrong ? because("unreadable", inBoth(wrong.zh, wrong.en)) : { frames };
  };

  const names: ReplyReader["names"] = (reply) => {
    const found = framed(reply);
    if (!("frames" in found)) return { ok: false, why: found };
    const [key, serial, reference] = [places.key, places.serial, places.reference].map((place) => place?.get(found.frames));
    return {
      ok: true,
      named: {
        ...(key === undefined ? {} : { key }),
        ...(serial === undefined ? {} : { serial }),
        ...(reference === undefined ? {} : { reference }),
      },
    };
  };

  const interpret: ReplyReader["interpret"] = (reply) => {
    const { status } = reply;
    if (status === undefined) return unclear("", "", because("no-status"));
    const http = `HTTP ${status}`;
    if (ack.busyStatuses?.includes(status))
      return {
        outcome: "busy",
        code: http,
        text: "",
        why: because("busy-status", http),
      };
    if (ack.rejectedStatuses?.includes(status)) return { outcome: "rejected", code: http, text: "", why: because("rejected-status", http) };
    if (!statuses.has(status) && places.faults.length === 0) return unclear(http, "", because("unlisted-status", http));
    const found = framed(reply);
    if (!("frames" in found)) return unclear(http, "", found);
    const { frames } = found;
    const fault = places.faults.map((place) => place.get(frames)).find((text) => text !== undefined);
    if (fault !== undefined) return interpretFault(fault, ack);
    if (!statuses.has(status)) return unclear(http, "", because("unlisted-status", http));
    const exception = exceptions.find(({ holds }) => holds(frames))?.exception;
    if (exception)
      return interpretException(exception, places.text.map((place) => place.get(frames)).find((text) => text !== undefined) ?? "");
    const told = tell(frames);
    if (!told) return unclear(http, "", because("no-single-code"));
    // What the reply can name of the key is compared with that much of it.
    const { key } = reply.sent;
    const sent = ack.keyFirst === undefined ? reply.sent : { ...reply.sent, key: key.slice(0, ack.keyFirst) };
    return judge(told, meaningOf(told.code), sent, ack);
  };
  return { interpret, names };
}

function interpretFault(text: string, ack: AckContract): Interpreted {
  const known = ack.faults?.means.find((one) => text.includes(one.contains));
  if (!known) return unclear("fault", text, because("unlisted-fault"));
  return {
    outcome: known.outcome,
    code: "fault",
    text: clip(text),
    why: because("listed-fault", inBoth(known.because.zh, known.because.en)),
  };
}

/** Of an inquiry that found something which is not as it should be, asking again tells nothing new: `claims` leads to a person. */
function interpretException({ outcome, because: { zh, en } }: NonNullable<AckContract["exceptions"]>[number], text: string): Interpreted {
  const told = { code: outcome, text: clip(text), why: because("listed-fault", inBoth(zh, en)) };
  return outcome === "unclear" ? { ...told, outcome, claims: "done" } : { ...told, outcome };
}

/** What disagrees between the reply and what was sent; undefined when nothing stated does. */
function disagreement(told: Told, sent: Reply["sent"], onlyKey: boolean): Why | undefined {
  if (told.key !== undefined && told.key !== sent.key) return because("other-key");
  if (onlyKey) return undefined;
  if (told.callNumber !== undefined && sent.callNumber !== undefined && told.callNumber !== sent.callNumber) return because("other-call");
  if (told.amountText !== undefined && told.amountFen === undefined) return because("amount-unreadable");
  if (told.amountFen !== undefined && sent.amountFen !== undefined && told.amountFen !== sent.amountFen)
    return because("other-amount", String(told.amountFen), String(sent.amountFen));
  if (told.serial !== undefined && sent.serial !== undefined && told.serial !== sent.serial) return because("other-serial");
  return undefined;
}

const NEED_WORDS = {
  key: { zh: "键", en: "key" },
  serial: { zh: "业务流水号", en: "serial" },
  amount: { zh: "金额", en: "amount" },
  receiptNo: { zh: "凭据号", en: "receipt number" },
  callNumber: { zh: "本方报文号", en: "number of our call" },
} as const;

function judge(told: Told, meaning: Meaning | undefined, sent: Reply["sent"], ack: AckContract): Interpreted {
  const base = {
    code: clip(told.code),
    text: clip(told.text),
    ...(told.receiptNo === undefined ? {} : { receiptNo: told.receiptNo }),
    ...(told.invoiceNo === undefined ? {} : { invoiceNo: told.invoiceNo }),
    ...(told.remark === undefined ? {} : { remark: told.remark }),
    ...(told.amountFen === undefined ? {} : { amountFen: told.amountFen }),
    ...(told.serial === undefined ? {} : { serial: told.serial }),
    ...(told.reference === undefined ? {} : { reference: told.reference }),
  };
  const acknowledging = meaning === "acknowledged" || meaning === "alreadyDone";
  const ofThisRequest = told.key === undefined || told.key === sent.key;
  const claims =
    acknowledging && ofThisRequest ? { claims: meaning === "alreadyDone" ? ("already-done" as const) : ("done" as const) } : {};
  const open = (why: Why): Interpreted => ({ ...base, ...claims, outcome: "unclear", why });
  if (meaning === undefined) return open(because("unlisted-code", base.code));
  const differs = disagreement(told, sent, !acknowledging);
  if (differs) return open(differs);
  switch (meaning) {
    case "rejected":
      return {
        ...base,
        outcome: "rejected",
        why: because("rejected", base.code),
      };
    case "busy":
      return { ...base, outcome: "busy", why: because("busy", base.code) };
    case "deferred":
      return {
        ...base,
        outcome: "deferred",
        why: because("deferred", base.code),
      };
    case "notFound":
      return { ...base, outcome: "not-found", why: because("not-found", base.code) };
    case "acknowledged":
    case "alreadyDone": {
      const needs =
        meaning === "alreadyDone"
          ? ([...new Set([...ack.needs.filter((need) => need !== "receiptNo"), "amount", "serial"] as const)] as const)
          : ack.needs;
      for (const need of needs) {
        const lacks =
          need === "amount"
            ? told.amountFen !== sent.amountFen
            : need === "callNumber"
              ? told.callNumber === undefined || sent.callNumber === undefined
              : need === "serial"
                ? told.serial === undefined || sent.serial === undefined
                : told[need] === undefined;
        if (!lacks) continue;
        const word = NEED_WORDS[need];
        return meaning === "alreadyDone"
          ? open(because("already-done-uncompared", inBoth(word.zh, word.en)))
          : open(because("done-uncompared", inBoth(word.zh, word.en)));
      }
      return meaning === "alreadyDone"
        ? {
            ...base,
            outcome: "acknowledged",
            how: "already-done",
            why: because("already-done"),
          }
        : { ...base, outcome: "acknowledged", how: "reply", why: because("acknowledged") };
    }
  }
}
