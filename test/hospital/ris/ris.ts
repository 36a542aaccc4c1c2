/** The simulated RIS (HL7 v2.5.1 over MLLP, original mode): places orders of its own, charges, credits, reports; takes orders. */
import { listOf, maybeTextOf, type Order, textOf } from "../fields.ts";
import { charge, report } from "../hl7/charges.ts";
import { type Made, people, startStation } from "../hl7/station.ts";
import { escaped, segment } from "../hl7/wire.ts";
import type { PartnerOptions, RunningPartner } from "../partner.ts";

const DEPT = "A06^放射科";

/** `order`, `lines: [{no, code, name}]`: an ORC and OBR for each; with more than one, each has a number of its own. */
export function placed(order: Order, at: string, control = "NW"): Made {
  const no = textOf(order, "order");
  const lines = listOf(order, "lines");
  const rows = lines.flatMap((one) => {
    const own = `${escaped(lines.length === 1 ? no : `${no}-${textOf(one, "no")}`)}^HIS`;
    return [
      segment("ORC", { 1: control, 2: own, 7: "^^^^^R", 9: at, 12: "D0001^测试医师" }),
      segment("OBR", {
        1: textOf(one, "no"),
        2: own,
        4: `${escaped(textOf(one, "code"))}^${escaped(textOf(one, "name"))}^L`,
        16: "D0001^测试医师",
      }),
    ];
  });
  return {
    type: "ORM^O01^ORM_O01",
    no: `${control === "NW" ? "O" : "X"}${no}`,
    segments: [...people(order), ...rows],
    order: maybeTextOf(order, "bill") ?? null,
    amount: null,
    serial: no,
  };
}

/** Starts a RIS. Its orders (`send`) are in README.md. */
export const startRis = (options: PartnerOptions): Promise<RunningPartner> =>
  startStation(options, {
    application: "RIS",
    facility: "RAD",
    enhanced: false,
    takes: { "ORM^O01": { kind: "order", order: ["ORC", 2] } },
    make: {
      order: (order, at) => placed(order, at),
      cancel: (order, at) => placed(order, at, "CA"),
      charge: (order, at) => charge(order, at, "RIS", DEPT, false),
      credit: (order, at) => charge(order, at, "RIS", DEPT, true),
      report: (order, at) => report(order, at, "RIS", "HIS-CT-001^胸部CT平扫"),
    },
  });
