/**
 * Invented visits, the same for the same seed: a patient, a bill with lines, and how insurance and patient share it.
 * Every message of a case tells the same story, so charge, settle, payment and refund of one seed fit together. All amounts are fen.
 */

export type Payer = "self" | "insured";

export interface CaseLine {
  readonly no: number;
  readonly source: string;
  readonly code: string;
  readonly national: string | null;
  readonly name: string;
  readonly category: string;
  readonly spec: string | null;
  readonly unit: string;
  readonly quantity: bigint;
  /** Ten-thousandths of a yuan. */
  readonly price: bigint;
  readonly amount: bigint;
}

export interface Case {
  /** The common tail of all numbers: payer, seed and ordinal. */
  readonly tail: string;
  /** yyyy-MM-dd of the business day. */
  readonly date: string;
  /** When the charge was made, ms since 1970; what follows happens minutes later. */
  readonly at: number;
  readonly seed: number;
  readonly ordinal: number;
  readonly payer: Payer;
  readonly bill: string;
  readonly visit: string;
  readonly patientNo: string;
  readonly patientName: string;
  readonly operator: string;
  readonly doctor: string;
  readonly department: string;
  readonly lines: readonly CaseLine[];
  readonly total: bigint;
  readonly drugs: bigint;
  /** total = fund + account + cash, cash ≥ 1 fen; partialSelf is contained in account and cash. */
  readonly fund: bigint;
  readonly account: bigint;
  readonly cash: bigint;
  readonly partialSelf: bigint;
  readonly channel: "WX" | "ZFB" | "YL";
  /** The visit and the person at the insurer, for what the HIS asks of the front machine; with `settlement`, that is taken back. */
  readonly claim?: { readonly mdtrtId: string; readonly psnNo: string; readonly settlement?: string };
  /** Whose DLL settles it, where the engine calls one; absent: Neusoft's. */
  readonly dll?: "chongqing";
  /** The payment does not say what the whole bill comes to: who charges it tells that. */
  readonly totalUntold?: true;
  /** What is given back of the patient's payment; absent: as the generators choose. */
  readonly back?: bigint;
}

export interface CaseOptions {
  readonly seed: number;
  /** yyyy-MM-dd */
  readonly date: string;
  readonly payer: Payer;
}

export const MAX_SEED = 36 ** 4 - 1;
const MAX_ORDINAL = 36 ** 5 - 1;
export const MINUTE_MS = 60_000;

const SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨";
const GIVEN = ["测甲", "测乙", "测丙", "测试", "喆", "堃", "犇", "镕基", "雪莹", "志强"];
const DEPARTMENTS = ["内科门诊", "外科门诊", "儿科门诊", "妇科门诊", "急诊科"];
const ITEMS: readonly {
  code: string;
  national?: string;
  name: string;
  category: string;
  spec?: string;
  unit: string;
  price: bigint;
  steps: bigint;
}[] = [
  {
    code: "Y0001",
    national: "XJ01CAA040",
    name: "阿莫西林胶囊",
    category: "西药",
    spec: "0.25g*24",
    unit: "盒",
    price: 125_000n,
    steps: 1n,
  },
  {
    code: "Y0002",
    national: "XA02BCL050",
    name: "兰索拉唑肠溶片",
    category: "西药",
    spec: "15mg*14",
    unit: "盒",
    price: 338_000n,
    steps: 1n,
  },
  { code: "Y0003", name: "葡萄糖注射液", category: "西药", spec: "5% 250ml", unit: "瓶", price: 41_200n, steps: 1n },
  { code: "C0001", name: "甘草片(饮片)", category: "中药饮片", unit: "g", price: 1_250n, steps: 40n },
  { code: "J0002", name: "血常规", category: "检验", unit: "次", price: 675_000n, steps: 1n },
  { code: "J0007", name: "胸部DR<正位>", category: "检查", unit: "次", price: 800_000n, steps: 1n },
  { code: "Z0001", name: "静脉输液 & 材料", category: "治疗", unit: "次", price: 103_500n, steps: 1n },
];
const DAY_OPENS_MS = 8 * 3_600_000;
const DAY_SECONDS = 36_000;
/** Neusoft's serial has four digits beside the second; so many cases share one. */
export const CASES_PER_SECOND = 10_000;
const SECONDS_PER_SEED = 601;

