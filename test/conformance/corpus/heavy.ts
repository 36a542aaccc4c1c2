/** Bodies that are hard to read: large, deep, wide, or full of what makes a reader stop and look. Each must be answered within 200 ms and accepted by nobody. */

export interface Heavy {
  readonly what: string;
  readonly text: string;
}

const fill = (unit: string, size: number): string => unit.repeat(Math.max(1, Math.floor(size / unit.length)));
const numbered = (count: number, of: (index: number) => string): string => Array.from({ length: count }, (_, index) => of(index)).join("");
const MANY = 60_000;
const ATTRIBUTES = 63;

/** XML of about so many characters, one for each way to be expensive. */
export const heavyXml = (size: number): readonly Heavy[] => [
  { what: "siblings", text: `<a>${fill("<b/>", size)}</a>` },
  { what: "siblings with text", text: `<a>${fill("<b>1</b>", size)}</a>` },
  { what: "as many siblings as may be", text: `<a>${fill("<b>12345678</b>", Math.min(size, 39_000 * 15))}</a>` },
  { what: "one element with 60,000 attributes", text: `<a${numbered(MANY, (index) => ` a${index}="1"`)}/>` },
  { what: "elements with 63 attributes", text: `<a>${fill(`<b${numbered(ATTRIBUTES, (index) => ` a${index}="1"`)}/>`, size)}</a>` },
  { what: "entities", text: `<a>${fill("&lt;", size)}</a>` },
  { what: "character references", text: `<a>${fill("&#65;", size)}</a>` },
  { what: "CDATA sections", text: `<a>${fill("<![CDATA[x]]>", size)}</a>` },
  { what: "one CDATA section", text: `<a><![CDATA[${fill("x]", size)}]]></a>` },
  { what: "comments", text: `<a>${fill("<!---->", size)}</a>` },
  { what: "one comment", text: `<a><!--${fill("- ", size)}--></a>` },
  { what: "depth", text: fill("<a>", size) },
  { what: "depth, closed", text: `${fill("<a>", size / 2)}${fill("</a>", size / 2)}` },
  { what: "a text", text: `<a>${fill("汉", size / 3)}</a>` },
  { what: "line ends", text: `<a>${fill("\r\n", size)}</a>` },
  { what: "line ends in an attribute", text: `<a b="${fill("\n", size)}"/>` },
  { what: "tabs in an attribute", text: `<a b="${fill("\t", size)}"/>` },
  { what: "brackets", text: `<a>${fill("]", size)}</a>` },
  { what: "blanks in a tag", text: `<a${fill(" ", size)}>` },
  { what: "a long name", text: `<${fill("a", size)}>` },
  { what: "an entity without end", text: `<a>&${fill("a", size)}` },
  { what: "prefixes bound again and again", text: `<a>${fill('<x:b xmlns:x="u"/>', size)}</a>` },
  {
    what: "billion laughs",
    text: `<!DOCTYPE a [<!ENTITY b "${fill("b", 1_000)}"><!ENTITY c "${fill("&b;", 1_000)}">]><a>${fill("&c;", size / 10)}</a>`,
  },
  { what: "an outer entity", text: '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>' },
];

export const heavyJson = (size: number): readonly Heavy[] => [
  { what: "a list of numbers", text: `{"a":[${fill("0,", size)}0]}` },
  { what: "a list of objects", text: `{"a":[${fill('{"b":1},', size)}{}]}` },
  { what: "members", text: `{${numbered(size / 12, (index) => `"k${index}":1,`)}"z":1}` },
  { what: "escapes", text: `{"a":"${fill("\\u0041", size)}"}` },
  { what: "surrogates", text: `{"a":"${fill("\\ud83d\\ude00", size)}"}` },
  { what: "a text", text: `{"a":"${fill("x", size)}"}` },
  { what: "digits", text: `{"a":${fill("1", size)}}` },
  { what: "exponents", text: `{"a":1e${fill("9", size)}}` },
  { what: "depth", text: fill('{"a":', size) },
  { what: "lists in lists", text: fill("[", size) },
  { what: "blanks", text: `{${fill(" ", size)}}` },
  { what: "a text without end", text: `{"a":"${fill("\\\\", size)}` },
];

export const heavyDelimited = (size: number): readonly Heavy[] => [
  ...["^", "|", "$", "%%", "^|", "|^", "\t", "\r\n", "~", "&", ","].map((unit) => ({
    what: `nothing but ${JSON.stringify(unit)}`,
    text: fill(unit, size),
  })),
  { what: "one cell", text: fill("9", size) },
  { what: "Chinese", text: fill("汉", size / 3) },
];

export const heavyHl7 = (size: number): readonly Heavy[] => {
  const head = "MSH|^~\\&|LIS|LAB|HPIE|PAY|20261120093000||DFT^P03|A1|P|2.5.1\r";
  return [
    { what: "segments", text: head + fill("ZZZ|1\r", size) },
    { what: "repeated OBX", text: head + fill("OBX|1|NM|a||1\r", size) },
    { what: "fields", text: `${head}PID${fill("|", size)}\r` },
    { what: "components", text: `${head}PID|1|${fill("^", size)}\r` },
    { what: "subcomponents", text: `${head}PID|1|${fill("&", size)}\r` },
    { what: "repetitions", text: `${head}PID|1|${fill("~", size)}\r` },
    { what: "escapes", text: `${head}PID|1|${fill("\\T\\", size)}\r` },
    { what: "an escape without end", text: `${head}PID|1|\\${fill("X0D", size)}` },
    { what: "one OBX value", text: `${head}OBX|1|ED|a||${fill("QUJD", size)}\r` },
    { what: "blank segments", text: head + fill("\r", size) },
    { what: "headers", text: fill(head, size) },
  ];
};
