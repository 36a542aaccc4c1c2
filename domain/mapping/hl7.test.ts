/** HL7 v2 read and written: addresses, separators of their own, escapes, repetitions, nesting, charsets, and everything that is no message. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import iconv from "iconv-lite";
import { readHl7, writeHl7 } from "./hl7.ts";
import { charsetOfHl7, headerOf } from "./hl7-header.ts";
import { scaffold } from "./scaffold.ts";
import type { Tree } from "./tree.ts";

const MSH = "MSH|^~\\&|LIS|LAB|HPIE|PAY|20261120093000||DFT^P03^DFT_P03|LIS1|P|2.5.1|||AL|NE|CHN|UNICODE UTF-8\r";

/** Leaves by address. */
function leaves(node: Tree, path = ""): readonly string[] {
  return node.children.flatMap((child) => {
    const below = `${path}/${child.name}`;
    return child.children.length === 0 ? [`${below}=${child.text}`] : leaves(child, below);
  });
}
const read = (text: string, shape = {}): readonly string[] => {
  const found = readHl7(text, shape);
  assert.ok(found.ok, found.ok ? "" : found.en);
  return leaves(found.root).filter((one) => !one.startsWith("/MSH/"));
};
const refused = (text: string, shape = {}): string => {
  const found = readHl7(text, shape);
  return found.ok ? "accepted" : found.code;
};

