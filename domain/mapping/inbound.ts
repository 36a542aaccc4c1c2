/**
 * Inbound: a document compiled once into closures, then bytes → draft events or the list of everything that is wrong. All events of a message or none.
 */
import type { BusinessKey } from "../events/event.ts";
import { BUSINESS_KEY_KINDS } from "../events/event.ts";
import type { Problem } from "../problem.ts";
import { CUT_OFF_DEFAULT } from "../time.ts";
import { type Charset, charsetOf } from "./charset.ts";
import { compileCheck, type RunCheck } from "./checks.ts";
import { conditionsIn } from "./conditions.ts";
import type { Case, Codec, EventSpec, InboundDocument, Rule } from "./document.ts";
import { built, compileRules, type Data, type RuleContext, type Run, rowsOf, type Step, valueAt } from "./rules.ts";
import { createRow, createSink, type Frames, type Place, type Sink, whereIs } from "./shape.ts";
import { type Bytes, createSource, decodeBytes, type Fault, type ReadPart, type Reference } from "./source.ts";
import type { VendorDocument } from "./vendor.ts";

/** What the engine is told about the world. Both are pure. */
export interface MappingDeps {
  /** `types` are those that exist; `validate` lists everything wrong with an event's data. */
  readonly events: { types(): readonly string[]; validate(type: string, data: unknown): readonly Problem[] };
  /** Lower-case hex of the hash. */
  readonly sha256: (bytes: Uint8Array) => string;
}

/** An event that satisfies its schema, before it has an id and an envelope. */
export interface DraftEvent {
  readonly type: string;
  /** The lane key, `bill:…`, `visit:…`, `patient:…`. */
  readonly subject: string;
  readonly data: Readonly<Data>;
  readonly occurredAt: string;
  /** Canonical text naming the fact: type and declared fields; the caller puts the partner in front. */
  readonly businessIdentity: string;
  readonly keys: readonly BusinessKey[];
  /** Fields of `data` that come from our time of receipt: they say nothing of the fact, so leave them out when contents are compared. */
  readonly volatile: readonly string[];
  /** Rows for the row store (statements). */
  readonly rows?: readonly Readonly<Data>[];
}

export interface TranslateInput {
  /** The message, or the request of an exchange. */
  readonly raw: Uint8Array;
  readonly reply?: Uint8Array | undefined;
  readonly returnValue?: string | undefined;
  /** Stated by the door (AMQP content type, JSON exchange); wins over everything inside. */
  readonly charset?: string | undefined;
  readonly contentType?: string | undefined;
  /** The partner's name. */
  readonly partner?: string | undefined;
  /** China date-time at which the message was journaled: for partners whose messages tell no time. */
  readonly receivedAt?: string | undefined;
  /** Of the partner's profile. `test: "true"` marks its events as test traffic, `cutOff` sets its business day. */
  readonly constants: Readonly<Record<string, string>>;
}

export type Translated =
  | {
      readonly ok: true;
      readonly case: string;
      readonly messageIdentity: string | undefined;
      readonly events: readonly DraftEvent[];
      readonly keys: readonly BusinessKey[];
      readonly charset: Charset;
    }
  | {
      readonly ok: false;
      readonly problems: readonly Problem[];
      readonly keys: readonly BusinessKey[];
      readonly charset: Charset | undefined;
    };

export interface InboundMapping {
  readonly direction: "inbound";
  readonly document: InboundDocument;
  readonly exchange: boolean;
  /** Constants that the partner's profile must have. */
  readonly constants: readonly string[];
  readonly eventTypes: readonly string[];
  translate(input: TranslateInput): Translated;
}

const CONTENT = "content";

/** Joins parts into one canonical text; separators inside are escaped, absent parts are told apart from empty ones. */
const canonical = (parts: readonly (string | undefined)[]): string =>
  parts
    .map((part) => (part === undefined ? "-" : part.replace(/[%|]/g, (one) => (one === "|" ? "%7C" : "%25")).replace(/^-$/, "%2D")))
    .join("|");

