/**
 * Says whether the audit is as it was written, and what was done to it (reliability.md A62). Fed entry by entry in the chain's order, so that it needs no more memory
 * for a million entries than for one; then asked for its findings. Pure: hash and MAC are ports, signatures of heads are checked before they come here.
 */
import type { Head } from "./heads.ts";
import { linkText, markTextOf, type StoredEntry } from "./entry.ts";
import {
  ACCEPT_RESTORE,
  type AboutBreak,
  type AcceptedBreak,
  ASK_RESTORE,
  BREAK_TARGET,
  type OpenBreak,
  type Run,
  runsOf,
} from "./restore.ts";

export const TAMPERINGS = ["altered", "inserted", "deleted", "reordered", "truncated", "rewritten", "restored"] as const;
export type Tampering = (typeof TAMPERINGS)[number];

export interface Finding {
  readonly kind: Tampering;
  /** The first entry's place in the chain; "-": it has none. */
  readonly n: string;
  /** The last one's, where it is about several. */
  readonly to?: string;
  /** The entry's own number, where it is still there. */
  readonly entry?: string;
}

/** Findings told; what is beyond is counted only. */
const FINDINGS_MAX = 200;

export interface Link {
  readonly n: string;
  readonly actionId: string;
  readonly hash: string;
  /** Null: the entry is not there. */
  readonly entry: StoredEntry | null;
}

export interface VerifierPorts {
  /** SHA-256 of a text in UTF-8, hex. */
  readonly hash: (text: string) => string;
  /** The mark's MAC over a text, as it is written into marks. */
  readonly mac: (text: string) => string;
}

export interface Told {
  /** Oldest heads first, with valid signatures only. */
  readonly stored: readonly Head[];
  /** The same of the file outside, in the file's order. */
  readonly outside: readonly Head[];
  /** Heads of the database whose signature is not ours. */
  readonly forged: readonly { readonly n: string }[];
  /** Entries without a link. */
  readonly loose: readonly StoredEntry[];
}

export interface Verifier {
  /** The next link; links come by rising n. */
  link(one: Link): void;
  /** After the last. */
  end(told: Told): {
    readonly findings: readonly Finding[];
    readonly more: number;
    /** Breaks that two people accepted: told by name, no findings. */
    readonly accepted: readonly AcceptedBreak[];
    /** Breaks that two people could accept: what a restored backup leaves, and nothing else is wrong with those heads. */
    readonly open: readonly OpenBreak[];
    readonly last: { readonly n: string; readonly hash: string };
  };
}

const MARK = /^([0-9a-f]{16,64})\.([0-9A-Za-z_-]{20,128})$/;
type Proof = "ours" | "old" | "not-ours" | "twice";

/**
 * `needed` are the places that heads speak of: their hashes are kept, no others. `since` of the oldest head tells which entries need no mark.
 */
