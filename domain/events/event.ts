/**
 * The events: CloudEvents 1.0 in structured JSON (reference/events.md, design.md decision 13). One folder per type exports a `definition`;
 * the registry is made from them and is the only way to a sealed event, so nothing invalid is ever published.
 */
import { Ajv, type ValidateFunction } from "ajv";
import type { Static, TObject } from "typebox";
import { type Problem, problem } from "../problem.ts";
import { KIND_WORD } from "../schema/pieces.ts";
import { isChinaDateTime, isDate } from "../time.ts";
import { checkMissing, type EventData } from "./every-event.ts";
import { problemOfAjv } from "./texts.ts";

/** Kinds of business keys: what a person searches by, and what keeps work in order. No two begin alike: the store keeps the first letter. */
export const BUSINESS_KEY_KINDS = ["order", "patient", "visit", "bill", "serial", "message"] as const;
export type BusinessKeyKind = (typeof BUSINESS_KEY_KINDS)[number];
export interface BusinessKey {
  readonly kind: BusinessKeyKind;
  readonly value: string;
}

/** The envelope. `data` has the shape of its type's schema; the registry has checked it. */
export interface Event {
  readonly specversion: "1.0";
  /** hash(message identity, type, ordinal): the same message gives the same id for ever. */
  readonly id: string;
  readonly type: string;
  /** The partner. */
  readonly source: string;
  /** The lane key, `bill:…`: what keeps order. */
  readonly subject: string;
  /** = data.occurredAt, the partner's clock. */
  readonly time: string;
  readonly datacontenttype: "application/json";
  /** Names the schema of `data` with its version. */
  readonly dataschema: string;
  readonly traceparent?: string;
  readonly data: EventData;
}

const texts = new WeakMap<Event, string>();

/** The event as JSON text, made once: the same text is stored, owed to the broker and published. An event is not changed once it is sealed. */
export function eventText(event: Event): string {
  let text = texts.get(event);
  if (text === undefined) {
    text = JSON.stringify(event);
    texts.set(event, text);
  }
  return text;
}

/** The version every type has now. A change that a subscriber could notice is a new version, never an edit. */
const SCHEMA_VERSION = 1;
/** Problems listed of one event; a broken list of thousands of lines does not need one sentence each. */
const PROBLEMS_MAX = 200;
/** Longest `subject`, `source`. */
export const ENVELOPE_TEXT_MAX = 256;

/** A sentence in both languages. */
export interface Bilingual {
  readonly zh: string;
  readonly en: string;
}

/** What a folder under domain/events/ exports. */
export interface EventDefinition {
  readonly type: string;
  readonly version: typeof SCHEMA_VERSION;
  readonly title: Bilingual;
  readonly meaning: Bilingual;
  /** Common and own fields; knows no others. */
  readonly data: TObject;
  /** Optional fields a reader counts on: one that is absent must be named in `missing` (dotted path), so that absence is a statement and not an accident. */
  readonly expected: readonly string[];
  /** The rules between fields. Only called with data that satisfies the schema. */
  check(data: EventData): readonly Problem[];
  /** What the event can be found by. Only called with data that satisfies the schema. */
  keys(data: EventData): readonly BusinessKey[];
}

/** Writes a definition with its data typed; the registry calls `check` and `keys` only after the schema has accepted the data. */
export function defineEvent<S extends TObject>(definition: {
  readonly type: string;
  readonly title: Bilingual;
  readonly meaning: Bilingual;
  readonly data: S;
  readonly expected: readonly string[];
  readonly check: (data: Static<S>) => readonly Problem[];
  readonly keys: (data: Static<S>) => readonly BusinessKey[];
}): EventDefinition {
  return {
    ...definition,
    version: SCHEMA_VERSION,
    check: (data) => definition.check(data as Static<S>),
    keys: (data) => definition.keys(data as Static<S>),
  };
}

/** URI that names the schema of `data`. */
export const dataSchemaUri = (type: string, version: number): string => `urn:huiliu:event:${type}:${version}`;

/** What makes an event the same event for ever. */
export interface EventOrigin {
  /** Identity of the message, unique among all partners: the caller puts the partner in (two partners may count alike). */
  readonly messageIdentity: string;
  readonly type: string;
  /** Place among the events of the same message, from 0. */
  readonly ordinal: number;
}

/** The event id: hex hash of the origin. `sha256` is a port, text in and lower-case hex out. */
export function eventId(origin: EventOrigin, sha256: (text: string) => string): string {
  return sha256(JSON.stringify([origin.messageIdentity, origin.type, origin.ordinal]));
}

