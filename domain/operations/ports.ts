/**
 * What operators may ask and do. Reading changes nothing but the audit of unmasking; every deed needs a person and a reason and is audited in the
 * transaction that does it (issue 2, design.md section 5). Expected refusals are values; a store that is gone rejects with JournalGone.
 */
import type { Edits, Failures, Replays } from "../replay/ports.ts";
import type { Alarms } from "../alarms/operations.ts";
import type { NowReads } from "../live/ports.ts";
import type { MappingBench } from "./mapping-bench.ts";
import type { Lanes } from "../lanes/ports.ts";
import type { Profiles } from "../partners/profiles.ts";
import type { Retention } from "../retention/operations.ts";
import type { Answered } from "./refusals.ts";
import type { Inspection } from "./inspection.ts";
import type { SubscriberDeeds } from "./views-subscribers.ts";
import type { AcknowledgementView } from "./views-acknowledgements.ts";
import type { AuditVerification } from "./views-audit.ts";
import type {
  AuditRow,
  DestinationView,
  Done,
  EventDeliveryList,
  EventRow,
  MessageDetail,
  MessagePage,
  Page,
  PartnerView,
  Preview,
  Status,
  Totals,
  WriteBackDetail,
  WriteBackRow,
} from "./views.ts";

/** Rows of one page when the caller says nothing, and at most. */
export const PAGE_DEFAULT = 50;
export const PAGE_MAX = 500;
/** Values one search may list. */
export const KEYS_MAX = 100;
/** A search that takes longer is stopped. */
export const READ_TIMEOUT_MS = 3_000;
/** Totals of a day may take longer than a search. */
export const TOTALS_TIMEOUT_MS = 15_000;
/** Longest decoded text shown of a body. */
export const SHOWN_CHARS_MAX = 65_536;

interface Paging {
  /** Cursor of the page before. */
  readonly after?: string;
  readonly limit?: number;
}
/** Milliseconds since 1970; `from` inclusive, `to` exclusive. */
interface Span {
  readonly fromMs?: number;
  readonly toMs?: number;
}

export interface MessageFilter extends Paging, Span {
  /** Any business key value, sender's identity or message id; several are alternatives. */
  readonly keys?: readonly string[];
  readonly kind?: string;
  readonly partner?: string;
  readonly state?: string;
  /** The flow that settled it. */
  readonly flow?: string;
  /** Only of these partners: what the one who asks may see. */
  readonly partners?: readonly string[];
}
export interface EventFilter extends Paging, Span {
  readonly keys?: readonly string[];
  readonly messageId?: string;
  readonly type?: string;
  readonly partner?: string;
  readonly businessDate?: string;
  /** Only of these partners: what the one who asks may see. */
  readonly partners?: readonly string[];
}
export interface WriteBackFilter extends Paging, Span {
  /** Only to these destinations: what the one who asks may see. */
  readonly destinations?: readonly string[];
  /** Any business key value of its message, its own key, serial, id, or message id. */
  readonly keys?: readonly string[];
  readonly state?: string;
  readonly destination?: string;
  readonly kind?: string;
  readonly businessDate?: string;
}
export interface AcknowledgementFilter extends Paging, Span {
  /** What it names (key, serial), or the write-back's key or id. */
  readonly keys?: readonly string[];
  readonly state?: string;
  readonly destination?: string;
  /** Only of these destinations: what the one who asks may see. */
  readonly destinations?: readonly string[];
}
/** Acknowledgements that came on their own way. */
export interface AcknowledgementReads {
  list(filter: AcknowledgementFilter): Promise<Answered<Page<AcknowledgementView>>>;
}
export interface AuditFilter extends Paging, Span {
  readonly who?: string;
  readonly action?: string;
  readonly targetKind?: string;
  readonly targetId?: string;
}
export interface TotalsFilter {
  /** Today's business date when absent. */
  readonly businessDate?: string;
  readonly partner?: string;
  readonly kind?: string;
}

/** Who does something, and why. */
export interface Deed {
  readonly by?: string;
  readonly reason?: string;
  /** The account that does it; absent: a program with the token, which says in `by` for whom it acts. */
  readonly account?: string;
}
/** Asks to see personal data; audited. */
export type Unmask = Deed;

