/** Outbound documents as integrators work on them: run on what is to be written, held against what went out, kept as examples without personal data. Nothing is sent. */
import { access } from "node:fs/promises";
import { join } from "node:path";
import { type Charset, charsetOf, decode, encodeText } from "../../domain/mapping/charset.ts";
import { type Encoded, type EncodeInput, encode, type OutboundMapping } from "../../domain/mapping/mapping.ts";
import { readSent } from "../../domain/mapping/sent.ts";
import type { OutboundSource, PreparedExample } from "../../domain/operations/mapping-bench.ts";
import { disguise, personalOf } from "../../domain/operations/disguise.ts";
import { maskText, maskValue } from "../../domain/operations/masking.ts";
import { type Answered, answered, refused } from "../../domain/operations/refusals.ts";
import type { MappingProblem, MappingText, OutboundTrial } from "../../domain/operations/views-mappings.ts";
import type { Partner } from "../../domain/partners/profile.ts";
import type { Problem } from "../../domain/problem.ts";
import { outboundExample, outboundExamples } from "../../platform/catalogue/examples.ts";
import type { LoadedMappings } from "../../platform/catalogue/mappings.ts";

/** Bytes of the body shown as hex. */
const HEX_BYTES_MAX = 512;
/** Longest body shown, in characters. */
const BODY_CHARS_MAX = 200_000;

export interface OutboundDeps {
  readonly root: string;
  readonly partners: ReadonlyMap<string, Partner>;
  /** A write-back's key (bin/engine/dialects.ts). */
  readonly keyOf: (eventId: string, destination: string, kind: string) => string;
}

type Input = { readonly partner: string; readonly encode: EncodeInput; readonly sent?: string };
type Compiled = { readonly ok: true; readonly mapping: OutboundMapping } | { readonly ok: false; readonly problems: readonly Problem[] };

const problemOf = ({ code, at, place, zh, en }: Problem): MappingProblem => ({
  code,
  at,
  place: maskText(place),
  zh: maskText(zh),
  en: maskText(en),
});
const textOf = (bytes: Uint8Array, charset: Charset): string => maskText((decode(bytes, charset) ?? "").slice(0, BODY_CHARS_MAX));

/** Who is written to by the document, and under which kind of write-back. */
function usesOf(deps: Pick<OutboundDeps, "partners">, id: string): readonly { readonly destination: string; readonly kind: string }[] {
  return [...deps.partners.values()].flatMap(({ partner, vendor, destination }) =>
    Object.entries(destination?.messages ?? {}).flatMap(([kind, message]) =>
      `${vendor}/${message}` === id ? [{ destination: partner, kind }] : [],
    ),
  );
}

/** What the page needs to know of an outbound document besides its text. */
export async function writesOf(deps: OutboundDeps, id: string, mapping: OutboundMapping): Promise<NonNullable<MappingText["writes"]>> {
  const { purpose, eventTypes } = mapping;
  const examples = await outboundExamples(deps.root, id);
  return { purpose, eventTypes: [...eventTypes], uses: [...usesOf(deps, id)], examples: [...examples] };
}

/** What the document is run on: of an inquiry the write-back that it asks about, else the event; of an event of which nothing is owed here, as it would be owed first. */
function inputOf(deps: OutboundDeps, all: LoadedMappings, id: string, mapping: OutboundMapping, source: OutboundSource): Input {
  const { event, order, writeBack } = source;
  const [use] = usesOf(deps, id);
  const partner = writeBack?.destination ?? use?.destination ?? id.split("/")[0] ?? "";
  const key = writeBack?.key ?? deps.keyOf(event?.id ?? "", partner, use?.kind ?? mapping.purpose);
  const base = { key, constants: deps.partners.get(partner)?.constants ?? {}, ...(order === undefined ? {} : { order }) };
  if (mapping.eventTypes.length > 0) {
    const sent =
      writeBack?.body === undefined || writeBack.mapping !== id
        ? undefined
        : textOf(writeBack.body, charsetOf(writeBack.charset) ?? "utf-8");
    return { partner, encode: { ...base, ...(event === undefined ? {} : { event }) }, ...(sent === undefined ? {} : { sent }) };
  }
  const about = writeBack && all.mappings.get(writeBack.mapping);
  const vendor = all.vendors.get(writeBack?.mapping.split("/")[0] ?? "");
  if (writeBack?.body === undefined || about?.direction !== "outbound" || vendor === undefined) return { partner, encode: base };
  const { body, contentType } = writeBack;
  return { partner, encode: { ...base, sent: readSent(about.document.codec, vendor, { body, contentType }) } };
}

/** An example as it lies beside the document, with what it expects. */
async function exampleOf(deps: OutboundDeps, id: string, name: string): Promise<Input | undefined> {
  if (!(await outboundExamples(deps.root, id)).includes(name)) return undefined;
  const { input, partner, expected } = await outboundExample(deps.root, id, name);
  return { partner, encode: input, ...(expected === undefined ? {} : { sent: maskText(expected.slice(0, BODY_CHARS_MAX)) }) };
}

