/** Retention over PostgreSQL: policy, simulation, run (domain/retention has the rules). */
import { createHash } from "node:crypto";
import type { Deed } from "../../domain/operations/ports.ts";
import { type Answered, answered, refused } from "../../domain/operations/refusals.ts";
import { signed } from "../../domain/operations/rules.ts";
import type { RetentionPlanned, RetentionPolicyView, RetentionRun, RetentionSimulation } from "../../domain/operations/views-retention.ts";
import { type Retention, SIMULATION_MS } from "../../domain/retention/operations.ts";
import { decisionsText, type Held, HOLD_TEXT, type Hold, lastDayGone, type Planned, planOf } from "../../domain/retention/plan.ts";
import { CONTENTS, DEFAULT_POLICY, policyProblems, type RetentionPolicy } from "../../domain/retention/policy.ts";
import { chinaDateTimeOf } from "../../domain/time.ts";
import { at } from "./clock.ts";
import { type Deeded, doing, note } from "./operations-deeds.ts";
import type { OperationsDeps } from "./operations-deps.ts";
import { moment, reading } from "./operations-sql.ts";
import type { Client } from "./pool.ts";
import { dropDay } from "./retention-drop.ts";
import * as sql from "./retention-sql.ts";
import { run } from "./sql.ts";

/** A simulation may count a lot. */
const SIMULATE_TIMEOUT_MS = 25_000;
/** A run ends by then and says what is left. */
const RUN_BUDGET_MS = 20_000;
/** Who carries the policy out at night. */
const NIGHTLY_BY = "huiliu";

const POLICY = `select p.version::text as version, p.policy, p.by, p.reason, ${moment("p.at")} as "changedAt" from retention_policy p order by p.version desc limit 1`;
const LOCK_POLICY = "lock table retention_policy in share row exclusive mode";
const SET_POLICY = `insert into retention_policy (version, policy, by, reason, at)
  select coalesce(max(version), 0) + 1, $1::jsonb, $2, $3, ${at("$4")} from retention_policy returning version::text as version`;
const SIMULATED = `insert into retention_simulation (hash, at, by) values ($1, ${at("$2")}, $3)
  on conflict (hash) do update set at = excluded.at, by = excluded.by`;
const RECENT = `select exists (select 1 from retention_simulation where hash = $1 and at > (select huiliu_now()) - $2::double precision * interval '1 millisecond') as there`;
const NIGHT = `insert into retention_night (day, at) values ($1::date, (select huiliu_now())) on conflict do nothing returning day::text as day`;
const NOW = `select (extract(epoch from huiliu_now()) * 1000)::double precision as ms`;

interface Looked {
  readonly hash: string;
  readonly nowMs: number;
  readonly today: string;
  readonly policy: RetentionPolicyView;
  readonly plan: readonly Planned[];
  readonly stored: readonly sql.StoredDay[];
  readonly defaults: Awaited<ReturnType<typeof sql.storedDays>>["defaults"];
}

async function policyOf(client: Client): Promise<RetentionPolicyView> {
  const [row] = (await client.query<RetentionPolicyView>(POLICY)).rows;
  return row ?? { version: "0", policy: DEFAULT_POLICY };
}

/** Events that a subscriber has still to read hold their day like everything that is owed. */
async function unread(client: Client, stored: readonly sql.StoredDay[], last: string): Promise<Held[]> {
  const readTo = (await client.query<{ seq: string | null }>(sql.READ_TO)).rows[0]?.seq ?? undefined;
  if (readTo === undefined) return [];
  const held: Held[] = [];
  for (const { day, content } of stored) {
    if (content !== "events" || day > last) continue;
    const count = (await client.query<{ n: number }>(sql.unreadOf(day), [readTo])).rows[0]?.n ?? 0;
    if (count > 0) held.push({ day, code: "EVENT_UNREAD", count });
  }
  return held;
}

async function look(client: Client): Promise<Looked> {
  const policy = await policyOf(client);
  const nowMs = Math.floor((await client.query<{ ms: number }>(NOW)).rows[0]?.ms ?? 0);
  const today = chinaDateTimeOf(nowMs).slice(0, 10);
  const { days, defaults } = await sql.storedDays(client);
  const last = lastDayGone(today, Math.min(...CONTENTS.map((one) => policy.policy[one]))) ?? "";
  const held = (await client.query<Held>(sql.HELD, [last])).rows;
  const plan = planOf(policy.policy, today, days, [...held, ...(await unread(client, days, last))]);
  const hash = createHash("sha256")
    .update(decisionsText(policy.version, today, plan))
    .digest("hex");
  return { hash, nowMs, today, policy, plan, stored: days, defaults };
}

const whyOf = (code: Hold, count: number) => ({ code, ...HOLD_TEXT[code], count });
const sumOf = (items: readonly RetentionPlanned[]) => ({
  days: new Set(items.map((one) => one.day)).size,
  rows: items.reduce((sum, one) => sum + one.rows, 0),
  bytes: items.reduce((sum, one) => sum + one.bytes, 0),
});

async function itemsOf(client: Client, looked: Looked): Promise<RetentionPlanned[]> {
  const items: RetentionPlanned[] = [];
  for (const { day, content, goes, why } of looked.plan) {
    const tables = looked.stored.find((one) => one.day === day && one.content === content)?.tables ?? [];
    const { rows, exact, bytes } = await sql.sizeOf(client, tables);
    items.push({ day, content, goes, rows, rowsExact: exact, bytes, why: why.map((one) => whyOf(one.code, one.count)) });
  }
  return items;
}

