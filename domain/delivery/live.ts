/** One live delivery: what the engine remembers of it until it settles. Nothing here survives a crash, and nothing needs to. */
import type { Event } from "../events/event.ts";
import type { BusinessKey } from "../events/event.ts";
import type { JournaledMessage, ParkReason } from "../journal/ports.ts";
import type { OrderFacts } from "../orders/facts.ts";
import type { Problem } from "../problem.ts";
import { SUSPECT_RUN } from "./limits.ts";
import type { DeliverySource, OwedWriteBack, SealedEvent } from "./ports.ts";

/** What a translation gave: sealed events ready to commit, or every problem of the message. */
export type Translated =
  | { readonly ok: true; readonly events: readonly SealedEvent[]; readonly keys: readonly BusinessKey[] }
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly keys: readonly BusinessKey[] };

export interface Live {
  readonly token: string;
  readonly source: DeliverySource;
  readonly messageId: string;
  readonly flow: string;
  /** The translation by the vendor's own mapping, made in journal order before the turn was taken. */
  readonly translated?: { readonly mapping: string; readonly result: Translated };
  readonly events: SealedEvent[];
  /** What its flow translated it with, `<vendor>/<message>@<version>`, for people. */
  mapping?: string;
  /** Its mapping understood it and says that no event comes of it: publishing none is its good end. */
  eventless?: true;
  readonly published: Set<string>;
  readonly writeBacks: OwedWriteBack[];
  readonly keys: BusinessKey[];
  /** Event id → which bill it is about and what that bill knows, looked up before the flow is fed. */
  orders?: ReadonlyMap<string, OrderFacts>;
  park?: ParkReason;
  answer?: { readonly verdict: "accepted" | "refused"; readonly text?: string };
  readonly releaseTurn: () => void;
  ending: boolean;
}

/** The events a node of this delivery may work on: the translated ones, or the event it was fed. */
export const eventsOf = (live: Live): readonly Event[] =>
  live.source.kind === "event" ? [live.source.event] : live.events.map((sealed) => sealed.event);

/** Names what is worked on, once for all its runs. */
export const idOf = (source: DeliverySource): string =>
  source.kind === "message" ? source.message.id : `${source.subscriber}:${source.event.id}`;

/** Journal order; events stand before messages. */
export const seqOf = (source: DeliverySource): number => (source.kind === "message" ? Number(source.message.seq) : -1);

/** Begun before, more often than restarts, deploys and a full queue explain, and never settled. What a person replays is no suspect. */
export const isSuspect = (message: JournaledMessage): boolean => message.run >= SUSPECT_RUN && !message.replayed;

/** The leases of messages among them. */
export const leasesOf = (sources: readonly DeliverySource[]): { readonly id: string; readonly token: number }[] =>
  sources.flatMap((source) => (source.kind === "message" ? [{ id: source.message.id, token: source.message.token }] : []));
