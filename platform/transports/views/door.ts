/**
 * The door of partners that offer nothing but a database view: looked at again and again, from where the last look ended. Each row is a JSON message of its own. Nothing is
 * noted as read before the journal has it, and a row's identity - its key and its watermark - keeps it from being taken twice even when that note is lost.
 */
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Intake } from "../../../domain/journal/intake.ts";
import { JournalBusy, JournalGone } from "../../../domain/journal/ports.ts";
import { inboundOf } from "../../../domain/journal/sender.ts";
import type { Log } from "../../../domain/log.ts";
import type { ViewDoor } from "../../../domain/partners/doors/views.ts";
import { refusal } from "../../../domain/refusals.ts";
import type { Lead } from "../../postgres/lead.ts";
import type { Marks, Taken } from "./marks.ts";
import type { Position, Row, ViewSource } from "./source.ts";
import { createWatch } from "./watch.ts";

export interface ViewDoorOptions {
  readonly partner: string;
  readonly door: ViewDoor;
  readonly source: ViewSource;
  readonly marks: Marks;
  readonly lead: Lead;
  /** The task that one worker leads. */
  readonly task: string;
  readonly worker: number;
  readonly intake: Intake;
  /** Told what is wrong with the view - it cannot be read, its watermark stands still while it grows, its columns changed - and, undefined, that nothing is. Must not reject. */
  readonly changed?: (why: string | undefined) => Promise<void>;
  /** Pause between two looks at its size and columns; absent: SURVEY_EVERY_MS. For tests. */
  readonly surveyEveryMs?: number;
  readonly log: Log;
}

export interface OpenedViewDoor {
  /** Whether the last look could read it; undefined: another worker leads, or none was made. */
  up(): boolean | undefined;
  /** One look, for tests: how many rows were journaled. Undefined: another worker leads. */
  look(): Promise<number | undefined>;
  pause(): Promise<void>;
  close(): Promise<void>;
}

/** Longer than a page takes; renewed before each. */
const LEAD_MS = 30_000;
const OVERLAP_MS = 60_000;
/** Pauses while the server does not answer: doubled from the first to the last. */
const AWAY_FIRST_MS = 1_000;
const AWAY_MAX_MS = 60_000;
/** Pages of one look; the next look goes on. */
const PAGES_MAX = 1_000;
/** Bytes of rows in hand: a page beyond it is journaled in slices. */
const IN_HAND_MAX = 8 * 1024 * 1024;

const utf8 = new TextEncoder();

/** The row as a JSON object: columns by name in the profile's order, every value a text, NULL as null. */
const bodyOf = (columns: readonly string[], row: Row): string =>
  JSON.stringify(Object.fromEntries(columns.map((name, index) => [name, row.cells[index] ?? null])));

/** A row's name: its key and its watermark. Without a key its content. */
function identityOf(view: string, row: Row, body: string): string {
  const named = row.key === null ? ["content", body] : ["row", row.key, row.watermark ?? ""];
  return `view:${view}:${createHash("sha256").update(JSON.stringify(named)).digest("hex").slice(0, 40)}`;
}

class LeadLost extends Error {
  override readonly name = "LeadLost";
}

/** Trouble of our own, not of the view. */
const isPassing = (error: unknown): boolean => error instanceof LeadLost || error instanceof JournalBusy || error instanceof JournalGone;

