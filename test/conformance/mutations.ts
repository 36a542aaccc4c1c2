/** What goes wrong with messages on their way: cut, dropped, doubled, in the wrong charset, hostile. Deterministic, so that a failure is the same tomorrow. */
import iconv from "iconv-lite";
import type { InboundMapping, OutboundMapping, TranslateInput } from "../../domain/mapping/mapping.ts";

export interface Wire {
  readonly raw: Uint8Array;
  readonly reply?: Uint8Array;
}
export interface Mutation {
  readonly what: string;
  readonly input: Partial<TranslateInput>;
  /** `refused`: must be a problem. `same`: a problem, or the same meaning. `anything`: must only not throw. */
  readonly expect: "refused" | "same" | "anything";
}

const CUTS = 40;
const FLIPS = 60;
type Part = "raw" | "reply";

const partsOf = (wire: Wire): readonly (readonly [Part, Uint8Array])[] =>
  wire.reply
    ? [
        ["raw", wire.raw],
        ["reply", wire.reply],
      ]
    : [["raw", wire.raw]];
const put = (part: Part, bytes: Uint8Array): Partial<TranslateInput> => (part === "raw" ? { raw: bytes } : { reply: bytes });
const join = (...pieces: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(pieces));

/** Reference arithmetic of its own: a linear congruential generator. */
function* numbers(seed: number): Generator<number> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state;
  }
}

function* bytesWrong(part: Part, bytes: Uint8Array, charset: string, errorText: boolean): Generator<Mutation> {
  for (let cut = 0; cut < CUTS; cut += 1) {
    const length = Math.floor((bytes.length * cut) / CUTS);
    // A refusal's own words have no closing mark in some dialects: cut short they are still a refusal.
    // HL7 has no closing mark: cut between two segments it is a message with fewer of them. The frame, or the door's length, tells.
    const between = bytes[0] === 0x4d && (bytes[length - 1] === 0x0d || bytes[length - 1] === 0x0a);
    yield {
      what: `${part} cut to ${length} bytes`,
      input: put(part, bytes.subarray(0, length)),
      expect: errorText || between ? "anything" : "same",
    };
  }
  yield {
    what: `${part} without its last byte`,
    input: put(part, bytes.subarray(0, bytes.length - 1)),
    expect: errorText ? "anything" : "same",
  };
  const random = numbers(bytes.length);
  for (let flip = 0; flip < FLIPS; flip += 1) {
    const at = random.next().value % bytes.length;
    const changed = new Uint8Array(bytes);
    changed[at] = random.next().value % 256;
    yield { what: `${part} byte ${at} = ${changed[at]}`, input: put(part, changed), expect: "anything" };
    yield { what: `${part} without byte ${at}`, input: put(part, join(bytes.subarray(0, at), bytes.subarray(at + 1))), expect: "anything" };
  }
  yield {
    what: `${part} ends in half a GBK character`,
    input: { ...put(part, join(bytes, new Uint8Array([0xc4]))), charset: "gbk" },
    expect: "refused",
  };
  yield {
    what: `${part} holds an encoded lone surrogate`,
    input: { ...put(part, join(bytes, new Uint8Array([0xed, 0xa0, 0x80]))), charset: "utf-8" },
    expect: "refused",
  };
  yield {
    what: `${part} holds U+FFFD`,
    input: { ...put(part, join(bytes, new Uint8Array([0xef, 0xbf, 0xbd]))), charset: "utf-8" },
    expect: "refused",
  };
  yield { what: `${part} in a charset nobody reads`, input: { ...put(part, bytes), charset: "big5" }, expect: "refused" };
  yield { what: `${part} empty`, input: put(part, new Uint8Array()), expect: "refused" };
  yield { what: `${part} of 4 MiB and more`, input: put(part, join(bytes, new Uint8Array(4_194_304).fill(0x20))), expect: "refused" };
  if (charset !== "gb18030")
    yield {
      what: "in GB18030, declared",
      input: { ...put(part, new Uint8Array(iconv.encode(iconv.decode(Buffer.from(bytes), charset), "gb18030"))), charset: "gb18030" },
      expect: "anything",
    };
}

