/** One fault after another over one running system; each with its own bills, judged when everything is quiet again. At the end the whole ledger is judged once more. */
import { join } from "node:path";
import { createDice } from "../hospital/messages/cases.ts";
import { type LedgerLine, parseLedger } from "../hospital/ledger.ts";
import { openSync, readSync, closeSync, fstatSync } from "node:fs";
import { type Ack, type Chain, countOf, type Load, type Message, planLoad, startLoad } from "./load.ts";
import type { Row } from "../journeys/harness.ts";
import { expectedOf, identityOf, type JournalRow, judge, type Parked, type Superseded, supersededName } from "./oracle.ts";
import { type Fault, type FaultResult, type Form, notRun, QUIET_MS, type Stage } from "./registry.ts";
import { diary, startWorld, type World } from "./world.ts";

export interface RunOptions {
  readonly form: Form;
  /** A fifth of the load, for a look at single faults. */
  readonly small?: boolean;
  readonly seed: number;
  readonly faults: readonly Fault[];
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Bills of one run that are given out; ordinals of one seed. */
const BILLS_MAX = 4_000_000;
const PAGE = 200;
const SMALL = 5;

interface Place {
  readonly world: World;
  /** First ordinal not given out. */
  next: number;
  readonly chains: Chain[];
  readonly acks: Ack[];
  readonly hit: Set<string>;
}

/** The HIS's ledger from a byte offset on; a last line without its end is left for later. */
function ledgerSince(file: string, offset: number): { readonly lines: LedgerLine[]; readonly next: number } {
  const handle = openSync(file, "r");
  try {
    const { size } = fstatSync(handle);
    const bytes = Buffer.alloc(Math.max(0, size - offset));
    readSync(handle, bytes, 0, bytes.length, offset);
    const end = bytes.lastIndexOf(0x0a) + 1;
    return { lines: parseLedger(bytes.toString("utf8", 0, end)), next: offset + end };
  } finally {
    closeSync(handle);
  }
}

const ledgerOf = (world: World): string => world.huiliu.run().hospital.his?.ledger ?? "";

async function pages(world: World, path: string): Promise<Record<string, unknown>[]> {
  const items: Record<string, unknown>[] = [];
  for (let after: string | undefined; ; ) {
    const answer = await world.huiliu.api(`${path}&limit=${PAGE}${after === undefined ? "" : `&after=${encodeURIComponent(after)}`}`);
    if (answer.status !== 200) throw new Error(`${path}: HTTP ${answer.status} ${JSON.stringify(answer.body)}`);
    items.push(...(answer.body.items as Record<string, unknown>[]));
    after = answer.body.after as string | undefined;
    if (after === undefined) return items;
  }
}

/** What a person sees parked, as the operators' API lists it. */
async function parkedNow(world: World): Promise<Parked & { readonly named: ReadonlyMap<string, string> }> {
  const named = new Map<string, string>();
  const messages = new Set<string>();
  const bills = new Set<string>();
  const code = (item: Record<string, unknown>): string => String((item.parked as { code?: string } | undefined)?.code ?? "?");
  for (const item of await pages(world, "/messages?state=parked")) {
    if (typeof item.identity !== "string") continue;
    const identity = typeof item.exchangeId === "string" ? `exchange:${item.exchangeId}` : item.identity;
    for (const one of [item.identity, identity]) messages.add(one);
    named.set(item.identity, code(item));
  }
  for (const item of await pages(world, "/write-backs?state=parked")) {
    const bill = String(item.lane).replace(/^.*bill:/, "");
    bills.add(bill);
    named.set(bill, `${String(item.kind)} ${code(item)}`);
  }
  return { messages, bills, named };
}

async function journalRows(world: World, acks: readonly Ack[]): Promise<JournalRow[]> {
  const rows = await world.huiliu.sql(
    `select m.identity, (extract(epoch from min(m.received_at) - (select shift from huiliu_clock)) * 1000)::double precision as ms
       from message m where m.identity = any($1::text[]) group by 1`,
    [[...new Set(acks.map(identityOf))]],
  );
  return rows.map((row) => ({ identity: String(row.identity), receivedAt: Number(row.ms) }));
}

/** What the journal shows as superseded. */
async function supersededNow(world: World): Promise<Superseded> {
  const rows = await world.huiliu.sql(
    "select kind, lane, serial, cause_type from write_back where state = 'resolved' and resolution = 'superseded' and superseded_by is not null",
  );
  return new Set(
    rows.map(({ kind, lane, serial, cause_type: cause }) =>
      supersededName({ kind: String(kind), lane: String(lane), serial: serial === null ? null : String(serial), cause: String(cause) }),
    ),
  );
}

function stageOf(
  place: Place,
  fault: Fault,
  options: RunOptions,
): Stage & {
  readonly loads: readonly Load[];
  readonly chains: readonly Chain[];
  readonly notes: Record<string, string | number>;
  readonly failures: string[];
  overAt(): number | undefined;
} {
  const { world } = place;
  const { seed, form, log } = options;
  const dice = createDice(seed * 131 + [...fault.id].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7));
  const loads: Load[] = [];
  const chains: Chain[] = [];
  const notes: Record<string, string | number> = {};
  const failures: string[] = [];
  let overAt: number | undefined;
  const more: Stage["more"] = (bills, { senders, httpPercent = fault.httpPercent, rate } = {}) => {
    const planned = planLoad({
      seed,
      first: place.next,
      bills,
      ...(httpPercent === undefined ? {} : { httpPercent }),
      ...(fault.stories === undefined ? {} : { stories: fault.stories }),
    });
    place.next += bills;
    if (place.next > BILLS_MAX) throw new RangeError(`more than ${BILLS_MAX} bills of one seed`);
    chains.push(...planned);
    const load = startLoad({
      target: world.target,
      chains: planned,
      ledgerFile: join(world.folder, "senders.jsonl"),
      ...(senders === undefined ? {} : { senders }),
      ...(rate === undefined ? {} : { rate }),
    });
    loads.push(load);
    return load;
  };
  const load = more(Math.ceil(fault.bills(form) / (options.small === true ? SMALL : 1)), {
    ...(fault.senders === undefined ? {} : { senders: fault.senders }),
    ...(fault.rate === undefined ? {} : { rate: fault.rate }),
  });
  return {
    world,
    form,
    seed,
    dice,
    load,
    more,
    pending: () => loads.reduce((sum, one) => sum + one.total - one.progress().chains, 0),
    hit: (name) => void place.hit.add(name),
    note: (name, value) => {
      notes[name] = value;
    },
    fail: (what) => void failures.push(what),
    over: () => {
      overAt = Date.now();
    },
    log,
    loads,
    chains,
    notes,
    failures,
    overAt: () => overAt,
  };
}

