/** What the insurer's books hold, and what every transaction finds before it. */
import type { FeeLine, Shares } from "./shares.ts";
import { type Asked, type Fields, textOf } from "./wire.ts";

export interface Told {
  readonly infcode: 0 | -1;
  readonly err: string;
  readonly output: Fields;
  /** The books changed. */
  readonly effect: boolean;
  readonly kind: string;
  readonly order: string | null;
  readonly amount: bigint | null;
  readonly serial?: string;
  readonly shares?: Shares;
}

export interface Settlement {
  readonly setlId: string;
  readonly msgid: string;
  readonly infno: string;
  readonly psnNo: string;
  readonly mdtrtId: string;
  readonly batch: string;
  readonly insutype: string;
  readonly clrType: string;
  /** yyyy-MM-dd HH:mm:ss */
  readonly at: string;
  readonly shares: Shares;
  /** 1, or -1 for the counter-entry of a reversal. */
  readonly sign: 1n | -1n;
  readonly invoice: string;
  reversedBy: string | null;
}

export interface Visit {
  readonly mdtrtId: string;
  readonly psnNo: string;
  readonly no: string;
  open: boolean;
  readonly lines: Map<string, FeeLine & { readonly batch: string }>;
}

/** Balance of everybody's account at the beginning, in fen. */
const BALANCE = 36_245n;
export const REVERSIBLE: readonly string[] = ["2102", "2207", "2304", "2401"];
export const digitsOf = (text: string): string => text.replace(/\D/g, "");

export interface State {
  readonly balances: Map<string, bigint>;
  readonly visits: Map<string, Visit>;
  readonly settlements: Settlement[];
  readonly signs: Map<string, string>;
  readonly answered: Map<string, Told>;
  serial: number;
}
export interface Turn {
  readonly asked: Asked;
  readonly data: Fields;
  readonly at: string;
  readonly strict: boolean;
  readonly state: State;
}
export type Work = (turn: Turn) => Told;

const kindOf: Readonly<Record<string, string>> = {
  "9001": "sign-in",
  "9002": "sign-out",
  "1101": "person",
  "2201": "register",
  "2202": "unregister",
  "2203": "diagnose",
  "2203A": "diagnose",
  "2204": "fees",
  "2205": "unfees",
  "2206": "presettle",
  "2207": "settle",
  "2208": "reverse",
  "2301": "fees",
  "2302": "unfees",
  "2303": "presettle",
  "2304": "settle",
  "2305": "reverse",
  "2401": "admit",
  "2402": "discharge",
  "2404": "unadmit",
  "2405": "undischarge",
  "2601": "reverse",
  "5203": "inquiry",
  "3201": "totals",
  "3202": "details",
};
export const kindOfCall = (infno: string): string => kindOf[infno] ?? "unknown";

export const told = ({ asked }: Turn, more: Partial<Told>): Told => ({
  infcode: 0,
  err: "",
  output: {},
  effect: false,
  kind: kindOfCall(asked.infno),
  order: null,
  amount: null,
  ...more,
});
export const no = (turn: Turn, err: string, more: Partial<Told> = {}): Told => told(turn, { infcode: -1, err, ...more });

export const psnOfCert = (certno: string): string =>
  certno === "990101199001010019" ? "99010100000000000000000001" : `99010100${certno.padStart(18, "0")}`.slice(-26);
export const isPerson = (psnNo: string): boolean => /^99[0-9X]{24}$/.test(psnNo);
export const balanceOf = (state: State, psnNo: string): bigint => state.balances.get(psnNo) ?? BALANCE;
export const next = (state: State, prefix: string, at: string): string => {
  state.serial += 1;
  return `${prefix}${digitsOf(at).slice(0, 8)}${String(state.serial).padStart(8, "0")}`;
};

/** The visit that a node names, or why it cannot be worked on. */
export function visitOf(turn: Turn, node: Fields): Visit | string {
  const visit = turn.state.visits.get(textOf(node, "mdtrt_id"));
  if (!visit || visit.psnNo !== textOf(node, "psn_no")) return "未查询到就诊登记信息";
  return visit.open ? visit : "该就诊已撤销或已出院";
}
export const settledBatch = (state: State, mdtrtId: string, batch: string): Settlement | undefined =>
  state.settlements.find((one) => one.mdtrtId === mdtrtId && one.batch === batch && one.sign === 1n && one.reversedBy === null);
