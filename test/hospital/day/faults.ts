/**
 * A bad day: what strikes each partner while the day is played. Every fault is counted, so that the day ends, and strikes bills here and there (`bill`: by the last letter
 * of their numbers), so that a partner is not away for good: many in a row would be an outage, which is another exam. A person is never needed.
 */
import type { Stage } from "./stage.ts";

/** One fault in so many patients, of each kind. */
const ONE_IN = 20;
/** Last letters of bills' numbers: a bill's ordinal ends in one of 36, a registration's in 0 4 8 …, a prescription's in 1 5 9 …, a test's in 2 6 A …, an examination's in 3 7 B …. */
const LETTERS = ["0123", "4567", "89AB", "CDEF", "GHIJ", "KLMN"] as const;

/** A fault on bills that end in the group's letters, `count` of each. */
const spread = (group: number, count: number, fault: object): readonly object[] =>
  [...(LETTERS[group] ?? "")].map((letter) => ({ ...fault, bill: `*${letter}`, count }));

/** Faults of one kind of request: each fault strikes other bills than the one before. */
const on = (kind: string, count: number, faults: readonly object[]): readonly object[] =>
  faults.flatMap((fault, group) => spread(group, count, { ...fault, kind }));

const DROP = { fault: "drop-reply" };
const UNAVAILABLE = { fault: "503" };
const GARBLE = { fault: "garble" };
const SLOW = { fault: "slow", ms: 400 };
const TWICE = { fault: "duplicate" };
const HANG = { fault: "hang", after: "work", ms: 6_000 };

/** By partner. Refusals in business words are no faults of this day: a person has to look at them. */
const FAULTS: Readonly<Record<string, (count: number) => readonly object[]>> = {
  his: (count) => [
    ...["payment-confirm", "refund-confirm", "insurance-result"].flatMap((kind) => on(kind, count, [DROP, UNAVAILABLE, GARBLE, SLOW])),
    ...on("exam-performed", count, [DROP]),
    { ...HANG, kind: "payment-confirm", bill: "*Z", count: 1 },
    ...on("charge", count, [DROP]),
    ...on("payment", count, [TWICE]),
  ],
  emr: (count) => on("prescription", count, [DROP, TWICE]),
  pharmacy: (count) => [
    ...on("prescription-paid", count, [DROP, UNAVAILABLE, GARBLE]),
    ...on("return", 1, [DROP]),
    ...on("dispensing", count, [TWICE]),
  ],
  nhsa: (count) => [
    ...on("presettle", count, [SLOW, UNAVAILABLE]),
    ...on("settle", count, [DROP, GARBLE, SLOW]),
    ...on("reverse", 1, [DROP]),
  ],
  neusoft: (count) => [...spread(0, count, DROP), ...spread(1, 1, GARBLE), ...spread(2, 1, { ...HANG, ms: 3_000 })],
  // What it does not know to the end is for a person: only calls that never began are struck.
  chongqing: (count) => [...spread(0, count, UNAVAILABLE), ...spread(1, count, SLOW)],
  lis: (count) => [...on("dft-p03", count, [DROP]), ...on("oru-r01", count, [DROP, TWICE])],
  ris: (count) => [...on("order", count, [DROP, SLOW]), ...on("oru-r01", count, [DROP])],
  adt: (count) => [...on("charge-notice", count, [DROP, SLOW]), ...on("orm-o01", count, [TWICE]), ...on("report-notice", count, [DROP])],
  pacs: (count) => [...on("mpps-set", count, [DROP]), ...on("mpps-create", count, [TWICE])],
  bank: () => [{ ...UNAVAILABLE, kind: "read", count: 1 }],
  "jkt-platform": (count) => on("envelope", count, [DROP, TWICE]),
  "nhsa-mobile": () => [],
  dhcc: (count) => on("confirm-4906", count, [DROP, TWICE]),
  // Nobody asks it for a bill: reads are struck, one after the other.
  "lis-view": () => [
    { ...SLOW, count: 3 },
    { ...UNAVAILABLE, count: 1 },
    { ...DROP, count: 1 },
  ],
};

/** Sets them; a partner that has no entry here gets a dropped answer and a duplicate, as every partner's table has them. */
export async function setFaults(stage: Stage, patients: number): Promise<void> {
  const count = Math.max(1, Math.ceil(patients / ONE_IN / (LETTERS[0]?.length ?? 1)));
  const usual = [...spread(0, count, DROP), ...spread(1, count, TWICE)];
  for (const partner of stage.names) for (const fault of FAULTS[partner]?.(count) ?? usual) await stage.control(partner, fault);
}
