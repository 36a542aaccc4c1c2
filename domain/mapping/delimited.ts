/**
 * Delimited texts with nested separators and framing: `^` then `|` then `$` (Neusoft), `code|field|…` (Chongqing), `$$…~…$$` with `%%` groups (Zhejiang).
 * The text is decoded before it is cut: a GBK character may hold the byte of a separator. Every position is declared; one too many or too few is a problem.
 */
import { LIMITS } from "./limits.ts";
import type { Condition, Layout, LayoutField } from "./document.ts";
import { childOf, createRow, type Frames, type Place, type Sink, whereIs } from "./shape.ts";

/** Puts one text into the places of a layout. */
export type ReadText = (text: string, frames: Frames, sink: Sink) => void;
/** Compiles a condition of the document against the shape known so far. */
export type CompileWhen = (when: Condition) => (frames: Frames) => boolean;

interface Cell {
  readonly place: Place;
  readonly optional: boolean;
  readonly remainder: boolean;
  readonly read: ReadText | undefined;
}

const asObject = (field: LayoutField): Exclude<LayoutField, string> => (typeof field === "string" ? { name: field } : field);

/** Cuts at the separator; undefined when a trailing one is demanded and absent. */
function cut(text: string, separator: string, trailing: boolean): string[] | undefined {
  const cells = text.split(separator);
  if (!trailing) return cells;
  return cells.pop() === "" ? cells : undefined;
}

const CUT_SHORT = { zh: "末尾缺少分隔符，报文可能不完整", en: "lacks its closing separator: it may be cut short" };

/** Compiles one field with what is nested in it. */
function compileCell(parent: Place, field: LayoutField, position: number, when: CompileWhen, trim: boolean): Cell {
  const { name, optional = false, remainder = false, rows, layout } = asObject(field);
  const place = childOf(parent, name, rows !== undefined);
  place.label = `${parent.label ?? ""}第${position}项 ${name}`;
  if (!layout) {
    place.leaf = true;
    return { place, optional, remainder, read: undefined };
  }
  const nameOfParts = place.label;
  place.label = name;
  const inside = compileLayout(place, layout, when, trim);
  place.label = nameOfParts;
  return { place, optional, remainder, read: rows ? readRows(place, rows, layout, inside) : inside };
}

/** Rows of a repeated group: cut by their own separator, or as groups of a fixed number of cells. */
function readRows(
  place: Place,
  rows: { separator?: string; trailing?: boolean; fixed?: boolean },
  layout: Layout,
  inside: ReadText,
): ReadText {
  const group = place.group ?? 0;
  const textsOf = (text: string, frames: Frames, sink: Sink): readonly string[] => {
    if (text === "") return [];
    if (rows.fixed !== true) {
      const texts = rows.separator === undefined ? [text] : cut(text, rows.separator, rows.trailing ?? false);
      if (!texts) sink.add("malformed", whereIs(place, frames), CUT_SHORT);
      return texts ?? [];
    }
    const cells = text.split(layout.separator);
    const size = layout.fields.length;
    if (cells.length % size !== 0) {
      sink.add("malformed", whereIs(place, frames), {
        zh: `共${cells.length}项，不是每组${size}项的整数倍`,
        en: `has ${cells.length} cells, no multiple of ${size}`,
      });
      return [];
    }
    return Array.from({ length: cells.length / size }, (_, index) => cells.slice(index * size, (index + 1) * size).join(layout.separator));
  };
  return (text, frames, sink) => {
    const parent = frames[place.scope.depth - 1];
    const list = parent?.groups[group];
    if (!list) return;
    for (const one of textsOf(text, frames, sink)) {
      if (list.length >= LIMITS.rows) return sink.add("too-many", whereIs(place, frames));
      const row = createRow(place.scope, list.length);
      list.push(row);
      inside(one, [...frames.slice(0, place.scope.depth), row], sink);
    }
  };
}

const required = (cells: readonly Cell[]): number => cells.filter((cell) => !cell.optional).length;

const fits = (cells: readonly Cell[], found: number): boolean =>
  found >= required(cells) && (found <= cells.length || cells[cells.length - 1]?.remainder === true);