interface CompiledEvent {
  readonly spec: EventSpec;
  readonly holds: ((frames: Frames) => boolean) | undefined;
  readonly steps: readonly Step[];
  readonly subject: readonly (readonly [string, Finder])[];
  readonly identity: readonly Finder[];
  readonly volatile: readonly string[];
  readonly rows: { readonly group: Place; readonly steps: readonly Step[] } | undefined;
  /** Pointer into the data → where it came from. */
  readonly places: ReadonlyMap<string, string>;
}
interface CompiledCase {
  readonly spec: Case;
  readonly holds: (frames: Frames) => boolean;
  readonly checks: readonly RunCheck[];
  readonly refuse: Reference | undefined;
  readonly events: readonly CompiledEvent[];
}

/** A field of the finished data, or a source field. */
type Finder = (data: Data, frames: Frames) => string | undefined;

function finderOf(text: string, context: RuleContext, at: string): Finder {
  if (/[:/]/.test(text)) {
    const found = context.source.ref(text, at);
    return (_, frames) => found?.get(frames);
  }
  const path = dotted(text);
  return (data) => {
    const value = valueAt(data, path);
    return value === undefined ? undefined : String(value);
  };
}

/** Targets whose value is our time of receipt, or follows from it. */
function volatileOf(rules: readonly Rule[]): readonly string[] {
  const names = new Set(rules.filter((rule) => rule.received).map((rule) => rule.to));
  for (const rule of rules) if (names.has(rule.copy ?? rule.businessDateOf ?? "")) names.add(rule.to);
  return [...names];
}

const dotted = (text: string): readonly string[] => text.split(".");

function placesOf(rules: readonly Rule[], context: RuleContext): ReadonlyMap<string, string> {
  const places = new Map<string, string>();
  for (const rule of rules) {
    const name = typeof rule.from === "string" ? rule.from : rule.from?.[0];
    const found = name === undefined ? undefined : context.source.ref(name, "/");
    if (found) places.set(`/${rule.to.replaceAll(".", "/")}`, found.where().place);
  }
  return places;
}

function compileEvent(
  spec: EventSpec,
  document: InboundDocument,
  context: RuleContext,
  types: ReadonlySet<string>,
  at: string,
): CompiledEvent {
  if (!types.has(spec.type)) context.fault(`${at}/type`, `没有事件类型 ${spec.type}`, `there is no event type ${spec.type}`);
  const rules = [...(document.common ?? []), ...spec.fields];
  const targets = new Set<string>();
  for (const rule of rules) {
    if (targets.has(rule.to) && rule.when === undefined) context.fault(at, `${rule.to} 写了两次`, `${rule.to} is set twice`);
    targets.add(rule.to);
  }
  for (const needed of ["occurredAt", "businessDate"])
    if (!targets.has(needed)) context.fault(`${at}/fields`, `缺少 ${needed}`, `lacks ${needed}`);
  const steps = [...compileRules(document.common ?? [], context, "/common"), ...compileRules(spec.fields, context, `${at}/fields`)];
  const group = spec.rows ? context.source.group(spec.rows.each, `${at}/rows/each`) : undefined;
  return {
    spec,
    holds: spec.when === undefined ? undefined : context.source.condition(spec.when, `${at}/when`),
    steps,
    subject: Object.entries(spec.subject).map(([prefix, text]) => [prefix, finderOf(text, context, `${at}/subject/${prefix}`)] as const),
    identity: spec.businessIdentity.map((text, index) => finderOf(text, context, `${at}/businessIdentity/${index}`)),
    volatile: volatileOf(rules),
    rows: spec.rows && group ? { group, steps: compileRules(spec.rows.fields, context, `${at}/rows/fields`, [group]) } : undefined,
    places: placesOf(rules, context),
  };
}

function compileCase(spec: Case, document: InboundDocument, context: RuleContext, types: ReadonlySet<string>, at: string): CompiledCase {
  if ((spec.events === undefined) === (spec.refuse === undefined))
    context.fault(at, "须恰有 events、refuse 之一", "needs exactly one of events, refuse");
  return {
    spec,
    holds: spec.when === undefined ? () => true : context.source.condition(spec.when, `${at}/when`),
    checks: (spec.checks ?? []).map((check, index) => compileCheck(check, context, `${at}/checks/${index}`)),
    refuse: spec.refuse?.at === undefined ? undefined : context.source.ref(spec.refuse.at, `${at}/refuse/at`),
    events: (spec.events ?? []).map((event, index) => compileEvent(event, document, context, types, `${at}/events/${index}`)),
  };
}

