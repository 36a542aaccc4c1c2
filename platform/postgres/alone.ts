/**
 * What people do again without a second person, counted over a day (reliability.md A15): a great one in small pieces is a great one, by one person piece after piece,
 * job or single deed, and of one order by several people. One lock: two at one instant see each other.
 */
import { sameSigner, type Signer } from "../../domain/operations/rules.ts";
import { ALONE_WITHIN_MS, type ApprovalLimits, type ApprovalReason, approvalNeeded } from "../../domain/replay/job.ts";
import { at } from "./clock.ts";
import type { Tx } from "./group-commit.ts";
import { lockTexts, run } from "./sql.ts";

/** Rows of a day that are looked through: beyond them the limits do not matter any more. */
const ROWS_MAX = 10_000;
/** Rows are kept so long: no rule looks back further. */
const KEPT_MS = 3 * ALONE_WITHIN_MS;

/** So many items of one order, worth so much whatever their signs. Null: of no order. */
export interface Piece {
  readonly order: string | null;
  readonly items: number;
  readonly fen: bigint;
}

const LATELY = `select a.who, a.account, a.items, a.fen::text as fen from done_alone a where a.at > ${at("$1")} order by a.at desc limit ${ROWS_MAX}`;
const OF_ORDERS = `select a.order_key as "order", sum(a.fen)::text as fen from done_alone a where a.order_key = any($1::text[]) and a.at > ${at("$2")} group by 1`;
const NOTE = `insert into done_alone (at, who, account, order_key, items, fen)
  select ${at("$1")}, $2, $3, p.order_key, p.items, p.fen from unnest($4::text[], $5::integer[], $6::bigint[]) as p (order_key, items, fen)`;
const PRUNE = `delete from done_alone where at < ${at("$1")}`;

/** What an order is here: the one a write-back belongs to, else its lane. `w` is the write-back's row. */
export const ORDER_OF = "coalesce(w.order_key, w.destination || ' ' || w.lane)";
const OF_JOB = `select ${ORDER_OF} as "order", count(*)::integer as items, coalesce(sum(abs(i.amount_fen)), 0)::text as fen
  from replay_item i join write_back w on w.id = i.target where i.job = $1 and i.state = 'planned' group by 1`;

/** A job's pieces, by order. Items whose write-back is not there count nowhere: they are refused when their turn comes. */
export async function piecesOf(tx: Tx, job: string): Promise<readonly Piece[]> {
  const rows = await run<{ order: string; items: number; fen: string }>(tx.client, "alone_of_job", OF_JOB, [job]);
  return rows.map((row) => ({ ...row, fen: BigInt(row.fen) }));
}

/** Why a second person is needed for these, with what was done alone lately. Holds the lock until the transaction ends. */
export async function aloneNeeds(
  tx: Tx,
  who: Signer,
  pieces: readonly Piece[],
  limits: ApprovalLimits,
): Promise<readonly ApprovalReason[]> {
  await lockTexts(tx.client, ["replay alone"]);
  const since = tx.nowMs - ALONE_WITHIN_MS;
  const lately = await run<{ who: string; account: string | null; items: number; fen: string }>(tx.client, "alone_lately", LATELY, [since]);
  const own = lately.filter(({ who: by, account }) => sameSigner({ by, account }, who));
  const planned = [...pieces, ...own].reduce((sum, one) => sum + one.items, 0);
  const sumFen = [...pieces.map(({ fen }) => fen), ...own.map(({ fen }) => BigInt(fen))].reduce((sum, fen) => sum + fen, 0n);
  const orders = pieces.flatMap(({ order }) => (order === null ? [] : [order]));
  const before = await run<{ order: string; fen: string }>(tx.client, "alone_of_orders", OF_ORDERS, [orders, since]);
  const ofOrder = new Map(before.map(({ order, fen }) => [order, BigInt(fen)]));
  const needed = [
    ...approvalNeeded({ planned, sumFen, superseded: 0 }, limits),
    // Whoever did the other pieces of the order.
    ...pieces.flatMap(({ order, fen }) =>
      approvalNeeded({ planned: 0, sumFen: fen + (ofOrder.get(order ?? "") ?? 0n), superseded: 0 }, limits),
    ),
  ];
  return [...new Set(needed)];
}

/** On record that he did these alone. */
export async function noteAlone(tx: Tx, who: Signer, pieces: readonly Piece[]): Promise<void> {
  const columns = [pieces.map((one) => one.order), pieces.map((one) => one.items), pieces.map((one) => String(one.fen))];
  await run(tx.client, "alone_note", NOTE, [tx.nowMs, who.by, who.account ?? null, ...columns]);
  await run(tx.client, "alone_prune", PRUNE, [tx.nowMs - KEPT_MS]);
}
