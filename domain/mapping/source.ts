/**
 * The side a message comes from: its parts compiled to readers, and references (`request:/入参/单据号`) compiled to look-ups in the parsed rows.
 */
import { type Charset, charsetOf, charsetOfContentType, charsetOfXmlDeclaration, decode } from "./charset.ts";
import { type Asked, compileCondition, conditionFault, conditionsIn } from "./conditions.ts";
import { compileLayout, type ReadText, unframe } from "./delimited.ts";
import type { Codec, Condition } from "./document.ts";
import { fitToPlaces, isHl7Path, readHl7 } from "./hl7.ts";
import { charsetOfHl7 } from "./hl7-header.ts";
import { readJson } from "./json.ts";
import { LIMITS } from "./limits.ts";
import {
  childOf,
  createPlace,
  createScope,
  type Fill,
  type Frames,
  fillFrom,
  type Place,
  type Scope,
  type Sink,
  whereIs,
} from "./shape.ts";
import type { Tree } from "./tree.ts";
import { readXml } from "./xml.ts";

/** Says what is wrong in a document, by JSON pointer. */
export type Fault = (at: string, zh: string, en: string) => void;

/** A compiled reference. */
export interface Reference {
  readonly place: Place;
  /** The value; undefined when absent or "". Only for references that do not repeat. */
  readonly get: (frames: Frames) => string | undefined;
  /** Every row's frames in which the place lives, from the frames given on. */
  readonly expand: (frames: Frames) => readonly Frames[];
  readonly occurs: (frames: Frames) => boolean;
  /** True when it lies in a group that is not being walked. */
  readonly repeats: boolean;
  readonly where: (frames?: Frames) => { readonly at: string; readonly place: string };
}

/** Reads one part's text into the rows. `whole`: the wire proved that nothing is missing at its end (a frame). False when it is no document of its kind (reported). */
export type ReadPart = (text: string, frames: Frames, sink: Sink, whole?: boolean) => void;

export interface Source {
  readonly scope: Scope;
  readonly parts: ReadonlyMap<string, Place>;
  /** Places that something refers to. */
  readonly used: ReadonlySet<Place>;
  /** `chain`: the groups being walked, outermost first. `value`: the text itself is wanted, not only the place. Undefined after a fault. */
  ref(text: string, at: string, chain?: readonly Place[], value?: boolean): Reference | undefined;
  group(text: string, at: string, chain?: readonly Place[]): Place | undefined;
  condition(condition: Condition, at: string, chain?: readonly Place[]): (frames: Frames) => boolean;
  addPart(name: string, codec: Codec, label: string, lenient: boolean, at: string): ReadPart;
  addValue(name: string, label: string): Place;
}

const ABSOLUTE = /^(?:([a-z]+):)?\/(.+)$/;

/** The groups a place lies in, outermost first. */
export const groupsOf = (place: Place): readonly Place[] => {
  const groups: Place[] = [];
  for (let here: Place | undefined = place; here; here = here.parent) if (here.group !== undefined) groups.unshift(here);
  return groups;
};

function expandFrom(groups: readonly Place[], frames: Frames): readonly Frames[] {
  let all: readonly Frames[] = [frames];
  for (const group of groups) {
    const number = group.group ?? 0;
    all = all.flatMap((one) => (one[group.scope.depth - 1]?.groups[number] ?? []).map((row) => [...one.slice(0, group.scope.depth), row]));
  }
  return all;
}

function referenceTo(place: Place, chain: readonly Place[]): Reference {
  const { depth } = place.scope;
  const { slot } = place;
  const groups = groupsOf(place);
  let shared = 0;
  while (shared < groups.length && shared < chain.length && groups[shared] === chain[shared]) shared += 1;
  const beyond = groups.slice(shared);
  const get = (frames: Frames): string | undefined => frames[depth]?.values[slot] || undefined;
  const expand = (frames: Frames): readonly Frames[] => (beyond.length === 0 ? [frames] : expandFrom(beyond, frames.slice(0, shared + 1)));
  return {
    place,
    get,
    expand,
    repeats: beyond.length > 0,
    occurs: (frames) =>
      expand(frames).some((one) => {
        const value = one[depth]?.values[slot];
        return value !== undefined && (value !== "" || !place.leaf);
      }),
    where: (frames) => whereIs(place, frames),
  };
}

/** A place's path below its part, without a slash in front. */
function pathOf(place: Place): string {
  const names: string[] = [];
  for (let here = place; here.parent; here = here.parent) names.unshift(here.name);
  return names.join("/");
}

