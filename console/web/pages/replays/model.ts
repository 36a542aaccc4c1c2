/** A replay job as its page tells it: where it stands, what is left, who may approve it, what a list of ids holds. Pure. */
import type { ReplayJob } from "../../../../domain/operations/views-replay.ts";

export const STEPS = ["preview", "approval", "canary", "run", "done"] as const;
export type Step = (typeof STEPS)[number];

const AT: Readonly<Record<string, Step>> = {
  selecting: "preview",
  previewed: "preview",
  "awaiting-approval": "approval",
  marking: "canary",
  canary: "canary",
  stopped: "canary",
  running: "run",
  paused: "run",
  cancelled: "done",
  done: "done",
};
/** Where a job stands among STEPS. */
export const stepOf = (state: string): number => STEPS.indexOf(AT[state] ?? "preview");

const OVER: ReadonlySet<string> = new Set(["done", "cancelled"]);
export const isOver = (state: string): boolean => OVER.has(state);
/** States in which nothing changes until a person acts. */
export const isStill = (state: string): boolean => isOver(state) || state === "previewed" || state === "stopped";

export interface Progress {
  readonly planned: number;
  readonly done: number;
  readonly failed: number;
  readonly underWay: number;
  readonly left: number;
  readonly skipped: number;
  readonly refused: number;
  readonly cancelled: number;
  readonly percent: number;
}

/** What became of the items that the preview planned; skipped and refused at their turn among them. */
export function progressOf(job: Pick<ReplayJob, "preview" | "progress">): Progress {
  const {
    planned: ahead = 0,
    skipped = 0,
    refused = 0,
    marked = 0,
    replayed = 0,
    done = 0,
    failed = 0,
    cancelled = 0,
  } = job.progress ?? {};
  const { planned } = job.preview;
  const left = job.progress === undefined ? planned : ahead + marked;
  const over = Math.max(0, planned - left - replayed);
  const percent = planned === 0 ? 0 : Math.floor((over * 100) / planned);
  return { planned, done, failed, underWay: replayed, left, skipped, refused, cancelled, percent };
}

/** Names as the engine compares them for the two-person rule: width, case, blanks and marks of direction do not tell people apart. */
export const samePerson = (one: string, other: string): boolean => plain(one) === plain(other);
const plain = (name: string): string =>
  name
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[\p{Z}\p{C}]/gu, "");

/** Why a second person will be needed, by the engine's limits; the engine itself decides at the start (it also counts what was started lately). */
export function willNeed(
  preview: Pick<ReplayJob["preview"], "planned" | "fen" | "supersededPlanned">,
  limits: { readonly count: number; readonly fen: string },
): readonly ("count" | "amount" | "superseded")[] {
  const fen = BigInt(preview.fen);
  const gross = fen < 0n ? -fen : fen;
  return [
    ...(preview.planned > limits.count ? ["count" as const] : []),
    ...(gross > BigInt(limits.fen) ? ["amount" as const] : []),
    ...(preview.supersededPlanned > 0 ? ["superseded" as const] : []),
  ];
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** Ids of a pasted list, each once; what is none is told. */
export function idsIn(text: string): { readonly ids: readonly string[]; readonly wrong: readonly string[] } {
  const words = [...new Set(text.toLowerCase().split(/[\s,;，；、]+/))].filter((word) => word !== "");
  return { ids: words.filter((word) => UUID.test(word)), wrong: words.filter((word) => !UUID.test(word)) };
}

/** Enough of an id to tell it from others of the same day. */
export const shortId = (id: string): string => id.slice(-12);
