/** How the simulated insurer splits a bill (README.md tells the rule with an example). Integer fen, halves up; nothing here is any real region's policy. */

/** A fee line as it was uploaded. */
export interface FeeLine {
  readonly sn: string;
  readonly code: string;
  readonly amount: bigint;
  /** Ten-thousandths. */
  readonly count: bigint;
}

export interface LineSplit {
  readonly fullSelf: bigint;
  readonly overLimit: bigint;
  readonly partialSelf: bigint;
  readonly inScope: bigint;
}

export interface Shares extends LineSplit {
  readonly total: bigint;
  readonly fund: bigint;
  readonly account: bigint;
  /** Of `account`, from the family's account. */
  readonly family: bigint;
  readonly cash: bigint;
}

/** Highest price of one laboratory item that is reimbursed. */
const LAB_LIMIT = 8_800n;
/** Most that the account pays of one settlement. */
const ACCOUNT_MOST = 5_000n;
/** What the pooled fund bears of the amount in scope, in percent, by kind of insurance; others 60. */
const POOLED: Readonly<Record<string, bigint>> = { "310": 70n, "390": 50n };
const COUNT_ONE = 10_000n;

export const pooledPercent = (insutype: string): bigint => POOLED[insutype] ?? 60n;
const halfUp = (part: bigint, of: bigint): bigint => (part * 2n + of) / (of * 2n);
const least = (one: bigint, other: bigint): bigint => (one < other ? one : other);

/** By the first letter of the national code: Z wholly self-paid; L up to LAB_LIMIT each; X the patient bears a tenth first; all else in full scope. */
export function splitLine({ code, amount, count }: FeeLine): LineSplit {
  const letter = code.charAt(0);
  if (letter === "Z") return { fullSelf: amount, overLimit: 0n, partialSelf: 0n, inScope: 0n };
  const most = letter === "L" ? halfUp(LAB_LIMIT * count, COUNT_ONE) : amount;
  const overLimit = amount > most ? amount - most : 0n;
  const partialSelf = letter === "X" ? halfUp(amount - overLimit, 10n) : 0n;
  return { fullSelf: 0n, overLimit, partialSelf, inScope: amount - overLimit - partialSelf };
}

/** `useAccount`: 0 no, 1 the insured's own, 2 the family's. */
export function sharesOf(lines: readonly FeeLine[], insutype: string, balance: bigint, useAccount: string): Shares {
  const sum = { total: 0n, fullSelf: 0n, overLimit: 0n, partialSelf: 0n, inScope: 0n };
  for (const line of lines) {
    const split = splitLine(line);
    sum.total += line.amount;
    sum.fullSelf += split.fullSelf;
    sum.overLimit += split.overLimit;
    sum.partialSelf += split.partialSelf;
    sum.inScope += split.inScope;
  }
  const fund = halfUp(sum.inScope * pooledPercent(insutype), 100n);
  const own = sum.total - fund;
  const account = useAccount === "0" ? 0n : least(least(balance, own), ACCOUNT_MOST);
  return { ...sum, fund, account, family: useAccount === "2" ? account : 0n, cash: own - account };
}