function shown(encoded: Extract<Encoded, { ok: true }>): Pick<OutboundTrial, "request" | "body" | "hex"> {
  const { body, charset, method, path, headers, contentType, amountFen, serial } = encoded;
  const text = textOf(body, charset);
  const bytes = encodeText(text, charset) ?? new Uint8Array(0);
  return {
    request: {
      ...{ method, path, contentType, bytes: body.length },
      headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, maskText(value)])),
      ...(amountFen === undefined ? {} : { amount: amountFen.toString() }),
      ...(serial === undefined ? {} : { serial: maskText(serial) }),
    },
    body: text,
    hex: Buffer.from(bytes.subarray(0, HEX_BYTES_MAX))
      .toString("hex")
      .replace(/(..)(?=.)/g, "$1 "),
  };
}

/** Runs the document: `compiled` is what was given, `stored` what lies in mappings/. */
export async function tryWriting(
  deps: OutboundDeps,
  all: LoadedMappings,
  id: string,
  { stored, compiled }: { readonly stored: OutboundMapping; readonly compiled: Compiled | undefined },
  from: OutboundSource | { readonly example: string },
): Promise<Answered<OutboundTrial>> {
  const input = "example" in from ? await exampleOf(deps, id, from.example) : inputOf(deps, all, id, stored, from);
  if (input === undefined) return refused("UNKNOWN_EXAMPLE");
  const { event } = input.encode;
  if (stored.eventTypes.length > 0 && event === undefined) return refused("EVENT_NOT_STORED");
  const before = encode(stored, input.encode);
  const mapping = compiled?.ok === true ? compiled.mapping : stored;
  const head = {
    partner: input.partner,
    codec: mapping.document.codec.kind,
    ...(event === undefined ? {} : { event: { type: event.type, event: maskValue(JSON.parse(JSON.stringify(event))) } }),
    ...(before.ok ? { stored: textOf(before.body, before.charset) } : {}),
    ...(input.sent === undefined ? {} : { sent: input.sent }),
  };
  if (compiled?.ok === false) return answered({ stage: "document", problems: compiled.problems.map(problemOf), ...head });
  const encoded = encode(mapping, input.encode);
  if (!encoded.ok) return answered({ stage: "event", problems: encoded.problems.map(problemOf), ...head });
  return answered({ stage: "done", problems: [], ...head, ...shown(encoded) });
}

/** Places of the write-back that an inquiry repeats. */
const placesIn = (value: unknown): readonly string[] =>
  typeof value !== "object" || value === null
    ? []
    : Object.entries(value).flatMap(([name, one]) => (name === "sent" && typeof one === "string" ? [one] : placesIn(one)));

/** Written alike: both, or refused for the same at the same places. */
function alike(one: Encoded, other: Encoded): boolean {
  if (one.ok || other.ok) return one.ok === other.ok;
  const told = ({ problems }: { readonly problems: readonly Problem[] }): string =>
    problems.map(({ code, at }) => `${code} ${at}`).join("\n");
  return told(one) === told(other);
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** A folder that cannot be looked at is no free place: the error goes to the one who asks, and nothing is written over. */
async function exists(folder: string): Promise<boolean> {
  try {
    await access(folder);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}

/** Event and context without personal data, ready to be written; what the stored document makes of them is the expectation. */
export async function disguised(
  deps: OutboundDeps,
  all: LoadedMappings,
  id: string,
  name: string,
  mapping: OutboundMapping,
  source: OutboundSource,
): Promise<Answered<Omit<PreparedExample, "write"> & { readonly parts: readonly (readonly [string, string])[] }>> {
  const folder = join("mappings", id, "examples", name);
  if (await exists(join(deps.root, folder))) return refused("EXAMPLE_EXISTS");
  const { partner, encode: input } = inputOf(deps, all, id, mapping, source);
  if (mapping.eventTypes.length > 0 && input.event === undefined) return refused("EVENT_NOT_STORED");
  const told = input.event === undefined ? undefined : { type: input.event.type, data: input.event.data };
  const known = told === undefined ? [] : personalOf(told.data);
  const hidden = (text: string): string => disguise(text, known);
  const event = told === undefined ? undefined : (JSON.parse(hidden(JSON.stringify(told))) as typeof told);
  const about = input.sent;
  const sent =
    about === undefined
      ? undefined
      : Object.fromEntries(
          placesIn(mapping.document.fields).flatMap((place) => {
            const value = about(place);
            return value === undefined ? [] : [[place, hidden(value)]];
          }),
        );
  const order =
    input.order === undefined ? undefined : Object.fromEntries(Object.entries(input.order).map(([fact, value]) => [fact, hidden(value)]));
  const again: EncodeInput = {
    ...{ key: input.key, constants: input.constants },
    ...(event === undefined ? {} : { event }),
    ...(order === undefined ? {} : { order }),
    ...(sent === undefined ? {} : { sent: (path) => sent[path] }),
  };
  const result = encode(mapping, again);
  if (!alike(encode(mapping, input), result)) return refused("EXAMPLE_CHANGED");
  const { kind } = mapping.document.codec;
  const context = {
    partner,
    key: input.key,
    constants: input.constants,
    ...(order === undefined ? {} : { order }),
    ...(sent === undefined ? {} : { sent }),
  };
  const parts: readonly (readonly [string, string])[] = [
    ...(event === undefined ? [] : [["event.json", json(event)] as const]),
    ["context.json", json(context)],
  ];
  const expected = result.ok ? (kind === "delimited" ? "out.txt" : `out.${kind}`) : "problems.json";
  return answered({ folder, files: [...parts.map(([file]) => file), expected], kind: result.ok ? "accepted" : "refused", parts });
}
