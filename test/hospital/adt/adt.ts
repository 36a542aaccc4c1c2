/** The simulated HL7 interface of the HIS: registers visits, opens accounts, places orders; is told of charges and reports. */
import { maybeTextOf, type Order, textOf } from "../fields.ts";
import { type Made, people, startStation } from "../hl7/station.ts";
import { escaped, segment } from "../hl7/wire.ts";
import type { PartnerOptions, RunningPartner } from "../partner.ts";
import { placed } from "../ris/ris.ts";

/** `visit`, `patient`, `insured?` ("yes"). */
function registered(order: Order, at: string): Made {
  return {
    type: "ADT^A04^ADT_A01",
    no: `A${textOf(order, "visit")}`,
    segments: [segment("EVN", { 1: "A04", 2: at }), ...people(order), ...insurance(order)],
    order: textOf(order, "visit"),
    amount: null,
  };
}

/** `account` besides. */
function account(order: Order, at: string): Made {
  const [pid = "", pv1 = ""] = people(order);
  const no = textOf(order, "account");
  return {
    type: "BAR^P01^BAR_P01",
    no: `B${no}`,
    segments: [segment("EVN", { 1: "P01", 2: at }), `${pid}${"|".repeat(10)}${escaped(no)}^^^HIS^AN`, pv1, ...insurance(order)],
    order: textOf(order, "visit"),
    amount: null,
    serial: no,
  };
}

const insurance = (order: Order): readonly string[] =>
  maybeTextOf(order, "insured") === "yes"
    ? [segment("IN1", { 1: "1", 2: "310^职工基本医疗保险", 3: "990101", 4: "示例市医疗保障局" })]
    : [];

/** Starts the interface. Its orders (`send`) are in README.md. */
export const startAdt = (options: PartnerOptions): Promise<RunningPartner> =>
  startStation(options, {
    application: "HIS",
    facility: "HOSP",
    enhanced: true,
    takes: {
      "ORU^R01": { kind: "report-notice", order: ["OBR", 2] },
      "DFT^P03": { kind: "charge-notice", order: ["FT1", 3] },
    },
    make: {
      register: registered,
      account,
      order: (order, at) => placed(order, at),
      cancel: (order, at) => placed(order, at, "CA"),
    },
  });
