/** One fault after another over one running system; each with its own bills, judged when everything is quiet again. At the end the whole ledger is judged once more. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createDice } from "../hospital/messages/cases.ts";
import { type LedgerLine, parseLedger } from "../hospital/ledger.ts";
import { openSync, readSync, closeSync, fstatSync } from "node:fs";
import { type Ack, type Chain, countOf, type Load, type Message, planLoad, startLoad } from "./load.ts";
import { expectedOf, identityOf, type JournalRow, judge, type Parked } from "./oracle.ts";
import { type Fault, type FaultResult, type Form, notRun, QUIET_MS, type Stage } from "./registry.ts";
import { diary, startWorld, type World } from "./world.ts";

export interface RunOptions {
  readonly form: Form;
  readonly seed: number;
  readonly faults: readonly Fault[];
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Bills of one run that are given out; ordinals of one seed. */
const BILLS_MAX = 4_000_000;
const PAGE = 200;

interface Place {
  readonly world: World;
  /** First ordinal not given out. */
  next: number;
  readonly chains: Chain[];
  readonly acks: Ack[];
  readonly hit: Set<string>;
}

/** The HIS's ledger from a byte offset on; a last line without its end is left for later. */
export function ledgerSince(file: string, offset: number): { readonly lines: LedgerLine[]; readonly next: number } {
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
export async function parkedNow(world: World): Promise<Parked & { readonly named: ReadonlyMap<string, string> }> {
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
    `select i.identity, (extract(epoch from min(m.received_at) - (select shift from huiliu_clock)) * 1000)::double precision as ms
       from message_identity i join message m on m.id = i.message_id where i.identity = any($1::text[]) group by 1`,
    [[...new Set(acks.map(identityOf))]],
  );
  return rows.map((row) => ({ identity: String(row.identity), receivedAt: Number(row.ms) }));
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
  const load = more(fault.bills(form), {
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

const some = (what: string, list: readonly unknown[]): string[] =>
  list.length === 0 ? [] : [`${what}: ${JSON.stringify(list.slice(0, 4))}`];

/** Runs one fault over a running system. */
export async function runFault(place: Place, fault: Fault, options: RunOptions): Promise<FaultResult> {
  const { world } = place;
  const { form, seed, log } = options;
  const since = Date.now();
  const ledgerFile = world.huiliu.run().hospital.his?.ledger ?? "";
  const from = ledgerSince(ledgerFile, 0).next;
  const known = new Set((await parkedNow(world)).named.keys());
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
  const overAt = stage.overAt() ?? Date.now();
  for (const load of stage.loads) await load.done.catch((error: unknown) => stage.failures.push(String(error)));
  const quiet = await world.quiet(fault.quietMs ?? QUIET_MS);
  options.signal.removeEventListener("abort", stop);
  const stuck = quiet ? [] : await world.onItsWay();
  await world.huiliu.recovered();

  const acks = stage.loads.flatMap((load) => load.acks);
  const parked = await parkedNow(world);
  const lines = ledgerSince(ledgerFile, from).lines;
  const earlier = new Set(place.chains.map((chain) => chain.bill));
  const told = judge({
    sent: expectedOf(stage.chains, acks, parked),
    // What an earlier fault left behind is that one's; the run's last judgement sees it.
    ledger: lines.filter((line) => line.order === null || !earlier.has(line.order)),
    acks,
    rows: await journalRows(world, acks),
    ...(fault.clocksMove === true ? { comparable: false } : {}),
  });
  place.chains.push(...stage.chains);
  place.acks.push(...acks);
  const fresh = [...parked.named].filter(([name]) => !known.has(name));
  const firstAfter = lines.find((line) => line.effect && Date.parse(line.at) >= overAt);
  const refused = stage.loads.flatMap((load) => load.refused);
  const result: FaultResult = {
    id: fault.id,
    what: fault.what,
    seed,
    ran: true,
    messages: countOf(stage.chains),
    acked: acks.length,
    effects: told.effects,
    lost: told.lost.length,
    parked: fresh.length,
    twice: told.doubled.length,
    unexpected: told.unexpected.length,
    recovered: told.recovered,
    mismatched: told.mismatched.length,
    inversions: told.outOfOrder.length,
    stuck: stuck.length,
    dishonest: told.dishonest.length + told.lyingAcks.length,
    refused: refused.length,
    longestStallMs: told.longestStallMs,
    ...(stage.overAt() === undefined || firstAfter === undefined ? {} : { recoverMs: Math.max(0, Date.parse(firstAfter.at) - overAt) }),
    seconds: Math.round((Date.now() - since) / 100) / 10,
    notes: { ...stage.notes, ...(fresh.length === 0 ? {} : { parkedAs: [...new Set(fresh.map(([, code]) => code))].join(", ") }) },
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
      ...(fault.parks === true ? [] : some("parked", fresh)),
    ],
  };
  log(`  ${result.wrong.length === 0 ? "✓" : "✗"} ${fault.id} ${fault.what}: ${result.messages} messages, ${result.seconds} s`);
  for (const wrong of result.wrong) log(`      ${wrong}`);
  if (form === "full" || result.wrong.length > 0) diary(world, JSON.stringify(result));
  await sleep(0);
  return result;
}

/** Everything that was sent in a system against everything in its ledger: a double that came after its fault was judged is found here. */
async function judgeWhole(place: Place): Promise<string[]> {
  const parked = await parkedNow(place.world);
  const lines = ledgerSince(place.world.huiliu.run().hospital.his?.ledger ?? "", 0).lines;
  const told = judge({ sent: expectedOf(place.chains, place.acks, parked), ledger: lines, acks: [], rows: [] });
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
      for (const fault of able) {
        if (options.signal.aborted) break;
        results.push(await runFault(place, fault, options));
      }
      wrong.push(...(await judgeWhole(place)).map((what) => `whole run: ${what}`));
    } finally {
      await world.stop();
    }
  }
  return { results, wrong, hit };
}

export type { Message };
