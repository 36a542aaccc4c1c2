/**
 * Looks into a folder again and again and journals what is whole (docs/transports.md). A file is journaled first and moved away after: whatever happens in between,
 * it is found again, and journaled under the same identity it is a duplicate. A poll never overlaps itself, and one worker at a time looks.
 */
import { createHash } from "node:crypto";
import { failpoint } from "../../../domain/failpoint.ts";
import type { DoorPolicy } from "../../../domain/journal/intake.ts";
import { type Inbound, type Journaled, JournalBusy, JournalGone, type ParkReason } from "../../../domain/journal/ports.ts";
import { inboundOf } from "../../../domain/journal/sender.ts";
import type { Log } from "../../../domain/log.ts";
import { refusal } from "../../../domain/refusals.ts";
import { gunzip, unzip } from "./archive.ts";
import { LIMITS } from "./limits.ts";
import type { Entry, FileStore } from "./store.ts";

export interface PollerOptions {
  readonly partner: string;
  /** For people and for identities: the address without account. */
  readonly where: string;
  readonly everyMs: number;
  readonly ready: "stable" | "marker";
  readonly messages: readonly { readonly name: string; readonly message: string; readonly unpack?: "gzip" | "zip" }[];
  readonly after: "move" | "delete";
  readonly bytesMax: number;
}

export interface PollerDeps {
  readonly options: PollerOptions;
  open(): Promise<FileStore>;
  policy(): DoorPolicy | undefined;
  accept(inbound: Inbound): Promise<Journaled>;
  /** Takes or renews the lead for so long; false: another worker looks. */
  lead(ms: number): Promise<boolean>;
  /** Lets the lead go. */
  give(): Promise<void>;
  /** Told when the folder goes away (why) and comes back (undefined). Never rejects. */
  readonly changed?: (why: string | undefined) => Promise<void>;
  readonly log: Log;
}

/** What a person is told of it. */
export interface PollerState {
  readonly state: "up" | "away" | "elsewhere";
  /** Why it is away. */
  readonly why?: string;
  /** Polls that failed, one after the other. */
  readonly failed: number;
}

export interface Poller {
  state(): PollerState;
  /** Takes no further file; resolves when the one in hand is journaled and moved. */
  pause(): Promise<void>;
  close(): Promise<void>;
  /** One poll now, for tests. */
  poll(): Promise<void>;
}

const MARKER = ".ok";
const DONE = "done";
/** Names that mean "not yet" everywhere: ours while we put, and those that other programs write under. */
const TEMPORARY = /^\.|~$|\.(?:tmp|part|partial|filepart|crdownload|writing)$/i;

/** A glob of names: `*` any characters, `?` one. */
export function globOf(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replace(/\*+/g, ".*")
    .replace(/\?/g, ".");
  return new RegExp(`^${source}$`, "su");
}

