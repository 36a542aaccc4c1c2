/** What the operators' side is given by the composition root. */
import type { Right } from "../../domain/access/rights.ts";
import type { Translated } from "../../domain/delivery/live.ts";
import type { AfterSettle } from "../../domain/delivery/ports.ts";
import type { BusinessKey, Event } from "../../domain/events/event.ts";
import type { JournaledMessage } from "../../domain/journal/ports.ts";
import type { About } from "../../domain/live/views.ts";
import type { Log } from "../../domain/log.ts";
import type { MappingShelf } from "../../domain/operations/mapping-bench.ts";
import type { Answered } from "../../domain/operations/refusals.ts";
import type { TotalsRow, Up } from "../../domain/operations/views.ts";
import type { AuditVerification } from "../../domain/operations/views-audit.ts";
import type { ProfileRules } from "../../domain/partners/profiles.ts";
import type { Partner } from "../../domain/partners/profile.ts";
import type { ApprovalLimits } from "../../domain/replay/job.ts";
import type { SealWriteBackEvent } from "../../domain/writeback/events.ts";
import type { DestinationPolicy } from "../../domain/writeback/policy.ts";
import type { Client, Pool } from "./pool.ts";
import type { Subscribers } from "./subscribers.ts";

/** What deeds need of the audit. */
export interface AuditDeps {
  /** Whether a deed may be done: its entry can be sealed. Never rejects. */
  readonly ready: () => Promise<boolean>;
  /** Looks through the whole chain. */
  readonly verify: () => Promise<Answered<AuditVerification>>;
  /** The MAC of an approved command, by a key that the database does not have. */
  readonly approval: (text: string) => string;
}

/** Whether an account may still do this: two-person deeds ask again when they are carried out, in their own transaction: with all connections waiting for one lock there is no other to ask by. Rejects when the database is away. */
export type MayStill = (account: string, right: Right, inTransaction: Client) => Promise<boolean>;

export interface OperationsDeps {
  /** Absent: nobody signs in here. */
  readonly mayStill?: MayStill;
  /** Absent: nothing is sealed and no approval is marked (stores without the engine around them). */
  readonly audit?: AuditDeps;
  /** Which Huiliu this is; absent: one without a name (stores without the engine around them). */
  readonly about?: () => About;
  /** Flows that this worker did not load, each with its code (domain/flowtests/release.ts); absent: none. */
  readonly refusedFlows?: () => Readonly<Record<string, string>>;
  /** Where alarms are told, for people (without secrets). */
  readonly alarmSinks?: () => readonly { readonly name: string; readonly target: string }[];
  /** Subscribers were changed: whoever looks after their queues looks now. Must not throw. */
  readonly subscribersChanged?: () => void;
  /** Tables of days were dropped: whoever remembers which there are looks again. */
  readonly daysChanged?: () => Promise<unknown>;
  /** The mapping documents; absent: there are none here (stores without the engine around them). */
  readonly mappings?: MappingShelf;
  /** What a destination's profile is checked by. */
  readonly profiles: ProfileRules;
  /** The stores' pool: deeds (Postgres.pool). */
  readonly pool: Pool;
  /** Searches and totals (Postgres.reads). */
  readonly reads: Pool;
  readonly log: Log;
  readonly worker: { living(): Promise<readonly number[]> };
  readonly partners: () => readonly Partner[];
  /** The charset a partner's vendor writes when it declares none. */
  readonly charsetOf: (partner: string) => string | undefined;
  /** Whether this sender is answered only after its flow (its door's dialect waits for the verdict). Absent: none is. */
  readonly waitsFor?: (message: { readonly partner: string; readonly kind: string; readonly door: string }) => boolean;
  /** As the dispatcher reads it. Undefined: no usable destination. */
  readonly policy: (destination: string) => DestinationPolicy | undefined;
  /** By the vendor's own mapping, as createDeliveries has it; undefined when the vendor has none for the kind. */
  readonly translateByDefault: (message: JournaledMessage) => { readonly mapping: string; readonly result: Translated } | undefined;
  /** What an event can be found by: the registry's definition of its type. */
  readonly keysOf: (event: Event) => readonly BusinessKey[];
  readonly sealWriteBack: SealWriteBackEvent;
  /** Who gets the events of deeds (Postgres.subscribers). */
  readonly subscribers?: Subscribers;
  /** Called after commit, as the settle store calls it: the relay publishes, the dispatcher looks. Must not throw. */
  readonly after: (done: AfterSettle) => void;
  /** A message or an event delivery is open again: reclaim now rather than at the next second. Must not throw. */
  readonly wake: () => void;
  readonly dispatcher: {
    /** A gate was changed: this worker reads it now, the others within a second. Never rejects. */
    refresh(): Promise<void>;
    state(): readonly { readonly destination: string; readonly onWire: number }[];
  };
  /** Never rejects. */
  readonly health: () => Promise<{ readonly broker: Up; readonly redis: Up }>;
  readonly deliveries: () => { readonly live: number; readonly queued: number; readonly waitingTurn: number };
  /** A day's totals differ for this row (0: they agree again). The alarm line is logged here already. Must not throw. */
  readonly unbalanced: (businessDate: string, row: Pick<TotalsRow, "partner" | "kind">, differences: number) => void;
  /** How long a commit is tried against a server that is away. */
  readonly goneAfterMs?: number;
  /** Replay jobs; absent: the defaults of domain/replay/job.ts, and no edited copies. `wake`: a job was made or commanded here; must not throw. */
  readonly replay?: { readonly approval: ApprovalLimits; readonly editAndReplay: boolean; readonly wake?: () => void };
}