export function createVerifier(ports: VerifierPorts, heads: { readonly needed: ReadonlySet<string>; readonly since: bigint }): Verifier {
  const findings: Finding[] = [];
  const nonces = new Set<string>();
  const kept = new Map<string, string>();
  /** Entries whose link is there and they are not, at the end so far: a tail that was cut. */
  let missingTail: { n: bigint; id: string }[] = [];
  /** A place whose hash does not fit: whether its content or its link was changed, the next one tells. */
  let open: { readonly n: bigint; readonly id: string; readonly proof: Proof; readonly computed: string } | undefined;
  let last = { n: 0n, hash: "", computed: "" };
  /** What entries of ours, where they stand in the chain, say of breaks: by action and hash, the latest. */
  const said = new Map<string, AboutBreak>();

  const proofOf = (n: bigint | undefined, entry: StoredEntry): Proof => {
    const found = MARK.exec(entry.mark ?? "");
    if (!found) return entry.mark === null && n !== undefined && n <= heads.since ? "old" : "not-ours";
    const [, nonce = "", mac] = found;
    const text = markTextOf(entry, nonce);
    if (text === undefined || ports.mac(text) !== mac) return "not-ours";
    if (nonces.has(nonce)) return "twice";
    nonces.add(nonce);
    return "ours";
  };

  /** `linkOnly`: the chain goes on from what this entry's hash should be, so the link was changed and not the entry. */
  const close = (linkOnly = false): void => {
    if (!open) return;
    const { n, id, proof } = open;
    open = undefined;
    // An entry that we wrote, and that does not stand where we wrote it.
    const kind: Tampering = !linkOnly && proof === "ours" ? "reordered" : "altered";
    findings.push({ kind, n: String(n), entry: id });
  };

  const gap = (from: bigint, to: bigint): void => {
    findings.push({ kind: "deleted", n: String(from), ...(to > from ? { to: String(to) } : {}) });
  };

  return {
    link: ({ n: place, actionId, hash, entry }) => {
      const n = BigInt(place);
      if (heads.needed.has(place)) kept.set(place, hash);
      if (n > last.n + 1n) {
        close();
        gap(last.n + 1n, n - 1n);
      }
      const next = n === last.n + 1n;
      if (entry === null) {
        close();
        missingTail.push({ n, id: actionId });
        last = { n, hash, computed: hash };
        return;
      }
      for (const one of missingTail) findings.push({ kind: "deleted", n: String(one.n), entry: one.id });
      missingTail = [];
      const fits = (previous: string): boolean => ports.hash(linkText(previous, place, entry)) === hash;
      const proof = proofOf(n, entry);
      const afterGap = !next && n > 1n;
      const direct = fits(last.hash);
      const mended = !direct && open !== undefined && fits(open.computed);
      close(mended);
      const well = direct || mended;
      if (!well && !afterGap) open = { n, id: actionId, proof, computed: ports.hash(linkText(last.computed, place, entry)) };
      else if (proof === "not-ours" || proof === "twice") findings.push({ kind: well ? "inserted" : "altered", n: place, entry: actionId });
      else if (well && proof === "ours" && entry.targetKind === BREAK_TARGET)
        said.set(`${entry.action} ${entry.targetId}`, aboutBreak(place, entry));
      last = { n, hash, computed: well || afterGap ? hash : (open?.computed ?? hash) };
    },
    end: (told) => {
      close();
      const { accepted, open: acceptable, outside } = breaksOf(told, { last, kept, missingTail, findings }, { said, hash: ports.hash });
      ofHeads({ ...told, outside }, { last, kept, missingTail, findings });
      const from = Math.max(
        0,
        findings.findIndex((one) => one.kind === "rewritten"),
      );
      const range = findings[from]?.kind === "rewritten" ? findings[from] : undefined;
      for (const entry of told.loose) {
        // Its link was cut off with the tail: one finding is enough.
        const cut = findings.some((one) => one.kind === "truncated") && proofOf(undefined, entry) === "ours";
        if (!cut) findings.push({ kind: "inserted", n: "-", entry: entry.id });
      }
      // Where the chain was made anew, an entry that is not ours took the place of one that was.
      const all = findings.map((one) =>
        one.kind === "inserted" && range !== undefined && within(one.n, range) ? { ...one, kind: "altered" as const } : one,
      );
      return {
        findings: all.slice(0, FINDINGS_MAX),
        more: Math.max(0, all.length - FINDINGS_MAX),
        accepted,
        open: acceptable,
        last: { n: String(last.n), hash: last.hash },
      };
    },
  };
}

const within = (n: string, range: Finding): boolean =>
  n !== "-" && BigInt(n) >= BigInt(range.n) && BigInt(n) <= BigInt(range.to ?? range.n);

const sorted = (places: readonly bigint[]): readonly bigint[] => [...places].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));

interface State {
  readonly last: { readonly n: bigint };
  readonly kept: ReadonlyMap<string, string>;
  readonly missingTail: readonly { readonly n: bigint; readonly id: string }[];
  readonly findings: Finding[];
}

/** Heads in the order they were signed: those after which the count went back. */
function wentBack(heads: readonly Head[]): ReadonlySet<Head> {
  const back = new Set<Head>();
  let least: bigint | undefined;
  for (const head of heads.toReversed()) {
    const n = BigInt(head.n);
    if (least !== undefined && least <= n) back.add(head);
    if (least === undefined || n < least) least = n;
  }
  return back;
}

const aboutBreak = (n: string, { id, who, approvedBy, reason, micros, after }: StoredEntry): AboutBreak => {
  const { account } = (JSON.parse(after ?? "{}") ?? {}) as { readonly account?: unknown };
  const atMs = Math.floor(Number(micros) / 1_000);
  return { n, entry: id, by: who, approvedBy, reason, atMs, account: typeof account === "string" ? account : null };
};