/** Walks the view once, page by page. Rejects with what went wrong; what was journaled until then is noted. */
async function walk(options: ViewDoorOptions, token: bigint, goesOn: () => boolean): Promise<number> {
  const { door, partner, source, marks, lead, task, worker, intake } = options;
  const overlapMs = door.overlapMs ?? OVERLAP_MS;
  const policy = intake.policy(partner);
  const { from, highest } = await marks.read(overlapMs);
  let at: Position | undefined = from === undefined ? undefined : { watermark: from };
  let count = 0;
  let last = highest;
  let floor: string | undefined;

  const accept = async (rows: readonly Row[]): Promise<readonly Taken[]> => {
    const named = rows.map((row) => {
      const body = bodyOf(door.columns, row);
      return { row, body, identity: identityOf(door.view, row, body) };
    });
    const known = await marks.known(named.map((one) => one.identity));
    const fresh = named.filter((one) => !known.has(one.identity));
    const taken: Taken[] = [];
    let slice: Promise<unknown>[] = [];
    let inHand = 0;
    const settle = async (): Promise<void> => {
      const done = await Promise.allSettled(slice);
      slice = [];
      inHand = 0;
      const failed = done.find((one) => one.status === "rejected");
      if (failed) throw failed.reason;
    };
    for (const { row, body, identity } of fresh) {
      const bytes = utf8.encode(body);
      const inbound = inboundOf(
        {
          door: "view",
          partner,
          kind: door.message,
          identity,
          contentType: "application/json; charset=utf-8",
          headers: { "view-name": door.view, "view-watermark": row.watermark ?? "" },
          body: bytes,
        },
        policy,
        row.key === null ? refusal("BAD_IDENTITY", { zh: `${door.key} 为 NULL`, en: `${door.key} is NULL` }) : undefined,
      );
      if (inHand + bytes.length > IN_HAND_MAX) await settle();
      inHand += bytes.length;
      slice.push(intake.accept(inbound));
      taken.push({ identity, watermark: row.watermark ?? "" });
    }
    await settle();
    count += taken.length;
    return taken;
  };

  for (let page = 0; page < PAGES_MAX && goesOn(); page += 1) {
    if ((await lead.take(task, LEAD_MS)) !== token) throw new LeadLost();
    const rows = await source.page(at);
    const taken = await accept(rows);
    const end = rows.at(-1);
    last = end?.watermark ?? last;
    if (page === 0 || rows.length === door.rowsMax) floor = rows[0]?.watermark ?? floor;
    const next = rows.length === door.rowsMax && typeof end?.watermark === "string" && end.key !== null ? end : undefined;
    const ends = next === undefined || page === PAGES_MAX - 1;
    const first = highest === undefined && floor !== undefined ? { floor } : {};
    if (taken.length > 0 || (ends && last !== highest)) {
      const noted = await marks.note(taken, ends && last !== undefined ? { highest: last, ...first } : undefined, overlapMs, {
        worker,
        token,
      });
      if (!noted) throw new LeadLost();
    }
    if (next === undefined) break;
    at = { watermark: next.watermark ?? "", key: next.key ?? "" };
  }
  return count;
}

/** Opens the door: it looks at once, and then every `everyMs`, as long as this worker leads. A server that is away is asked less and less often. */
export function openViewDoor(options: ViewDoorOptions): OpenedViewDoor {
  const { door, partner, source, lead, task, log } = options;
  const stopping = new AbortController();
  let paused = false;
  let looking: Promise<number | undefined> | undefined;
  const watch = createWatch(source, () => performance.now(), options.surveyEveryMs);
  let up: boolean | undefined;
  /** What was told last; null: nothing yet. */
  let told: string | undefined | null = null;

  const tell = async (why: string | undefined): Promise<void> => {
    if (why === undefined && told === undefined) return;
    if (why !== undefined && why !== told) log.warn({ partner, view: door.view, why }, "something is wrong with the view");
    told = why;
    await options.changed?.(why);
  };
  const look = async (): Promise<number | undefined> => {
    const token = await lead.take(task, LEAD_MS);
    if (token === undefined) {
      up = undefined;
      told = null; // whoever leads tells
      return undefined;
    }
    try {
      const survey = await watch.survey();
      const count = await walk(options, token, () => !paused);
      up = true;
      await tell(watch.judge(survey, count));
      return count;
    } catch (error) {
      if (isPassing(error)) throw error;
      up = false;
      await tell(error instanceof Error ? error.message : String(error));
      throw error;
    }
  };
  const once = (): Promise<number | undefined> => {
    looking ??= look().finally(() => {
      looking = undefined;
    });
    return looking;
  };

  const everAgain = async (): Promise<void> => {
    let awayMs = 0;
    while (!stopping.signal.aborted) {
      try {
        if (!paused) await once();
        if (awayMs > 0) log.info({ partner, view: door.view }, "the view can be read again");
        awayMs = 0;
      } catch (error) {
        if (awayMs === 0 && !isPassing(error))
          log.info({ partner, view: door.view }, "the view cannot be read; looked at again, less and less often");
        awayMs = Math.min(Math.max(awayMs * 2, AWAY_FIRST_MS), AWAY_MAX_MS);
      }
      await sleep(Math.max(awayMs, door.everyMs), undefined, { signal: stopping.signal, ref: false }).catch(() => undefined); // stopping: looked at next
    }
  };
  const ever = everAgain();

  const pause = async (): Promise<void> => {
    paused = true;
    await looking?.catch(() => undefined); // told by the loop
  };
  return {
    look: once,
    up: () => up,
    pause,
    close: async () => {
      await pause();
      stopping.abort();
      await ever;
      await source.close();
      await lead.give(task).catch(() => undefined); // the database is away: the lease runs out
    },
  };
}