export function createRetention(deps: OperationsDeps): Retention {
  const looking = <T>(work: (client: Client) => Promise<T>): Promise<Answered<T>> =>
    reading(deps.reads, SIMULATE_TIMEOUT_MS, async (client) => answered(await work(client)));

  const simulate = async (by: string): Promise<Answered<RetentionSimulation>> => {
    const seen = await looking(async (client) => {
      const looked = await look(client);
      const unassigned = [];
      for (const table of looked.defaults) {
        const { rows, bytes } = await sql.sizeOf(client, [table]);
        unassigned.push({ table: table.name, rows, bytes });
      }
      return { looked, items: await itemsOf(client, looked), unassigned };
    });
    if (!seen.ok) return seen;
    const { looked, items, unassigned } = seen.value;
    await run(deps.pool, "retention_simulated", SIMULATED, [looked.hash, looked.nowMs, by]);
    return answered({
      hash: looked.hash,
      at: new Date(looked.nowMs + 28_800_000).toISOString().replace("Z", "+08:00"),
      policyVersion: looked.policy.version,
      policy: looked.policy.policy,
      today: looked.today,
      items,
      goes: sumOf(items.filter((one) => one.goes)),
      stays: sumOf(items.filter((one) => !one.goes)),
      unassigned: unassigned.sort((a, b) => (a.table < b.table ? -1 : 1)),
    });
  };

  const dropAll = async (looked: Looked, by: string, reason: string): Promise<RetentionRun> => {
    const dropped: RetentionRun["dropped"][number][] = [];
    const left: RetentionRun["left"][number][] = [];
    const until = performance.now() + RUN_BUDGET_MS;
    const stays = (day: string, content: string, code: string, zh: string, en: string) => void left.push({ day, content, code, zh, en });
    for (const { day, content, goes } of looked.plan) {
      if (!goes) continue;
      if (performance.now() > until) {
        stays(day, content, "TIME_UP", "本次时间已到", "the time of this run was up");
        continue;
      }
      // A day that keeps its messages keeps what hangs on them.
      const earlier = left.find((one) => one.day === day);
      if (earlier) {
        left.push({ ...earlier, content });
        continue;
      }
      const tables = looked.stored.find((one) => one.day === day && one.content === content)?.tables ?? [];
      const counted = await looking((client) => sql.sizeOf(client, tables));
      const size = counted.ok ? counted.value : { rows: 0, exact: false, bytes: tables.reduce((sum, one) => sum + Number(one.bytes), 0) };
      const done = await dropDay(deps.pool, deps.log, { day, content, size, by, reason, hash: looked.hash });
      if (done.kind === "dropped")
        dropped.push({ day, content, rows: size.rows, rowsExact: size.exact, bytes: size.bytes, auditId: done.auditId });
      else if (done.kind === "busy") stays(day, content, "BUSY", "业务繁忙，未能取得锁", "traffic left no room for it");
      else for (const code of done.codes) stays(day, content, code, HOLD_TEXT[code].zh, HOLD_TEXT[code].en);
    }
    if (dropped.length > 0) await deps.daysChanged?.();
    return { hash: looked.hash, dropped, left };
  };

  const runNow = async (hash: string, deed: Deed): Promise<Answered<RetentionRun>> => {
    const sign = signed(deed);
    if (!sign.ok) return sign;
    const [recent] = await run<{ there: boolean }>(deps.pool, "retention_recent", RECENT, [hash, SIMULATION_MS]);
    if (recent?.there !== true) return refused("NOT_SIMULATED");
    const looked = await looking(look);
    if (!looked.ok) return looked;
    if (looked.value.hash !== hash) return refused("SIMULATION_STALE");
    return answered(await dropAll(looked.value, sign.by, sign.reason));
  };

  return {
    policy: () => looking(policyOf),
    simulate,
    run: runNow,
    setPolicy: async (change, deed) => {
      const sign = signed(deed);
      if (!sign.ok) return sign;
      return doing(deps, async (tx): Promise<Deeded> => {
        await tx.client.query(LOCK_POLICY);
        const { policy: before } = await policyOf(tx.client);
        const after: RetentionPolicy = { ...before, ...change };
        const problems = policyProblems(after);
        if (problems.length > 0) return refused("POLICY_REFUSED", { problems });
        const [row] = await run<{ version: string }>(tx.client, "retention_set_policy", SET_POLICY, [
          JSON.stringify(after),
          sign.by,
          sign.reason,
          tx.nowMs,
        ]);
        const id = row?.version ?? "";
        const entry = {
          who: sign.by,
          action: "policy",
          targetKind: "retention" as const,
          targetId: id,
          reason: sign.reason,
          before,
          after,
        };
        return { ok: true, done: { id, kind: "retention", state: "changed", auditId: await note(tx, entry) } };
      });
    },
    nightly: async () => {
      const due = await looking(async (client) => {
        const { version, policy } = await policyOf(client);
        const now = chinaDateTimeOf(Math.floor((await client.query<{ ms: number }>(NOW)).rows[0]?.ms ?? 0));
        return { version, policy, day: now.slice(0, 10), due: policy.automatic && now.slice(11, 16) >= policy.at };
      });
      if (!due.ok || !due.value.due) return undefined;
      const [ours] = await run(deps.pool, "retention_night", NIGHT, [due.value.day]);
      if (ours === undefined) return undefined;
      const simulated = await simulate(NIGHTLY_BY);
      if (!simulated.ok) return simulated;
      return runNow(simulated.value.hash, { by: NIGHTLY_BY, reason: `nightly, policy version ${due.value.version}` });
    },
  };
}
