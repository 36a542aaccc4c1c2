/**
 * A hospital day as a plan: who comes, what is ordered for him, who charges it, who pays, and what goes wrong afterwards. Pure: equal seed and date, equal day.
 * Every order is a bill of its own, as outpatient departments bill. All amounts are fen.
 */
import { type Case, type CaseLine, createDice, MINUTE_MS, makeCase } from "../messages/cases.ts";

const BILL_KINDS = ["registration", "prescription", "lab", "exam"] as const;
export type BillKind = (typeof BILL_KINDS)[number];

/**
 * Who settles the insured part: the insurer's DLL that the HIS calls itself and pushes as an exchange, the same DLL called by the engine over the bridge, Chongqing's DLL over its
 * bridge, the front machine, or the mobile platform of its own accord.
 */
export type Settles = "exchange" | "bridge" | "chongqing" | "frontmachine" | "mobile";
const SETTLES = ["exchange", "bridge", "frontmachine", "frontmachine", "mobile", "chongqing"] as const;

/** What becomes of a bill after it was paid. `return`: one line of a prescription comes back; `refuse`: the pharmacist hands nothing out; `cancel`: all is given back. */
export type Fate = "kept" | "return" | "refuse" | "cancel";

export interface Bill {
  readonly kind: BillKind;
  readonly one: Case;
  /** The prescription's or the request's number. */
  readonly order: string;
  readonly settles: Settles | null;
  /** Where the patient pays: at the window, through the 12320 platform, in the patients' app, or at a kiosk of the other campus, whose HIS (DHCC) confirms it by itself. */
  readonly pays: "window" | "platform" | "app" | "dhcc";
  /** Who charges a test: the laboratory by HL7, or the one that offers a view. Its payment then does not say what the bill comes to: every row of the view has to come. */
  readonly charges?: "lis" | "lis-view";
  /** The door by which the HIS sends what concerns this bill. */
  readonly via: "http" | "amqp";
  readonly fate: Fate;
  /** The line that comes back. */
  readonly returned?: CaseLine;
}

export interface DayOptions {
  readonly patients: number;
  readonly seed: number;
  /** yyyy-MM-dd */
  readonly date: string;
}

const BILLS_PER_PATIENT = BILL_KINDS.length;
const YUAN = 10_000n;
const LINES: Readonly<Record<Exclude<BillKind, "prescription">, readonly Omit<CaseLine, "no" | "amount" | "quantity">[]>> = {
  registration: [line("GH", "G0001", "挂号费", "挂号费", 2n * YUAN), line("GH", "G0002", "普通门诊诊察费", "诊察费", 10n * YUAN)],
  lab: [line("JY", "J0002", "血常规", "检验", 675_000n), line("JY", "J0003", "C反应蛋白测定", "检验", 308_000n)],
  exam: [line("JC", "J0007", "胸部DR正位", "检查", 800_000n)],
};
const AMOXICILLIN = { ...line("RX", "Y0001", "阿莫西林胶囊", "西药", 125_000n), national: "XJ01CAA040", unit: "盒" };

function line(source: string, code: string, name: string, category: string, price: bigint): Omit<CaseLine, "no" | "amount" | "quantity"> {
  return { source, code, national: null, name, category, spec: null, unit: "次", price };
}

/** The day's bills, patient by patient: a registration for everybody, then two in three get a prescription, one in two a test, one in three an examination. */
export function planDay({ patients, seed, date }: DayOptions): readonly Bill[] {
  const dice = createDice(seed * 7_919 + 11);
  const bills: Bill[] = [];
  for (let patient = 0; patient < patients; patient += 1) {
    const insured = dice(3) > 0;
    const settles = insured ? (SETTLES[dice(SETTLES.length)] ?? "exchange") : null;
    const comes: readonly [BillKind, boolean][] = [
      ["registration", true],
      ["prescription", dice(3) < 2],
      ["lab", dice(2) === 0],
      ["exam", dice(3) === 0],
    ];
    const first = makeCase({ seed, date, payer: insured ? "insured" : "self" }, patient * BILLS_PER_PATIENT);
    for (const [index, [kind, is]] of comes.entries()) {
      const fate = dice(100);
      const pick = dice(4);
      if (!is) continue;
      const ordinal = patient * BILLS_PER_PATIENT + index;
      // Registrations are paid by the patient alone. Chongqing knows visits and no bills, so there the HIS itself charges by visit: examinations.
      const by = kind === "registration" ? null : settles === "chongqing" && kind !== "exam" ? "exchange" : settles;
      const one = caseOf(kind, seed, date, ordinal, first, by);
      bills.push(billOf(kind, one, by, fate, pick));
    }
  }
  return bills;
}

