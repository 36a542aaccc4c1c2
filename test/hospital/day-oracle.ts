/**
 * The day's oracle: reads ledgers and nothing else. What partners sent and the engine acknowledged must have had its effects at the others, each once, and every
 * amount must agree with every other to the fen. It knows neither the plan nor the engine.
 */
import type { LedgerLine } from "./ledger.ts";

export type Ledgers = ReadonlyMap<string, readonly LedgerLine[]>;

export interface Finding {
  /** lost: sent and acknowledged, no effect · twice: more effects than sent · unexpected: an effect that nobody sent · differs: amounts that do not agree. */
  readonly what: "lost" | "twice" | "unexpected" | "differs";
  readonly rule: string;
  readonly bill: string | null;
  readonly text: string;
}

export interface DayReport {
  readonly clean: boolean;
  readonly findings: readonly Finding[];
  /** Fen and counts, as decimal strings, of what was compared. */
  readonly totals: Readonly<Record<string, { readonly count: number; readonly fen: string }>>;
}

/** Kinds of messages that charge a bill, by the partner that sends them. */
const CHARGES: Readonly<Record<string, readonly string[]>> = {
  his: ["charge"],
  emr: ["prescription"],
  lis: ["dft-p03"],
  ris: ["dft-p03"],
  "lis-view": ["charge-row"],
};
const APP_PAYS = ["PayForRecipes", "PayForAppointment", "InpatientFeePrepay"];
const SETTLES = new Set(["settle"]);
const REVERSES = new Set(["cancel", "reverse"]);

const fen = (line: LedgerLine): bigint => BigInt(line.amount ?? "0");
const sum = (lines: readonly LedgerLine[]): bigint => lines.reduce((total, line) => total + fen(line), 0n);

function byOrder(lines: readonly LedgerLine[]): Map<string, LedgerLine[]> {
  const map = new Map<string, LedgerLine[]>();
  for (const line of lines) {
    const known = map.get(line.order ?? "");
    if (known) known.push(line);
    else map.set(line.order ?? "", [line]);
  }
  return map;
}

/** The bill of a call of the DLL: its request names visit and bill, an undoing only the visit. */
const billOfCall = (line: LedgerLine): string | null => /\|(DJ[0-9A-Z]+)\|/.exec(line.raw)?.[1] ?? line.order;

/** Settlements through the DLL that stand: one that was undone (冲正) because nobody knew its outcome is none. */
function standing(calls: readonly LedgerLine[]): readonly LedgerLine[] {
  const undone = new Set(calls.flatMap((line) => (line.kind === "undo" && line.serial !== undefined ? [line.serial] : [])));
  const left: LedgerLine[] = [];
  for (const line of calls) {
    if (line.kind !== "settle") continue;
    if (line.serial !== undefined && undone.delete(line.serial)) continue;
    left.push(line);
  }
  return left;
}

