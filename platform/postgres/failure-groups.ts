/** Failure groups as they are written: beside what failed, in its transaction; never for what was acknowledged. Reading and owning them: failure-groups-reads.ts. */
import { createHash } from "node:crypto";
import { type Failure, failureOfEnd, failureOfMessage, GROUPS_MAX, groupKey, otherOf } from "../../domain/failures/groups.ts";
import type { ParkReason } from "../../domain/journal/ports.ts";
import type { AttemptEnd } from "../../domain/writeback/ports.ts";
import { batchOf } from "./batch.ts";
import { at } from "./clock.ts";
import type { Tx } from "./group-commit.ts";
import { run } from "./sql.ts";

/** Characters of a group's id: 96 bits. */
const ID_CHARS = 24;

const groupIdOf = (failure: Failure): string => createHash("sha256").update(groupKey(failure)).digest("hex").slice(0, ID_CHARS);

/** One failure of one item. `entered`: its last failure was of another group, or it has none. */
export interface Failed {
  readonly id: string;
  readonly group: string;
  readonly failure: Failure;
  readonly entered: boolean;
}

const GROUP_ROWS = batchOf("r", {
  id: "text",
  of: "text",
  partner: "text",
  kind: "text",
  code: "text",
  reason: "text",
  items: "bigint",
  failures: "bigint",
  example_id: "uuid",
  example: "text",
});
const NOW = at(`$${GROUP_ROWS.next}`);
/** In one order for everybody: two batches with the same groups cannot wait for each other. */
export const UPSERT_GROUPS = `insert into failure_group as g (id, of, partner, kind, code, reason, first_at, last_at, items, failures, example_id, example)
  select r.id, r.of, r.partner, r.kind, r.code, r.reason, ${NOW}, ${NOW}, r.items, r.failures, r.example_id, r.example from ${GROUP_ROWS.from} order by r.id
  on conflict (id) do update set last_at = greatest(g.last_at, excluded.last_at), items = g.items + excluded.items,
    failures = g.failures + excluded.failures, example_id = excluded.example_id, example = excluded.example`;

/** Counts failures in their groups: one row a group and batch, however many failed. */
async function noteFailures(tx: Tx, failed: readonly Failed[]): Promise<void> {
  if (failed.length === 0) return;
  const rows = [...Map.groupBy(failed, (one) => one.group).values()].flatMap((group) => {
    const last = group.at(-1);
    if (last === undefined) return [];
    const { of, partner, kind, code, reason, example } = last.failure;
    const items = group.filter((one) => one.entered).length;
    return [{ id: last.group, of, partner, kind, code, reason, items, failures: group.length, example_id: last.id, example }];
  });
  await run(tx.client, "failure_groups", UPSERT_GROUPS, [...GROUP_ROWS.params(rows), tx.nowMs]);
}

const KNOWN = "select g.id from failure_group g where g.id = any($1::text[])";
const FULL = `select p.partner from unnest($1::text[]) as p (partner)
  where (select count(*) from (select 1 from failure_group g where g.partner = p.partner limit ${GROUPS_MAX}) as n) >= ${GROUPS_MAX}`;

type Grouped = Pick<Failed, "id" | "group" | "failure">;
/** Each failure with its group; one that would make yet another group of a partner that has enough goes with the other ones. */
async function grouped(tx: Tx, failures: readonly Pick<Failed, "id" | "failure">[]): Promise<readonly Grouped[]> {
  const failed = failures.map((one) => ({ ...one, group: groupIdOf(one.failure) }));
  const ids = [...new Set(failed.map((one) => one.group))];
  const known = new Set((await run<{ id: string }>(tx.client, "failure_known", KNOWN, [ids])).map((row) => row.id));
  const fresh = [...new Set(failed.filter((one) => !known.has(one.group)).map((one) => one.failure.partner))];
  if (fresh.length === 0) return failed;
  const full = new Set((await run<{ partner: string }>(tx.client, "failure_full", FULL, [fresh])).map((row) => row.partner));
  return failed.map((one) => {
    if (known.has(one.group) || !full.has(one.failure.partner)) return one;
    const failure = otherOf(one.failure);
    return { id: one.id, failure, group: groupIdOf(failure) };
  });
}

const ENTER_ROWS = batchOf("r", { id: "uuid", failure_group: "text" });
/** A write-back that fails as it did before is not written again. The rows are locked by the settlement already. */
export const ENTER_GROUPS = `update write_back w set failure_group = r.failure_group from ${ENTER_ROWS.from}
  where w.id = r.id and w.failure_group is distinct from r.failure_group returning w.id`;

/** Groups attempts that end in this transaction with a failure. Costs nothing where every one was acknowledged. */
export async function noteFailedEnds(
  tx: Tx,
  ends: readonly AttemptEnd[],
  destinationOf: (id: string) => string | undefined,
): Promise<void> {
  const failures = ends.flatMap((end) => {
    const failure = failureOfEnd(destinationOf(end.id) ?? "", end);
    return failure === undefined ? [] : [{ id: end.id, failure }];
  });
  if (failures.length === 0) return;
  const failed = await grouped(tx, failures);
  const rows = failed.map((one) => ({ id: one.id, failure_group: one.group }));
  const entered = new Set(
    (await run<{ id: string }>(tx.client, "failure_enter", ENTER_GROUPS, ENTER_ROWS.params(rows))).map((row) => row.id),
  );
  await noteFailures(
    tx,
    failed.map((one) => ({ ...one, entered: entered.has(one.id) })),
  );
}

const BEFORE = "select f.message_id, f.failure_group from message_failure f where f.message_id = any($1::uuid[])";
const MESSAGE_ROWS = batchOf("r", { message_id: "uuid", failure_group: "text" });
const UPSERT_MESSAGES = `insert into message_failure (message_id, failure_group, at)
  select r.message_id, r.failure_group, ${at(`$${MESSAGE_ROWS.next}`)} from ${MESSAGE_ROWS.from} order by r.message_id
  on conflict (message_id) do update set failure_group = excluded.failure_group, at = excluded.at`;

/** Groups messages that park in this transaction. */
export async function noteParkedMessages(
  tx: Tx,
  parked: readonly { readonly id: string; readonly partner: string; readonly kind: string; readonly reason: ParkReason }[],
): Promise<void> {
  if (parked.length === 0) return;
  const ids = parked.map((one) => one.id);
  const before = await run<{ message_id: string; failure_group: string }>(tx.client, "message_failures", BEFORE, [ids]);
  const groups = new Map(before.map((row) => [row.message_id, row.failure_group]));
  const found = parked.map(({ id, reason, ...message }) => ({ id, failure: failureOfMessage(message, reason) }));
  const failed = (await grouped(tx, found)).map((one): Failed => ({ ...one, entered: groups.get(one.id) !== one.group }));
  const rows = failed.map((one) => ({ message_id: one.id, failure_group: one.group }));
  await run(tx.client, "note_message_failures", UPSERT_MESSAGES, [...MESSAGE_ROWS.params(rows), tx.nowMs]);
  await noteFailures(tx, failed);
}