/** A repeatable source of whole numbers below `limit` (mulberry32): equal seeds, equal numbers, on every machine. */
export function createDice(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * limit);
  };
}

/** The case of this seed with this ordinal (0 …). Throws RangeError when a number would no longer be unique. */
export function makeCase({ seed, date, payer }: CaseOptions, ordinal: number): Case {
  if (!Number.isSafeInteger(seed) || seed < 0 || seed > MAX_SEED) throw new RangeError(`seed must be 0 to ${MAX_SEED}`);
  if (!Number.isSafeInteger(ordinal) || ordinal < 0 || ordinal > MAX_ORDINAL)
    throw new RangeError(`at most ${MAX_ORDINAL + 1} messages of one seed`);
  const dice = createDice(seed * 1_000_003 + ordinal * 7_919 + (payer === "self" ? 1 : 2));
  const tail = (payer === "self" ? "1" : "2") + base36(seed, 4) + base36(ordinal, 5);
  const day = date.replaceAll("-", "").slice(2);
  const lines = makeLines(dice);
  const total = lines.reduce((sum, line) => sum + line.amount, 0n);
  const drugs = lines.filter((line) => /药/.test(line.category)).reduce((sum, line) => sum + line.amount, 0n);
  const partialSelf = (total * BigInt(dice(15))) / 100n;
  const fund = ((total - partialSelf) * BigInt(40 + dice(40))) / 100n;
  const account = ((total - fund) * BigInt(dice(90))) / 100n;
  const second = (seed * SECONDS_PER_SEED + Math.floor(ordinal / CASES_PER_SECOND)) % DAY_SECONDS;
  const pickOf = <T>(list: ArrayLike<T>, fallback: T): T => list[dice(list.length)] ?? fallback;
  return {
    tail,
    date,
    at: Date.parse(`${date}T00:00:00+08:00`) + DAY_OPENS_MS + second * 1_000,
    seed,
    ordinal,
    payer,
    bill: `DJ${day}${tail}`,
    visit: `MZ${day}${tail}`,
    patientNo: `P${tail}`,
    patientName: pickOf(SURNAMES, "赵") + pickOf(GIVEN, "测甲"),
    operator: `收费员${pickOf(SURNAMES, "赵")}`,
    doctor: `${pickOf(SURNAMES, "赵")}医师`,
    department: pickOf(DEPARTMENTS, "内科门诊"),
    lines,
    total,
    drugs,
    fund,
    account,
    cash: total - fund - account,
    partialSelf,
    channel: pickOf(["WX", "ZFB", "YL"] as const, "WX"),
  };
}

function makeLines(dice: (limit: number) => number): CaseLine[] {
  return Array.from({ length: 1 + dice(4) }, (_, index) => {
    const item = ITEMS[dice(ITEMS.length)];
    if (item === undefined) throw new RangeError("no such item");
    const quantity = item.steps * BigInt(1 + dice(3));
    return {
      no: index + 1,
      source: `${item.category === "检验" || item.category === "检查" ? "JC" : "RX"}${index + 1}`,
      code: item.code,
      national: item.national ?? null,
      name: item.name,
      category: item.category,
      spec: item.spec ?? null,
      unit: item.unit,
      quantity,
      price: item.price,
      // Every price times its steps is whole fen, so nothing is ever rounded.
      amount: (item.price * quantity) / 100n,
    };
  });
}

function base36(value: number, digits: number): string {
  return value.toString(36).toUpperCase().padStart(digits, "0");
}
