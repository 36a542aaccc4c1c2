/**
 * Personal data in what people read and in logs: names keep the family name, numbers keep their ends (C: issue 2 "personal data masked"; S0-38).
 * Masks for reading, not for exporting: what no rule here recognises stays as it is, so bytes are never shown without an audited unmasking.
 */
import { maskLatin } from "./masking-latin.ts";
import { maskPeople } from "./masking-person.ts";

/** Deeper than any structure we log or show. */
const MASK_DEPTH_MAX = 12;

/**
 * The 110 most common family names and the compound ones. Characters that mostly begin ordinary words of bills and receipts (成, 高, 白, 金 …) are in the list
 * all the same: hiding a word of a receipt costs a look at the bytes, showing a name costs more.
 */
const SURNAMES =
  "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文庞樊兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍韦申尤毕聂丛焦向柳邢路岳齐沿梅莫庄辛管祝左涂谷祁时舒耿牟卜路詹关苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈鲍位覃霍翁隋植甘景薄单包司柏宁柯阮桂闵解强丘华车冉房边" as const;
const COMPOUND = ["欧阳", "上官", "司马", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "司徒", "令狐", "端木", "夏侯"];
/** Whole fields that look like a name and are none. */
const WORDS = new Set([
  "成功",
  "金额",
  "金额不符",
  "高血压",
  "白天",
  "时间",
  "单位",
  "单据",
  "包装",
  "安全",
  "方式",
  "方法",
  "管理员",
  "向上",
  "关闭",
  "解除",
  "查询",
  "查询成功",
  "华东",
  "江苏",
  "江西",
  "安徽",
  "宁夏",
  "云南",
  "文本",
  "常规",
  "马上",
  "万元",
  "石膏",
  "任意",
  "于是",
  "张数",
  "易错",
  "康复",
  "康复科",
  "温度",
  "盛京",
  "车号",
  "边界",
  "左侧",
  "房间",
  "毛重",
  "解锁",
  "应付",
  "程序",
  "路径",
  "项目",
  "强制",
  "单价",
  "单号",
  "司机",
  "查无此单",
]);

const stars = (count: number): string => "*".repeat(Math.max(count, 1));

/** The family name and a star for each character after it; one letter of a name in Latin letters. */
export function maskName(name: string): string {
  const letters = [...name];
  if (letters.length === 0) return name;
  const kept = COMPOUND.some((one) => name.startsWith(one)) ? 2 : 1;
  return `${letters.slice(0, kept).join("")}${stars(letters.length - kept)}`;
}

/** Keeps `head` and `tail` characters of a number that is longer than both; hides a shorter one whole. */
export function maskNumber(number: string, head = 2, tail = 4): string {
  if (number.length <= head + tail) return stars(number.length);
  return `${number.slice(0, head)}${stars(number.length - head - tail)}${number.slice(number.length - tail)}`;
}

type Mask = (found: string) => string;
const idMask: Mask = (found) => maskNumber(found, 3, 2);
const phoneMask: Mask = (found) => maskNumber(found, 3, 4);
const cardMask: Mask = (found) => maskNumber(found, 4, 4);

const SEPARATED = "[ -]?";
/** Matched against the text with full-width digits made ASCII; each finds numbers that stand alone. */
const NUMBERS: readonly (readonly [RegExp, Mask, (digits: string) => boolean])[] = [
  // Resident identity: region, birth date, sequence, check digit (GB 11643).
  [/(?<![0-9A-Za-z])[1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[0-9Xx](?![0-9A-Za-z])/g, idMask, () => true],
  [/(?<![0-9A-Za-z])[1-9]\d{5}\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}(?![0-9A-Za-z])/g, idMask, () => true],
  [new RegExp(`(?<![0-9A-Za-z])1[3-9]\\d${SEPARATED}\\d{4}${SEPARATED}\\d{4}(?![0-9A-Za-z])`, "g"), phoneMask, () => true],
  // Bank cards: UnionPay by prefix; others only when the check digit fits, or every serial number would be one.
  [new RegExp(`(?<![0-9A-Za-z])62(?:${SEPARATED}\\d){14,17}(?![0-9A-Za-z])`, "g"), cardMask, () => true],
  [new RegExp(`(?<![0-9A-Za-z])[3-6](?:${SEPARATED}\\d){14,18}(?![0-9A-Za-z])`, "g"), cardMask, luhn],
];

