/** What the page shows, made of what the engine tells: worst first. Pure. */
import type { Trends } from "../../../../domain/live/views.ts";
import type { AlarmView } from "../../../../domain/operations/views-alarms.ts";
import type { DestinationView, PartnerView } from "../../../../domain/operations/views.ts";

/** From the worst to the best; how a destination stands in one word. */
const STANDINGS = ["down", "half", "late", "parked", "paused", "unknown", "ok"] as const;
export type Standing = (typeof STANDINGS)[number];

/** As the engine's own alarm on age (domain/alarms/conditions.ts) warns. */
const LATE_SECONDS = 300;

/** Alarms that say of a destination that it is late, by its own profile's measure. */
const LATE_ALARMS: ReadonlySet<string> = new Set(["write-back-age", "backlog"]);

export function standingOf(view: DestinationView, alarms: readonly AlarmView[] = []): Standing {
  const { gate, backlog, oldestAgeSeconds = 0 } = view;
  if (gate?.breaker === "open") return "down";
  if (gate?.breaker === "half-open") return "half";
  if (view.paused) return "paused";
  if (!view.known) return "unknown";
  const alarmed = alarms.some(({ kind, subject }) => subject === view.destination && LATE_ALARMS.has(kind));
  if (alarmed || oldestAgeSeconds >= LATE_SECONDS) return "late";
  return backlog.parked > 0 ? "parked" : "ok";
}

type Recent = Trends["partners"][number];
const NOTHING: Omit<Recent, "partner"> = { accepted: 0, acknowledged: 0, parked: 0 };

export interface Sender {
  readonly partner: string;
  readonly name: PartnerView["name"];
  readonly recent: Omit<Recent, "partner">;
  /** Parked messages, as the open alarm tells. */
  readonly parked: number;
}
export interface DestinationNode {
  readonly destination: string;
  readonly name: PartnerView["name"];
  readonly standing: Standing;
  readonly recent: Omit<Recent, "partner">;
  /** Owed and not parked. */
  readonly waiting: number;
  readonly view: DestinationView;
}

export const waitingOf = ({ backlog }: DestinationView): number =>
  backlog.held + backlog.queued + backlog.waiting + backlog.sending + backlog.deferred;

const plain = (name: string): PartnerView["name"] => ({ zh: name, en: name });
const numberOf = (value: string | number | undefined): number => (typeof value === "number" ? value : 0);

export function mapOf(
  partners: readonly PartnerView[],
  destinations: readonly DestinationView[],
  trends: Trends | undefined,
  alarms: readonly AlarmView[],
): { readonly senders: readonly Sender[]; readonly destinations: readonly DestinationNode[] } {
  const recent = new Map(trends?.partners.map((one) => [one.partner, one]));
  const names = new Map(partners.map((one) => [one.partner, one.name]));
  const parked = new Map(
    alarms.filter(({ kind }) => kind === "message-parked").map(({ subject, details }) => [subject, numberOf(details.parked)]),
  );
  const senders = partners
    .filter(({ inbound }) => inbound !== undefined)
    .map(({ partner, name }) => ({ partner, name, recent: recent.get(partner) ?? NOTHING, parked: parked.get(partner) ?? 0 }))
    .sort((a, b) => b.parked - a.parked || b.recent.accepted - a.recent.accepted || a.partner.localeCompare(b.partner));
  const nodes = destinations
    .map((view) => ({
      destination: view.destination,
      name: names.get(view.destination) ?? plain(view.destination),
      standing: standingOf(view, alarms),
      recent: recent.get(view.destination) ?? NOTHING,
      waiting: waitingOf(view),
      view,
    }))
    .sort(
      (a, b) =>
        STANDINGS.indexOf(a.standing) - STANDINGS.indexOf(b.standing) ||
        b.waiting - a.waiting ||
        b.recent.acknowledged - a.recent.acknowledged ||
        a.destination.localeCompare(b.destination),
    );
  return { senders, destinations: nodes };
}

/** Whether there is anything to see on it; the others are named in one line. */
export const tells = ({ recent, parked }: Sender): boolean => parked > 0 || recent.accepted > 0;
export const needsLook = ({ standing, waiting, recent }: DestinationNode): boolean =>
  standing !== "ok" || waiting > 0 || recent.acknowledged > 0;

/** Alarms as they must be read: what calls somebody first, then what began first. */
export const worstFirst = (alarms: readonly AlarmView[]): readonly AlarmView[] =>
  [...alarms].sort(
    (a, b) =>
      Number(b.severity === "page") - Number(a.severity === "page") ||
      a.startedAt.localeCompare(b.startedAt) ||
      Number(a.id) - Number(b.id),
  );

export interface Figures {
  readonly waiting: number;
  /** Decimal text of fen, everything owed. */
  readonly fen: string;
  readonly parked: number;
  readonly unclear: number;
  readonly blocked: number;
  /** When the oldest one owed began to be; absent: nothing is owed. */
  readonly oldestOwedAt?: string;
  readonly oldestOf?: string;
}

export function figuresOf(destinations: readonly DestinationView[]): Figures {
  const sum = (of: (view: DestinationView) => number): number => destinations.reduce((total, view) => total + of(view), 0);
  const oldest = destinations
    .filter(({ oldestOwedAt }) => oldestOwedAt !== undefined)
    .sort((a, b) => (a.oldestOwedAt ?? "").localeCompare(b.oldestOwedAt ?? ""))[0];
  return {
    waiting: sum(waitingOf),
    fen: destinations.reduce((total, { fen }) => total + BigInt(fen), 0n).toString(),
    parked: sum(({ backlog }) => backlog.parked),
    unclear: sum(({ unclear }) => unclear),
    blocked: sum(({ blockedLanes }) => blockedLanes),
    ...(oldest?.oldestOwedAt === undefined ? {} : { oldestOwedAt: oldest.oldestOwedAt, oldestOf: oldest.destination }),
  };
}

/** The destination that an alarm is about, with what it owes: who is affected. */
export const affectedBy = (alarm: AlarmView, destinations: readonly DestinationView[]): DestinationView | undefined =>
  destinations.find(({ destination }) => destination === alarm.subject);