describe("C-3 HL7 v2 as a tree", () => {
  for (const [what, segment, expected, shape] of [
    ["fields count from 1, empty ones are none", "PV1|1||A03", ["/PV1/1=1", "/PV1/3=A03"]],
    ["components and sub-components", "FT1|||20.00&CNY^x", ["/FT1/3/1/1=20.00", "/FT1/3/1/2=CNY", "/FT1/3/2=x"]],
    [
      "a lone component with parts is component 1",
      "FT1|20.00&CNY|20.00&|A&^",
      ["/FT1/1/1/1=20.00", "/FT1/1/1/2=CNY", "/FT1/2=20.00", "/FT1/3=A"],
    ],
    ["what follows the last value says nothing", "PID|||P1^^^~^^|||", ["/PID/3=P1"]],
    ["repetitions are nodes of one name", "PID|||A~B^^^X", ["/PID/3=A", "/PID/3/1=B", "/PID/3/4=X"]],
    [
      "repetitions told apart by a component",
      "PID|||A^^^HIS^PI~B^^^C^NI~D^^^E^!",
      [
        "/PID/3[PI]/1=A",
        "/PID/3[PI]/4=HIS",
        "/PID/3[PI]/5=PI",
        "/PID/3[NI]/1=B",
        "/PID/3[NI]/4=C",
        "/PID/3[NI]/5=NI",
        "/PID/3[?]/1=D",
        "/PID/3[?]/4=E",
        "/PID/3[?]/5=!",
      ],
      { keyed: { "/PID/3": 5 } },
    ],
    ["escapes", "NTE|1||a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f\\X0A\\g\\.br\\h\\H\\i\\N\\", ["/NTE/1=1", "/NTE/3=a|b^c&d~e\\f\ng\nhi"]],
    ["two quotes are a place without a value", 'PID|||""|x', ["/PID/3=", "/PID/4=x"]],
  ] as const)
    test(what, () => assert.deepEqual(read(`${MSH}${segment}\r`, shape ?? {}), expected));

  test("a sender's own separators", () => {
    assert.deepEqual(read("MSH$%*?@$LIS$LAB\rPID$1$$A%B@C*D\r"), ["/PID/1=1", "/PID/3/1=A", "/PID/3/2/1=B", "/PID/3/2/2=C", "/PID/3=D"]);
  });

  test("line ends: CR, LF, CRLF", () => {
    for (const end of ["\r", "\n", "\r\n"]) assert.deepEqual(read(`${MSH}PV1|1\r`.replaceAll("\r", end)), ["/PV1/1=1"]);
  });

  test("segments belong to those that nesting names, and to the nearest of them", () => {
    const text = `${MSH}ORC|1\rOBR|1\rOBX|1\rNTE|of-obx\rOBX|2\rNTE|of-obx-2\rORC|2\rOBR|2\rNTE|of-obr\rFT1|9\r`;
    assert.deepEqual(read(text, { nesting: { ORC: ["OBR", "FT1"], OBR: ["OBX", "NTE"], OBX: ["NTE"] } }), [
      "/ORC/1=1",
      "/ORC/OBR/1=1",
      "/ORC/OBR/OBX/1=1",
      "/ORC/OBR/OBX/NTE/1=of-obx",
      "/ORC/OBR/OBX/1=2",
      "/ORC/OBR/OBX/NTE/1=of-obx-2",
      "/ORC/1=2",
      "/ORC/OBR/1=2",
      "/ORC/OBR/NTE/1=of-obr",
      "/ORC/FT1/1=9",
    ]);
  });

  for (const [what, text, code] of [
    ["nothing", "", "malformed"],
    ["no MSH", "PID|1\r", "malformed"],
    ["encoding characters too few", "MSH|^~|LIS\r", "malformed"],
    ["two separators alike", "MSH|^^\\&|LIS\r", "malformed"],
    ["letters as separators", "MSHA^~\\&ALIS\r", "malformed"],
    ["the last segment not ended", `${MSH}PV1|1`, "malformed"],
    ["a second MSH", MSH + MSH, "malformed"],
    ["a line that is none", `${MSH}hello\r`, "malformed"],
    ["a blank line in between", `${MSH}\rPV1|1\r`, "malformed"],
    ["a lone escape", `${MSH}NTE|1||50\\100\r`, "malformed"],
    ["an escape of another charset", `${MSH}NTE|1||\\C2842\\\r`, "malformed"],
    ["hex that is no text", `${MSH}NTE|1||\\X00\\\r`, "malformed"],
    ["a NUL", `${MSH}NTE|1||\0\r`, "malformed"],
    ["too many fields", `${MSH}NTE${"|1".repeat(500)}\r`, "too-many"],
    ["too many repetitions", `${MSH}NTE|${"1~".repeat(1_200)}1\r`, "too-many"],
    ["too many components", `${MSH}NTE|${"1^".repeat(200)}1\r`, "too-many"],
    ["too many segments", MSH + "NTE|1\r".repeat(20_001), "too-many"],
  ] as const)
    test(`${what} is refused`, () => assert.equal(refused(text), code));

  test("an open end where a document says so", () => assert.deepEqual(read(`${MSH}PV1|1`, { openEnd: true }), ["/PV1/1=1"]));

  test("what is written is read back the same, separators in values included", () => {
    const leaf = (name: string, text: string): Tree => ({ name, text, children: [] });
    const root: Tree = {
      name: "",
      text: "",
      children: [
        { name: "MSH", text: "", children: [leaf("3", "HPIE"), { name: "9", text: "", children: [leaf("1", "DFT"), leaf("2", "P03")] }] },
        {
          name: "FT1",
          text: "",
          children: [
            leaf("2", "a|b^c~d&e\\f\ng\r"),
            { name: "11", text: "", children: [{ name: "1", text: "", children: [leaf("1", "20.00"), leaf("2", "CNY")] }] },
            leaf("13", "x"),
            leaf("13", "y"),
            { name: "NTE", text: "", children: [leaf("1", "1")] },
          ],
        },
      ],
    };
    const text = writeHl7(root);
    assert.equal(text.split("\r")[0], "MSH|^~\\&|HPIE||||||DFT^P03");
    assert.match(text, /\|20\.00&CNY\|\|x~y\rNTE\|1\r$/);
    const back = readHl7(text, { nesting: { FT1: ["NTE"] } });
    assert.ok(back.ok);
    assert.deepEqual(
      leaves(back.root).filter((one) => one.startsWith("/FT1/2=")),
      ["/FT1/2=a|b^c~d&e\\f\ng\r"],
    );
  });
});

