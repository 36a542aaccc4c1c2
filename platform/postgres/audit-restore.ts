/**
 * Accepting the break that a restored backup left in the audit's chain (docs/decisions/018-audit-chain.md): an administrator asks, an auditor's account approves, both by
 * the break's hash. Both entries are of the chain itself; nothing is taken away, and the verifier tells the accepted break by name for ever.
 */
import { ACCEPT_RESTORE, ASK_RESTORE, ASKED_KEPT_MS, BREAK_TARGET } from "../../domain/audit/restore.ts";
import type { AcceptRestore } from "../../domain/operations/ports.ts";
import { type Answered, answered, refused } from "../../domain/operations/refusals.ts";
import { signed } from "../../domain/operations/rules.ts";
import type { AuditBreak } from "../../domain/operations/views-audit.ts";
import { type DeedDeps, type Deeded, doing, note } from "./operations-deeds.ts";
import type { OperationsDeps } from "./operations-deps.ts";
import { lockTexts, run } from "./sql.ts";
import { notTwoPeople } from "./two-people.ts";

/** Somebody was quicker: the chain was verified before this transaction began. */
const ACCEPTED =
  "select 1 as one from operator_action where action = $1 and target_kind = $2 and target_id = $3 and id > $4::bigint limit 1";

export function createAcceptRestore(deps: DeedDeps & Pick<OperationsDeps, "mayStill">): AcceptRestore {
  /** The chain is verified each time: what is accepted is what is there now. */
  const open = async (hash: string): Promise<Answered<AuditBreak>> => {
    if (deps.audit === undefined) return refused("AUDIT_DOWN");
    const told = await deps.audit.verify();
    if (!told.ok) return told;
    const found = told.value.breaks.find((one) => one.hash === hash);
    return found === undefined ? refused("BREAK_UNKNOWN") : answered(found);
  };
  /** What is on record of it: which entries, which heads, by which hashes. */
  const whatOf = ({ kept, from, last, heads }: AuditBreak): object => ({ kept, from, last, heads });

  const ask: AcceptRestore["ask"] = async (hash, deed) => {
    const sign = signed(deed);
    if (!sign.ok) return sign;
    const found = await open(hash);
    if (!found.ok) return found;
    return doing(deps, async (tx): Promise<Deeded> => {
      const after = { ...whatOf(found.value), ...(deed.account === undefined ? {} : { account: deed.account }) };
      const entry = { who: sign.by, action: ASK_RESTORE, targetKind: BREAK_TARGET, targetId: hash, reason: sign.reason, after } as const;
      return { ok: true, done: { id: hash, kind: BREAK_TARGET, state: "awaiting-approval", auditId: await note(tx, entry) } };
    });
  };

  const approve: AcceptRestore["approve"] = async (hash, deed) => {
    const sign = signed(deed);
    if (!sign.ok) return sign;
    const { account } = deed;
    // Whoever restored the database holds the token of the machine: he is not the second person of that.
    if (account === undefined) return refused("NOT_A_PERSON");
    const found = await open(hash);
    if (!found.ok) return found;
    const { asked } = found.value;
    if (asked === undefined) return refused("BREAK_NOT_ASKED");
    return doing(deps, async (tx): Promise<Deeded> => {
      await lockTexts(tx.client, ["audit restore"]);
      if ((await run(tx.client, "audit_accepted", ACCEPTED, [ACCEPT_RESTORE, BREAK_TARGET, hash, asked.entry])).length > 0)
        return refused("BREAK_UNKNOWN");
      const askedMs = Date.parse(asked.at);
      if (tx.nowMs - askedMs > ASKED_KEPT_MS) return refused("APPROVAL_EXPIRED");
      const no = await notTwoPeople(tx, asked, { by: sign.by, account }, askedMs);
      if (no) return no;
      if (asked.account !== undefined && deps.mayStill !== undefined && !(await deps.mayStill(asked.account, "restore", tx.client)))
        return refused("RIGHT_LOST");
      const after = { ...whatOf(found.value), asked: asked.entry, approval: sign.reason, approver: account };
      const by = { who: asked.by, approvedBy: sign.by, reason: asked.reason };
      const auditId = await note(tx, { ...by, action: ACCEPT_RESTORE, targetKind: BREAK_TARGET, targetId: hash, after });
      deps.log.warn({ hash, entry: auditId }, "a break of the audit's chain was accepted by two people: the database was restored");
      return { ok: true, done: { id: hash, kind: BREAK_TARGET, state: "accepted", auditId } };
    });
  };

  return { ask, approve };
}
