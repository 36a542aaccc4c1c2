/**
 * What a run proves. First check: only the partners' ledgers (what the senders were told, what the HIS did) and the parked list that a person sees. Second check: the
 * journal, for ack honesty (I6: every ack has an older committed row) and for I9 (nothing is stuck). A run whose self-test fails counts as no run.
 */
import type { LedgerLine } from "../hospital/ledger.ts";
import { createOracle, nameOf, type Report, type Sent } from "../hospital/oracle.ts";
import { type Ack, type Chain, effectsOf, planLoad } from "./load.ts";

/** What a person sees parked. */
export interface Parked {
  /** Identities of parked messages. */
  readonly messages: ReadonlySet<string>;
  /** Bills whose lane has a parked write-back: what follows it is blocked with it. */
  readonly bills: ReadonlySet<string>;
}

/** A committed row of the journal, as far as the second check needs it. */
export interface JournalRow {
  readonly identity: string;
  readonly receivedAt: number;
}

/** Names (nameOf) of what the journal shows as superseded: not told, because what gives it back came first (docs/decisions/012-superseded.md). */
export type Superseded = ReadonlySet<string>;

/**
 * A row of a superseded write-back under the oracle's name. Insurance results are told apart by what was done, all others by their serial.
 */
export function supersededName(row: {
  readonly kind: string;
  readonly lane: string;
  readonly serial: string | null;
  readonly cause: string;
}): string {
  const order = row.lane.replace(/^.*bill:/, "");
  const sent = { kind: row.kind, order, amount: "" };
  if (row.kind === "insurance-result") return nameOf({ ...sent, action: row.cause === "insurance.reversed" ? "reverse" : "settle" });
  return nameOf({ ...sent, ...(row.serial === null ? {} : { serial: row.serial }) });
}

export interface Judgement extends Report {
  /** Acks without an older committed row. */
  readonly dishonest: readonly string[];
}

/** Clocks of two processes on one machine; a row may look this much younger than its ack. */
const CLOCK_SLACK_MS = 50;

/** A message's identity in the journal: the sender's own, and for a DLL exchange in two messages that of the exchange. */
export const identityOf = ({ id, name, door }: Pick<Ack, "id" | "name" | "door">): string =>
  door === "amqp" && name.startsWith("neusoft.") ? `exchange:${id}` : id;

/** Effects to be expected of these chains: those of messages that were never taken may be there or not; those parked are neither done nor lost. */
export function expectedOf(chains: readonly Chain[], acks: readonly Pick<Ack, "id" | "name">[], parked: Parked): Sent[] {
  const taken = new Set(acks.map((ack) => ack.id));
  return chains.flatMap((chain) =>
    chain.messages.flatMap(({ name, made, door }) =>
      made.expect.map((sent) => ({
        ...sent,
        ...(taken.has(made.id) ? {} : { optional: true }),
        ...(parked.messages.has(identityOf({ id: made.id, name, door })) || parked.bills.has(chain.bill) ? { parked: true } : {}),
      })),
    ),
  );
}

/**
 * Acks that were given without a committed row older than them. Over AMQP it is the broker that tells the sender, and the engine journals later: there the row itself
 * counts. `comparable`: false when clocks were moved; then it counts everywhere.
 */
function dishonestAcks(acks: readonly Ack[], rows: Iterable<JournalRow>, comparable = true): string[] {
  const journaled = new Map<string, number>();
  for (const { identity, receivedAt } of rows) journaled.set(identity, receivedAt);
  return acks
    .filter((ack) => {
      const at = journaled.get(identityOf(ack));
      return at === undefined || (comparable && ack.door === "http" && at > ack.at + CLOCK_SLACK_MS);
    })
    .map((ack) => ack.id);
}

export function judge(given: {
  readonly sent: Iterable<Sent>;
  readonly ledger: Iterable<LedgerLine>;
  readonly acks: readonly Ack[];
  readonly rows: Iterable<JournalRow>;
  readonly superseded: Superseded;
  readonly comparable?: boolean;
}): Judgement {
  const sent = [...given.sent];
  const oracle = createOracle(sent);
  for (const line of given.ledger) oracle.see(line);
  const dishonest = dishonestAcks(given.acks, given.rows, given.comparable);
  const report = oracle.report();
  // The partner's silence alone excuses nothing: what cancels out must be shown as superseded, each of the two, or it is as lost as anything.
  const excused = new Set(sent.filter((one) => one.optional === true || one.parked === true).map(nameOf));
  const unshown = report.cancelled.filter((name) => !given.superseded.has(name) && !excused.has(name));
  const lost = [...report.lost, ...unshown];
  const cancelled = report.cancelled.filter((name) => given.superseded.has(name));
  return { ...report, lost, cancelled, dishonest, clean: report.clean && lost.length === 0 && dishonest.length === 0 };
}

