/** What the door knows of performed procedure steps between their N-CREATE and their end: the SCP manages them (PS3.4 F.7), and an N-SET names neither patient nor order. */
export interface StepInstances {
  /** Undefined: no N-CREATE came. Rejects while the database is away. */
  get(partner: string, instance: string): Promise<{ readonly created: string; readonly ended?: string } | undefined>;
  /** Notes what the N-CREATE said (JSON text). The first one holds. */
  created(partner: string, instance: string, dataset: string): Promise<void>;
  /** Notes that it has ended, and how. */
  ended(partner: string, instance: string, status: string): Promise<void>;
}