/** Everything that does not agree. */
export function judgeDay(ledgers: Ledgers): DayReport {
  const findings: Finding[] = [];
  const totals: Record<string, { count: number; fen: string }> = {};
  const of = (partner: string): readonly LedgerLine[] => ledgers.get(partner) ?? [];
  const sentBy = (partner: string, kinds: readonly string[]): LedgerLine[] =>
    of(partner).filter((line) => line.sent === true && line.effect && kinds.includes(line.kind));
  const doneBy = (partner: string, kind: string, action?: string): LedgerLine[] =>
    of(partner).filter(
      (line) => line.sent !== true && line.effect && line.kind === kind && (action === undefined || line.action === action),
    );
  const total = (name: string, lines: readonly LedgerLine[]): void => {
    totals[name] = { count: lines.length, fen: sum(lines).toString() };
  };
  const find = (what: Finding["what"], rule: string, bill: string | null, text: string): void =>
    void findings.push({ what, rule, bill, text });

  /** Each of `sent` has exactly one effect of the same bill and amount, and there is none besides. */
  const once = (rule: string, sent: readonly LedgerLine[], done: readonly LedgerLine[]): void => {
    total(`${rule}: sent`, sent);
    total(`${rule}: done`, done);
    const wanted = byOrder(sent);
    const had = byOrder(done);
    for (const [bill, lines] of wanted) {
      const effects = had.get(bill) ?? [];
      if (effects.length < lines.length) find("lost", rule, bill, `${lines.length} sent, ${effects.length} done`);
      else if (effects.length > lines.length) find("twice", rule, bill, `${lines.length} sent, ${effects.length} done`);
      else if (sum(lines) !== sum(effects)) find("differs", rule, bill, `sent ${sum(lines)} fen, done ${sum(effects)} fen`);
    }
    for (const [bill, effects] of had) if (!wanted.has(bill)) find("unexpected", rule, bill, `${effects.length} done, nothing sent`);
  };

  const his = of("his").filter((line) => line.sent === true && line.effect);
  const machine = of("nhsa").filter((line) => line.sent !== true && line.effect);
  const library = of("neusoft").flatMap((line) => (line.sent !== true && line.effect ? [{ ...line, order: billOfCall(line) }] : []));
  const chongqing = of("chongqing").filter((line) => line.sent !== true && line.effect);
  const mobile = of("nhsa-mobile").filter((line) => line.sent !== true && line.effect);
  const settled = [
    ...standing(chongqing),
    ...mobile.filter((line) => line.kind === "settle"),
    ...his.filter((line) => SETTLES.has(line.kind)),
    ...machine.filter((line) => line.kind === "settle"),
    ...standing(library),
  ];
  const reversed = [...his.filter((line) => REVERSES.has(line.kind)), ...machine.filter((line) => line.kind === "reverse")];
  const payments = [...sentBy("his", ["payment"]), ...sentBy("jkt-platform", ["envelope"]), ...sentBy("serviceforxml", APP_PAYS)];
  // Its own HIS has booked these: nobody is told, but they are payments of their bills.
  const confirmed = sentBy("dhcc", ["confirm-4906"]);
  total("payments confirmed at the other campus", confirmed);
  const captured = [...payments, ...confirmed];
  const refunds = sentBy("his", ["refund"]);
  const charges = Object.entries(CHARGES).flatMap(([partner, kinds]) => sentBy(partner, kinds));
  for (const [partner, kinds] of Object.entries(CHARGES)) total(`charges of ${partner}`, sentBy(partner, kinds));

  once("payment → HIS told", payments, doneBy("his", "payment-confirm"));
  once("refund → HIS told", refunds, doneBy("his", "refund-confirm"));
  once("settlement → HIS told", settled, doneBy("his", "insurance-result", "settle"));
  once("reversal → HIS told", reversed, doneBy("his", "insurance-result", "reverse"));
  if (ledgers.has("adt")) judgeNotices(of, sentBy, doneBy, once, find, total);
  judgeShares(settled, doneBy("his", "insurance-result", "settle"), find);
  judgeStatements(sentBy("bank", ["refund-return"]), refunds, find);
  judgeBills(charges, settled, captured, refunds, find);
  if (ledgers.has("pharmacy")) {
    const covered = coveredBills(charges, settled, captured);
    once(
      "paid prescription → pharmacy told",
      sentBy("emr", ["prescription"]).filter((line) => covered.has(line.order ?? "")),
      doneBy("pharmacy", "prescription-paid"),
    );
    judgeRequests(of("pharmacy"), refunds, reversed, find);
  }
  return { clean: findings.length === 0, findings, totals };
}

type Sent = (partner: string, kinds: readonly string[]) => LedgerLine[];
type Done = (partner: string, kind: string, action?: string) => LedgerLine[];
type Once = (rule: string, sent: readonly LedgerLine[], done: readonly LedgerLine[]) => void;

/** Lines that are known by their order's number, which is the message's serial, and carry no amount here. */
const bySerial = (lines: readonly LedgerLine[]): readonly LedgerLine[] =>
  lines.map((line) => ({ ...line, order: line.serial ?? null, amount: null }));

/** What the HIS's HL7 interface and the RIS hear: orders, charges of laboratory and radiology, reports; and the HIS of examinations. */
function judgeNotices(
  of: (partner: string) => readonly LedgerLine[],
  sentBy: Sent,
  doneBy: Done,
  once: Once,
  find: Find,
  total: (name: string, lines: readonly LedgerLine[]) => void,
): void {
  once("order → RIS told", bySerial(sentBy("adt", ["orm-o01"])), doneBy("ris", "order"));
  const reports = [...sentBy("lis", ["oru-r01"]), ...sentBy("ris", ["oru-r01"])];
  once("report → HIS told", bySerial(reports), doneBy("adt", "report-notice"));
  const performed = of("pacs").filter((line) => line.sent === true && line.effect && line.kind === "mpps-set");
  once(
    "examination → HIS told",
    performed,
    doneBy("his", "exam-performed").map((line) => ({ ...line, amount: null })),
  );
  // One message of charges is a notice for each of its lines: the sums agree, and no notice is done twice.
  const charges = byOrder([...sentBy("lis", ["dft-p03"]), ...sentBy("ris", ["dft-p03"])]);
  const notices = doneBy("adt", "charge-notice");
  total("charge → HIS told: done", notices);
  const told = byOrder(notices);
  for (const bill of new Set([...charges.keys(), ...told.keys()])) {
    const [was, is] = [sum(charges.get(bill) ?? []), sum(told.get(bill) ?? [])];
    if (is < was) find("lost", "charge → HIS told", bill, `charged ${was} fen, told ${is} fen`);
    if (is > was) find(charges.has(bill) ? "twice" : "unexpected", "charge → HIS told", bill, `charged ${was} fen, told ${is} fen`);
  }
}