/** Everything done to one part or to the whole. */
export function* mutationsOf(wire: Wire, mapping: InboundMapping, charset: string): Generator<Mutation> {
  const parts = partsOf(wire);
  const refusal =
    wire.reply !== undefined &&
    !/1[|^]/.test(iconv.decode(Buffer.from(wire.reply.subarray(0, 40)), "latin1").replace(/^\d{14}-\d+-\d+\^/, ""));
  const failed = wire.reply !== undefined && (refusal || wire.reply.length < 60);
  for (const [part, bytes] of parts) yield* bytesWrong(part, bytes, charset, failed && part === "reply");
  const chinese = parts.some(([, bytes]) => bytes.some((byte) => byte > 0x7f));
  const other = charset === "utf-8" ? "gbk" : "utf-8";
  if (chinese) {
    const converted = parts.map(([part, bytes]) =>
      put(part, new Uint8Array(iconv.encode(iconv.decode(Buffer.from(bytes), charset), other))),
    );
    yield {
      what: `sent in ${other}, declared ${charset}`,
      input: { ...Object.assign({}, ...converted), charset },
      expect: charset === "utf-8" ? "refused" : "anything",
    };
  }
  if (mapping.exchange) {
    yield { what: "request without reply", input: { reply: undefined }, expect: "refused" };
    for (const returnValue of ["x", "1e3", "９"]) yield { what: `return ${returnValue}`, input: { returnValue }, expect: "refused" };
    if (wire.reply) yield { what: "request and reply exchanged", input: { raw: wire.reply, reply: wire.raw }, expect: "refused" };
  }
  const random = numbers(7);
  for (let round = 0; round < 20; round += 1) {
    const noise = new Uint8Array(200).map(() => random.next().value % 256);
    yield { what: `noise ${round}`, input: wire.reply ? { raw: noise, reply: noise } : { raw: noise }, expect: "refused" };
  }
}

const DEEP = 100;

