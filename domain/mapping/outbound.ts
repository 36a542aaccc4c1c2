/**
 * Outbound: an event becomes the bytes of a write-back (XML, XML inside SOAP, JSON, delimited), or the list of everything that stands in the way.
 * Absent values are left out, never written empty. A value the charset or the format cannot carry refuses the whole.
 */
import { type CheckCall, compileChecks, type VendorChecks } from "../checks/checks.ts";
import type { Problem } from "../problem.ts";
import { type Charset, charsetOf, encodeText, isExpressible } from "./charset.ts";
import { compileCondition, conditionFault, conditionsIn } from "./conditions.ts";
import { writeLayout } from "./delimited.ts";
import type { Codec, Condition } from "./document.ts";
import { isHl7Path, isHl7Value, writeHl7 } from "./hl7.ts";
import { Unread, type WriteValue, writerOf } from "./kinds.ts";
import type { OutboundDocument, OutboundRule } from "./outbound-document.ts";
import { isGroup, type JsonMarks, jsonOf } from "./json-out.ts";
import { compileReply, type Interpreted, type Reply, type ReplyReader } from "./reply.ts";
import { isPick, valueAt } from "./rules.ts";
import { createSink, type Sink } from "./shape.ts";
import type { Fault } from "./source.ts";
import type { Tree } from "./tree.ts";
import type { VendorDocument } from "./vendor.ts";
import { isXmlText, writeXml } from "./xml.ts";

/** What an outbound message is made from. */
export interface EncodeInput {
  /** Absent only for inquiries. */
  readonly event?: { readonly type: string; readonly data: unknown };
  /** Of the destination's profile. */
  readonly constants: Readonly<Record<string, string>>;
  /** The write-back's key. */
  readonly key: string;
  /** Of an inquiry: the places of the write-back that is asked about. */
  readonly sent?: (path: string) => string | undefined;
  /** Of an inquiry: our number of the call that sent it. */
  readonly callNumber?: string;
  /** What the engine knows of the order besides the event; amounts in fen, e.g. `billTotal`. */
  readonly order?: Readonly<Record<string, string>>;
}

export type Encoded =
  | {
      readonly ok: true;
      readonly body: Uint8Array;
      /** With charset. */
      readonly contentType: string;
      readonly charset: Charset;
      readonly method: "POST" | "PUT";
      readonly path: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly amountFen?: bigint;
      readonly serial?: string;
    }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export interface OutboundMapping {
  readonly direction: "outbound";
  readonly document: OutboundDocument;
  /** The kind of write-back, or `inquiry`. */
  readonly purpose: string;
  /** Event types it can be made from. */
  readonly eventTypes: readonly string[];
  readonly constants: readonly string[];
  readonly request: OutboundDocument["request"];
  encode(input: EncodeInput): Encoded;
  /** Total: see reply.ts. */
  interpret(reply: Reply): Interpreted;
  /** What an answer names: by it an acknowledgement that comes on its own way finds its write-back. */
  readonly names: ReplyReader["names"];
}

/** What a rule reads: the write-back as a whole, and the entry being walked. */
interface Reading {
  readonly input: EncodeInput;
  readonly entry: unknown;
}
interface Writing {
  readonly sink: Sink;
  readonly root: Tree;
  readonly numbers: Set<Tree>;
  /** Nodes whose JSON value was handed to us whole. */
  readonly documents: Map<Tree, unknown>;
}
type Put = (reading: Reading, writing: Writing, parent: Tree) => void;

const SOURCES = ["from", "sum", "value", "constant", "key", "order", "sent", "callNumber", "each"] as const;
/** Made from no event: they ask about a write-back, or undo it. */
const ABOUT_WRITE_BACKS: ReadonlySet<string> = new Set(["inquiry", "reversal"]);

const asText = (value: unknown): string | undefined =>
  typeof value === "string"
    ? value === ""
      ? undefined
      : value
    : typeof value === "number" || typeof value === "boolean" || typeof value === "bigint"
      ? String(value)
      : undefined;