interface Part {
  readonly name: string;
  readonly codec: Codec;
  readonly read: ReadPart;
  readonly place: Place | undefined;
}

/** A compiled document; faults are reported through `fault`, and a document with faults is never run. */
export function compileInbound(document: InboundDocument, vendor: VendorDocument, deps: MappingDeps, fault: Fault): InboundMapping {
  const source = createSource(fault);
  const context: RuleContext = {
    source,
    fault,
    tables: document.tables ?? {},
    constants: new Set(Object.keys(vendor.constants)),
    constantsUsed: new Set(),
  };
  const parts: Part[] = [];
  const addPart = (name: string, given: Codec, label: string, at: string): void => {
    const read = source.addPart(name, given, label, false, at);
    if (given.charset !== undefined && charsetOf(given.charset) === undefined)
      fault(`${at}/charset`, "字符集不受支持", "is no supported charset");
    parts.push({ name, codec: given, read, place: source.parts.get(name) });
  };
  if ((document.codec === undefined) === (document.parts === undefined))
    fault("", "须恰有 codec、parts 之一", "needs exactly one of codec, parts");
  const returned = document.parts?.return ? source.addValue("return", "返回值") : undefined;
  if (document.codec) addPart("", document.codec, "报文", "/codec");
  if (document.parts) {
    // The reply first: how it ended decides which layout its request must have.
    addPart("reply", document.parts.reply.codec, "应答", "/parts/reply/codec");
    addPart("request", document.parts.request.codec, "请求", "/parts/request/codec");
  }

  const types = new Set(deps.events.types());
  const checks = (document.checks ?? []).map((check, index) => compileCheck(check, context, `/checks/${index}`));
  const cases = document.cases.map((one, index) => compileCase(one, document, context, types, `/cases/${index}`));
  const identity = document.messageIdentity.map((text, index) =>
    text === CONTENT ? CONTENT : source.ref(text, `/messageIdentity/${index}`),
  );
  const keys = document.keys.map((key, index) => {
    const kind = BUSINESS_KEY_KINDS.find((one) => one === key.kind);
    if (!kind)
      fault(
        `/keys/${index}/kind`,
        `业务键种类须为 ${BUSINESS_KEY_KINDS.join("、")}`,
        `a key's kind is one of ${BUSINESS_KEY_KINDS.join(", ")}`,
      );
    return { kind: kind ?? "serial", found: source.ref(key.from, `/keys/${index}/from`) };
  });
  const zeros = compileIgnored(document, source, fault);
  labelPlaces(document, source, fault);
  checkAccounted(parts, source.used, fault);
  if ((document.unfilled ?? []).length > 0)
    fault("/unfilled", "还有未填完的字段：移到 fields 或 ignored", "there are fields still to be mapped or ignored");

  const readKeys = (frames: Frames): readonly BusinessKey[] => {
    const seen = new Map<string, BusinessKey>();
    for (const { kind, found } of keys)
      for (const inside of found?.expand(frames) ?? []) {
        const value = found?.get(inside);
        if (value !== undefined) seen.set(`${kind}:${value}`, { kind, value });
      }
    return [...seen.values()];
  };
  const fallback = vendor.charset;
  /** The places that decide between the cases. */
  const asked = document.cases.flatMap((one) => (one.when ? [...conditionsIn(one.when, "")] : [])).flatMap(([one]) => one.at ?? []);
  const deciders = [...new Set(asked)].map((text) => source.ref(text, "/cases", [], false)).filter((one) => one !== undefined);
  const deciding = (frames: Frames): { readonly at: string; readonly place: string } => ({
    at: deciders[0]?.where(frames).at ?? "",
    place: deciders.map((one) => one.where(frames).place).join("、"),
  });

  /** Decodes and parses every part; undefined charset when the first could not be decoded. */
  const readParts = (input: TranslateInput, frames: Frames, sink: Sink): Charset | undefined => {
    if (document.parts?.return) readReturn(input.returnValue, document.parts.return.optional === true, returned, frames, sink);
    let charset: Charset | undefined;
    for (const part of parts) {
      const raw = part.name === "reply" ? input.reply : input.raw;
      const where = part.place ? whereIs(part.place) : { at: part.name, place: part.name };
      if (raw === undefined) {
        sink.add("missing", where, { zh: "只有请求，没有应答", en: "the request came without its reply" });
        continue;
      }
      const bytes: Bytes = { raw, charset: input.charset, contentType: input.contentType };
      const decoded = decodeBytes(bytes, part.codec, fallback);
      if ("code" in decoded) sink.add(decoded.code, where, { zh: decoded.zh, en: decoded.en });
      else {
        charset ??= decoded.charset;
        part.read(decoded.text, frames, sink);
      }
    }
    return charset;
  };

  const translate = (input: TranslateInput): Translated => {
    const sink = createSink();
    const row = createRow(source.scope);
    const frames: Frames = [row];
    const charset = readParts(input, frames, sink);
    const found = readKeys(frames);
    const refused = (): Translated => ({ ok: false, problems: sink.problems, keys: found, charset });
    if (sink.broken || sink.problems.some((one) => FATAL.has(one.code))) return refused();
    for (const zero of zeros) zero(frames, sink);
    const constants = input.partner === undefined ? input.constants : { ...input.constants, partner: input.partner };
    const run: Run = {
      sink,
      constants,
      receivedAt: input.receivedAt,
      cutOff: input.constants.cutOff ?? vendor.cutOff ?? CUT_OFF_DEFAULT,
      checksum: () => hashOf(input, deps.sha256),
      data: {},
    };
    for (const check of checks) check(run, frames);
    const chosen = cases.find((one) => one.holds(frames));
    if (!chosen) {
      sink.add("no-case", deciding(frames));
      return refused();
    }
    if (chosen.spec.refuse) {
      const { because } = chosen.spec.refuse;
      sink.add("failed-result", chosen.refuse?.where(frames) ?? { at: "", place: "" }, because);
      return refused();
    }
    for (const check of chosen.checks) check(run, frames);
    const events = chosen.events
      .filter((one) => one.holds === undefined || one.holds(frames))
      .map((one) => draft(one, run, frames, found, deps));
    if (events.length === 0) sink.add("no-case", { at: "", place: chosen.spec.name });
    const good = events.filter((one) => one !== undefined);
    if (sink.problems.length > 0 || charset === undefined) return refused();
    return {
      ok: true,
      case: chosen.spec.name,
      messageIdentity: identityOf(identity, frames, input, deps),
      events: good,
      keys: found,
      charset,
    };
  };

  return {
    direction: "inbound",
    document,
    exchange: document.parts !== undefined,
    constants: [...context.constantsUsed],
    eventTypes: [...new Set(document.cases.flatMap((one) => (one.events ?? []).map((event) => event.type)))],
    translate,
  };
}

