/**
 * What an approval, or the start of a job that needs none, is a MAC over (reliability.md A16): the key is the engine's, so that a row that was made or changed by SQL
 * is carried out by nobody. Texts only; the MAC is a port.
 */

/** A job as it was commanded. */
export interface CommandedJob {
  readonly id: string;
  readonly of: string;
  /** Of the frozen items. */
  readonly hash: string;
  readonly requestedBy: string;
  readonly requestedAccount: string | null;
  readonly reason: string;
  readonly confirmedChecked: boolean;
  readonly includeSuperseded: boolean;
  readonly approvedBy: string | null;
  readonly approvedAccount: string | null;
  /** When it was started alone, or approved. */
  readonly commandMs: string;
}

export const commandText = (job: CommandedJob): string =>
  JSON.stringify([
    "huiliu replay command 1",
    job.id,
    job.of,
    job.hash,
    job.requestedBy,
    job.requestedAccount,
    job.reason,
    job.confirmedChecked,
    job.includeSuperseded,
    job.approvedBy,
    job.approvedAccount,
    job.commandMs,
  ]);

/** An item as it was frozen: it is this job's, of this target, and says what was to be done with it. */
export const itemText = (item: {
  readonly job: string;
  readonly n: string;
  readonly target: string;
  readonly how: string | null;
  readonly superseded: boolean;
  readonly attempts: number | null;
}): string => JSON.stringify(["huiliu replay item 1", item.job, item.n, item.target, item.how, item.superseded, item.attempts]);

/** An edited copy as it was proposed. */
export const proposalText = (edit: {
  readonly id: string;
  readonly writeBackId: string;
  readonly editNo: number;
  readonly contentHash: string;
  readonly proposedBy: string;
  readonly proposedAccount: string | null;
  readonly reason: string;
  readonly confirmedChecked: boolean;
  readonly attempts: number;
}): string =>
  JSON.stringify([
    "huiliu edit proposal 1",
    edit.id,
    edit.writeBackId,
    edit.editNo,
    edit.contentHash,
    edit.proposedBy,
    edit.proposedAccount,
    edit.reason,
    edit.confirmedChecked,
    edit.attempts,
  ]);
