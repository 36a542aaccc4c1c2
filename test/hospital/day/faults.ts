/** A bad day: what strikes each partner while the day is played. Counted, so that the day ends; everything that can be resolved without a person. */
import type { Stage } from "./stage.ts";

/** One fault in so many patients. */
const ONE_IN = 20;

const many = (patients: number): number => Math.max(2, Math.ceil(patients / ONE_IN));

/** By partner. Refusals in business words are no faults of this day: a person has to look at them. */
const FAULTS: Readonly<Record<string, (count: number) => readonly object[]>> = {
  his: (count) => [
    ...["payment-confirm", "refund-confirm", "insurance-result"].flatMap((kind) => [
      { fault: "drop-reply", kind, count },
      { fault: "503", kind, count: Math.ceil(count / 2) },
      { fault: "garble", kind, count: Math.ceil(count / 2) },
      { fault: "slow", kind, count, ms: 400 },
    ]),
    { fault: "hang", kind: "payment-confirm", after: "work", count: 1, ms: 6_000 },
    { fault: "drop-reply", kind: "charge", count },
    { fault: "duplicate", kind: "payment", count },
  ],
  emr: (count) => [
    { fault: "drop-reply", kind: "prescription", count },
    { fault: "duplicate", kind: "prescription", count },
  ],
  pharmacy: (count) => [
    { fault: "drop-reply", kind: "prescription-paid", count },
    { fault: "503", kind: "prescription-paid", count: Math.ceil(count / 2) },
    { fault: "garble", kind: "prescription-paid", count: 1 },
    { fault: "drop-reply", kind: "return", count: 1 },
    { fault: "duplicate", kind: "dispensing", count },
  ],
};

/** Partners of files and of images strike each in their own words. */
const OWN: Readonly<Record<string, (count: number) => readonly object[]>> = {
  nhsa: (count) => [
    { fault: "drop-reply", kind: "settle", count },
    { fault: "503", kind: "presettle", count: Math.ceil(count / 2) },
    { fault: "garble", kind: "settle", count: 1 },
    { fault: "drop-reply", kind: "reverse", count: 1 },
    { fault: "slow", kind: "settle", count, ms: 300 },
  ],
  lis: (count) => [
    { fault: "drop-reply", kind: "dft-p03", count },
    { fault: "duplicate", kind: "oru-r01", count },
  ],
  adt: (count) => [
    { fault: "drop-reply", kind: "charge-notice", count },
    { fault: "duplicate", kind: "orm-o01", count },
    { fault: "drop-reply", kind: "report-notice", count },
  ],
  ris: (count) => [
    { fault: "drop-reply", kind: "order", count },
    { fault: "drop-reply", kind: "oru-r01", count },
  ],
  pacs: (count) => [
    { fault: "drop-reply", kind: "mpps-set", count },
    { fault: "duplicate", kind: "mpps-create", count },
  ],
  neusoft: (count) => [
    { fault: "drop-reply", count: Math.ceil(count / 2) },
    { fault: "hang", after: "work", count: 1, ms: 3_000 },
    { fault: "garble", count: 1 },
  ],
  chongqing: () => [],
  bank: () => [{ fault: "503", kind: "read", count: 1 }],
};

/** Sets them; partners without an entry get a dropped answer and a duplicate, as every partner's table has them. */
export async function setFaults(stage: Stage, patients: number): Promise<void> {
  const count = many(patients);
  const usual = [
    { fault: "drop-reply", count },
    { fault: "duplicate", count },
  ];
  for (const partner of stage.names)
    for (const fault of (FAULTS[partner] ?? OWN[partner])?.(count) ?? usual) await stage.control(partner, fault);
}
