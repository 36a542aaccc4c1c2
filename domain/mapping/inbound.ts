/**
 * Inbound: a document compiled once into closures, then bytes → draft events or the list of everything that is wrong. All events of a message or none.
 */
import type { BusinessKey } from "../events/event.ts";
import { BUSINESS_KEY_KINDS } from "../events/event.ts";
import type { Problem } from "../problem.ts";
import { CUT_OFF_DEFAULT, isCutOff } from "../time.ts";
import { checkAccounted, compileIgnored, labelPlaces } from "./accounting.ts";
import type { Charset } from "./charset.ts";
import { compileCheck, type RunCheck } from "./checks.ts";
import { conditionsIn } from "./conditions.ts";
import type { Case, InboundDocument } from "./document.ts";
import { type CompiledEvent, canonical, compileEvent, type CompiledWithout, compileWithout, draft, heldEvents } from "./drafts.ts";
import { compileParts, FATAL } from "./parts.ts";
import type { Data, RuleContext, Run } from "./rules.ts";
import { createRow, createSink, type Frames, type Sink } from "./shape.ts";
import { createSource, type Fault, type Reference, type Source } from "./source.ts";
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
  /** Fields of `data` to leave out when contents are compared: from our time of receipt, or declared `notCompared`. */
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
  /** The wire framed it, so that its end is its end: an HL7 message may then lack its last CR, as many senders leave it out. */
  readonly framed?: boolean | undefined;
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

/** In `messageIdentity`: the hash of the whole message. */
const CONTENT = "content";

interface CompiledCase {
  readonly spec: Case;
  readonly holds: (frames: Frames) => boolean;
  readonly checks: readonly RunCheck[];
  readonly refuse: Reference | undefined;
  readonly events: readonly CompiledEvent[];
  readonly without: readonly CompiledWithout[];
}

function compileCase(spec: Case, document: InboundDocument, context: RuleContext, types: ReadonlySet<string>, at: string): CompiledCase {
  if ([spec.events, spec.refuse, spec.nothing].filter((way) => way !== undefined).length !== 1)
    context.fault(at, "须恰有 events、refuse、nothing 之一", "needs exactly one of events, refuse, nothing");
  return {
    spec,
    holds: spec.when === undefined ? () => true : context.source.condition(spec.when, `${at}/when`),
    checks: (spec.checks ?? []).map((check, index) => compileCheck(check, context, `${at}/checks/${index}`)),
    refuse: spec.refuse?.at === undefined ? undefined : context.source.ref(spec.refuse.at, `${at}/refuse/at`),
    without: compileWithout(spec, context, at),
    events: (spec.events ?? []).map((event, index) => compileEvent(event, document, context, types, `${at}/events/${index}`)),
  };
}

/** `whole`: only keys of the message as a whole, none of its rows: an event of one row is not found by another row's number. */
type KeysOf = (frames: Frames, whole?: boolean) => readonly BusinessKey[];
type Where = (frames: Frames) => { readonly at: string; readonly place: string };

/** Finds the business keys of a message, also of one that is refused. */
function compileKeys(document: InboundDocument, source: Source, fault: Fault): KeysOf {
  const keys = document.keys.map((key, index) => {
    const kind = BUSINESS_KEY_KINDS.find((one) => one === key.kind);
    const kinds = BUSINESS_KEY_KINDS.join(", ");
    if (!kind) fault(`/keys/${index}/kind`, `业务键种类须为 ${kinds}`, `a key's kind is one of ${kinds}`);
    return { kind: kind ?? "serial", found: source.ref(key.from, `/keys/${index}/from`) };
  });
  return (frames, whole = false) => {
    const seen = new Map<string, BusinessKey>();
    for (const { kind, found } of keys)
      if (!whole || found?.repeats === false)
        for (const inside of found?.expand(frames) ?? []) {
          const value = found?.get(inside);
          if (value !== undefined) seen.set(`${kind}:${value}`, { kind, value });
        }
    return [...seen.values()];
  };
}

/** Names the places that decide between the cases, for a message that fits none. */
function decidersOf(document: InboundDocument, source: Source): Where {
  const asked = document.cases.flatMap((one) => (one.when ? [...conditionsIn(one.when, "")] : [])).flatMap(([one]) => one.at ?? []);
  const found = [...new Set(asked)].map((text) => source.ref(text, "/cases", [], false)).filter((one) => one !== undefined);
  return (frames) => ({ at: found[0]?.where(frames).at ?? "", place: found.map((one) => one.where(frames).place).join("、") });
}

