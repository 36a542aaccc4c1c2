/** Performed procedure steps (DICOM MPPS) between their N-CREATE and their end, shared by all workers. */
import type { Pool } from "./pool.ts";
import { run } from "./sql.ts";

const GET = "select created, ended from procedure_step where partner = $1 and instance = $2";
const CREATE = `insert into procedure_step (partner, instance, created, at) values ($1, $2, $3, (select huiliu_now()))
  on conflict (partner, instance) do nothing`;
const END = "update procedure_step set ended = $3 where partner = $1 and instance = $2 and ended is null";
/** What a modality says of a patient is not kept longer than it may still speak of the step. */
const FORGET = "delete from procedure_step where at < (select huiliu_now()) - interval '90 days'";

export interface Steps {
  get(partner: string, instance: string): Promise<{ readonly created: string; readonly ended?: string } | undefined>;
  created(partner: string, instance: string, dataset: string): Promise<void>;
  ended(partner: string, instance: string, status: string): Promise<void>;
  forget(): Promise<void>;
}

export const createSteps = (pool: Pool): Steps => ({
  get: async (partner, instance) => {
    const [row] = await run<{ created: string; ended: string | null }>(pool, "step_get", GET, [partner, instance]);
    return row && { created: row.created, ...(row.ended === null ? {} : { ended: row.ended }) };
  },
  created: async (partner, instance, dataset) => {
    await run(pool, "step_create", CREATE, [partner, instance, dataset]);
  },
  ended: async (partner, instance, status) => {
    await run(pool, "step_end", END, [partner, instance, status]);
  },
  forget: async () => {
    await run(pool, "step_forget", FORGET, []);
  },
});
