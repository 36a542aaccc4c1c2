/** Open write-backs of an order in the memory stores, and what becomes of overtaken ones (platform/postgres/overtaken.ts). */
import type { HeldWriteBack, Judge } from "../../domain/delivery/judge.ts";
import { type Bill, emptyBill } from "../../domain/orders/rules.ts";
import { type OrderWriteBack, overtaken } from "../../domain/orders/superseded.ts";
import { type MemoryWriteBack, NO_PLACE } from "./rows.ts";

type WriteBacks = ReadonlyMap<string, MemoryWriteBack>;

/** States in which a write-back has no place in its lane. */
export const OUT_OF_LANE: ReadonlySet<string> = new Set(["held", "acknowledged", "resolved"]);

const CLOSED: ReadonlySet<string> = new Set(["acknowledged", "resolved"]);

export const heldOf = (writeBacks: WriteBacks, bill: string): readonly HeldWriteBack[] =>
  [...writeBacks.values()]
    .filter((row) => row.state === "held" && row.bill === bill)
    .map(({ id, owed }) => ({ id, causeEventId: owed.cause.eventId, destination: owed.destination, lane: owed.lane }));

export const laneOf = (writeBacks: WriteBacks, destination: string, order: string): string | undefined =>
  [...writeBacks.values()].find(
    ({ owed, state }) =>
      owed.destination === destination &&
      (owed.order === order ? !CLOSED.has(state) : owed.order === undefined && owed.lane === order && !OUT_OF_LANE.has(state)),
  )?.owed.lane;

export const openOf = (writeBacks: WriteBacks, bill: string): readonly OrderWriteBack[] =>
  [...writeBacks.values()]
    .filter((row) => !CLOSED.has(row.state))
    .filter((row) => row.bill === bill || row.owed.order === bill || row.owed.lane === bill)
    .map((row) => ({
      id: row.id,
      causeEventId: row.owed.cause.eventId,
      destination: row.owed.destination,
      lane: row.owed.lane,
      state: row.state as OrderWriteBack["state"],
      mayHaveTakenEffect: row.mayHaveTakenEffect,
      forced: row.forced === true,
      billPaid: row.bill !== undefined,
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));

/** Supersedes and holds again; each lane that lost its head goes on. Answers the destinations that have something due. */
export function moveOvertaken(writeBacks: WriteBacks, judge: Pick<Judge, "superseded" | "reheld" | "headless">): readonly string[] {
  const byId = new Map([...writeBacks.values()].map((row) => [row.id, row]));
  for (const { id, bill } of judge.reheld()) {
    const row = byId.get(id);
    if (!row) continue;
    Object.assign(row, { state: "held", bill });
    row.laneSeq = NO_PLACE;
    delete row.waitMs;
  }
  for (const { id, by } of judge.superseded()) Object.assign(byId.get(id) ?? {}, { state: "resolved", supersededBy: by });
  return judge.headless().flatMap(({ destination, lane }) => promote(writeBacks, destination, lane));
}

/** The oldest queued one becomes the head, where there is none. */
export function promote(writeBacks: WriteBacks, destination: string, lane: string): readonly string[] {
  const rows = [...writeBacks.values()].filter((row) => row.owed.destination === destination && row.owed.lane === lane);
  const inLane = rows.filter((row) => !OUT_OF_LANE.has(row.state) && row.passed !== true).sort((a, b) => Number(a.laneSeq - b.laneSeq));
  const [next] = inLane;
  if (!next || inLane.some((row) => row.state !== "queued")) return [];
  next.state = "waiting";
  delete next.waitMs;
  return [destination];
}

/** Bills of which something overtaken was on the wire: what never got through is superseded. */
export function lookAgainAt(looks: Set<string>, bills: Map<string, Bill>, writeBacks: WriteBacks): void {
  for (const name of looks) {
    const found = overtaken(bills.get(name) ?? emptyBill(name), openOf(writeBacks, name), new Set());
    const gone = new Set(found.superseded.map((one) => one.id));
    const headless = openOf(writeBacks, name).filter((row) => gone.has(row.id));
    bills.set(name, found.bill);
    moveOvertaken(writeBacks, { superseded: () => found.superseded, reheld: () => [], headless: () => headless });
    if (!found.lookAgain) looks.delete(name);
  }
}
