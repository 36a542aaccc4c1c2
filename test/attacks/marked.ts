/** Marked personal data, in the forms in which it comes and leaks, and a search for any of them (reliability.md A60). Shares no code with what masks. */
import iconv from "iconv-lite";

export interface Marked {
  readonly id: string;
  readonly phone: string;
  readonly card: string;
  readonly name: string;
  readonly latin: string;
  readonly secret: string;
}

/** What no masked form keeps: the middle of numbers, the given name. Everything marked contains one of them, and nothing else does. */
const CORES = {
  id: "432119770707",
  phone: "97531",
  card: "209753197531",
  name: "龘靐",
  latin: "qxvwmark",
  secret: "zqSecretMark",
} as const;

/** Check digit of a resident identity number (GB 11643). */
const checked = (seventeen: string): string => {
  const sum = [...seventeen].reduce((total, digit, index) => total + Number(digit) * 2 ** ((17 - index) % 11), 0);
  return seventeen + "10X98765432".charAt(sum % 11);
};
const luhn = (digits: string): string => {
  const sum = [...`${digits}0`].reverse().reduce((total, digit, index) => {
    const value = Number(digit) * (index % 2 === 1 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return digits + String((10 - (sum % 10)) % 10);
};

/** The n-th marked person. The middle of the phone number is one that no time, amount or serial number of a test has beside "139". */
export const person = (n: number): Marked => ({
  id: checked(`65${CORES.id}${String(n % 1_000).padStart(3, "0")}`),
  phone: `139${CORES.phone}${String(n % 1_000).padStart(3, "0")}`,
  card: luhn(`62${CORES.card}${String(n % 1_000).padStart(4, "0")}`),
  name: `欧阳${CORES.name}`,
  latin: `Z${CORES.latin} W${CORES.latin}`,
  secret: `sk_live_${CORES.secret}${n}`,
});

const wide = (text: string): string => text.replace(/[!-~]/g, (one) => String.fromCharCode(one.charCodeAt(0) + 0xfee0));
const spaced = (text: string): string => text.replace(/(.{4})(?=.)/gu, "$1 ");
const percent = (bytes: Buffer): string => [...bytes].map((byte) => `%${byte.toString(16).padStart(2, "0").toUpperCase()}`).join("");

export const FORMS: readonly (readonly [name: string, form: (text: string) => string])[] = [
  ["plain", (text) => text],
  ["spaced", spaced],
  ["with hyphens", (text) => spaced(text).replaceAll(" ", "-")],
  ["full-width", wide],
  ["URL", (text) => percent(Buffer.from(text))],
  ["base64", (text) => Buffer.from(text).toString("base64")],
  ["hex", (text) => Buffer.from(text).toString("hex")],
  ["GBK as hex", (text) => iconv.encode(text, "gbk").toString("hex")],
  ["GBK in a URL", (text) => percent(iconv.encode(text, "gbk"))],
  ["split over lines", (text) => text.replace(/(.{6})(?=.)/gu, "$1\n")],
];

/** Base64 of a text wherever it begins in what was encoded: its middle, at each of the three places. */
const inBase64 = (bytes: Buffer): readonly string[] =>
  [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
    return text.slice(before === 0 ? 0 : before + 1, Math.floor((before + bytes.length) / 3) * 4);
  });

/** One core in every form, for searching a text of which blanks, line ends and separators were taken out. */
function needles(core: string): readonly string[] {
  const [utf8, gbk] = [Buffer.from(core), iconv.encode(core, "gbk")];
  const escaped = [...core].map((one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
  const all = [core, wide(core), escaped, ...[utf8, gbk].flatMap((bytes) => [percent(bytes), bytes.toString("hex"), ...inBase64(bytes)])];
  return [...new Set(all.filter((one) => one.length >= 4 || one === core || one === wide(core)).map((one) => one.toLowerCase()))];
}
const NEEDLES = Object.values(CORES).flatMap((core) => needles(core).map((needle) => ({ core, needle })));
const GBK_BYTES = Object.values(CORES).flatMap((core) => [core, wide(core)].map((text) => ({ core, bytes: iconv.encode(text, "gbk") })));

/** Where marked data is in these bytes: the core found and what stands around it. */
export function hits(bytes: Buffer): readonly { readonly core: string; readonly around: string }[] {
  const found: { core: string; around: string }[] = [];
  const text = bytes.toString("utf8").toLowerCase();
  for (const close of [text, text.replace(/\\[nrt]|[\s-]/g, "")])
    for (const { core, needle } of NEEDLES)
      for (let at = close.indexOf(needle); at >= 0 && found.length < 200; at = close.indexOf(needle, at + needle.length))
        found.push({ core, around: close.slice(Math.max(0, at - 160), at + needle.length + 60) });
  for (const { core, bytes: needle } of GBK_BYTES)
    if (bytes.includes(needle) && !found.some((one) => one.core === core)) found.push({ core, around: "GBK bytes" });
  return found;
}
