/**
 * Plays a planned day through the partners that are there, wave by wave, and waits after each until their ledgers agree. A partner that is not there is left out by
 * name, with what it would have done. Nothing of the engine is asked: what it did stands in the ledgers.
 */
import { type DayReport, judgeDay } from "../day-oracle.ts";
import type { LedgerLine } from "../ledger.ts";
import { setFaults } from "./faults.ts";
import { type Bill, type DayOptions, patientPays, planDay } from "./plan.ts";
import { PartnerRefused, type Stage } from "./stage.ts";
import { sendCharge, sendExam, sendPayment, sendRegistration, sendReport, sendSettlement, sendStatement, settledBy } from "./ways.ts";

export interface PlayOptions extends DayOptions {
  readonly faults: boolean;
  /** Stories at work at once. */
  readonly parallel: number;
  /** Longest wait for ledgers to agree after a wave. */
  readonly waitMs: number;
  readonly say: (line: string) => void;
}

export interface LeftOut {
  readonly partner: string;
  readonly what: string;
  readonly bills: number;
}

export interface Played {
  readonly patients: number;
  readonly seed: number;
  readonly date: string;
  readonly bills: Readonly<Record<string, number>>;
  readonly partners: readonly string[];
  readonly leftOut: readonly LeftOut[];
  /** Orders that a partner refused to follow: none in a good day. */
  readonly refused: readonly string[];
  readonly inquiries: Readonly<Record<string, number>>;
  readonly faultsHit: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly report: DayReport;
}

/** Every partner of the issue; those not running are named. */
export const WANTED = [
  ...["his", "emr", "pharmacy", "lis", "ris", "adt", "pacs"],
  ...["nhsa", "nhsa-mobile", "neusoft", "chongqing", "bank", "jkt-platform", "serviceforxml", "dhcc", "lis-view"],
] as const;
const POLL_MS = 250;
/** Doubles come late: so long the ledgers have to hold still at the end. */
const STILL_MS = 3_000;

interface Play {
  readonly stage: Stage;
  readonly options: PlayOptions;
  readonly refused: string[];
  readonly leftOut: Map<string, LeftOut>;
  /** Numbers orders the same way, so many at once. */
  wave(name: string, bills: readonly Bill[], work: (bill: Bill) => Promise<void>): Promise<void>;
  /** Waits until every ledger agrees. */
  agree(what: string): Promise<void>;
}

/** Plays the day and judges it. Rejects only when a partner's control door is gone. */
export async function playDay(stage: Stage, options: PlayOptions): Promise<Played> {
  const since = performance.now();
  const play = createPlay(stage, options);
  const { date, patients, seed, say } = options;
  for (const partner of WANTED) if (!stage.names.has(partner)) leave(play, partner, "nothing of it takes part", 0);
  await Promise.all([...stage.names].map((one) => stage.control(one, { clock: `${date}T08:00:00+08:00` })));
  if (options.faults) await setFaults(stage, patients);
  const planned = planDay(options)
    .filter((bill) => takesPart(play, bill))
    .map((bill) => standIn(play, bill));
  say(`${patients} patients, ${planned.length} bills`);

  const exams = planned.filter(({ kind }) => kind === "exam");
  await play.wave(
    "registered",
    planned.filter(({ kind }) => kind === "registration"),
    (bill) => sendRegistration(stage, bill),
  );
  await play.wave("examined", exams, (bill) => sendExam(stage, bill));
  if (exams.length > 0) await play.agree("the HIS was told of every examination");
  await play.wave("charged", planned, (bill) => sendCharge(stage, bill));
  const insured = planned.filter((bill) => bill.settles !== null);
  await play.wave("settled", insured, (bill) => sendSettlement(stage, bill));
  const bills = await settledBills(play, planned);
  await play.wave(
    "paid",
    bills.filter((bill) => patientPays(bill.one) > 0n),
    (bill) => sendPayment(stage, bill),
  );
  await play.agree("everybody was told of what is paid");
  await afterwards(play, bills);
  await play.wave(
    "reported",
    bills.filter((bill) => bill.kind === "lab" || bill.kind === "exam"),
    (bill) => sendReport(stage, bill),
  );
  await play.agree("everybody was told of what was given back and of every report");
  if (stage.names.has("bank")) await statement(play, bills);
  await new Promise((resolve) => setTimeout(resolve, STILL_MS));

  const ledgers = await stage.read();
  const report = judgeDay(ledgers);
  for (const [name, lines] of ledgers) if (lines.length === 0) leave(play, name, "it runs, but this day asks nothing of it", 0);
  const count = (keep: (line: LedgerLine) => boolean): Record<string, number> =>
    Object.fromEntries([...ledgers].map(([name, lines]) => [name, lines.filter(keep).length] as const).filter(([, many]) => many > 0));
  const kinds = [...new Set(bills.map((bill) => bill.kind))];
  return {
    patients,
    seed,
    date,
    bills: Object.fromEntries(kinds.map((kind) => [kind, bills.filter((bill) => bill.kind === kind).length])),
    partners: [...stage.names],
    leftOut: [...play.leftOut.values()],
    refused: play.refused,
    inquiries: count((line) => line.kind === "inquiry"),
    faultsHit: count((line) => line.fault !== undefined),
    seconds: Math.round((performance.now() - since) / 100) / 10,
    report,
  };
}