const lineOf = (sent: Sent, at: number): LedgerLine => ({
  at: new Date(Date.parse("2026-11-20T09:00:00+08:00") + at).toISOString(),
  partner: "his",
  key: `K-${sent.kind}-${sent.order}-${sent.serial ?? sent.action ?? ""}`,
  kind: sent.kind,
  order: sent.order ?? null,
  amount: sent.amount,
  effect: true,
  answer: "0",
  raw: (sent.carries ?? []).join(" "),
  ...(sent.serial === undefined ? {} : { serial: sent.serial }),
  ...(sent.action === undefined ? {} : { action: sent.action }),
});

/** The six that are planted, and what the oracle said of each: found exactly where it was planted, and nothing else found. */
export interface SelfTest {
  readonly found: number;
  readonly planted: number;
  readonly wrong: readonly string[];
}

/**
 * Plants 1 loss (of a payment whose whole refund was told), 1 double, 1 amount change, 1 reorder, 1 ghost and 1 lying ack into the ledgers of a clean run of the same load
 * that the faults use.
 * `spoil` breaks the plant of one kind: for the test that an oracle which misses something fails its self-test.
 */
export function selfTest(seed: number, spoil?: string): SelfTest {
  const chains = planLoad({ seed, first: 900_000, bills: 90, stories: [0, 1] });
  const sent = effectsOf(chains);
  const acks: Ack[] = chains.flatMap(({ messages }) =>
    messages.map(({ made, name, door }) => ({ at: 2_000, id: made.id, name, door, tries: 1 })),
  );
  const rows: JournalRow[] = acks.map((ack) => ({ identity: identityOf(ack), receivedAt: 1_000 }));
  let ledger = sent.map((one, index) => lineOf(one, index));
  const bills = chains.map((chain) => sent.filter((one) => one.order === chain.bill));
  const at = (one: Sent | undefined): number => ledger.findIndex((line) => one !== undefined && line.key === lineOf(one, 0).key);
  const name = (one: Sent | undefined): string => (one === undefined ? "" : nameOf(one));
  // Payments given back whole: of one the payment alone is lost; another was overtaken by its refund, both are shown as superseded, and nothing may be said of it.
  const [half, overtaken = []] = bills.filter((list) => list.some((one) => one.takesBack !== undefined));
  const [forTwice, forAmount, forOrder] = bills.filter((list) => list.length > 1 && list !== half && list !== overtaken);
  const [lost, twice, changed] = [half?.[0], forTwice?.[0], forAmount?.[0]];
  const [first, second] = forOrder ?? [];
  ledger = ledger.filter((_, index) => !overtaken.some((one) => at(one) === index) && (spoil === "loss" || index !== at(lost)));
  if (twice !== undefined && spoil !== "double") ledger.push(lineOf(twice, 9_000));
  const changedAt = at(changed);
  if (spoil !== "amount") ledger[changedAt] = { ...ledger[changedAt], amount: "123" } as LedgerLine;
  if (first !== undefined && second !== undefined && spoil !== "reorder") {
    const [a, b] = [at(first), at(second)];
    [ledger[a], ledger[b]] = [lineOf(second, a), lineOf(first, b)];
  }
  if (spoil !== "ghost") ledger.push({ ...lineOf({ kind: "payment-confirm", order: "DJ-GHOST", serial: "ZF-GHOST", amount: "1" }, 9_001) });
  const lied = acks[20];
  const honest = spoil === "lying ack" ? rows : rows.filter((row) => lied === undefined || row.identity !== identityOf(lied));
  const told = judge({ sent, ledger, acks, rows: honest, superseded: new Set(spoil === "superseded" ? [] : overtaken.map(nameOf)) });
  const expected: readonly (readonly [string, readonly string[], string])[] = [
    ["loss", told.lost, name(lost)],
    ["double", told.doubled.map((one) => one.id), name(twice)],
    ["amount", told.mismatched.map((one) => one.id), name(changed)],
    ["reorder", told.outOfOrder, ""],
    ["ghost", told.unexpected, "K-payment-confirm-DJ-GHOST-ZF-GHOST"],
    ["lying ack", told.dishonest, lied?.id ?? ""],
  ];
  const wrong = expected.flatMap(([kind, found, wanted]) =>
    found.length === 1 &&
    (wanted === "" || found[0] === wanted) &&
    (kind !== "reorder" || found[0] === name(first) || found[0] === name(second))
      ? []
      : [`${kind}: ${JSON.stringify(found)} instead of ${wanted}`],
  );
  if (told.lyingAcks.length > 0) wrong.push(`nobody lied about an effect: ${JSON.stringify(told.lyingAcks)}`);
  return { found: expected.length - wrong.length, planted: expected.length, wrong };
}
