/**
 * Names in Latin letters (passports, pinyin, HL7): no character tells them from other words, so they are known by where they stand: in a person's element or object, in the
 * fields of HL7 that hold people, behind a label, or as a whole field that begins with a Chinese family name in pinyin. Every repetition has its limit.
 */

const PERSONS = "patient|operator|person|insured|doctor|payer|payee|cardholder|holder|contact|cashier";
/** `<Patient no="1" name="Zhang Wei"/>` */
const PERSON_ATTRIBUTE = new RegExp(`(<(?:\\w{1,20}:)?(?:${PERSONS})\\b[^<>]{0,400}?\\bname=["'])([^"'<>]{1,80})`, "gi");
/** `<Patient><No>1</No><Name>Zhang Wei</Name>` */
const PERSON_CHILD = new RegExp(
  `(<(?:\\w{1,20}:)?(?:${PERSONS})\\b[^<>]{0,200}>(?:\\s{0,20}<[^<>/]{1,60}>[^<>]{0,120}</[^<>]{1,60}>){0,8}?\\s{0,20}<(?:\\w{1,20}:)?name>)([^<>]{1,80})`,
  "gi",
);
/** `"patient": {"no": "1", "name": "Zhang Wei"` */
const PERSON_MEMBER = new RegExp(`("(?:${PERSONS})"\\s{0,4}:\\s{0,4}\\{[^{}]{0,400}?"name"\\s{0,4}:\\s{0,4}")([^"\\\\]{1,80})`, "gi");
/** A label in a sentence, and up to four words. */
const LABELLED =
  /((?:姓名|患者|病人|联系人|持卡人|参保人|收费员|操作员|\b(?:patient|cardholder|payer|payee|insured)(?:[ _]name)?)["']?\s{0,3}[:：=]\s{0,3}["']?|(?:患者|病人|参保人|持卡人|就诊人)\s?)([A-Za-z][A-Za-z'.·-]{0,30}(?:[ ,^]{1,2}[A-Za-z][A-Za-z'.·-]{0,30}){0,3})/gi;
/** Where HL7 v2 names people: segment, the number of fields before, and whether an id stands before the name (XCN). */
const HL7: readonly (readonly [segment: string, before: number])[] = [
  ["PID", 4],
  ["PID", 5],
  ["PID", 8],
  ["NK1", 1],
  ["GT1", 2],
  ["IN1", 15],
  ["PV1", 6],
  ["PV1", 7],
  ["PV1", 8],
  ["PV1", 16],
  ["ORC", 11],
  ["OBR", 15],
];
const HL7_FIELDS = HL7.map(
  ([segment, before]) => new RegExp(`((?:^|[\\r\\n\\v])${segment}(?:\\|[^|\\r\\n]{0,500}){${before}}\\|)([^|\\r\\n]{1,200})`, "g"),
);
/** Family names of most people in China, as pinyin writes them. */
const PINYIN =
  "wang|li|zhang|liu|chen|yang|zhao|huang|zhou|wu|xu|sun|hu|zhu|gao|lin|he|guo|ma|luo|liang|song|zheng|xie|han|tang|feng|yu|dong|xiao|cheng|cao|yuan|deng|fu|shen|zeng|peng|lv|lu|su|jiang|cai|jia|ding|wei|xue|ye|yan|pan|du|dai|xia|zhong|tian|ren|fan|fang|shi|yao|tan|liao|zou|xiong|jin|hao|kong|bai|cui|kang|mao|qiu|qin|gu|hou|shao|meng|long|wan|duan|lei|qian|yin|chang|qiao|lai|gong|wen|ouyang|shangguan|sima|zhuge";
const SYLLABLE =
  "(?:[bpmfdtnlgkhjqxzcsrwy]|zh|ch|sh)?(?:a|o|e|i|u|v|ai|ei|ui|ao|ou|iu|ie|ue|er|an|en|in|un|ang|eng|ing|ong|ia|ua|uo|iao|ian|iang|uai|uan|uang|iong)";
const PINYIN_FIELD = new RegExp(
  `(?<=^|[\\^|,;\\t\\n\\r>"'[\\]$=:，；、：])(?:${PINYIN})[ ,^]{1,2}${SYLLABLE}(?:[ '-]?${SYLLABLE}){0,2}(?=$|[\\^|,;\\t\\n\\r<"'[\\]$，；、：])`,
  "gi",
);

/** The first letter of each word. */
const initials = (name: string): string =>
  name.replace(/(\p{L})[\p{L}\p{M}'.·-]*/gu, (word: string, first: string) => `${first}${"*".repeat(Math.max(1, [...word].length - 1))}`);
const LATIN = /[A-Za-z]{2}/;
const covered = (name: string): boolean => name.includes("**");

/** A text with names in Latin letters hidden, but for the first letter of each word. */
export function maskLatin(text: string): string {
  if (!LATIN.test(text)) return text;
  const hide = (all: string, before: string, name: string): string =>
    covered(name) || !LATIN.test(name) ? all : `${before}${initials(name)}`;
  let masked = text;
  for (const pattern of [PERSON_ATTRIBUTE, PERSON_CHILD, PERSON_MEMBER, LABELLED]) masked = masked.replace(pattern, hide);
  if (/(?:^|[\r\n\v])(?:PID|NK1|GT1|IN1|PV1|ORC|OBR)\|/.test(masked))
    for (const pattern of HL7_FIELDS) masked = masked.replace(pattern, hide);
  return masked.replace(PINYIN_FIELD, (name: string) => initials(name));
}