/** Breaks of the file outside: those that an entry of the chain accepts, and those that it could. What is accepted is taken out of what the heads are held against. */
function breaksOf(
  told: Told,
  { last, kept, missingTail }: State,
  { said, hash }: { readonly said: ReadonlyMap<string, AboutBreak>; readonly hash: (text: string) => string },
): { readonly accepted: readonly AcceptedBreak[]; readonly open: readonly OpenBreak[]; readonly outside: readonly Head[] } {
  const contradicts = (head: Head): boolean => {
    const there = kept.get(head.n);
    return BigInt(head.n) > last.n || (there !== undefined && there !== head.hash);
  };
  const accepted: AcceptedBreak[] = [];
  const others: Run[] = [];
  const lost = new Set<Head>();
  for (const run of runsOf(told.outside, contradicts, hash)) {
    const by = said.get(`${ACCEPT_RESTORE} ${run.broken.hash}`);
    // What one person alone wrote accepts nothing.
    if (by === undefined || by.approvedBy === null) others.push(run);
    else {
      accepted.push({ ...run.broken, accepted: by });
      for (const head of run.heads) lost.add(head);
    }
  }
  const outside = told.outside.filter((head) => !lost.has(head));
  // A restored copy is whole: its own heads and entries agree. Where they do not, somebody was at work.
  const whole = missingTail.length === 0 && told.forged.length === 0 && !told.stored.some(contradicts);
  const back = wentBack(outside);
  const restored = (head: Head): boolean => BigInt(head.n) > last.n || back.has(head);
  const open = !whole
    ? []
    : others
        .filter((run) => run.heads.every(restored))
        .map(({ broken }): OpenBreak => ({ ...broken, asked: said.get(`${ASK_RESTORE} ${broken.hash}`) }));
  return { accepted, open, outside };
}

/** What the signed heads say of the chain as a whole. */
function ofHeads(told: Told, { last, kept, missingTail, findings }: State): void {
  const end = missingTail[0] === undefined ? last.n : missingTail[0].n - 1n;
  const highest = (heads: readonly Head[]): bigint => heads.reduce((most, one) => (BigInt(one.n) > most ? BigInt(one.n) : most), 0n);
  const [stored, outside] = [highest(told.stored), highest(told.outside)];
  const cutTo = [last.n, stored].reduce((most, one) => (one > most ? one : most), 0n);
  const truncated = (from: bigint, to: bigint): void => {
    findings.push({ kind: "truncated", n: String(from), ...(to > from ? { to: String(to) } : {}) });
  };
  const differs = (head: Head): boolean => {
    const hash = kept.get(head.n);
    return hash !== undefined && hash !== head.hash;
  };
  const [backInside, backOutside] = [wentBack(told.stored), wentBack(told.outside)];
  const wrong = [
    ...told.stored.map((head) => ({ head, back: backInside.has(head), inside: true })),
    ...told.outside.map((head) => ({ head, back: backOutside.has(head), inside: false })),
  ].filter(({ head }) => differs(head));
  const well = [...told.stored, ...told.outside].filter((head) => kept.get(head.n) === head.hash).map((head) => BigInt(head.n));
  const rangeOf = (heads: readonly Head[]): Omit<Finding, "kind"> => {
    const places = sorted(heads.map((head) => BigInt(head.n)));
    const first = places[0] ?? 0n;
    const from = (sorted(well.filter((n) => n < first)).at(-1) ?? 0n) + 1n;
    const to = places.at(-1) ?? from;
    return { n: String(from), ...(to > from ? { to: String(to) } : {}) };
  };
  // The engine itself signed a shorter chain after a longer one: it went on from where the tail was cut, or from an older copy.
  const back = wrong.filter((one) => one.back);
  const cut = back.filter((one) => one.inside);
  if (cut.length > 0) findings.push({ kind: "truncated", ...rangeOf(cut.map((one) => one.head)) });
  else if (back.length > 0) findings.push({ kind: "restored", ...rangeOf(back.map((one) => one.head)) });
  const anew = wrong.filter((one) => !one.back);
  if (end < cutTo) truncated(end + 1n, cutTo);
  // The file outside goes on, and nothing in the database knows of it: an old copy, unless what is there was made anew besides.
  else if (outside > last.n && anew.length > 0) truncated(last.n + 1n, outside);
  else if (outside > last.n)
    findings.push({ kind: "restored", n: String(last.n + 1n), ...(outside > last.n + 1n ? { to: String(outside) } : {}) });
  if (anew.length > 0) findings.push({ kind: "rewritten", ...rangeOf(anew.map((one) => one.head)) });
  else if (told.forged.length > 0) {
    const places = sorted(told.forged.map((one) => BigInt(one.n)));
    findings.push({ kind: "rewritten", n: String(places[0] ?? 0n), ...(places.length > 1 ? { to: String(places.at(-1)) } : {}) });
  }
}