/** The patient pays in the app, which knows visits and no bills: so does the HIS then. */
const APP = 1;
const KIOSK = 3;
const PAYS = ["platform", "app", "window", "window"] as const;

function billOf(kind: BillKind, given: Case, settles: Settles | null, chance: number, pick: number): Bill {
  const app = kind === "registration" && pick === APP;
  const one = app ? { ...given, visit: `${given.visit}A`, bill: `${given.visit}A` } : given;
  const via = one.ordinal % 2 === 0 ? "http" : "amqp";
  // Accession numbers of DICOM hold 16 characters.
  const day = kind === "exam" ? one.date.slice(5).replace("-", "") : one.date.replaceAll("-", "");
  const order = `${{ registration: "GH", prescription: "CF", lab: "JY", exam: "JC" }[kind]}${day}${one.tail}`;
  const pays = kind === "registration" ? (PAYS[pick] ?? "window") : "window";
  const charges = kind === "lab" ? ({ charges: pick % 2 === 0 ? "lis-view" : "lis" } as const) : {};
  const base = { kind, order, settles, via, pays, ...charges } as const;
  // Over the bridges, on the mobile platform and in the app nothing is taken back on this day: the HIS cancels by calls of its own.
  if (settles === "bridge" || settles === "chongqing" || settles === "mobile" || pays === "app") return { ...base, fate: "kept", one };
  if (kind === "prescription" && settles === null && chance < 12) {
    const returned = one.lines[pick % one.lines.length];
    if (returned !== undefined) return { ...base, fate: "return", one: { ...one, back: returned.amount }, returned };
  }
  if (kind === "prescription" && chance >= 95) return { ...base, fate: "refuse", one: { ...one, back: patientPays(one) } };
  if (kind !== "registration" && kind !== "prescription" && chance < 8)
    return { ...base, fate: "cancel", one: { ...one, back: patientPays(one) } };
  return { ...base, ...(kind === "prescription" && pick === KIOSK ? { pays: "dhcc" } : {}), fate: "kept", one };
}

/** What the patient pays himself. */
export const patientPays = (one: Case): bigint => (one.payer === "self" ? one.total : one.cash);

function caseOf(kind: BillKind, seed: number, date: string, ordinal: number, first: Case, settles: Settles | null): Case {
  const payer = settles === null ? "self" : "insured";
  const made = makeCase({ seed, date, payer }, ordinal);
  const medicines = made.lines.filter((one) => one.category.includes("药"));
  const lines =
    kind === "prescription"
      ? (medicines.length > 0 ? medicines : [{ ...AMOXICILLIN, no: 1, quantity: 2n, amount: 2_500n }]).map((one, index) => ({
          ...one,
          no: index + 1,
        }))
      : LINES[kind].map((one, index) => ({ ...one, no: index + 1, quantity: 1n, amount: one.price / 100n }));
  const total = lines.reduce((sum, one) => sum + one.amount, 0n);
  // The documented rule of the simulated insurers: the funds bear 60 %, the account half of the rest, both rounded down to the fen; the patient the remainder.
  const fund = settles === null ? 0n : (total * 60n) / 100n;
  const account = settles === null ? 0n : (total - fund) / 2n;
  const { patientNo, patientName, operator, doctor, department } = first;
  // Behind the DLL a visit is settled once: there each bill is a visit of its own.
  const visit = settles === "bridge" || settles === "chongqing" ? made.visit : first.visit;
  const bill = settles === "chongqing" ? { bill: visit } : {};
  const shares = { total, drugs: kind === "prescription" ? total : 0n, fund, account, cash: total - fund - account, partialSelf: 0n };
  const at = made.at + (ordinal % BILLS_PER_PATIENT) * 10 * MINUTE_MS;
  return { ...made, ...bill, ...shares, at, lines, patientNo, patientName, visit, operator, doctor, department };
}
