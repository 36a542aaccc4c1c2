/** The simulated LIS (HL7 v2.5.1 over MLLP, enhanced mode): charges tests, credits them, reports; takes orders. */
import { charge, report } from "../hl7/charges.ts";
import { startStation } from "../hl7/station.ts";
import type { PartnerOptions, RunningPartner } from "../partner.ts";

const DEPT = "A05^检验科";

/** Starts a LIS. Its orders (`send`) are in README.md. */
export const startLis = (options: PartnerOptions): Promise<RunningPartner> =>
  startStation(options, {
    application: "LIS",
    facility: "LAB",
    enhanced: true,
    takes: { "ORM^O01": { kind: "order", order: ["ORC", 2] } },
    make: {
      charge: (order, at) => charge(order, at, "LIS", DEPT, false),
      credit: (order, at) => charge(order, at, "LIS", DEPT, true),
      report: (order, at) => report(order, at, "LIS", "HIS-LAB-001^血常规"),
    },
  });