/** A fault that has struck and whose load was sent; it is judged when everything is quiet. */
interface Struck {
  readonly fault: Fault;
  readonly stage: ReturnType<typeof stageOf>;
  /** Where the HIS's ledger stood before. */
  readonly from: number;
  readonly since: number;
  readonly overAt: number | undefined;
  readonly seconds: number;
}

/** Runs one fault over a running system, to the end of its load. */
async function strike(place: Place, fault: Fault, options: RunOptions): Promise<Struck> {
  const { world } = place;
  await world.wire(fault.wired ?? "none");
  const since = Date.now();
  const from = ledgerSince(ledgerOf(world), 0).next;
  diary(world, `${fault.id} ${fault.what}`);
  const stage = stageOf(place, fault, options);
  const stop = (): void => {
    for (const load of stage.loads) load.stop();
  };
  options.signal.addEventListener("abort", stop);
  try {
    await fault.inject(stage);
  } catch (error) {
    stage.failures.push(`the fault could not be run: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    await fault.clear?.(stage).catch((error: unknown) => stage.failures.push(`could not be put right: ${String(error)}`));
  }
  const overAt = stage.overAt();
  for (const load of stage.loads) await load.done.catch((error: unknown) => stage.failures.push(String(error)));
  options.signal.removeEventListener("abort", stop);
  await world.huiliu.recovered();
  place.chains.push(...stage.chains);
  place.acks.push(...stage.loads.flatMap((load) => load.acks));
  const seconds = Math.round((Date.now() - since) / 100) / 10;
  options.log(`  · ${fault.id} ${fault.what}: ${countOf(stage.chains)} messages, ${seconds} s`);
  return { fault, stage, from, since, overAt, seconds };
}

/** What a person sees parked of this fault's. */
function parkedOf({ fault, stage }: Struck, named: ReadonlyMap<string, string>): [string, string][] {
  const mine = new Set(
    stage.chains.flatMap((chain) => [chain.bill, ...chain.messages.map(({ made, name, door }) => identityOf({ id: made.id, name, door }))]),
  );
  return [...named].filter(([name]) => mine.has(name) || mine.has(`exchange:${name}`) || (fault.ownParked?.(name, stage.seed) ?? false));
}

/** How many of each code. */
const countedCodes = (mine: readonly (readonly [string, string])[]): string =>
  [...Map.groupBy(mine, ([, code]) => code)].map(([code, list]) => `${list.length} × ${code}`).join(", ");

const some = (what: string, list: readonly unknown[]): string[] =>
  list.length === 0 ? [] : [`${what}: ${JSON.stringify(list.slice(0, 4))}`];

/** What modalities, which only the wires' stimuli have send, have told on to the HIS is nobody's bill. */
const isOfLoad = (line: { readonly kind: string }): boolean => line.kind !== "exam-performed";

async function assess(
  place: Place,
  struck: Struck,
  parked: Awaited<ReturnType<typeof parkedNow>>,
  stuck: readonly Row[],
  lawful: readonly string[],
): Promise<FaultResult> {
  const { fault, stage, from, overAt } = struck;
  const { world } = place;
  const acks = stage.loads.flatMap((load) => load.acks);
  const bills = new Set(stage.chains.map((chain) => chain.bill));
  const others = new Set(place.chains.map((chain) => chain.bill).filter((bill) => !bills.has(bill)));
  const lines = ledgerSince(ledgerOf(world), from).lines;
  const told = judge({
    sent: expectedOf(stage.chains, acks, parked),
    ledger: lines.filter((line) => isOfLoad(line) && (line.order === null || !others.has(line.order))),
    acks,
    rows: await journalRows(world, acks),
    superseded: await supersededNow(world),
    ...(fault.clocksMove === true ? { comparable: false } : {}),
  });
  const mine = parkedOf(struck, parked.named);
  await fault.check?.(
    stage,
    mine.map(([name]) => name),
  );
  const firstAfter = lines.find((line) => line.effect && Date.parse(line.at) >= (overAt ?? 0));
  const refused = stage.loads.flatMap((load) => load.refused);
  return {
    id: fault.id,
    what: fault.what,
    seed: stage.seed,
    ran: true,
    messages: countOf(stage.chains),
    acked: acks.length,
    effects: told.effects,
    lost: told.lost.length,
    parked: mine.length,
    twice: told.doubled.length,
    unexpected: told.unexpected.length,
    recovered: told.recovered,
    mismatched: told.mismatched.length,
    inversions: told.outOfOrder.length,
    stuck: stuck.length,
    dishonest: told.dishonest.length + told.lyingAcks.length,
    refused: refused.length,
    longestStallMs: told.longestStallMs,
    ...(overAt === undefined || firstAfter === undefined ? {} : { recoverMs: Math.max(0, Date.parse(firstAfter.at) - overAt) }),
    seconds: struck.seconds,
    notes: { ...stage.notes, ...(mine.length === 0 ? {} : { parkedAs: countedCodes(mine) }) },
    parkedOnes: mine.map(([name, code]) => `${name} ${code}`),
    wrong: [
      ...stage.failures,
      ...some("lost", told.lost),
      ...some("twice", told.doubled),
      ...some("unexpected", told.unexpected),
      ...some("mismatched", told.mismatched),
      ...some("out of order", told.outOfOrder),
      ...some("lying", told.lyingAcks),
      ...some("ack without an older row", told.dishonest),
      ...some("stuck", stuck),
      ...some("good messages refused", refused),
      ...some(
        "parked without a lawful reason",
        mine.filter(([name, code]) => !lawful.includes(code.split(" ").at(-1) ?? "") && !(fault.ownParked?.(name, stage.seed) ?? false)),
      ),
    ],
  };
}

/** Waits until all is quiet, then judges what has struck since the last time. */
async function assessAll(place: Place, struck: readonly Struck[], options: RunOptions): Promise<FaultResult[]> {
  const { world } = place;
  await world.wire("none"); // what is left is done without anything in between
  const quietMs = Math.max(QUIET_MS, ...struck.map((one) => one.fault.quietMs ?? 0));
  const since = Date.now();
  const stuck = (await world.quiet(quietMs)) ? [] : await world.onItsWay();
  options.log(`  · quiet after ${((Date.now() - since) / 1_000).toFixed(1)} s`);
  const parked = await parkedNow(world);
  const results: FaultResult[] = [];
  for (const [index, one] of struck.entries()) {
    // What an earlier fault left open is still being asked about and sent while later ones spoil answers: what they may do to their own, they may do to it.
    const lawful = struck.slice(index).flatMap(({ fault }) => fault.parks ?? []);
    const result = await assess(place, one, parked, stuck, lawful);
    results.push(result);
    options.log(
      `  ${result.wrong.length === 0 ? "✓" : "✗"} ${result.id} ${result.what}: ${result.messages} messages, ${result.effects} effects`,
    );
    for (const wrong of result.wrong) options.log(`      ${wrong}`);
    diary(world, JSON.stringify(result));
  }
  return results;
}

/** Everything that was sent in a system against everything in its ledger: a double that came after its fault was judged is found here. */
async function judgeWhole(place: Place): Promise<string[]> {
  const parked = await parkedNow(place.world);
  const lines = ledgerSince(ledgerOf(place.world), 0).lines;
  const told = judge({
    sent: expectedOf(place.chains, place.acks, parked),
    ledger: lines.filter(isOfLoad),
    acks: [],
    rows: [],
    superseded: await supersededNow(place.world),
  });
  return [
    ...some("lost", told.lost),
    ...some("twice", told.doubled),
    ...some("unexpected", told.unexpected),
    ...some("mismatched", told.mismatched),
    ...some("out of order", told.outOfOrder),
    ...some("lying", told.lyingAcks),
  ];
}

export interface WholeRun {
  readonly results: readonly FaultResult[];
  readonly wrong: readonly string[];
  /** Kill points that killed an engine. */
  readonly hit: ReadonlySet<string>;
}

/** Runs the faults in the order given; those with a system of their own last, so that the first system is started once. */
export async function runFaults(options: RunOptions): Promise<WholeRun> {
  const results: FaultResult[] = [];
  const wrong: string[] = [];
  const hit = new Set<string>();
  const groups = Map.groupBy(options.faults, (fault) => (fault.own === undefined ? "shared" : JSON.stringify(fault.own)));
  for (const [group, faults] of [...groups].sort(([a], [b]) => Number(a !== "shared") - Number(b !== "shared"))) {
    if (options.signal.aborted) break;
    const able = faults.filter((fault) => fault.cannot?.() === undefined);
    for (const fault of faults) {
      const why = fault.cannot?.();
      if (why !== undefined) results.push(notRun(fault.id, fault.what, options.seed, why));
    }
    const own = able[0]?.own;
    if (able.length === 0) continue;
    const world = await (own === undefined
      ? startWorld(`s${options.seed}`)
      : startWorld(`s${options.seed}-own${results.length}`, own.settings, own.mode));
    options.log(`· system up (${group === "shared" ? "naive HIS, inquiry" : group}); diary in ${world.folder}`);
    const place: Place = { world, next: 0, chains: [], acks: [], hit };
    try {
      const struck: Struck[] = [];
      for (const fault of able) {
        if (options.signal.aborted) break;
        struck.push(await strike(place, fault, options));
        // The short form judges all at once: one wait instead of one for each fault. What happened to whom is told by the bill.
        if (options.form === "full") results.push(...(await assessAll(place, struck.splice(0), options)));
      }
      results.push(...(await assessAll(place, struck, options)));
      wrong.push(...(await judgeWhole(place)).map((what) => `whole run: ${what}`));
    } finally {
      await world.stop();
    }
  }
  return { results, wrong, hit };
}

export type { Message };