/** The check digit of payment cards (ISO/IEC 7812-1). */
function luhn(text: string): boolean {
  const digits = [...text.replace(/\D/g, "")].reverse().map(Number);
  const sum = digits.reduce((total, digit, index) => total + (index % 2 === 0 ? digit : digit * 2 > 9 ? digit * 2 - 9 : digit * 2), 0);
  return digits.length >= 15 && digits.length <= 19 && sum % 10 === 0;
}

/** What a member's name says of its value. Partners write these with and without underscores, in English, pinyin initials and Chinese. */
const SECRET = /^(?:.*(?:password|passwd|secret|authorization|cookie|api_?key).*|(?:pay|ec|revs)?_?token|pay_?auth_?no)$/i;
const NAME =
  /^(?:(?:patient|psn|person|user|operator|opter|insured|holder|owner|payer|payee|doctor|cashier|contact|account|acct|card_?holder|real|cust|customer|dr|brxm?|hz)_?name|name_?(?:of_?)?patient|xm|brxm|hzxm|姓名|患者姓名|操作员姓名|医生姓名)$/i;
const NUMBER =
  /^(?:.*(?:id_?card|certno|cert_?no|card_?no|card_?num|bank_?no|bank_?card|acct_?no|account_?no|pay_?account|account|open_?id|mobile|phone|tel|identity_?no|sfzh|sfzhm|kh|sjh)|id_?no|身份证(?:号码?)?|卡号|账号|手机号?|电话)$/i;
const PERSON = /^(?:patient|operator|person|insured|doctor|by|approvedBy|payer|payee|cardholder)$/i;

/** Papers and cards of any form (a passport has no pattern of its own), by what stands around their number. */
const PAPERS = /^(?:credential|certificate)$/;
/** Where `account` is what the account pays, in fen. */
const PARTS = /^(?:amounts|refunds)$/;
const FEN = /^\d{1,15}$/;

const isText = (value: unknown): value is string => typeof value === "string";
const COVERED = /\*{2,}/;
/** `<Account>20.00</Account>` is what an account paid, not its number: books cannot be compared with stars. */
const AMOUNT = /^-?\d{1,9}\.\d{2}$/;

function maskMember(key: string, parent: string, value: string): string {
  if (value === "" || COVERED.test(value)) return value;
  if (SECRET.test(key)) return "***";
  if (NAME.test(key) || (key === "name" && PERSON.test(parent))) return maskName(value);
  if (key === "no" && PAPERS.test(parent)) return maskNumber(value);
  if (PARTS.test(parent) && FEN.test(value)) return value;
  if (NUMBER.test(key) && !AMOUNT.test(value)) return maskNumber(value);
  return maskText(value);
}