/** Nothing more can be said of a message whose bytes could not be read. */
const FATAL: ReadonlySet<string> = new Set(["charset", "malformed", "forbidden", "too-large", "too-deep"]);
const RETURN_VALUE = /^-?\d{1,9}$/;

function readReturn(text: string | undefined, optional: boolean, place: Place | undefined, frames: Frames, sink: Sink): void {
  if (!place) return;
  const bare = text?.trim() ?? "";
  if (bare === "") {
    if (!optional) sink.add("missing", whereIs(place));
  } else if (!RETURN_VALUE.test(bare)) sink.add("bad-number", whereIs(place));
  else if (frames[0]) frames[0].values[place.slot] = bare;
}

function hashOf(input: TranslateInput, sha256: MappingDeps["sha256"]): string {
  return input.reply === undefined
    ? sha256(input.raw)
    : sha256(new TextEncoder().encode(`${sha256(input.raw)} ${sha256(input.reply)} ${input.returnValue ?? ""}`));
}

function identityOf(
  identity: readonly (Reference | typeof CONTENT | undefined)[],
  frames: Frames,
  input: TranslateInput,
  deps: MappingDeps,
): string | undefined {
  const values = identity.map((one) => (one === CONTENT ? hashOf(input, deps.sha256) : one?.get(frames)));
  return values.some((value) => value === undefined) ? undefined : canonical(values);
}

