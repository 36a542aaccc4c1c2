/**
 * What every partner program has in common: a folder, a ledger, faults, a clock, a mode, a control door, and what it was told of the engine.
 * A partner's own code is its wire and its books.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Clock, chinaIso, createClock } from "./clock.ts";
import { type Control, createControl } from "./control.ts";
import { createFaults, type Faults } from "./faults.ts";
import { type LedgerLine, ledgerLines } from "./ledger.ts";
import { openLedgerFile } from "./ledger-file.ts";
import { createTimers, type Timers } from "./timers.ts";
import type { Addresses, EngineTold } from "./told.ts";
import { writeWhole } from "./whole-file.ts";

/** strict: a key is done once. naive: every request is done, as many a real system does. */
export type Mode = "strict" | "naive";

export interface PartnerOptions {
  readonly name: string;
  /** Folder of `<name>.ledger.jsonl` and of whatever else this partner keeps. */
  readonly dataDir: string;
  readonly mode: Mode;
  /** Of its main door (`url`); 0 = a free one. */
  readonly port: number;
  readonly controlPort: number;
  /** Of further doors by name (`mllp`, `dicom`, `sftp`), the same at every start; absent = a free one. */
  readonly doorPorts?: Readonly<Record<string, number>>;
}

export interface RunningPartner extends Addresses {
  close(): Promise<void>;
}

/** One program of the hospital. */
export interface PartnerProgram {
  readonly name: string;
  start(options: PartnerOptions): Promise<RunningPartner>;
}

export interface PartnerDoors {
  counters(): Readonly<Record<string, number>>;
  /** Puts changed faults in force (a listener's `apply`). */
  changed?(): Promise<void>;
  listening?(): boolean;
  /** `{"send": …}`: does it and tells what was sent. Throws OrderRefused on an order that makes no sense. */
  send?(order: Readonly<Record<string, unknown>>): Promise<unknown>;
  setAnswers?(way: unknown): string | null;
}

/** A ledger line without what every line of the partner has. */
export type Entry = Omit<LedgerLine, "at" | "partner">;

export interface Premises {
  readonly name: string;
  readonly file: string;
  readonly clock: Clock;
  readonly faults: Faults;
  readonly timers: Timers;
  mode(): Mode;
  /** The engine as it was last told, over restarts too; null before. */
  engine(): EngineTold | null;
  /** What was written before this start. Read it to the end before the doors open. */
  past(): AsyncIterable<LedgerLine>;
  /** On the disk once resolved. A disk that refuses ends the program: it must not go on with books that its ledger does not hold. */
  record(entry: Entry): Promise<void>;
  /** For parts that write lines of their own. */
  readonly ledger: Awaited<ReturnType<typeof openLedgerFile>>;
  /** Opens the control door; call it last. */
  open(doors: PartnerDoors): Promise<Control>;
  /** Control door and ledger; close the partner's own doors before. */
  close(): Promise<void>;
}

/** Opens folder and ledger of a partner. */
export async function openPremises(options: PartnerOptions): Promise<Premises> {
  const { name, dataDir } = options;
  const file = join(dataDir, `${name}.ledger.jsonl`);
  const engineFile = join(dataDir, `${name}.engine.json`);
  const ledger = await openLedgerFile(file);
  const clock = createClock();
  const faults = createFaults(() => performance.now());
  const timers = createTimers();
  let mode = options.mode;
  let engine = existsSync(engineFile) ? (JSON.parse(readFileSync(engineFile, "utf8")) as EngineTold) : null;
  let control: Control | undefined;
  let closed = false;
  return {
    name,
    file,
    clock,
    faults,
    timers,
    ledger,
    mode: () => mode,
    engine: () => engine,
    past: () => ledgerLines(file),
    async record(entry) {
      try {
        const { key, kind, order, amount, effect, answer, raw, ...rest } = entry;
        await ledger.append({ at: chinaIso(clock.now()), partner: name, key, kind, order, amount, effect, answer, raw, ...rest });
      } catch (error) {
        if (closed) return;
        process.stderr.write(`the ledger ${file} cannot be written: ${String(error)}\n`);
        process.exit(1);
      }
    },
    async open(doors) {
      control = await createControl(options.controlPort, {
        name,
        faults,
        clock,
        ledger,
        mode: () => mode,
        setMode(value) {
          if (value !== "strict" && value !== "naive") return false;
          mode = value;
          return true;
        },
        setAnswers: doors.setAnswers ?? (() => "this partner gives no later answers"),
        setEngine(told) {
          engine = told;
          writeWhole(engineFile, JSON.stringify(told));
        },
        ...(doors.send === undefined ? {} : { send: doors.send }),
        changed: doors.changed ?? (async () => undefined),
        counters: doors.counters,
        listening: doors.listening ?? (() => true),
      });
      return control;
    },
    async close() {
      closed = true;
      timers.clear();
      await control?.close();
      await ledger.close();
    },
  };
}