/** An event before it is checked. */
export interface EventDraft {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly subject: string;
  readonly traceparent?: string;
  readonly data: unknown;
}

export type Sealed =
  | { readonly ok: true; readonly event: Event; readonly keys: readonly BusinessKey[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export interface EventRegistry {
  /** Sorted. */
  types(): readonly string[];
  get(type: string): EventDefinition | undefined;
  /** Every problem of the data, at most PROBLEMS_MAX; empty when it is good. The rules between fields are asked once the schema is satisfied. */
  validate(type: string, data: unknown): readonly Problem[];
  /** The event, or why not. */
  seal(draft: EventDraft): Sealed;
}

interface Entry {
  readonly definition: EventDefinition;
  /** Compiled when the first event of the type comes. */
  accepts?: ValidateFunction;
}

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Strict ajv that knows our words: unknown keywords and formats are mistakes of ours and throw at start. `verbose` gives the piece that refused. */
function createAjv(): Ajv {
  const ajv = new Ajv({ strict: true, allErrors: true, verbose: true, allowUnionTypes: false });
  ajv.addVocabulary([KIND_WORD]);
  ajv.addFormat("date-time", { type: "string", validate: isChinaDateTime });
  ajv.addFormat("date", { type: "string", validate: isDate });
  return ajv;
}

function envelopeProblems(draft: EventDraft): readonly Problem[] {
  const problems: Problem[] = [];
  for (const field of ["id", "source", "subject"] as const) {
    if (draft[field].trim() === "") problems.push(problem("blank", `/${field}`));
    else if (draft[field].length > ENVELOPE_TEXT_MAX) problems.push(problem("too-long", `/${field}`));
  }
  if (draft.traceparent !== undefined && !TRACEPARENT.test(draft.traceparent)) problems.push(problem("unreadable", "/traceparent"));
  return problems;
}

const capped = (problems: readonly Problem[]): readonly Problem[] =>
  problems.length <= PROBLEMS_MAX ? problems : [...problems.slice(0, PROBLEMS_MAX - 1), problem("too-many-problems", "")];

/**
 * Compiles every schema at once. Throws when a definition is wrong or a type is there twice: that is ours to mend before start. What was compiled is let go again, and made
 * anew for the types that events come of: one takes a hundred kilobytes of text alone, and a hospital has a dozen of them.
 */
export function createEventRegistry(definitions: readonly EventDefinition[]): EventRegistry {
  const trial = createAjv();
  const ajv = createAjv();
  const entries = new Map<string, Entry>();
  for (const definition of definitions) {
    if (entries.has(definition.type)) throw new Error(`event type ${definition.type} is defined twice`);
    trial.compile(definition.data);
    entries.set(definition.type, { definition });
  }

  /** What was found good last: a message's event is asked about by its mapping and sealed at once, unchanged. */
  let good: { readonly type: string; readonly data: unknown } | undefined;
  const validate = (type: string, data: unknown): readonly Problem[] => {
    const problems = problemsOf(type, data);
    good = problems.length === 0 ? { type, data } : undefined;
    return problems;
  };
  const problemsOf = (type: string, data: unknown): readonly Problem[] => {
    const entry = entries.get(type);
    if (!entry) return [problem("unknown-type", "", { place: type.slice(0, ENVELOPE_TEXT_MAX) })];
    entry.accepts ??= ajv.compile(entry.definition.data);
    if (!entry.accepts(data)) return capped((entry.accepts.errors ?? []).map(problemOfAjv));
    const accepted = data as EventData;
    return capped([...checkMissing(accepted, entry.definition), ...entry.definition.check(accepted)]);
  };

  return {
    types: () => [...entries.keys()].sort(),
    get: (type) => entries.get(type)?.definition,
    validate,
    seal: (draft) => {
      const entry = entries.get(draft.type);
      const known = good?.type === draft.type && good.data === draft.data;
      const problems = [...envelopeProblems(draft), ...(known ? [] : problemsOf(draft.type, draft.data))];
      good = undefined;
      if (!entry || problems.length > 0) return { ok: false, problems };
      const data = draft.data as EventData & { readonly occurredAt: string };
      const event: Event = {
        specversion: "1.0",
        id: draft.id,
        type: draft.type,
        source: draft.source,
        subject: draft.subject,
        time: data.occurredAt,
        datacontenttype: "application/json",
        dataschema: dataSchemaUri(draft.type, entry.definition.version),
        ...(draft.traceparent === undefined ? {} : { traceparent: draft.traceparent }),
        data,
      };
      return { ok: true, event, keys: entry.definition.keys(data) };
    },
  };
}