/** Compiles a layout below `parent`; positions are counted from 1 in its label. */
export function compileLayout(parent: Place, layout: Layout, when: CompileWhen, trim: boolean): ReadText {
  const head = layout.fields.map((field, index) => compileCell(parent, field, index + 1, when, trim));
  const rest = (layout.rest ?? []).map((variant) => ({
    holds: variant.when === undefined ? () => true : when(variant.when),
    cells: variant.fields.map((field, index) => compileCell(parent, field, head.length + index + 1, when, trim)),
  }));
  const { separator, trailing = false, mayBeEmpty = false } = layout;

  const put = (cells: readonly Cell[], texts: readonly string[], from: number, frames: Frames, sink: Sink): void => {
    for (let index = 0; index < cells.length; index += 1) {
      const cell = cells[index];
      const raw = cell?.remainder ? texts.slice(from + index).join(separator) : texts[from + index];
      if (!cell || raw === undefined) return;
      const text = trim ? raw.trim() : raw;
      const row = frames[cell.place.group === undefined ? cell.place.scope.depth : cell.place.scope.depth - 1];
      if (!row) return;
      if (cell.place.group === undefined) row.values[cell.place.slot] = text;
      cell.read?.(text, frames, sink);
    }
  };
  const counted = (cells: readonly Cell[], found: number, frames: Frames, sink: Sink): boolean => {
    if (fits(cells, found)) return true;
    const least = required(cells);
    sink.broken = true;
    const where = parent.label === undefined ? whereIs(parent, frames) : { at: whereIs(parent, frames).at, place: parent.label };
    if (found < least) {
      const first = cells[found];
      const label = first?.place.label ?? "";
      sink.add("missing", first ? { at: whereIs(first.place, frames).at, place: label } : where, {
        zh: `应有${least}项，只有${found}项，自此缺失`,
        en: `${least} fields expected, ${found} found; missing from here on`,
      });
    } else
      sink.add(
        "unmapped",
        { at: where.at, place: `${where.place}第${cells.length + 1}项` },
        {
          zh: `应有${cells.length}项，却有${found}项，多出的项未说明去向`,
          en: `${cells.length} fields expected, ${found} found; the surplus is neither mapped nor ignored`,
        },
      );
    return false;
  };

  return (text, frames, sink) => {
    if (text === "" && mayBeEmpty) return;
    const texts = cut(text, separator, trailing);
    if (!texts) return sink.add("malformed", whereIs(parent, frames), CUT_SHORT);
    if (texts.length > LIMITS.fields * 16) return sink.add("too-many", whereIs(parent, frames));
    if (rest.length === 0) {
      if (counted(head, texts.length, frames, sink)) put(head, texts, 0, frames, sink);
      return;
    }
    if (texts.length < head.length) return void counted(head, texts.length, frames, sink);
    put(head, texts, 0, frames, sink);
    const possible = rest.filter((one) => one.holds(frames));
    const variant = possible.find((one) => fits([...head, ...one.cells], texts.length)) ?? possible[0];
    if (!variant) {
      sink.broken = true;
      sink.add("no-case", whereIs(parent, frames), { zh: "没有符合条件的版式", en: "fits none of the declared layouts" });
    } else if (counted([...head, ...variant.cells], texts.length, frames, sink)) put(variant.cells, texts, head.length, frames, sink);
  };
}

/** Takes the frame off; undefined when it is not there. Padding is spaces, NULs and line ends around the whole. */
export function unframe(
  text: string,
  frame: { readonly start: string; readonly end: string } | undefined,
  padding: boolean,
): string | undefined {
  const bare = padding ? text.replace(/^[\s\0]+|[\s\0]+$/g, "") : text;
  if (!frame) return bare;
  if (!bare.startsWith(frame.start) || !bare.endsWith(frame.end) || bare.length < frame.start.length + frame.end.length) return undefined;
  return bare.slice(frame.start.length, bare.length - frame.end.length);
}

/** Writes a layout from named values (`名称`, nested `上级/名称`); undefined names a value that holds a separator. */
export function writeLayout(
  layout: Layout,
  valueAt: (path: string) => string,
  separators: readonly string[],
  base = "",
): string | { readonly path: string } {
  const inside = [...separators, layout.separator];
  const cells: string[] = [];
  for (const field of layout.fields) {
    const { name, layout: nested } = asObject(field);
    const path = `${base}/${name}`;
    const cell = nested ? writeLayout(nested, valueAt, inside, path) : valueAt(path);
    if (typeof cell !== "string") return cell;
    if (!nested && inside.some((separator) => cell.includes(separator))) return { path };
    cells.push(cell);
  }
  return cells.join(layout.separator) + (layout.trailing === true ? layout.separator : "");
}