/** The place at a path below a part. Delimited parts know all theirs already; elements of XML and JSON are made as they are named. */
function placeAt(from: Place, path: string, create: boolean, lastRepeats = false): Place | undefined {
  const names = path.split("/");
  let here = from;
  for (const [index, name] of names.entries()) {
    if (name === "") return undefined;
    const known = here.children.get(name);
    if (!known && !create) return undefined;
    here = known ?? childOf(here, name, lastRepeats && index === names.length - 1);
  }
  return here;
}

const parse = (kind: "xml" | "json", text: string, namespaces: boolean) => (kind === "xml" ? readXml(text, namespaces) : readJson(text));

export function createSource(fault: Fault): Source {
  const scope = createScope();
  const parts = new Map<string, Place>();
  const open = new Set<Place>();
  const hl7 = new Set<Place>();
  const used = new Set<Place>();

  const find = (text: string, at: string, chain: readonly Place[]): Place | undefined => {
    const absolute = ABSOLUTE.exec(text);
    const innermost = chain[chain.length - 1];
    if (!absolute && parts.get(text)?.leaf === true) return parts.get(text);
    const part = absolute ? parts.get(absolute[1] ?? "") : innermost;
    const path = absolute?.[2] ?? text;
    let root = part;
    while (root?.parent) root = root.parent;
    const place = part && root ? placeAt(part, path, open.has(root)) : undefined;
    if (place && root && hl7.has(root) && !isHl7Path(pathOf(place)))
      fault(at, `${text} 不是 HL7 的位置（如 /PID/3/1）`, `${text} is no place of an HL7 message (as /PID/3/1 is)`);
    if (!place) fault(at, `没有来源字段 ${text}`, `there is no source field ${text}`);
    return place;
  };

  const ref: Source["ref"] = (text, at, chain = [], value = true) => {
    const place = find(text, at, chain);
    if (!place) return undefined;
    used.add(place);
    if (value) place.leaf = true;
    return referenceTo(place, chain);
  };

  const condition: Source["condition"] = (given, at, chain = []) => {
    let wrong = false;
    for (const [one, where] of conditionsIn(given, at)) {
      const said = conditionFault(one);
      if (!said) continue;
      wrong = true;
      fault(where, said.zh, said.en);
    }
    if (wrong) return () => false;
    const valued = (one: Condition): boolean =>
      one.is !== undefined ||
      one.isNot !== undefined ||
      one.matches !== undefined ||
      one.below !== undefined ||
      one.atLeast !== undefined ||
      one.zero !== undefined ||
      one.empty !== undefined;
    const asks = new Map([...conditionsIn(given, at)].filter(([one]) => one.at !== undefined).map(([one]) => [one.at ?? "", valued(one)]));
    const whole = new Set([...conditionsIn(given, at)].flatMap(([one]) => (one.empty === undefined ? [] : [one.at ?? ""])));
    return compileCondition<Frames>(given, (from): Asked<Frames> => {
      const found = ref(from, at, chain, asks.get(from) ?? true);
      if (found && whole.has(from)) found.place.whole = true;
      if (found?.repeats && asks.get(from)) fault(at, `${from} 会重复，不能作条件`, `${from} repeats and cannot be tested`);
      return { value: (frames) => found?.get(frames), occurs: (frames) => found?.occurs(frames) ?? false };
    });
  };

  const readInnerOf =
    (codec: Codec, sink: Sink, fill: { depth: number }) =>
    (place: Place, text: string, frames: Frames): Tree | undefined => {
      if (place.inner === undefined) return undefined;
      if (fill.depth >= LIMITS.inner) return void sink.add("too-deep", whereIs(place, frames));
      fill.depth += 1;
      const read = parse(place.inner, text.trimStart(), codec.namespaces ?? false);
      if (read.ok) return read.root;
      sink.add(read.code, whereIs(place, frames), { zh: read.zh, en: read.en });
      return undefined;
    };

  const addTree = (place: Place, codec: Codec, kind: "xml" | "json" | "hl7", lenient: boolean, at: string): ReadPart => {
    open.add(place);
    if (kind === "hl7") hl7.add(place);
    for (const [index, group] of (codec.groups ?? []).entries()) {
      const made = placeAt(place, group.replace(/^\//, ""), true, true);
      if (made?.group === undefined) fault(`${at}/groups/${index}`, `${group} 不能作为重复节点`, `${group} cannot be a group`);
    }
    for (const [index, inner] of (codec.inner ?? []).entries()) {
      const made = placeAt(place, inner.at.replace(/^\//, ""), true);
      if (made) made.inner = inner.kind;
      else fault(`${at}/inner/${index}`, `${inner.at} 不是路径`, `${inner.at} is no path`);
    }
    return (text, frames, sink, whole = false) => {
      const read =
        kind === "hl7" ? readHl7(text, whole ? { ...codec, openEnd: true } : codec) : parse(kind, text, codec.namespaces ?? false);
      if (read.ok && kind === "hl7") fitToPlaces(read.root, place);
      if (!read.ok) {
        sink.broken = true; // rules over fields that were not read would only repeat it
        return sink.add(read.code, whereIs(place), { zh: read.zh, en: read.en });
      }
      const fill: Fill = { sink, lenient, trim: codec.trim ?? false, depth: 0, readInner: () => undefined };
      fillFrom(read.root, place, frames, { ...fill, readInner: readInnerOf(codec, sink, fill) });
    };
  };

  const addDelimited = (place: Place, codec: Codec, at: string): ReadPart => {
    if (!codec.layout) {
      fault(at, "delimited 须写 layout", "delimited needs a layout");
      return () => undefined;
    }
    const read: ReadText = compileLayout(place, codec.layout, (when) => condition(when, `${at}/layout`), codec.trim ?? false);
    return (text, frames, sink) => {
      const bare = unframe(text, codec.frame, codec.padding ?? false);
      if (bare !== undefined) return read(bare, frames, sink);
      sink.add("malformed", whereIs(place), {
        zh: `不以 ${codec.frame?.start} 开头、${codec.frame?.end} 结尾`,
        en: `is not framed by ${codec.frame?.start} and ${codec.frame?.end}`,
      });
    };
  };

  return {
    scope,
    parts,
    used,
    ref,
    condition,
    group: (text, at, chain = []) => {
      const place = find(text, at, chain);
      if (place && place.group === undefined) {
        fault(at, `${text} 不是重复节点（codec.groups 或 rows）`, `${text} is no group (codec.groups or rows)`);
        return undefined;
      }
      if (place) used.add(place);
      return place;
    },
    addPart: (name, codec, label, lenient, at) => {
      const place = createPlace(name, scope);
      place.label = codec.kind === "delimited" ? label : undefined;
      parts.set(name, place);
      if (codec.kind === "delimited") return addDelimited(place, codec, at);
      if (codec.kind !== "hl7" && (codec.nesting ?? codec.keyed ?? codec.openEnd) !== undefined)
        fault(at, `${codec.kind} 不用 nesting、keyed、openEnd`, `${codec.kind} takes no nesting, keyed or openEnd`);
      if (codec.layout ?? codec.frame) fault(at, `${codec.kind} 不用 layout、frame`, `${codec.kind} takes no layout or frame`);
      return addTree(place, codec, codec.kind, lenient, at);
    },
    addValue: (name, label) => {
      const place = createPlace(name, scope);
      place.label = label;
      place.leaf = true;
      parts.set(name, place);
      return place;
    },
  };
}

/** What a part's bytes came with. */
export interface Bytes {
  readonly raw: Uint8Array;
  /** Declared outside: wins over everything inside. */
  readonly charset?: string | undefined;
  readonly contentType?: string | undefined;
}

export type Decoded =
  | { readonly text: string; readonly charset: Charset }
  | { readonly code: "too-large" | "charset" | "missing"; readonly zh: string; readonly en: string };

/** Decodes a part. Precedence: stated charset, content type, XML declaration or MSH-18, codec, vendor. */
export function decodeBytes(bytes: Bytes, codec: Codec, fallback: Charset, limit: number = LIMITS.bytes): Decoded {
  const { raw } = bytes;
  if (raw.length > limit)
    return { code: "too-large", zh: `共${raw.length}字节，超过${limit}字节`, en: `${raw.length} bytes, more than ${limit}` };
  if (raw.length === 0) return { code: "missing", zh: "内容为空", en: "is empty" };
  const named =
    bytes.charset ??
    (bytes.contentType === undefined ? undefined : charsetOfContentType(bytes.contentType)) ??
    (codec.kind === "xml" ? charsetOfXmlDeclaration(raw) : codec.kind === "hl7" ? charsetOfHl7(raw) : undefined) ??
    codec.charset ??
    fallback;
  const charset = charsetOf(named);
  if (!charset)
    return {
      code: "charset",
      zh: "字符集不受支持（可用 UTF-8、GBK、GB18030）",
      en: "names a charset that is not supported (UTF-8, GBK, GB18030 are)",
    };
  const text = decode(raw, charset);
  if (text === undefined)
    return { code: "charset", zh: `字节不是合法的 ${charset.toUpperCase()}`, en: `the bytes are not ${charset.toUpperCase()}` };
  return { text, charset };
}