/** Numbers for the metrics, at most a few seconds old. */
export interface Sample {
  readonly messages: Readonly<Record<"received" | "awaiting-part" | "parked", number>>;
  readonly oldestMessageSeconds: number;
  readonly outbox: number;
  readonly eventDeliveries: Readonly<Record<"received" | "parked", number>>;
  readonly destinations: readonly DestinationView[];
  readonly services: Status["services"];
  readonly deliveries: Status["deliveries"];
}

/** Longest window in which a person lets a destination drain although it is paused or quiet: a week. */
export const DRAIN_MINUTES_MAX = 10_080;

/** What people do with a destination's gate. Every worker obeys within a second; what is on the wire ends. */
export interface DestinationGates {
  pause(destination: string, deed: Deed): Promise<Answered<Done>>;
  resume(destination: string, deed: Deed): Promise<Answered<Done>>;
  drain(destination: string, deed: Deed & { readonly minutes: number }): Promise<Answered<Done>>;
}

/** The audit's break of a restored database, by its hash (AuditVerification.breaks): one person asks, the account of another approves. */
export interface AcceptRestore {
  ask(hash: string, deed: Deed): Promise<Answered<Done>>;
  /** Writes the entry that accepts it. From then on it is told as accepted, and ends the alarm; any other break does not. */
  approve(hash: string, deed: Deed): Promise<Answered<Done>>;
}

export interface Operations extends NowReads {
  readonly gates: DestinationGates;
  readonly lanes: Lanes;
  readonly subscribers: SubscriberDeeds;
  readonly profiles: Profiles;
  readonly alarms: Alarms;
  readonly retention: Retention;
  readonly mappings: MappingBench;
  messages(filter: MessageFilter): Promise<Answered<MessagePage>>;
  message(id: string, unmask?: Unmask): Promise<Answered<MessageDetail>>;
  events(filter: EventFilter, unmask?: Unmask): Promise<Answered<Page<EventRow>>>;
  writeBacks(filter: WriteBackFilter): Promise<Answered<Page<WriteBackRow>>>;
  writeBack(id: string, unmask?: Unmask): Promise<Answered<WriteBackDetail>>;
  /** `partners`: only of these partners' messages. */
  parkedEventDeliveries(partners?: readonly string[]): Promise<Answered<EventDeliveryList>>;
  destinations(): Promise<Answered<readonly DestinationView[]>>;
  partners(): Promise<Answered<readonly PartnerView[]>>;
  partner(partner: string): Promise<Answered<PartnerView>>;
  totals(filter: TotalsFilter): Promise<Answered<Totals>>;
  status(): Promise<Answered<Status>>;
  audit(filter: AuditFilter): Promise<Answered<Page<AuditRow>>>;
  /** Looks through the audit's whole chain; who asks meanwhile gets the same answer. */
  verifyAudit(): Promise<Answered<AuditVerification>>;
  readonly acceptRestore: AcceptRestore;
  /** Whether a deed could be sealed now. Never rejects. */
  auditReady(): Promise<boolean>;
  sample(): Promise<Sample>;
  readonly acknowledgements: AcknowledgementReads;
  readonly inspect: Inspection;

  readonly replays: Replays;
  readonly failures: Failures;
  readonly edits: Edits;

  /** What the present mapping would make of the stored bytes. Changes nothing. */
  previewMessage(id: string): Promise<Answered<Preview>>;
  replayMessage(id: string, deed: Deed): Promise<Answered<Done>>;
  resolveMessage(id: string, deed: Deed): Promise<Answered<Done>>;
  replayEventDelivery(subscriber: string, eventId: string, deed: Deed): Promise<Answered<Done>>;
  resolveEventDelivery(subscriber: string, eventId: string, deed: Deed): Promise<Answered<Done>>;
  replayWriteBack(id: string, deed: Deed & { readonly confirmedChecked?: boolean }): Promise<Answered<Done>>;
  resolveWriteBack(
    id: string,
    deed: Deed & {
      readonly decision: "done-by-hand" | "cancelled";
      readonly hisReceiptNo?: string;
      readonly confirmedChecked?: boolean;
    },
  ): Promise<Answered<Done>>;
}

/** What keeps the engine from being ready: empty when it is. */
export interface Missing {
  readonly what: string;
  readonly zh: string;
  readonly en: string;
}