describe("C-3 HL7 v2 whatever the values and the bytes", () => {
  const value = fc.string({
    minLength: 1,
    maxLength: 20,
    unit: fc.constantFrom("a", "1", "|", "^", "~", "&", "\\", "\n", "\r", "血", " ", '"'),
  });
  test("what is written is read back the same", () => {
    fc.assert(
      fc.property(
        fc.array(
          value.filter((one) => one !== '""'),
          { minLength: 1, maxLength: 8 },
        ),
        (values) => {
          const children = values.map((text, index): Tree => ({ name: String(index + 1), text, children: [] }));
          const root: Tree = {
            name: "",
            text: "",
            children: [
              { name: "MSH", text: "", children: [{ name: "3", text: "A", children: [] }] },
              { name: "ZZ1", text: "", children: [{ name: "2", text: "", children }] },
            ],
          };
          const back = readHl7(writeHl7(root));
          assert.ok(back.ok, back.ok ? "" : back.en);
          const told = leaves(back.root).filter((one) => one.startsWith("/ZZ1/"));
          const alone = values.length === 1;
          assert.deepEqual(
            told,
            values.map((text, index) => (alone ? `/ZZ1/2=${text}` : `/ZZ1/2/${index + 1}=${text}`)),
          );
        },
      ),
      { seed: 7, numRuns: 500 },
    );
  });

  test("any text is a tree or a refusal", () => {
    const noise = fc.string({
      maxLength: 300,
      unit: fc.constantFrom("M", "S", "H", "|", "^", "~", "\\", "&", "\r", "\n", "F", "T", "1", "中", "\0", '"'),
    });
    fc.assert(
      fc.property(noise, (text) => {
        const found = readHl7(MSH + text);
        if (!found.ok) assert.ok(found.zh.length > 0 && found.en.length > 0);
      }),
      { seed: 7, numRuns: 1_000 },
    );
  });
});

describe("C-3 HL7 v2 header before the charset is known", () => {
  /** 粅 is C3 7C in GBK: its second byte is the field separator. */
  const chinese = "MSH|^~\\&|检验粅系统|粅|HPIE|PAY|20261120||ADT^A04|M1|P|2.5.1|||||CHN|GB 18030-2000\rPID|1\r";
  test("a separator's byte inside a GBK character cuts nothing", () => {
    const header = headerOf(iconv.encode(chinese, "gbk"));
    assert.equal(header?.application, "检验粅系统");
    assert.deepEqual([header?.code, header?.trigger, header?.controlId], ["ADT", "A04", "M1"]);
    assert.equal(charsetOfHl7(iconv.encode(chinese, "gbk")), "gb18030");
  });
  for (const [name, expected] of [
    ["UNICODE UTF-8", "utf-8"],
    ["GB 18030-2000", "gb18030"],
    ["GBK", "gbk"],
    ["ASCII", "utf-8"],
    ["", undefined],
    ["8859/1", "8859/1"],
    ["UNICODE", "UNICODE"],
  ] as const)
    test(`MSH-18 "${name}" is ${expected}`, () =>
      assert.equal(charsetOfHl7(Buffer.from(`MSH|^~\\&|||||||ADT^A04|1|P|2.5.1||||||${name}\r`)), expected));
  test("what begins otherwise has no header", () => {
    for (const text of ["", "MSH", "PID|1", "\vMSH|^~\\&|", "MSH|", "\xff\xfe"])
      assert.equal(headerOf(Buffer.from(text, "latin1")), undefined, text);
  });
});

describe("C-3 a first document from an HL7 message", () => {
  const text = [
    MSH.trimEnd(),
    "PID|1||P1^^^HIS^PI||测试患者甲||19900101|M",
    "ORC|RE|A1^HIS",
    "OBR|1|A1^HIS||C1^血常规^L|||20261120093500",
    "OBX|1|NM|1^WBC^LN||6.20",
    "NTE|1||复核",
    "OBX|2|NM|2^RBC^LN||4.10",
    "ORC|RE|A2",
    "OBR|2|A2||C2^CRP^L",
    "",
  ].join("\r");
  const made = scaffold("oru-r01", text) as {
    readonly codec: { readonly kind: string; readonly groups: readonly string[]; readonly nesting: object };
    readonly unfilled: readonly { readonly from: string; readonly looks: string; readonly as?: string }[];
  };

  test("its grammar: repeated segments are groups, what follows what is nesting", () => {
    assert.deepEqual(made.codec, {
      kind: "hl7",
      groups: ["/ORC", "/ORC/OBR/OBX"],
      nesting: { ORC: ["OBR"], OBR: ["OBX"], OBX: ["NTE"] },
    });
  });

  test("every field once, by shape and never by value; a field met bare and composed is its first component", () => {
    const places = made.unfilled.map((one) => one.from);
    assert.equal(new Set(places).size, places.length);
    assert.ok(places.includes("/ORC/2/1") && places.includes("/ORC/2/2") && !places.includes("/ORC/2"));
    assert.ok(places.includes("/ORC/OBR/OBX/NTE/3"));
    const time = made.unfilled.find((one) => one.from === "/ORC/OBR/7");
    assert.deepEqual([time?.looks, time?.as], ["99999999999999", "date-time"]);
    assert.ok(!JSON.stringify(made).includes("患者甲"));
  });
});
