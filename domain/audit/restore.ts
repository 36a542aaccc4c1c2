/**
 * A database that was rightfully restored from a backup: heads outside speak of entries that are no more. Two people may accept exactly that break; the acceptance is
 * an entry of the chain and names the break by a hash over every head that it leaves unconfirmed. Any other break, also the next one, is none of its business.
 */
import type { Head } from "./heads.ts";

/** The actions of the two entries; their target is the break's hash. */
export const ASK_RESTORE = "ask-accept-restore";
export const ACCEPT_RESTORE = "accept-restore";
export const BREAK_TARGET = "audit";
/** What was asked that long ago was looked at that long ago. */
export const ASKED_KEPT_MS = 24 * 3_600_000;

export interface Break {
  /** SHA-256 of breakText: what an acceptance is bound to. */
  readonly hash: string;
  /** The last head before it that the chain confirms; "0" and "": none. */
  readonly kept: { readonly n: string; readonly hash: string };
  /** The first entry that may be missing, and the last that was seen outside. */
  readonly from: string;
  readonly last: { readonly n: string; readonly hash: string; readonly at: string };
  /** How many heads outside it leaves unconfirmed. */
  readonly heads: number;
}

/** Everything that the break contradicts, in the order of the file outside: of two breaks no two texts are one. */
const breakText = (kept: Break["kept"], heads: readonly Head[]): string =>
  JSON.stringify([
    "huiliu audit break 1",
    kept.n,
    kept.hash,
    heads.map(({ n, hash, at, since, key, signature }) => [n, hash, at, since, key, signature]),
  ]);

export interface Run {
  readonly broken: Break;
  readonly heads: readonly Head[];
}

/** Heads outside that the chain does not confirm, where they stand together in the file. `contradicts`: the chain ends before it, or has another hash there. */
export function runsOf(outside: readonly Head[], contradicts: (head: Head) => boolean, sha256: (text: string) => string): readonly Run[] {
  const runs: Run[] = [];
  let kept: Break["kept"] = { n: "0", hash: "" };
  let heads: Head[] = [];
  const close = (): void => {
    const [last] = heads.slice(-1);
    if (last === undefined) return;
    const highest = heads.reduce((most, one) => (BigInt(one.n) > BigInt(most.n) ? one : most), last);
    const broken = {
      hash: sha256(breakText(kept, heads)),
      kept,
      from: String(BigInt(kept.n) + 1n),
      last: { n: highest.n, hash: highest.hash, at: highest.at },
      heads: heads.length,
    };
    runs.push({ broken, heads });
    heads = [];
  };
  for (const head of outside) {
    if (contradicts(head)) heads.push(head);
    else {
      close();
      kept = { n: head.n, hash: head.hash };
    }
  }
  close();
  return runs;
}

/** An entry of ours about a break. */
export interface AboutBreak {
  /** Its place in the chain, and its own number. */
  readonly n: string;
  readonly entry: string;
  readonly by: string;
  readonly approvedBy: string | null;
  readonly reason: string;
  readonly atMs: number;
  /** The account that asked; null: a program with the token. */
  readonly account: string | null;
}

export interface AcceptedBreak extends Break {
  readonly accepted: AboutBreak;
}
/** One that two people could accept. */
export interface OpenBreak extends Break {
  readonly asked: AboutBreak | undefined;
}