/**
 * Bills as their insurers have settled them: their own shares count. A settlement counts once the HIS was told of it, for before that it may still be undone. One that is
 * never settled is left where it is, and named.
 */
async function settledBills({ stage, options, refused }: Play, bills: readonly Bill[]): Promise<readonly Bill[]> {
  const since = performance.now();
  const waiting = new Set(bills.filter(({ settles }) => settles !== null && settles !== "exchange"));
  const settled = new Map<Bill, Bill>();
  while (waiting.size > 0 && performance.now() - since < options.waitMs) {
    const ledgers = await stage.read();
    const told = new Set(
      (ledgers.get("his") ?? []).flatMap((line) =>
        line.effect && line.kind === "insurance-result" && line.action === "settle" ? [line.order] : [],
      ),
    );
    for (const bill of waiting) {
      const now = told.has(bill.one.bill) ? settledBy(ledgers, bill) : undefined;
      if (now === undefined) continue;
      settled.set(bill, now);
      waiting.delete(bill);
    }
    if (waiting.size > 0) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  for (const { order } of waiting) refused.push(`settled ${order}: no insurer has told the HIS of its settlement`);
  if (settled.size > 0)
    options.say(
      `front machine, mobile platform and bridges settled ${settled.size} (${((performance.now() - since) / 1_000).toFixed(1)} s)`,
    );
  return bills.flatMap((bill) => (waiting.has(bill) ? [] : [settled.get(bill) ?? bill]));
}

/** The bank's return file of the day's refunds, read from the HIS's own ledger: what it sent is what the file says. */
async function statement({ stage, options, refused }: Play, bills: readonly Bill[]): Promise<void> {
  const refunds = ((await stage.read()).get("his") ?? []).filter((line) => line.sent === true && line.effect && line.kind === "refund");
  const refunded = new Map(refunds.map((line) => [line.order, line.amount]));
  const rows = bills
    .filter(({ one }) => refunded.has(one.bill))
    .map((bill) => ({ ...bill, one: { ...bill.one, back: BigInt(refunded.get(bill.one.bill) ?? "0") } }));
  try {
    await sendStatement(stage, options.date, options.seed, rows);
  } catch (error) {
    if (!(error instanceof PartnerRefused)) throw error;
    refused.push(`statement: ${error.message}`);
  }
}

/** Medicine handed out, refused, brought back; examinations not made. The HIS acts on each: the insurer's part first, then the money. */
async function afterwards(play: Play, bills: readonly Bill[]): Promise<void> {
  const { stage } = play;
  const pharmacy = stage.names.has("pharmacy");
  const prescriptions = bills.filter((bill) => bill.kind === "prescription");
  if (pharmacy)
    await play.wave("dispensed", prescriptions, async ({ order, fate, returned }) => {
      await stage.send("pharmacy", { message: "dispensing", prescription: order, ...(fate === "refuse" ? { refuse: "配伍禁忌" } : {}) });
      if (fate !== "return" || returned === undefined) return;
      const item = { line: String(returned.no), quantity: returned.quantity.toString(), fen: returned.amount.toString() };
      await stage.send("pharmacy", { message: "return", prescription: order, no: `TY${order}`, items: [item] });
    });
  const back = bills.filter((bill) => bill.fate !== "kept" && (pharmacy || bill.kind !== "prescription"));
  await play.wave(
    "reversed",
    back.filter((bill) => bill.settles !== null),
    (bill) => sendSettlement(stage, bill, "reverse"),
  );
  await play.wave(
    "refunded",
    back.filter((bill) => patientPays(bill.one) > 0n),
    (bill) => hisSends(stage, bill, "refund"),
  );
}

async function hisSends(stage: Stage, { one, via }: Bill, message: string): Promise<void> {
  await stage.send("his", { message, via, case: one });
}

const NEEDS: Readonly<Record<Bill["kind"], string>> = { registration: "his", prescription: "emr", lab: "lis", exam: "pacs" };

function leave(play: Play, partner: string, what: string, bills: number): void {
  const known = play.leftOut.get(`${partner} ${what}`);
  play.leftOut.set(`${partner} ${what}`, { partner, what, bills: (known?.bills ?? 0) + bills });
}

function takesPart(play: Play, bill: Bill): boolean {
  const needed = NEEDS[bill.kind];
  if (play.stage.names.has(needed)) return true;
  leave(play, needed, `no ${bill.kind} is charged`, 1);
  return false;
}

/** Where the front machine or the platform is not there, the DLL's exchange settles and the window is paid instead, and the report says so. */
function standIn(play: Play, given: Bill): Bill {
  let bill = given;
  if (bill.settles === "frontmachine" && !play.stage.names.has("nhsa")) {
    leave(play, "nhsa", "the HIS calls a DLL itself and pushes the exchange", 1);
    bill = { ...bill, settles: "exchange" };
  }
  if (bill.settles === "bridge" && !play.stage.names.has("neusoft")) {
    leave(play, "neusoft", "the HIS calls the DLL itself and pushes the exchange", 1);
    bill = { ...bill, settles: "exchange" };
  }
  if (bill.settles === "chongqing" && !play.stage.names.has("chongqing")) {
    leave(play, "chongqing", "the HIS calls a DLL itself and pushes the exchange", 1);
    bill = { ...bill, settles: "exchange" };
  }
  if (bill.settles === "mobile" && !play.stage.names.has("nhsa-mobile")) {
    leave(play, "nhsa-mobile", "the HIS calls a DLL itself and pushes the exchange", 1);
    bill = { ...bill, settles: "exchange" };
  }
  if (bill.pays === "app" && !play.stage.names.has("serviceforxml")) {
    leave(play, "serviceforxml", "the window is paid instead", 1);
    bill = { ...bill, pays: "window" };
  }
  if (bill.pays === "dhcc" && !play.stage.names.has("dhcc")) {
    leave(play, "dhcc", "the window is paid instead", 1);
    bill = { ...bill, pays: "window" };
  }
  if (bill.charges === "lis-view" && !play.stage.names.has("lis-view")) {
    leave(play, "lis-view", "the laboratory charges by HL7 instead", 1);
    bill = { ...bill, charges: "lis" };
  }
  if (bill.pays === "platform" && !play.stage.names.has("jkt-platform")) {
    leave(play, "jkt-platform", "the window is paid instead", 1);
    bill = { ...bill, pays: "window" };
  }
  return bill;
}

function createPlay(stage: Stage, options: PlayOptions): Play {
  const refused: string[] = [];
  return {
    stage,
    options,
    refused,
    leftOut: new Map(),
    async wave(name, bills, work) {
      const since = performance.now();
      const queue = [...bills];
      const worker = async (): Promise<void> => {
        for (let bill = queue.shift(); bill !== undefined; bill = queue.shift()) {
          try {
            await work(bill);
          } catch (error) {
            if (!(error instanceof PartnerRefused)) throw error;
            refused.push(`${name} ${bill.order}: ${error.message}`);
          }
        }
      };
      await Promise.all(Array.from({ length: options.parallel }, worker));
      options.say(`${name}: ${bills.length} (${((performance.now() - since) / 1_000).toFixed(1)} s)`);
    },
    async agree(what) {
      const since = performance.now();
      for (;;) {
        const { clean, findings } = judgeDay(await stage.read());
        const waited = performance.now() - since;
        // Only what may still come is waited for.
        if (clean || findings.every((one) => one.what !== "lost") || waited > options.waitMs) {
          options.say(`${what}: ${clean ? "yes" : `${findings.length} findings`} (${(waited / 1_000).toFixed(1)} s)`);
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    },
  };
}