/** Names of what was taken, the oldest forgotten: after that it is read once more, and is a duplicate. */
class Remembered extends Map<string, string> {
  note(name: string, mark: string): void {
    this.delete(name);
    this.set(name, mark);
    const [oldest] = this.keys();
    if (this.size > LIMITS.remembered && oldest !== undefined) this.delete(oldest);
  }
}
const markOf = ({ size, modified }: Entry): string => `${size} ${modified}`;
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Starts looking. */
export function createPoller(deps: PollerDeps): Poller {
  const { options, log } = deps;
  const about = { partner: options.partner, where: options.where };
  const globs = options.messages.map((one) => ({ ...one, glob: globOf(one.name) }));
  const seen = new Map<string, string>();
  const taken = new Remembered();
  const told = new Set<string>();
  let store: FileStore | undefined;
  let state: PollerState = { state: "up", failed: 0 };
  /** What an earlier process said of it may not hold any more. */
  let first = true;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();

  /** Once for each file and reason. */
  const tell = (name: string, why: string): void => {
    if (told.has(`${name} ${why}`)) return;
    if (told.size > LIMITS.remembered) told.clear();
    told.add(`${name} ${why}`);
    log.warn({ ...about, file: name, why }, "a file is left where it is");
  };
  const hangUp = async (): Promise<void> => {
    const open = store;
    store = undefined;
    await open?.close().catch(() => undefined); // it is gone already
  };

  /** What is whole now. What was seen is kept for the next look. */
  const wholeOf = (files: readonly Entry[]): readonly { readonly entry: Entry; readonly kind: (typeof globs)[number] }[] => {
    const names = new Set(files.map(({ name }) => name));
    const whole = files.flatMap((entry) => {
      const kind = globs.find(({ glob }) => glob.test(entry.name));
      if (!kind || TEMPORARY.test(entry.name) || entry.name.endsWith(MARKER)) return [];
      const stands = options.ready === "marker" ? names.has(entry.name + MARKER) : seen.get(entry.name) === markOf(entry);
      return stands ? [{ entry, kind }] : [];
    });
    seen.clear();
    for (const entry of files) seen.set(entry.name, markOf(entry));
    for (const name of taken.keys()) if (!names.has(name)) taken.delete(name);
    return whole.slice(0, LIMITS.filesPerPoll);
  };

  /** Journals one file; undefined: it is not to be taken now. */
  const journal = async (from: FileStore, entry: Entry, kind: (typeof globs)[number]): Promise<boolean> => {
    const { name, size, modified } = entry;
    const tooLarge = size > options.bytesMax;
    const bytes = tooLarge ? new Uint8Array(0) : await from.read(name, options.bytesMax);
    if (bytes === undefined) return false; // somebody took it away
    if (!tooLarge && bytes.length !== size) return false; // it grew meanwhile: not whole
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const unpacked = kind.unpack === undefined || tooLarge ? undefined : (kind.unpack === "gzip" ? gunzip : unzip)(bytes, options.bytesMax);
    const refused =
      refusalOf(entry, tooLarge, options.bytesMax) ??
      (unpacked && !unpacked.ok ? refusal(unpacked.code, { zh: unpacked.zh, en: unpacked.en }) : undefined);
    const inbound = inboundOf(
      {
        door: "file",
        partner: options.partner,
        kind: kind.message,
        identity: `file:${createHash("sha256")
          .update(JSON.stringify([options.where, name, size, modified, sha256]))
          .digest("hex")}`,
        headers: {
          "file-name": name,
          "file-folder": options.where,
          "file-size": String(size),
          "file-modified": modified,
          "file-sha256": sha256,
          ...(unpacked?.ok && unpacked.name !== undefined ? { "file-inside": unpacked.name } : {}),
        },
        body: unpacked?.ok ? unpacked.bytes : bytes,
      },
      deps.policy(),
      refused,
    );
    failpoint("file-door.before-journal");
    await deps.accept(inbound);
    failpoint("file-door.after-journal");
    taken.note(name, markOf(entry));
    return true;
  };

  /** Away with it: to done/ under a name of its own, or deleted. */
  const clear = async (from: FileStore, { name }: Entry): Promise<void> => {
    if (options.after === "delete") await from.remove(name);
    else {
      await from.folder(DONE);
      let moved = false;
      for (let tried = 0; !moved && tried < LIMITS.namesTried; tried += 1)
        moved = await from.rename(name, `${DONE}/${tried === 0 ? name : `${name}.${tried}`}`);
      if (!moved) throw new Error(`no free name for it in ${DONE}/`);
    }
    if (options.ready === "marker") await from.remove(name + MARKER);
  };

  const poll = async (): Promise<void> => {
    const leadMs = Math.max(LIMITS.leadMs, 4 * options.everyMs);
    if (!(await deps.lead(leadMs))) {
      state = { state: "elsewhere", failed: 0 };
      seen.clear();
      return hangUp();
    }
    let ledAt = performance.now();
    store ??= await deps.open();
    const { files, unreadable } = await store.list();
    if (unreadable > 0) tell("", `${unreadable} names that are not UTF-8`);
    for (const { entry, kind } of wholeOf(files)) {
      if (stopped) return;
      if (performance.now() - ledAt > leadMs / 3) {
        if (!(await deps.lead(leadMs))) return;
        ledAt = performance.now();
      }
      const known = taken.get(entry.name) === markOf(entry);
      if (!known && !(await journal(store, entry, kind))) continue;
      await clear(store, entry).catch((error: unknown) => tell(entry.name, `taken, but it cannot be moved away: ${messageOf(error)}`));
    }
  };

  const guarded = async (): Promise<void> => {
    try {
      await poll();
      if (state.state === "away") log.info({ ...about, failed: state.failed }, "the folder is there again");
      if (state.state !== "elsewhere") {
        if (state.state === "away" || first) await deps.changed?.(undefined);
        first = false;
        state = { state: "up", failed: 0 };
      }
    } catch (error) {
      const why = messageOf(error);
      if (!(error instanceof JournalBusy) && !(error instanceof JournalGone)) await hangUp();
      if (state.state !== "away") log.warn({ ...about, why }, "the folder cannot be looked into; tried again");
      await deps.changed?.(why);
      first = false;
      state = { state: "away", why, failed: state.failed + 1 };
    }
  };
  const delayMs = (): number =>
    state.state === "away"
      ? Math.min(Math.max(LIMITS.awayMs, options.everyMs), options.everyMs * 2 ** Math.min(state.failed, 20))
      : options.everyMs;
  const once = (): Promise<void> => {
    running = running.then(() => (stopped ? undefined : guarded()));
    return running;
  };
  const next = (): void => {
    if (stopped) return;
    timer = setTimeout(() => void once().then(next), delayMs());
  };
  const pause = async (): Promise<void> => {
    stopped = true;
    clearTimeout(timer);
    await running;
  };
  next();

  return {
    state: () => state,
    poll: once,
    pause,
    close: async () => {
      let late: NodeJS.Timeout | undefined;
      const patience = new Promise<void>((resolve) => {
        late = setTimeout(resolve, LIMITS.closeMs);
      });
      await Promise.race([pause(), patience]);
      clearTimeout(late);
      await hangUp();
      await deps.give().catch(() => undefined); // the lease runs out by itself
    },
  };
}

function refusalOf({ name, size }: Entry, tooLarge: boolean, bytesMax: number): ParkReason | undefined {
  if (!tooLarge) return undefined;
  const place = `${name} (${size} > ${bytesMax})`;
  return refusal("TOO_LARGE", { zh: place, en: place });
}
