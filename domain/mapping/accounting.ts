/** Every place of a message is accounted for: used by some rule, or ignored with a reason (design.md decision 14). */
import type { Codec, InboundDocument } from "./document.ts";
import { type Frames, type Place, type Sink, whereIs } from "./shape.ts";
import type { Fault, Source } from "./source.ts";

/** Notes every ignored place; those ignored only while zero become checks. */
export function compileIgnored(document: InboundDocument, source: Source, fault: Fault): readonly ((frames: Frames, sink: Sink) => void)[] {
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

/** Gives places the partner's words, for problems. */
export function labelPlaces(document: InboundDocument, source: Source, fault: Fault): void {
  for (const [path, label] of Object.entries(document.labels ?? {})) {
    const before = source.used.size;
    const found = source.ref(path, `/labels/${path}`, [], false);
    if (!found) continue;
    if (source.used.size > before) fault(`/labels/${path}`, `${path} 没有映射也没有忽略`, `${path} is neither mapped nor ignored`);
    found.place.label = `/${label}`;
  }
}

/** Every declared position of a delimited part must be referred to. (Elements of XML and JSON are checked when they occur.) */
export function checkAccounted(
  parts: readonly { readonly codec: Codec; readonly place: Place | undefined }[],
  used: ReadonlySet<Place>,
  fault: Fault,
): void {
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