/** Every element and attribute of an XML message dropped in turn: a problem, or the same meaning with less said. */
export function* droppedElements(wire: Wire, mapping: InboundMapping, charset: string): Generator<Mutation> {
  for (const [part, bytes] of partsOf(wire)) yield* droppedMembers(part, bytes, mapping, charset);
  if (mapping.document.codec?.kind !== "xml") return;
  const text = iconv.decode(Buffer.from(wire.raw), charset);
  const encode = (changed: string): Partial<TranslateInput> => ({ raw: new Uint8Array(iconv.encode(changed, charset)), charset });
  const drop = (found: RegExpMatchArray): string => text.slice(0, found.index) + text.slice((found.index ?? 0) + found[0].length);
  for (const found of text.matchAll(/<([A-Za-z_0-9]+)(?: [^>]*)?(?:\/>|>(?:<!\[CDATA\[)?[^<>]*(?:\]\]>)?<\/\1>)/g))
    yield { what: `without ${found[1]}`, input: encode(drop(found)), expect: "same" };
  for (const found of text.replace(/<\?xml[^>]*\?>/, (head) => " ".repeat(head.length)).matchAll(/ ([A-Za-z]+)="[^"]*"/g))
    yield { what: `without @${found[1]}`, input: encode(drop(found)), expect: "same" };
}

const codecOf = (part: Part, mapping: InboundMapping) =>
  mapping.document.parts?.[part === "raw" ? "request" : "reply"].codec ?? mapping.document.codec;

/** Every member with a plain value of a JSON message dropped in turn. Values are cut out of the text: parsing would round what mappings must not. */
function* droppedMembers(part: Part, bytes: Uint8Array, mapping: InboundMapping, charset: string): Generator<Mutation> {
  if (codecOf(part, mapping)?.kind !== "json") return;
  const text = iconv.decode(Buffer.from(bytes), charset);
  for (const found of text.matchAll(/"([A-Za-z_0-9]+)"\s*:\s*(?:"(?:[^"\\]|\\.)*"|-?[0-9.]+|true|false|null)\s*(,?)/g)) {
    const before = text.slice(0, found.index);
    const changed = (found[2] === "," ? before : before.replace(/,\s*$/, "")) + text.slice(found.index + found[0].length);
    yield {
      what: `${part} without ${found[1]}`,
      input: { ...put(part, new Uint8Array(iconv.encode(changed, charset))), charset },
      expect: "same",
    };
  }
}

/** Surplus and dropped fields, structure by structure: each of these must be refused. */
export function* leafMutations(wire: Wire, mapping: InboundMapping, charset: string): Generator<Mutation> {
  for (const [part, bytes] of partsOf(wire)) {
    const text = iconv.decode(Buffer.from(bytes), charset);
    const encode = (changed: string): Partial<TranslateInput> => ({
      ...put(part, new Uint8Array(iconv.encode(changed, charset))),
      charset,
    });
    const codec = mapping.document.parts?.[part === "raw" ? "request" : "reply"].codec ?? mapping.document.codec;
    if (codec?.kind === "hl7") yield* hl7Leaves(part, text, encode, ignoredWhole(mapping));
    else if (codec?.kind === "delimited") yield* delimitedLeaves(part, text, codec.layout?.separator ?? "|", encode);
    else if (codec?.kind === "json") yield* jsonLeaves(part, text, encode);
    else yield* xmlLeaves(part, text, encode);
  }
}

function* delimitedLeaves(
  part: Part,
  text: string,
  separator: string,
  encode: (text: string) => Partial<TranslateInput>,
): Generator<Mutation> {
  const cells = text.split(separator);
  // A refusal's free text has no positions to lose.
  if (part === "reply" && separator === "|" && cells.length < 5) return;
  for (let index = 0; index < cells.length; index += 1)
    yield {
      what: `${part} without cell ${index + 1}`,
      input: encode([...cells.slice(0, index), ...cells.slice(index + 1)].join(separator)),
      expect: "refused",
    };
  yield { what: `${part} with a cell more`, input: encode(`${text.trimEnd()}${separator}9${separator}`), expect: "refused" };
  yield { what: `${part} with a cell more in front`, input: encode(`9${separator}${text}`), expect: "refused" };
}

function* jsonLeaves(part: Part, text: string, encode: (text: string) => Partial<TranslateInput>): Generator<Mutation> {
  const change = (what: string, changed: string): Mutation => ({ what: `${part}: ${what}`, input: encode(changed), expect: "refused" });
  const closing = text.lastIndexOf("}");
  const end = (more: string): string => `${text.slice(0, closing)}${more}${text.slice(closing)}`;
  yield change("an unknown member at the end", end(',"unknownMember":"1"'));
  yield change("an unknown object at the end", end(',"unknownMember":{"a":"1"}'));
  const inside = text.replace(/:\s*\{\s*"/, ':{"unknownMember":"1","');
  if (inside !== text) yield change("an unknown member inside", inside);
  yield change("a comma at the end", end(","));
  yield change("text behind the document", `${text}x`);
  yield change("the document twice", text + text);
  yield change("the document in an array", `[${text}]`);
  yield change("a bare control character", text.replace(/"([^"]*)"/, '"\u0001$1"'));
  yield change("a lone surrogate", text.replace(/"([^"]*)"/, '"\\ud800$1"'));
  yield change("nested too deep", end(`,"unknownMember":${'{"a":'.repeat(DEEP)}1${"}".repeat(DEEP)}`));
  for (const found of text.matchAll(/"([A-Za-z_0-9]+)"\s*:\s*("(?:[^"\\]|\\.)*"|-?[0-9.]+|true|false|null)/g))
    yield change(`${found[1]} twice`, `${text.slice(0, found.index)}${found[0]},${text.slice(found.index)}`);
}

/** Segments that a document ignores whole (`/GT1/*`): more of them is ignored too. */
const ignoredWhole = (mapping: InboundMapping): ReadonlySet<string> =>
  new Set(
    mapping.document.ignored
      .flatMap(({ from }) => from)
      .flatMap((path) => /^(?:\/[A-Z0-9]{3})*\/([A-Z][A-Z0-9]{2})\/\*$/.exec(path)?.[1] ?? []),
  );

/** Of an HL7 message: segments and fields that nobody declared, two messages in one, escapes and separators that are none, a cut that leaves half a segment. */
function* hl7Leaves(
  part: Part,
  text: string,
  encode: (text: string) => Partial<TranslateInput>,
  ignored: ReadonlySet<string>,
): Generator<Mutation> {
  const change = (what: string, changed: string): Mutation => ({ what: `${part}: ${what}`, input: encode(changed), expect: "refused" });
  const segments = text.split(/\r\n|\r|\n/).filter((segment) => segment !== "");
  const joined = (all: readonly string[]): string => all.map((segment) => `${segment}\r`).join("");
  const header = segments[0] ?? "";
  yield change("a segment nobody declared", `${text}ZZZ|1\r`);
  yield change("the message twice", text + text);
  yield change("without MSH", joined(segments.slice(1)));
  yield change("without its last CR", text.replace(/[\r\n]+$/, ""));
  yield change("a line that is no segment", `${text}stray\r`);
  yield change("a blank segment in between", joined([header, "", ...segments.slice(1)]));
  yield change("a NUL", text.replace("|P|", "|P\0|"));
  yield change("an escape that is not closed", joined([`${header}|||||||||\\`, ...segments.slice(1)]));
  yield change("an escape nobody knows", joined([`${header}|||||||||\\Q1\\`, ...segments.slice(1)]));
  yield change("two separators alike", text.replace(/^MSH(.)(.)./, "MSH$1$2$2"));
  yield change("encoding characters cut short", text.replace(/^MSH(.)(..)../, "MSH$1$2"));
  for (const [index, segment] of segments.entries()) {
    const others = (changed: string): string => joined([...segments.slice(0, index), changed, ...segments.slice(index + 1)]);
    const name = segment.split("|")[0] ?? "";
    if (!ignored.has(name)) yield change(`segment ${index + 1} with a field nobody declared`, others(`${segment}${"|".repeat(120)}9`));
    yield change(`segment ${index + 1} in small letters`, others(segment.toLowerCase()));
    if (index > 0 && !ignored.has(name) && !/^(?:FT1|OBX|OBR|ORC|NTE)$/.test(name))
      yield change(`segment ${index + 1} twice`, others(`${segment}\r${segment}`));
  }
}

/** Every field of an HL7 message emptied in turn: a problem, or the same meaning with less said. */
export function* emptiedFields(wire: Wire, mapping: InboundMapping, charset: string): Generator<Mutation> {
  if (mapping.document.codec?.kind !== "hl7") return;
  const segments = iconv.decode(Buffer.from(wire.raw), charset).split("\r");
  for (const [at, segment] of segments.entries()) {
    const cells = segment.split("|");
    for (let cell = at === 0 ? 2 : 1; cell < cells.length; cell += 1) {
      if (cells[cell] === "") continue;
      const changed = segments.with(at, cells.with(cell, "").join("|")).join("\r");
      const input = { raw: new Uint8Array(iconv.encode(changed, charset)), charset };
      yield { what: `without ${cells[0]} cell ${cell}`, input, expect: "same" };
    }
  }
}

function* xmlLeaves(part: Part, text: string, encode: (text: string) => Partial<TranslateInput>): Generator<Mutation> {
  const change = (what: string, changed: string): Mutation => ({ what: `${part}: ${what}`, input: encode(changed), expect: "refused" });
  const closing = text.lastIndexOf("</");
  yield change("an unknown element at the end", `${text.slice(0, closing)}<Unknown>1</Unknown>${text.slice(closing)}`);
  yield change("an empty unknown element", `${text.slice(0, closing)}<Unknown/>${text.slice(closing)}`);
  yield change("text between elements", `${text.slice(0, closing)}stray${text.slice(closing)}`);
  yield change("an unknown attribute", text.replace(/<([A-Za-z]+)([ >])/, '<$1 unknown="1"$2'));
  yield change("the document twice", text.replace(/^<\?xml[^>]*\?>/, "") + text.replace(/^<\?xml[^>]*\?>/, ""));
  yield change("a DOCTYPE", text.replace(/^(<\?xml[^>]*\?>)?/, "$1<!DOCTYPE x>"));
  yield change("an undefined entity", text.replace(/>([^<>]*)<\//, ">&nbsp;</"));
  yield change("a null character reference", text.replace(/>([^<>]*)<\//, ">&#0;</"));
  yield change("nested too deep", `${text.slice(0, closing)}${"<a>".repeat(DEEP)}${"</a>".repeat(DEEP)}${text.slice(closing)}`);
  yield change("an attribute twice", text.replace(/<([A-Za-z]+)([ >])/, '<$1 kind="a" kind="b"$2'));
  yield change("an element closed by another", text.replace(/<\/([A-Za-z_]+)>/, "</$1x>"));
  for (const [found, name] of text.matchAll(/<([A-Za-z_0-9]+)(?: [^>]*)?>(?:<!\[CDATA\[)?[^<>]+(?:\]\]>)?<\/\1>/g))
    yield change(`${name} twice`, text.replace(found, found + found));
}

/** Statuses a partner, a proxy or a broken load balancer may answer. */
export const STATUSES: readonly (number | undefined)[] = [
  undefined,
  0,
  100,
  200,
  201,
  202,
  204,
  302,
  400,
  401,
  404,
  409,
  429,
  500,
  502,
  503,
  504,
  999,
];

/** Acknowledgements of HL7 that are none of ours: for another message, refusals, halves, commits. */
function hl7Answers(): readonly string[] {
  const head = "MSH|^~\\&|LIS|LAB|HPIE|PAY|20261120093001||ACK|A1|P|2.5.1\r";
  const msa = [
    "MSA|AA|K2",
    "MSA|AE|K1|no",
    "MSA|AR|K1",
    "MSA|CA|K1",
    "MSA|CE|K1",
    "MSA|CR|K1",
    "MSA|AA",
    "MSA||K1",
    "MSA|aa|K1",
    "MSA|AA^AE|K1",
  ];
  return [
    ...msa.map((one) => `${head}${one}\r`),
    `${head}MSA|AA|K1\rMSA|AE|K1\r`,
    `${head}ERR|||200\r`,
    "MSA|AA|K1\r",
    `${head}${head}MSA|AA|K1\r`,
    "\u0006",
    "\u0015",
  ];
}

/** Bodies that must never acknowledge key K1, serial S1, 1650 fen: garbage, near misses, half answers, answers to others. */
export function hostileBodies(mapping: OutboundMapping): readonly Uint8Array[] {
  const json = mapping.document.reply.codec.kind === "json";
  const soap = mapping.document.reply.codec.inner !== undefined;
  const operation = mapping.purpose === "inquiry" ? "Inquiry" : "WriteBack";
  const wrapped = (inner: string): string =>
    soap
      ? `<Envelope><Body><${operation}Response><${operation}Result>${inner.replaceAll("&", "&amp;").replaceAll("<", "&lt;")}</${operation}Result></${operation}Response></Body></Envelope>`
      : inner;
  const answer = (fields: string): string => (json ? `{${fields}}` : wrapped(`<Answer>${fields}</Answer>`));
  const field = (name: string, value: string): string =>
    json ? `"${name.charAt(0).toLowerCase()}${name.slice(1)}":${JSON.stringify(value)}` : `<${name}>${value}</${name}>`;
  const all = (...pairs: readonly (readonly [string, string])[]): string =>
    pairs.map(([name, value]) => field(name, value)).join(json ? "," : "");
  const amount = json ? "AmountFen" : "Amount";
  const good = (overrides: Readonly<Record<string, string>> = {}): readonly (readonly [string, string])[] =>
    Object.entries({ Code: "0", Text: "成功", Key: "K1", ReceiptNo: "R1", [amount]: json ? "1650" : "16.50", Serial: "S1", ...overrides });
  const texts = [
    "",
    " ",
    "\0",
    "OK",
    "0",
    "true",
    "null",
    "[]",
    "{}",
    "<",
    "<Answer>",
    "<Answer/>",
    "<html><body>0 成功</body></html>",
    '{"code":0',
    "￿",
    answer(""),
    answer(all(["Code", "0"])),
    answer(all(["Code", ""], ["Key", "K1"], ["ReceiptNo", "R1"])),
    ...["00", "0 0", "O", "1", "4", "9", "2", "E101", "E", "成功", "0.0"].map((code) =>
      answer(all(["Code", code], ["Key", "K1"], ["ReceiptNo", "R1"])),
    ),
    answer(all(...good({ Key: "K2" }))),
    answer(all(...good({ [amount]: json ? "1651" : "16.51" }))),
    answer(all(...good({ [amount]: json ? "16.50" : "1.65e1" }))),
    answer(all(...good({ Serial: "S2" }))),
    answer(all(...good({ ReceiptNo: "" }))),
    answer(`${all(...good())}${json ? "," : ""}${all(["Code", "E101"])}`),
    answer(`${all(...good())}${json ? "," : ""}${all(...good())}`),
    answer(all(...good())).slice(0, -1),
    `${answer(all(...good()))}x`,
    `<!DOCTYPE a [<!ENTITY b "0">]>${answer(all(...good()))}`,
    `{"__proto__":{"code":"0","key":"K1","receiptNo":"R1"}}`,
    `{"code":"0","code":"E1","key":"K1","receiptNo":"R1"}`,
    "<a>".repeat(5_000),
    "[".repeat(5_000),
    ...hl7Answers(),
    soap ? "<Envelope><Body><Fault><faultstring>0</faultstring></Fault></Body></Envelope>" : '{"fault":"0"}',
  ];
  const encoder = new TextEncoder();
  return [
    ...texts.map((text) => encoder.encode(text)),
    new Uint8Array([0xff, 0xfe, 0x30, 0x00]),
    new Uint8Array([0xc4]),
    new Uint8Array(300_000).fill(0x30),
  ];
}
