/** A database whose audit is sealed, with its file of heads in a folder of its own, and what a superuser with evil in mind does to it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import type { AuditVerification } from "../../../domain/operations/views-audit.ts";
import { createHeadsFile, type HeadsFile } from "../../../platform/audit/heads-file.ts";
import { type AuditKeys, createAuditKeys } from "../../../platform/audit/keys.ts";
import { makeAuditCredentials } from "../../../platform/audit/make-keys.ts";
import { markerOf } from "../../../platform/postgres/audit-mark.ts";
import { createSeal, type Seal } from "../../../platform/postgres/audit-seal.ts";
import { createAuditVerification } from "../../../platform/postgres/audit-verify.ts";
import { commit } from "../../../platform/postgres/group-commit.ts";
import { createPostgres, type Postgres } from "../../../platform/postgres/index.ts";
import { createLead } from "../../../platform/postgres/lead.ts";
import { note } from "../../../platform/postgres/operations-deeds.ts";
import { testDatabase } from "../postgres/database.ts";

export interface AuditWorld {
  readonly postgres: Postgres;
  readonly keys: AuditKeys;
  readonly file: HeadsFile;
  readonly seal: Seal;
  /** Writes entries as a deed does. Answers their numbers. */
  deeds(count: number, who?: string): Promise<readonly string[]>;
  verify(): Promise<AuditVerification>;
  /** The findings as `kind n` or `kind n-to`. */
  found(): Promise<readonly string[]>;
  /** What a superuser does, past the triggers. */
  tamper(...statements: readonly string[]): Promise<void>;
  /** As if nothing had ever been audited. */
  reset(): Promise<void>;
  sql<R extends object>(text: string, values?: readonly unknown[]): Promise<R[]>;
  close(): Promise<void>;
}

const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

export async function auditWorld(): Promise<AuditWorld> {
  const database = await testDatabase();
  const folder = mkdtempSync(join(tmpdir(), "huiliu-audit-"));
  const keys = createAuditKeys(makeAuditCredentials(), "test");
  const postgres = await createPostgres({ url: database.url, workerName: "test audit", goneAfterMs: 2_000, mark: markerOf(keys) });
  const { pool, reads, worker } = postgres;
  const file = createHeadsFile(join(folder, "audit", "heads.jsonl"));
  const seal = createSeal({ pool, lead: createLead(pool, worker), workerId: worker.id, keys, file, nowMs: Date.now, log: quiet });
  const verification = createAuditVerification({ reads, keys, file, nowMs: Date.now });
  let made = 0;
  const sql = async <R extends object>(text: string, values: readonly unknown[] = []): Promise<R[]> =>
    (await pool.query<R>(text, [...values])).rows;
  const tamper: AuditWorld["tamper"] = async (...statements) => {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    try {
      await client.query("set session_replication_role = replica");
      for (const text of statements) await client.query(text);
    } finally {
      await client.end();
    }
  };
  const verify = async (): Promise<AuditVerification> => {
    const told = await verification();
    if (!told.ok) throw new Error(`not verified: ${told.code}`);
    return told.value;
  };
  return {
    postgres,
    keys,
    file,
    seal,
    sql,
    verify,
    deeds: async (count, who = "王工") => {
      const ids: string[] = [];
      for (let n = 0; n < count; n += 1) {
        made += 1;
        const entry = {
          who,
          action: "replay",
          targetKind: "message" as const,
          targetId: `m${made}`,
          reason: "HIS 修复后重放",
          before: { state: "parked", run: made, park: { zh: "金额不符\u2028", b: 1.5, a: [null, true] } },
          after: { state: "received", left: undefined },
        };
        const done = await commit({ pool, log: quiet, name: "test" }, async (tx) => ({ answers: [await note(tx, entry)] }));
        ids.push(done.answers[0] ?? "");
      }
      return ids;
    },
    found: async () => (await verify()).findings.map(({ kind, n, to }) => `${kind} ${n}${to === undefined ? "" : `-${to}`}`).sort(),
    tamper,
    reset: async () => {
      await tamper(
        "alter table operator_action disable trigger user; alter table audit_link disable trigger user; alter table audit_head disable trigger user",
        "truncate operator_action, audit_link, audit_head restart identity",
        "alter table operator_action enable trigger user; alter table audit_link enable trigger user; alter table audit_head enable trigger user",
        "update huiliu_clock set shift = interval '0'",
      );
      rmSync(folder, { recursive: true, force: true });
      made = 0;
    },
    close: async () => {
      await seal.stop();
      await postgres.close();
      await database.drop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** SQL that makes every hash anew from place `from` on, as the migration's own function does. */
export const rehash = (from: number): string => `do $$
declare l record; previous text := coalesce((select hash from audit_link where n = ${from} - 1), '');
begin
  for l in select k.n, k.action_id from audit_link k where k.n >= ${from} order by k.n loop
    select encode(sha256(convert_to(audit_link_text(previous, l.n, o), 'UTF8')), 'hex') into previous from operator_action o where o.id = l.action_id;
    update audit_link set hash = previous where n = l.n;
  end loop;
end $$`;
