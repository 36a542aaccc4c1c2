/** Replay jobs over the operators' world: a runner that the test steps by hand, and bulk rows that a test of thousands needs. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { inspect } from "node:util";
import type { ReplayJob } from "../../../domain/operations/views-replay.ts";
import { APPROVAL_DEFAULT, type ReplayState } from "../../../domain/replay/job.ts";
import { policyOf } from "../../../domain/writeback/policy.ts";
import type { Claimed } from "../../../domain/writeback/ports.ts";
import { createLead, type Lead } from "../../../platform/postgres/lead.ts";
import { createReplayRunner, type ReplayRunner, type ReplayRunnerDeps } from "../../../platform/postgres/replay-runner.ts";
import type { Worker } from "../../../platform/postgres/worker.ts";
import { mustBe, PARTNERS, type World } from "./world.ts";

export const WHO = { by: "王工", reason: "HIS 修复后重放" };
export const OTHER = { by: "李工", reason: "已复核" };

/** A step that failed is an error of the test's. */
const quiet = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: (fields: object, text: string) => assert.fail(`${text}: ${inspect(fields)}`),
};

/** A runner of the world's own worker, or of another, or with a lead that believes what it likes. It is not started: the test steps it. */
export function runnerOf(
  world: World,
  worker: Worker = world.postgres.worker,
  lead: Lead = createLead(world.postgres.pool, worker),
  more: Pick<ReplayRunnerDeps, "audit" | "mayStill"> & { readonly refuses?: true } = {},
): ReplayRunner {
  const { pool, reads } = world.postgres;
  return createReplayRunner({
    pool,
    reads,
    // A runner that is expected to refuse a job says so as an error.
    log: more.refuses === true ? { ...quiet, error: () => undefined } : quiet,
    ...(more.audit === undefined ? {} : { audit: more.audit }),
    ...(more.mayStill === undefined ? {} : { mayStill: more.mayStill }),
    lead,
    workerId: worker.id,
    limits: APPROVAL_DEFAULT,
    policy: (name) => {
      const profile = PARTNERS.find((one) => one.partner === name);
      const policy = profile && policyOf(profile);
      return policy?.ok ? policy.policy : undefined;
    },
    after: (done) => void world.told.after.push(done),
    wake: () => {
      world.told.wakes += 1;
    },
    goneAfterMs: 2_000,
  });
}

/** Steps until the job is in the state; `between` plays the rest of the engine. */
export async function stepTo(
  world: World,
  runner: ReplayRunner,
  id: string,
  state: ReplayState,
  between: () => Promise<void> = async () => undefined,
): Promise<ReplayJob> {
  for (let turns = 0; turns < 200; turns += 1) {
    const job = mustBe(await world.operations.replays.get(id));
    if (job.state === state) return job;
    await runner.step();
    await between();
  }
  throw new Error(`never ${state}: ${JSON.stringify(mustBe(await world.operations.replays.get(id)))}`);
}

/** Acknowledges what is due at a destination, but those for which `refuses` says otherwise. Answers what was called. */
export async function answerAll(world: World, to: string, refuses: (claim: Claimed) => boolean = () => false): Promise<readonly Claimed[]> {
  const claims = await world.claim(to);
  for (const claim of claims) {
    if (refuses(claim)) {
      const park = { code: "REJECTED", zh: "对方拒绝", en: "refused", advice: { zh: "核对", en: "check" } };
      await world.finish(claim, { outcome: "rejected", step: "park", park, code: "E7", text: `单据 ${claim.lane} 已关闭` });
    } else await world.finish(claim, { outcome: "acknowledged", step: "finish", receipt: { code: "0" }, how: "reply" });
  }
  return claims;
}

/** Parked write-backs of one failure group, each alone in its lane, as if each had been refused once. Answers the group's id. */
export async function parkedInBulk(world: World, count: number, prefix: string, to = "his"): Promise<string> {
  const group = createHash("sha256").update(prefix).digest("hex").slice(0, 24);
  await world.sql(
    `with rows as (select gen_random_uuid() as r, i from generate_series(1, $1::integer) as i),
      ids as (select (lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || '7' || substr(replace(r::text, '-', ''), 14))::uuid as id, i from rows),
      bodies as (insert into write_back_body (message_id, write_back_id, body) select id, id, '\\x003c612f3e'::bytea from ids)
     insert into write_back (id, key, message_id, destination, kind, mapping, lane, lane_seq, cause_event_id, cause_type, content_type, charset, amount_fen,
       serial, business_date, flow, node, state, attempts, owed_at, park, failure_group, last_outcome, last_code)
     select id, $2 || i, id, $3, 'payment-confirm', 'm', $2 || 'lane ' || i, nextval('lane_seq'), 'e' || i, 'payment.settled', 'application/xml', 'utf-8', 100,
       's' || i, '2026-11-20', 'f', 'n', 'parked', 1, now(), '{"code":"REJECTED","zh":"","en":"","advice":{"zh":"","en":""}}', $4, 'rejected', 'E7' from ids`,
    [count, prefix, to, group],
  );
  await world.sql(
    `insert into failure_group (id, of, partner, code, reason, first_at, last_at, items, failures, example_id, example)
     select $1, 'write-backs', $2, 'E7', $3, now(), now(), $4, $4, gen_random_uuid(), 'x'`,
    [group, to, prefix, count],
  );
  return group;
}

export const statesOf = async (world: World, ids: readonly string[]): Promise<readonly string[]> => {
  const rows = await world.sql<{ id: string; state: string }>("select id, state from write_back where id = any($1::uuid[])", [ids]);
  const of = new Map(rows.map((row) => [row.id, row.state]));
  return ids.map((id) => of.get(id) ?? "absent");
};

/** The preview of these ids; must be whole at once. */
export async function previewOf(world: World, ids: readonly string[], more: Record<string, unknown> = {}): Promise<ReplayJob> {
  const job = mustBe(await world.operations.replays.create({ of: "write-backs", select: { ids }, ratePerSecond: 1_000, ...WHO, ...more }));
  assert.equal(job.state, "previewed");
  return job;
}
