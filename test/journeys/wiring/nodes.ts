/** Nodes as an integrator would wire them, and the rows of the silent-drop table. */
import type { RefusalCode } from "../../../domain/refusals.ts";

type Wires = readonly (readonly string[])[];

/** One row. Node ids are prefixed with the row's name by `tab`; the node `in` feeds it. */
export interface Row {
  readonly what: string;
  readonly nodes: (id: (name: string) => string) => readonly object[];
  /** The wires of the feeding node; `a` when left out. */
  readonly first?: readonly string[];
  readonly kind?: string;
  readonly deadlineSeconds?: string;
  /** Messages fed before the one that counts. */
  readonly before?: number;
  readonly parked?: { readonly code: RefusalCode; readonly node: string; readonly text?: RegExp };
  readonly intents?: readonly string[];
  /** Settled or parked without waiting for the grace. */
  readonly atOnce?: boolean;
}

export const fn = (name: string, func: string, wires: Wires) => ({
  id: name,
  type: "function",
  func,
  outputs: wires.length,
  timeout: "",
  noerr: 0,
  initialize: "",
  finalize: "",
  libs: [],
  wires,
});
export const sink = (name: string, wires: Wires = [[]]) => ({
  id: name,
  type: "huiliu-write-back",
  destination: "his",
  kind: "payment-confirm",
  types: [],
  when: "now",
  version: 1,
  wires,
});
export const publish = (name: string, wires: Wires = [[]]) => ({ id: name, type: "huiliu-publish-event", types: [], version: 1, wires });
export const translate = (name: string, wires: Wires) => ({ id: name, type: "huiliu-translate", mapping: "", version: 1, wires });
export const park = (name: string, reason = "") => ({ id: name, type: "huiliu-park", reason, version: 1, wires: [[]] });
export const debug = (name: string) => ({
  id: name,
  type: "debug",
  active: false,
  tosidebar: false,
  console: false,
  complete: "payload",
  wires: [],
});
export const plain = (name: string, type: string, wires: Wires, more: object = {}) => ({ id: name, type, ...more, wires });
export const change = (name: string, wires: Wires) =>
  plain(name, "change", wires, { rules: [{ t: "set", p: "seen", pt: "msg", to: "1", tot: "num" }] });
export const catchAll = (name: string, wires: Wires) => plain(name, "catch", wires, { scope: null, uncaught: false });

const DELAY_MS = "150";
export const delay = (name: string, wires: Wires) =>
  plain(name, "delay", wires, {
    pauseType: "delay",
    timeout: DELAY_MS,
    timeoutUnits: "milliseconds",
    rate: "1",
    nbRateUnits: "1",
    rateUnits: "second",
    randomFirst: "1",
    randomLast: "5",
    randomUnits: "seconds",
    drop: false,
    outputs: 1,
  });
export const split = (name: string, wires: Wires) =>
  plain(name, "split", wires, { splt: ",", spltType: "str", arraySplt: 1, arraySpltType: "len", stream: false, addname: "" });
export const join = (name: string, wires: Wires, more: object = {}) =>
  plain(name, "join", wires, {
    mode: "auto",
    build: "array",
    property: "payload",
    propertyType: "msg",
    key: "topic",
    joiner: ",",
    joinerType: "str",
    accumulate: false,
    timeout: "",
    count: "",
    reduceRight: false,
    ...more,
  });
export const switchOn = (name: string, value: string, wires: Wires) =>
  plain(name, "switch", wires, {
    property: "topic",
    propertyType: "msg",
    rules: [{ t: "eq", v: value, vt: "str" }],
    checkall: "true",
    repair: false,
    outputs: 1,
  });

export const OWED = "write-back payment-confirm his now";