const PARTS = [
  ["fund", "Fund"],
  ["account", "Account"],
  ["cash", "Cash"],
] as const;

/** The shares that the HIS was told are those of the insurer, part by part. */
function judgeShares(settled: readonly LedgerLine[], told: readonly LedgerLine[], find: Find): void {
  const heardBy = byOrder(told);
  for (const line of settled) {
    const [heard] = heardBy.get(line.order ?? "") ?? [];
    if (heard === undefined || line.insured === undefined) continue; // lost is said elsewhere
    for (const [part, name] of PARTS) {
      const yuan = new RegExp(`<${name}>([0-9]+)\\.([0-9]{2})</${name}>`).exec(heard.raw);
      const fenTold = yuan === null ? "absent" : BigInt(`${yuan[1]}${yuan[2]}`).toString();
      if (fenTold !== line.insured[part])
        find("differs", `insurer's ${part} = HIS's ${part}`, line.order, `insurer ${line.insured[part]}, HIS told ${fenTold} fen`);
    }
  }
}

/** What the bank says was given back is what the HIS gave back. */
function judgeStatements(files: readonly LedgerLine[], refunds: readonly LedgerLine[], find: Find): void {
  const day = (line: LedgerLine): string => line.at.slice(0, 10);
  for (const date of new Set(files.map(day))) {
    const said = sum(files.filter((line) => day(line) === date));
    const given = sum(refunds.filter((line) => day(line) === date));
    if (said !== given) find("differs", "bank's return files = refunds of the day", null, `${date}: bank ${said}, refunded ${given} fen`);
  }
}

type Find = (what: Finding["what"], rule: string, bill: string | null, text: string) => void;

const insuredPart = (line: LedgerLine): bigint => BigInt(line.insured?.fund ?? "0") + BigInt(line.insured?.account ?? "0");
const insuredParts = (lines: readonly LedgerLine[]): bigint => lines.reduce((all, line) => all + insuredPart(line), 0n);

/** Bills whose insurance parts and payments come to what was charged. */
function coveredBills(
  charges: readonly LedgerLine[],
  settled: readonly LedgerLine[],
  payments: readonly LedgerLine[],
): ReadonlySet<string> {
  const insurance = byOrder(settled);
  const paid = byOrder(payments);
  const covered = new Set<string>();
  for (const [bill, lines] of byOrder(charges))
    if (sum(lines) === insuredParts(insurance.get(bill) ?? []) + sum(paid.get(bill) ?? [])) covered.add(bill);
  return covered;
}

/** Charged = insured + paid, settled total = charged, refunded ≤ paid: bill by bill, across the partners that charge, insure and collect. */
function judgeBills(
  charges: readonly LedgerLine[],
  settled: readonly LedgerLine[],
  payments: readonly LedgerLine[],
  refunds: readonly LedgerLine[],
  find: Find,
): void {
  const charged = byOrder(charges);
  const insurance = byOrder(settled);
  const paid = byOrder(payments);
  const back = byOrder(refunds);
  for (const bill of new Set([...insurance.keys(), ...paid.keys(), ...back.keys()])) {
    const charge = sum(charged.get(bill) ?? []);
    const settlements = insurance.get(bill) ?? [];
    const cash = sum(paid.get(bill) ?? []);
    const parts = insuredParts(settlements);
    if (charge !== parts + cash) find("differs", "charged = insurance parts + payments", bill, `${charge} ≠ ${parts} + ${cash} fen`);
    if (settlements.length > 0 && sum(settlements) !== charge)
      find("differs", "insurer's total = charged", bill, `${sum(settlements)} ≠ ${charge} fen`);
    const owed = settlements.reduce((all, line) => all + BigInt(line.insured?.cash ?? "0"), 0n);
    if (settlements.length > 0 && owed !== cash) find("differs", "insurer's cash part = payments", bill, `${owed} ≠ ${cash} fen`);
    const given = sum(back.get(bill) ?? []);
    if (given > cash) find("differs", "refunded ≤ paid", bill, `${given} > ${cash} fen`);
  }
}

/** What the pharmacy asked to be given back is what was given back: refunds of the patient's money and reversals of the insurer's. */
function judgeRequests(pharmacy: readonly LedgerLine[], refunds: readonly LedgerLine[], reversed: readonly LedgerLine[], find: Find): void {
  const asked = pharmacy.filter(
    (line) =>
      line.sent === true && line.effect && (line.kind === "return" || (line.kind === "dispensing" && line.raw.includes('"refundRequest"'))),
  );
  const back = byOrder(refunds);
  const reversals = byOrder(reversed);
  for (const [bill, lines] of byOrder(asked)) {
    const given = sum(back.get(bill) ?? []) + insuredParts(reversals.get(bill) ?? []);
    if (sum(lines) !== given) find("differs", "pharmacy's requests = given back", bill, `asked ${sum(lines)}, given back ${given} fen`);
  }
}
