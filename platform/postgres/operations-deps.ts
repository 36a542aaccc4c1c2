/** What the operators' side is given by the composition root. */
import type { Translated } from "../../domain/delivery/live.ts";
import type { AfterSettle } from "../../domain/delivery/ports.ts";
import type { BusinessKey, Event } from "../../domain/events/event.ts";
import type { JournaledMessage } from "../../domain/journal/ports.ts";
import type { Log } from "../../domain/log.ts";
import type { TotalsRow, Up } from "../../domain/operations/views.ts";
import type { ProfileRules } from "../../domain/partners/profiles.ts";
import type { Partner } from "../../domain/partners/profile.ts";
import type { ApprovalLimits } from "../../domain/replay/job.ts";
import type { SealWriteBackEvent } from "../../domain/writeback/events.ts";
import type { DestinationPolicy } from "../../domain/writeback/policy.ts";
import type { Pool } from "./pool.ts";
import type { Subscribers } from "./subscribers.ts";

export interface OperationsDeps {
  /** Where alarms are told, for people (without secrets). */
  readonly alarmSinks?: () => readonly { readonly name: string; readonly target: string }[];
  /** Subscribers were changed: whoever looks after their queues looks now. Must not throw. */
  readonly subscribersChanged?: () => void;
  /** Tables of days were dropped: whoever remembers which there are looks again. */
  readonly daysChanged?: () => Promise<unknown>;
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