/** Every repetition has its limit: a partner's text must not make a pattern slow. */
const XML_LEAF = /<([A-Za-z_一-鿿][\w.:一-鿿-]{0,63})(\s[^<>]{0,500})?>(<!\[CDATA\[)?([^<>]{0,500}?)(\]\]>)?<\//g;
const XML_ATTRIBUTE = /(?<![\w.一-鿿-])([A-Za-z_一-鿿][\w.一-鿿-]{0,63})=(["'])([^"'<>]{0,500})\2/g;
const JSON_MEMBER = /"([^"\\]{1,64})"\s*:\s*"((?:[^"\\]|\\.){0,500})"/g;
/** The same where JSON stands in a string of JSON (its quotes escaped, perhaps several times) or in XML. */
const INNER_MEMBER = /(\\{1,7}"|&quot;)([^"\\&]{1,64})\1(\s*:\s*)\1([^"\\&]{0,500})\1/g;
const LABELLED = /(姓名|患者|病人|联系人|持卡人|收费员|操作员)([:：]\s*)([一-鿿·]{2,6})/g;
/** A partner's sentence: 患者张三余额不足. */
const SPOKEN = /(患者|病人|参保人|持卡人|就诊人)([一-鿿]{2,3})/g;
/** A whole field between the marks of the dialects we meet. */
const FIELD = /(?<=^|[\^|,;~ \t\n\r>"'[\]$%=，；、：])([一-鿿·]{2,6})(?=$|[\^|,;~ \t\n\r<"'[\]$%，；、：&\\])/g;

const local = (tag: string): string => tag.slice(tag.lastIndexOf(":") + 1);
const looksLikeName = (field: string): boolean => {
  if (/^测试[一-鿿]{1,4}$/.test(field)) return true; // the test persons of partners' test systems
  if (WORDS.has(field)) return false;
  if (COMPOUND.some((one) => field.startsWith(one))) return field.length >= 3 && field.length <= 4;
  return field.length >= 2 && field.length <= 3 && SURNAMES.includes(field.charAt(0));
};

/** Where a name ends in a sentence nobody knows: both characters after the family name are hidden. */
const maskSpoken = (name: string): string =>
  COMPOUND.some((one) => name.startsWith(one)) || SURNAMES.includes(name.charAt(0)) ? maskName(name) : name;

const asciiDigits = (text: string): string => text.replace(/[０-９]/g, (digit) => String.fromCharCode(digit.charCodeAt(0) - 0xfee0));

function maskNumbers(text: string): string {
  let masked = text;
  for (const [pattern, mask, holds] of NUMBERS) {
    const plain = asciiDigits(masked);
    let result = "";
    let from = 0;
    for (const found of plain.matchAll(pattern)) {
      if (!holds(found[0])) continue;
      result += masked.slice(from, found.index) + mask(masked.slice(found.index, found.index + found[0].length));
      from = found.index + found[0].length;
    }
    masked = result + masked.slice(from);
  }
  return masked;
}

/** A text of any dialect with what looks like personal data hidden: labelled members, identity, phone and card numbers, whole fields that are names. */
export function maskText(text: string): string {
  if (text === "") return text;
  const sensitive = (key: string): boolean => SECRET.test(key) || NAME.test(key) || NUMBER.test(key);
  const labelled = maskPeople(text, (name) => (COVERED.test(name) ? name : maskName(name)))
    .replace(XML_LEAF, (all, tag: string, attributes = "", open = "", value: string, close = "") =>
      sensitive(local(tag)) ? `<${tag}${attributes}>${open}${maskMember(local(tag), "", value)}${close}</` : all,
    )
    .replace(XML_ATTRIBUTE, (all, key: string, quote: string, value: string) =>
      sensitive(key) ? `${key}=${quote}${maskMember(key, "", value)}${quote}` : all,
    )
    .replace(JSON_MEMBER, (all, key: string, value: string) => (sensitive(key) ? `"${key}":"${maskMember(key, "", value)}"` : all))
    .replace(INNER_MEMBER, (all, quote: string, key: string, colon: string, value: string) =>
      sensitive(key) ? `${quote}${key}${quote}${colon}${quote}${maskMember(key, "", value)}${quote}` : all,
    )
    .replace(LABELLED, (_all, label: string, colon: string, name: string) => `${label}${colon}${maskName(name)}`)
    .replace(SPOKEN, (_all, label: string, name: string) => `${label}${maskSpoken(name)}`)
    .replace(FIELD, (field: string) => (looksLikeName(field) ? maskName(field) : field));
  return maskNumbers(maskLatin(labelled));
}

/**
 * A copy of a structure with personal data hidden, ready for JSON: bigints as text, bytes as their number, cycles and depths beyond the limit as "…".
 * `convert` is asked first for each value; what it changes is walked again.
 */
export function maskValue(value: unknown, convert: (value: unknown) => unknown = (same) => same): unknown {
  const walk = (given: unknown, key: string, parent: string, depth: number): unknown => {
    const one = convert(given);
    if (isText(one)) return maskMember(key, parent, one);
    if (typeof one === "bigint") return one.toString();
    if (typeof one !== "object" || one === null) return one;
    if (one instanceof Uint8Array) return `${one.byteLength} bytes`;
    if (depth >= MASK_DEPTH_MAX) return "…";
    if (Array.isArray(one)) return one.map((item) => walk(item, key, parent, depth + 1));
    if (one instanceof Date) return one.toISOString();
    return Object.fromEntries(Object.entries(one).map(([name, member]) => [name, walk(member, name, key, depth + 1)]));
  };
  return walk(value, "", "", 0);
}