function draft(event: CompiledEvent, outer: Run, frames: Frames, keys: readonly BusinessKey[], deps: MappingDeps): DraftEvent | undefined {
  const data: Data = { schemaVersion: 1 };
  const run: Run = { ...outer, data };
  const before = run.sink.problems.length;
  for (const step of event.steps) step(run, frames, data);
  data.bills ??= [];
  data.serials ??= [];
  data.test = run.constants.test === "true";
  data.missing = (event.spec.missing ?? []).filter((path) => valueAt(data, dotted(path)) === undefined);
  const rows = event.rows ? rowsOf(event.rows.group, frames).map((inside) => built(event.rows?.steps ?? [], run, inside)) : undefined;
  if (run.sink.problems.length > before || run.sink.problems.length > 0) return undefined;
  for (const one of deps.events.validate(event.spec.type, data)) {
    run.sink.add(
      one.code,
      { at: one.at, place: event.places.get(one.at) ?? one.place },
      { zh: withoutPlace(one.zh, one.place), en: withoutPlace(one.en, one.place) },
    );
  }
  const identity = event.identity.map((find) => find(data, frames));
  if (identity.every((value) => value === undefined)) run.sink.add("missing", { at: "", place: "业务身份 business identity" });
  const subject = event.subject.map(([prefix, find]) => [prefix, find(data, frames)] as const).find(([, value]) => value !== undefined);
  if (!subject) run.sink.add("missing", { at: "", place: "通道键 subject" });
  if (run.sink.problems.length > 0 || !subject) return undefined;
  return {
    type: event.spec.type,
    subject: `${subject[0]}:${subject[1]}`,
    data,
    occurredAt: String(data.occurredAt),
    businessIdentity: canonical([event.spec.type, ...identity]),
    keys,
    volatile: event.volatile,
    ...(rows ? { rows } : {}),
  };
}

/** The registry's sentences begin with its own place; ours begin with the partner's. */
const withoutPlace = (sentence: string, place: string): string => {
  if (place === "" || !sentence.startsWith(place)) return sentence;
  return sentence.slice(place.length).replace(/^(?:：|: )/, "");
};

/** Notes every ignored place; those ignored only while zero become checks. */
function compileIgnored(
  document: InboundDocument,
  source: ReturnType<typeof createSource>,
  fault: Fault,
): readonly ((frames: Frames, sink: Sink) => void)[] {
  const zeros: ((frames: Frames, sink: Sink) => void)[] = [];
  for (const [index, { from, zero, because }] of document.ignored.entries())
    for (const text of typeof from === "string" ? [from] : from) {
      const at = `/ignored/${index}`;
      const before = new Set(source.used);
      const found = source.ref(text, at);
      if (!found) continue;
      if (before.has(found.place)) fault(at, `${text} 既被使用又被忽略`, `${text} is both used and ignored`);
      if (zero !== true) continue;
      zeros.push((frames, sink) => {
        for (const inside of found.expand(frames)) {
          const value = found.get(inside);
          if (value !== undefined && !/^0*(?:\.0*)?$/.test(value))
            sink.add("condition", found.where(inside), {
              zh: `不为零，映射尚不支持：${because}`,
              en: `is not zero, which the mapping does not support: ${because}`,
            });
        }
      });
    }
  return zeros;
}

function labelPlaces(document: InboundDocument, source: ReturnType<typeof createSource>, fault: Fault): void {
  for (const [path, label] of Object.entries(document.labels ?? {})) {
    const before = source.used.size;
    const found = source.ref(path, `/labels/${path}`, [], false);
    if (!found) continue;
    if (source.used.size > before) fault(`/labels/${path}`, `${path} 没有映射也没有忽略`, `${path} is neither mapped nor ignored`);
    found.place.label = `/${label}`;
  }
}

/** Every declared position of a delimited part must be referred to. (Elements of XML and JSON are checked when they occur.) */
function checkAccounted(parts: readonly Part[], used: ReadonlySet<Place>, fault: Fault): void {
  const visit = (place: Place): void => {
    for (const child of place.children.values()) {
      if (child.children.size > 0) visit(child);
      else if (!used.has(child))
        fault(
          "/ignored",
          `${whereIs(child).at}（${whereIs(child).place}）既未映射也未忽略`,
          `${whereIs(child).at} is neither mapped nor ignored`,
        );
    }
  };
  for (const part of parts) if (part.codec.kind === "delimited" && part.place) visit(part.place);
}
