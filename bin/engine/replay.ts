/** Replay jobs, put together: their limits from the settings, and who works on them. */
import { APPROVAL_DEFAULT, type ApprovalLimits } from "../../domain/replay/job.ts";
import type { Config } from "../../platform/config.ts";
import type { EngineLog } from "../../platform/log.ts";
import type { Postgres } from "../../platform/postgres/index.ts";
import { createLead } from "../../platform/postgres/lead.ts";
import { mayStill } from "../../platform/postgres/may-still.ts";
import type { AuditDeps } from "../../platform/postgres/operations-deps.ts";
import { createReplayRunner, type ReplayRunner } from "../../platform/postgres/replay-runner.ts";
import type { Catalogued } from "./catalogue.ts";
import type { Work } from "./work.ts";

export interface EngineReplay {
  readonly runner: ReplayRunner;
  /** What the operators' side needs of it (OperationsDeps.replay). */
  readonly settings: { readonly approval: ApprovalLimits; readonly editAndReplay: boolean; readonly wake: () => void };
}

export function replayOf(built: {
  readonly config: Config;
  readonly catalogue: Catalogued;
  readonly postgres: Postgres;
  readonly work: Work;
  readonly log: EngineLog;
  readonly audit: AuditDeps;
}): EngineReplay {
  const { config, catalogue, postgres, work, log, audit } = built;
  const { replayApprovalCount, replayApprovalFen } = config;
  const approval: ApprovalLimits = {
    count: replayApprovalCount === undefined ? APPROVAL_DEFAULT.count : Number(replayApprovalCount),
    sumFen: replayApprovalFen === undefined ? APPROVAL_DEFAULT.sumFen : BigInt(replayApprovalFen),
  };
  const runner = createReplayRunner({
    audit,
    mayStill,
    pool: postgres.pool,
    reads: postgres.reads,
    log,
    lead: createLead(postgres.pool, postgres.worker),
    workerId: postgres.worker.id,
    limits: approval,
    policy: catalogue.policyFor,
    after: work.settled,
    wake: () => work.deliveries.wake(),
  });
  return { runner, settings: { approval, editAndReplay: config.editAndReplay === "on", wake: runner.wake } };
}