/** `/data/total`, `/type`, or a path relative to the entry being walked. */
function reach(path: string): (reading: Reading) => unknown {
  const names = path.replace(/^\//, "").split("/");
  return path.startsWith("/") ? ({ input }) => valueAt(input.event, names) : ({ entry }) => valueAt(entry, names);
}

const segments = (path: string): readonly string[] => path.split("/").filter((name) => name !== "");

/** The node at a path, made where it is not there yet. `fresh` always makes the last one. */
function nodeAt(from: Tree, names: readonly string[], fresh: boolean): Tree {
  let here = from;
  for (const [index, name] of names.entries()) {
    const known = fresh && index === names.length - 1 ? undefined : here.children.findLast((child) => child.name === name);
    if (known) here = known;
    else {
      const made: Tree = { name, text: "", children: [] };
      here.children.push(made);
      here = made;
    }
  }
  return here;
}

interface OutboundContext {
  readonly document: OutboundDocument;
  readonly constants: ReadonlySet<string>;
  readonly used: Set<string>;
  readonly fault: Fault;
  readonly charset: Charset;
}

function conditionOf(condition: Condition, context: OutboundContext, at: string): (reading: Reading) => boolean {
  for (const [one, where] of conditionsIn(condition, at)) {
    const wrong = conditionFault(one);
    if (!wrong) continue;
    context.fault(where, wrong.zh, wrong.en);
    return () => false;
  }
  return compileCondition<Reading>(condition, (path) => {
    const read = reach(path);
    return { value: (reading) => asText(read(reading)), occurs: (reading) => read(reading) !== undefined };
  });
}

function sourceOf(rule: OutboundRule, context: OutboundContext, at: string): (reading: Reading, sink: Sink) => string | undefined {
  if (rule.from !== undefined) {
    const read = reach(rule.from);
    return (reading) => asText(read(reading));
  }
  if (rule.sum) {
    const reads = rule.sum.map(reach);
    return (reading) => {
      const amounts = reads.map((read) => asText(read(reading))).filter((text) => text !== undefined && /^-?\d{1,16}$/.test(text));
      return amounts.length === 0 ? undefined : amounts.reduce((total, text) => total + BigInt(text ?? "0"), 0n).toString();
    };
  }
  if (rule.value !== undefined) return () => rule.value;
  if (rule.key) return ({ input }) => asText(rule.first === undefined ? input.key : input.key.slice(0, rule.first));
  if (rule.order !== undefined) {
    const name = rule.order;
    return ({ input }) => asText(input.order?.[name]);
  }
  if (rule.callNumber) {
    aboutWriteBack(context, `${at}/callNumber`);
    return ({ input }) => asText(input.callNumber);
  }
  if (rule.sent !== undefined) return sentSource(rule.sent, rule.pick, context, at);
  const name = rule.constant ?? "";
  if (!context.constants.has(name))
    context.fault(`${at}/constant`, `vendor.json 的 constants 未声明 ${name}`, `vendor.json declares no constant ${name}`);
  context.used.add(name);
  return ({ input }) => asText(input.constants[name]);
}

function aboutWriteBack({ document, fault }: OutboundContext, at: string): void {
  if (!ABOUT_WRITE_BACKS.has(document.purpose)) fault(at, "只用于查询与冲正", "belongs to inquiries and reversals");
}

/** A place of the write-back that an inquiry asks about, or the part of it that the pattern picks. */
function sentSource(
  path: string,
  pick: string | undefined,
  context: OutboundContext,
  at: string,
): (reading: Reading) => string | undefined {
  aboutWriteBack(context, `${at}/sent`);
  if (pick === undefined) return ({ input }) => asText(input.sent?.(path));
  if (!isPick(pick)) {
    context.fault(`${at}/pick`, "pick 须是恰有一个组的正则式", "pick is a pattern with exactly one group");
    return () => undefined;
  }
  const pattern = new RegExp(`^(?:${pick})$`, "u");
  return ({ input }) => asText(pattern.exec(input.sent?.(path) ?? "")?.[1]);
}

function writerFor(rule: OutboundRule, context: OutboundContext, at: string): WriteValue {
  const table = rule.table === undefined ? undefined : context.document.tables?.[rule.table];
  if (rule.as === "code" && !table) context.fault(`${at}/table`, "as: code 须指明 tables 中的对照表", "as: code names one of `tables`");
  return writerOf({ as: rule.as, format: rule.format, table, max: rule.max });
}

/** `inside`: the path of the rows being written, where there are any. */
function compileOne(rule: OutboundRule, context: OutboundContext, at: string, inside?: string): Put {
  const given = SOURCES.filter((name) => rule[name] !== undefined);
  if (given.length !== 1) context.fault(at, `须恰有一个来源：${SOURCES.join("、")}`, `exactly one of: ${SOURCES.join(", ")}`);
  const holds = rule.when === undefined ? undefined : conditionOf(rule.when, context, `${at}/when`);
  const path = rule.to.startsWith("/") || inside !== undefined ? rule.to : `${context.document.base ?? ""}/${rule.to}`;
  const names = segments(path);
  if (rule.each !== undefined) return compileEach(rule, context, at, names, `${inside ?? ""}/${names.join("/")}`);
  const source = sourceOf(rule, context, at);
  const write = writerFor(rule, context, at);
  const attribute = names[names.length - 1]?.startsWith("@") ?? false;
  const { kind } = context.document.codec;
  if (
    kind === "hl7" &&
    (!isHl7Path(inside !== undefined ? `ZZZ/${names.join("/")}` : names.join("/")) || !/^\d+$/.test(names[names.length - 1] ?? ""))
  )
    context.fault(`${at}/to`, `${path} 不是 HL7 的字段（如 /PID/3/1）`, `${path} is no field of an HL7 message (as /PID/3/1 is)`);
  const where = { at: rule.from ?? rule.to, place: path };
  return (reading, writing, parent) => {
    if (holds && !holds(reading)) return;
    const text = source(reading, writing.sink);
    if (text === undefined) {
      if (rule.optional !== true) writing.sink.add(rule.constant === undefined ? "missing" : "unknown-constant", where);
      return;
    }
    const written = write(text);
    if (written instanceof Unread)
      return writing.sink.add(written.code, where, {
        ...(written.zh === undefined ? {} : { zh: written.zh }),
        ...(written.en === undefined ? {} : { en: written.en }),
      });
    if (kind === "xml" && !isXmlText(written, attribute))
      return writing.sink.add("unreadable", where, { zh: "含 XML 不能携带的字符", en: "holds a character that XML cannot carry" });
    if (kind === "hl7" && rule.value === undefined && !isHl7Value(written))
      return writing.sink.add("unreadable", where, {
        zh: "两个双引号在 HL7 中意为删除",
        en: "is two quotes, which deletes a value in HL7",
      });
    if (!isExpressible(written, context.charset))
      return writing.sink.add("charset", where, {
        zh: `含 ${context.charset.toUpperCase()} 不能表示的字符`,
        en: `holds a character that ${context.charset.toUpperCase()} cannot express`,
      });
    const node = nodeAt(parent, names, false);
    node.text = written;
    // Checked above: it is JSON that loses nothing by being read.
    if (rule.as === "json" && kind === "json") writing.documents.set(node, JSON.parse(written));
    if (rule.number === true) writing.numbers.add(node);
  };
}

function compileEach(rule: OutboundRule, context: OutboundContext, at: string, names: readonly string[], whole: string): Put {
  if (!rule.fields) context.fault(at, "each 须有 fields", "each needs fields");
  if (!isGroup(context.document.codec, whole))
    context.fault(
      at,
      `JSON 的 each 须在 codec.groups 中列出 ${whole}`,
      `each writes a list of JSON only where codec.groups names ${whole}`,
    );
  if (context.document.codec.kind === "delimited")
    context.fault(at, "delimited 报文不支持 each", "delimited messages cannot be written with each");
  const read = reach(rule.each ?? "");
  const fields = (rule.fields ?? []).map((field, index) => compileOne(field, context, `${at}/fields/${index}`, whole));
  return (reading, writing, parent) => {
    const entries = read(reading);
    if (!Array.isArray(entries)) {
      if (rule.optional !== true) writing.sink.add("missing", { at: rule.each ?? "", place: rule.to });
      return;
    }
    for (const entry of entries) {
      const node = nodeAt(parent, names, true);
      for (const field of fields) field({ ...reading, entry }, writing, node);
    }
  };
}

/** Turns every inner document into the text of its element, the deepest first. */
function foldInner(root: Tree, codec: Codec, marks: JsonMarks): void {
  const inner = [...(codec.inner ?? [])].sort((one, other) => other.at.length - one.at.length);
  for (const { at, kind } of inner) {
    const node = nodeAt(root, segments(at), false);
    const carried: Tree = { name: "", text: "", children: node.children.filter((child) => !child.name.startsWith("@")) };
    node.text = kind === "xml" ? writeXml(carried) : JSON.stringify(jsonOf(carried, "", new Set(codec.groups), marks));
    node.children.splice(0, node.children.length, ...node.children.filter((child) => child.name.startsWith("@")));
  }
}

/** Writes the tree in the codec's form; undefined after a problem. */
function written(writing: Writing, document: OutboundDocument, charset: Charset): string | undefined {
  const { codec } = document;
  const { root, sink } = writing;
  if (codec.kind === "delimited") {
    if (!codec.layout) return undefined;
    const valueAtPath = (path: string): string => {
      let here: Tree | undefined = root;
      for (const name of segments(path)) here = here?.children.find((child) => child.name === name);
      return here?.text ?? "";
    };
    const frame = codec.frame ? [codec.frame.start, codec.frame.end] : [];
    const text = writeLayout(codec.layout, valueAtPath, frame);
    if (typeof text === "string") return `${codec.frame?.start ?? ""}${text}${codec.frame?.end ?? ""}`;
    sink.add("forbidden", { at: text.path, place: text.path }, { zh: "值中含有分隔符", en: "holds a separator" });
    return undefined;
  }
  if (codec.kind === "hl7") return writeHl7(root);
  foldInner(root, codec, writing);
  if (codec.kind === "json") return JSON.stringify(jsonOf(root, "", new Set(codec.groups), writing));
  return writeXml(root, document.declaration === true ? charset.toUpperCase() : undefined);
}

/** The check of the fields that a call must satisfy before it is sent, where the document names one. */
function checkerOf(document: OutboundDocument, checks: VendorChecks | undefined, fault: Fault): CheckCall | undefined {
  if (document.checkedBy === undefined) return undefined;
  if (document.codec.kind !== "json") fault("/checkedBy", "checkedBy 只用于 JSON 报文", "checkedBy goes with JSON messages");
  const check = checks && compileChecks(document.checkedBy, checks);
  if (!check) fault("/checkedBy", `没有 fields/${document.checkedBy}.json`, `there is no fields/${document.checkedBy}.json`);
  return check;
}

/** Compiles an outbound document; faults are reported through `fault`. */
export function compileOutbound(document: OutboundDocument, vendor: VendorDocument, fault: Fault, checks?: VendorChecks): OutboundMapping {
  const charset = charsetOf(document.codec.charset ?? vendor.charset) ?? "utf-8";
  if (charsetOf(document.codec.charset ?? vendor.charset) === undefined)
    fault("/codec/charset", "字符集不受支持", "is no supported charset");
  const context: OutboundContext = { document, constants: new Set(Object.keys(vendor.constants)), used: new Set(), fault, charset };
  const { codec } = document;
  if (codec.kind === "delimited" && !codec.layout) fault("/codec", "delimited 须写 layout", "delimited needs a layout");
  if (codec.layout?.rest) fault("/codec/layout/rest", "写出的报文不用 rest", "a message that is written takes no rest");
  if (ABOUT_WRITE_BACKS.has(document.purpose) !== (document.events.length === 0))
    fault("/events", "回写须写 events，查询与冲正不写", "a write-back names its events, an inquiry or a reversal none");
  if (codec.kind === "hl7" && !document.fields.some((rule) => `${document.base ?? ""}/${rule.to}`.endsWith("/MSH/9/1")))
    fault("/fields", "HL7 报文须写 /MSH/9/1（消息类型）", "an HL7 message needs /MSH/9/1, its type");
  const puts = document.fields.map((rule, index) => compileOne(rule, context, `/fields/${index}`));
  const { interpret, names } = compileReply(document, vendor, fault);
  const first = (paths: readonly string[] | undefined): ((reading: Reading) => string | undefined) => {
    const reads = (paths ?? []).map((path) =>
      path.startsWith("order:") ? ({ input }: Reading) => input.order?.[path.slice(6)] : reach(path),
    );
    return (reading) => reads.map((read) => asText(read(reading))).find((text) => text !== undefined);
  };
  const check = checkerOf(document, checks, fault);
  const amountAt = first(document.amount);
  const serialAt = first(document.serial);

  const encode = (input: EncodeInput): Encoded => {
    const sink = createSink();
    const writing: Writing = { sink, root: { name: "", text: "", children: [] }, numbers: new Set(), documents: new Map() };
    const reading: Reading = { input, entry: undefined };
    if (!ABOUT_WRITE_BACKS.has(document.purpose) && !document.events.includes(input.event?.type ?? ""))
      sink.add("unknown-type", { at: "/type", place: input.event?.type ?? "" });
    for (const { order, because } of document.unless ?? []) {
      const known = input.order?.[order];
      if (known !== undefined)
        sink.add("condition", { at: `order:${order}`, place: order }, { zh: `${because.zh}：${known}`, en: `${because.en}: ${known}` });
    }
    for (const put of puts) put(reading, writing, writing.root);
    if (!/^[\x21-\x7e]{1,200}$/.test(input.key)) sink.add("unreadable", { at: "key", place: "key" });
    const amount = amountAt(reading);
    const serial = serialAt(reading);
    if (document.amount && amount === undefined) sink.add("missing", { at: "amount", place: "回写金额 amount" });
    if (document.serial && serial === undefined) sink.add("missing", { at: "serial", place: "回写业务流水号 serial" });
    if (amount !== undefined && !/^-?\d{1,16}$/.test(amount)) sink.add("bad-money", { at: "amount", place: "amount" });
    if (sink.problems.length > 0) return { ok: false, problems: sink.problems };
    const text = written(writing, document, charset);
    const refused = text === undefined ? [] : (check?.(JSON.parse(text), input.constants.region) ?? []);
    if (refused.length > 0) return { ok: false, problems: refused };
    const body = text === undefined ? undefined : encodeText(text, charset);
    if (!body) {
      if (sink.problems.length === 0) sink.add("charset", { at: "", place: "" });
      return { ok: false, problems: sink.problems };
    }
    const headers = Object.fromEntries(
      Object.entries(document.request.headers).map(([name, value]) => [name, value.replaceAll("{key}", input.key)]),
    );
    return {
      ok: true,
      body,
      contentType: `${document.request.contentType}; charset=${charset.toUpperCase()}`,
      charset,
      method: document.request.method,
      path: document.request.path,
      headers,
      ...(amount === undefined ? {} : { amountFen: BigInt(amount) }),
      ...(serial === undefined ? {} : { serial }),
    };
  };

  return {
    direction: "outbound",
    document,
    purpose: document.purpose,
    eventTypes: document.events,
    constants: [...context.used],
    request: document.request,
    encode,
    interpret,
    names,
  };
}