/** One document's parts, ready to run. */
interface Compiled {
  readonly source: Source;
  readonly parts: ReturnType<typeof compileParts>;
  readonly checks: readonly RunCheck[];
  readonly cases: readonly CompiledCase[];
  readonly identity: readonly (Reference | typeof CONTENT | undefined)[];
  readonly keysOf: KeysOf;
  readonly zeros: readonly ((frames: Frames, sink: Sink) => void)[];
  readonly deciding: Where;
  readonly vendor: VendorDocument;
  readonly deps: MappingDeps;
}

/** A compiled document; faults are reported through `fault`, and a document with faults is never run. */
export function compileInbound(document: InboundDocument, vendor: VendorDocument, deps: MappingDeps, fault: Fault): InboundMapping {
  const source = createSource(fault);
  const constants = new Set(Object.keys(vendor.constants));
  const context: RuleContext = { source, fault, tables: document.tables ?? {}, constants, constantsUsed: new Set() };
  const parts = compileParts(document, vendor.charset, source, fault);
  const types = new Set(deps.events.types());
  const compiled: Compiled = {
    source,
    parts,
    vendor,
    deps,
    checks: (document.checks ?? []).map((check, index) => compileCheck(check, context, `/checks/${index}`)),
    cases: document.cases.map((one, index) => compileCase(one, document, context, types, `/cases/${index}`)),
    identity: document.messageIdentity.map((text, index) => (text === CONTENT ? CONTENT : source.ref(text, `/messageIdentity/${index}`))),
    keysOf: compileKeys(document, source, fault),
    zeros: compileIgnored(document, source, fault),
    deciding: decidersOf(document, source),
  };
  labelPlaces(document, source, fault);
  checkAccounted(parts.list, source.used, fault);
  if ((document.unfilled ?? []).length > 0)
    fault("/unfilled", "还有未填完的字段：移到 fields 或 ignored", "there are fields still to be mapped or ignored");
  return {
    direction: "inbound",
    document,
    exchange: document.parts !== undefined,
    constants: [...context.constantsUsed],
    eventTypes: [...new Set(document.cases.flatMap((one) => (one.events ?? []).map((event) => event.type)))],
    translate: (input) => translateWith(compiled, input),
  };
}

/** The business day's cut-off: the partner's, else the vendor's, else the house's. A partner's that is none is reported. */
function cutOffOf(input: TranslateInput, vendor: VendorDocument, sink: Sink): string {
  const own = input.constants.cutOff;
  if (own !== undefined && !isCutOff(own))
    sink.add("unknown-constant", { at: "cutOff", place: "cutOff" }, { zh: "不是 HH:mm", en: "is not HH:mm" });
  return own !== undefined && isCutOff(own) ? own : (vendor.cutOff ?? CUT_OFF_DEFAULT);
}

function translateWith(compiled: Compiled, input: TranslateInput): Translated {
  const { vendor, deps } = compiled;
  const sink = createSink();
  const frames: Frames = [createRow(compiled.source.scope)];
  const charset = compiled.parts.read(input, frames, sink);
  const keys = compiled.keysOf(frames);
  const refused = (): Translated => ({ ok: false, problems: sink.problems, keys, charset });
  if (sink.broken || sink.problems.some((one) => FATAL.has(one.code))) return refused();
  for (const zero of compiled.zeros) zero(frames, sink);
  const constants = input.partner === undefined ? input.constants : { ...input.constants, partner: input.partner };
  const checksum = (): string => hashOf(input, deps.sha256);
  const run: Run = {
    sink,
    constants,
    receivedAt: input.receivedAt?.replace(/\.\d+(?=\+08:00$)/, ""),
    cutOff: cutOffOf(input, vendor, sink),
    checksum,
    data: {},
  };
  for (const check of compiled.checks) check(run, frames);
  const chosen = compiled.cases.find((one) => one.holds(frames));
  if (!chosen) sink.add("no-case", compiled.deciding(frames));
  else if (chosen.spec.refuse) sink.add("failed-result", chosen.refuse?.where(frames) ?? { at: "", place: "" }, chosen.spec.refuse.because);
  if (!chosen || chosen.spec.refuse) return refused();
  for (const check of chosen.checks) check(run, frames);
  const { held: wanted, passed } = heldEvents(chosen.events, chosen.without, frames, sink);
  const ofWhole = compiled.keysOf(frames, true);
  const events = wanted
    .map((one) => draft(one.event, run, one.frames, one.event.each === undefined ? keys : ofWhole, deps))
    .filter((one) => one !== undefined);
  if (wanted.length === 0 && !passed && chosen.spec.nothing === undefined) sink.add("no-case", { at: "", place: chosen.spec.name });
  if (sink.problems.length > 0 || charset === undefined) return refused();
  const messageIdentity = identityOf(compiled.identity, frames, input, deps);
  return { ok: true, case: chosen.spec.name, messageIdentity, events, keys, charset };
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
