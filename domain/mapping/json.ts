/**
 * Reads JSON the way a payment needs it: a repeated key is an error (JSON.parse keeps the last one), and a number stays the text that was written
 * (0.10 is not 0.1, and 17 digits are not rounded). Leaves are strings; true, false and null keep their kind in `text`.
 */
import { LIMITS } from "./limits.ts";
import { type Read, ReadStop, type Tree } from "./tree.ts";

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids bare control characters in strings
const PLAIN = /[^"\\\u0000-\u001f]*/y;
/** Digits a number may have before it is no longer a quantity but an identifier that somebody forgot to quote. */
const DIGITS_MAX = 15;

const stop = (zh: string, en: string): ReadStop => new ReadStop("malformed", `JSON ${zh}`, `JSON ${en}`);

class Reader {
  readonly text: string;
  at = 0;
  nodes = 0;
  constructor(text: string) {
    this.text = text;
  }

  space(): void {
    for (;;) {
      const c = this.text.charCodeAt(this.at);
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return;
      this.at += 1;
    }
  }

  wrong(): ReadStop {
    return stop(`第${this.at + 1}个字符处有误或不完整`, `is wrong or cut short at character ${this.at + 1}`);
  }

  take(expected: string): boolean {
    if (!this.text.startsWith(expected, this.at)) return false;
    this.at += expected.length;
    return true;
  }

  string(): string {
    if (!this.take('"')) throw this.wrong();
    const start = this.at - 1;
    for (;;) {
      PLAIN.lastIndex = this.at;
      PLAIN.test(this.text);
      this.at = PLAIN.lastIndex;
      if (this.take('"')) break;
      if (!this.take("\\") || this.at >= this.text.length) throw this.wrong();
      this.at += 1;
    }
    try {
      const value: string = JSON.parse(this.text.slice(start, this.at));
      if (!value.isWellFormed() || value.includes("\uFFFD")) throw stop("含非法字符", "holds an impossible character");
      if (value.length > LIMITS.leaf)
        throw new ReadStop("too-large", `JSON 单项超过 ${LIMITS.leaf} 字`, `one JSON leaf exceeds ${LIMITS.leaf} characters`);
      return value;
    } catch (error) {
      throw error instanceof ReadStop ? error : this.wrong();
    }
  }

  node(name: string): Tree {
    this.nodes += 1;
    if (this.nodes > LIMITS.nodes) throw new ReadStop("too-many", `JSON 超过 ${LIMITS.nodes} 项`, `more than ${LIMITS.nodes} JSON items`);
    return { name, text: "", children: [] };
  }

  /** Reads a value into `parent`: an object becomes one node, an array one node per element, all of the same name. */
  value(name: string, parent: Tree, depth: number, inArray: boolean): void {
    if (depth > LIMITS.depth)
      throw new ReadStop("too-deep", `JSON 嵌套超过 ${LIMITS.depth} 层`, `JSON is nested deeper than ${LIMITS.depth}`);
    this.space();
    if (this.take("[")) {
      if (inArray)
        throw new ReadStop("forbidden", "JSON 数组直接套数组，不允许", "JSON has an array straight inside an array, which is refused");
      this.items(name, parent, depth);
      return;
    }
    const node = this.node(name);
    parent.children.push(node);
    const start = this.at;
    if (this.take("{")) {
      this.members(node, depth);
      node.json = this.text.slice(start, this.at);
    } else if (this.text[this.at] === '"') node.text = this.string();
    else if (this.take("true")) node.text = "true";
    else if (this.take("false")) node.text = "false";
    else if (this.take("null")) node.text = "";
    else node.text = this.number();
  }

  number(): string {
    NUMBER.lastIndex = this.at;
    const found = NUMBER.exec(this.text)?.[0];
    if (found === undefined) throw this.wrong();
    if (found.replace(/[^0-9]/g, "").length > DIGITS_MAX)
      throw stop(`数字超过 ${DIGITS_MAX} 位，应写成字符串`, `has a number of more than ${DIGITS_MAX} digits; it must be a string`);
    this.at += found.length;
    return found;
  }

  items(name: string, parent: Tree, depth: number): void {
    this.space();
    if (this.take("]")) return;
    for (;;) {
      this.value(name, parent, depth + 1, true);
      this.space();
      if (this.take("]")) return;
      if (!this.take(",")) throw this.wrong();
    }
  }

  members(node: Tree, depth: number): void {
    const seen = new Set<string>();
    this.space();
    if (this.take("}")) return;
    for (;;) {
      this.space();
      const key = this.string();
      if (seen.has(key)) throw stop("同一层的键重复", "repeats a key in one object");
      seen.add(key);
      this.space();
      if (!this.take(":")) throw this.wrong();
      this.value(key, node, depth + 1, false);
      this.space();
      if (this.take("}")) return;
      if (!this.take(",")) throw this.wrong();
    }
  }
}

/** Reads one JSON object. The answer's root is nameless; its children are the object's members. Never throws. */
export function readJson(text: string): Read {
  const reader = new Reader(text);
  try {
    const root: Tree = { name: "", text: "", children: [] };
    reader.space();
    if (!reader.take("{")) throw stop("最外层应为对象", "must be an object");
    reader.members(root, 0);
    reader.space();
    if (reader.at !== text.length) throw reader.wrong();
    return { ok: true, root };
  } catch (error) {
    if (error instanceof ReadStop) return error.failure;
    throw error;
  }
}
