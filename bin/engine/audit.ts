/** The audit put together: its keys from the credentials, its file in the data folder, who seals it and who verifies it. */
import { join } from "node:path";
import type { Config } from "../../platform/config.ts";
import { createHeadsFile } from "../../platform/audit/heads-file.ts";
import { type AuditKeys, createAuditKeys } from "../../platform/audit/keys.ts";
import type { EngineLog } from "../../platform/log.ts";
import { createSeal, type Seal } from "../../platform/postgres/audit-seal.ts";
import { createAuditVerification } from "../../platform/postgres/audit-verify.ts";
import type { Postgres } from "../../platform/postgres/index.ts";
import { createLead } from "../../platform/postgres/lead.ts";
import type { AuditDeps } from "../../platform/postgres/operations-deps.ts";
import type { Credentials } from "./partners.ts";

export interface EngineAudit extends AuditDeps {
  readonly seal: Seal;
}

/** Where signed heads lie outside of the database. */
const headsPath = (dataDir: string): string => join(dataDir, "audit", "heads.jsonl");

/** Throws AuditKeysRefused: without keys nothing is started. */
export const auditKeysOf = (config: Config, credentials: Credentials): AuditKeys =>
  createAuditKeys(credentials.audit, config.credentialsFile);

export function auditOf({
  config,
  keys,
  postgres,
  log,
}: {
  readonly config: Config;
  readonly keys: AuditKeys;
  readonly postgres: Postgres;
  readonly log: EngineLog;
}): EngineAudit {
  const file = createHeadsFile(headsPath(config.dataDir));
  const seal = createSeal({
    pool: postgres.pool,
    lead: createLead(postgres.pool, postgres.worker),
    workerId: postgres.worker.id,
    keys,
    file,
    nowMs: Date.now,
    log,
  });
  return {
    seal,
    ready: seal.ready,
    verify: createAuditVerification({ reads: postgres.reads, keys, file, nowMs: Date.now }),
    approval: keys.approval,
  };
}
