/** The simulated HIS as a running partner: its door, its control door, its desk, and its books as its ledger has them. */
import { join } from "node:path";
import { chinaIso, createClock } from "../clock.ts";
import { createControl } from "../control.ts";
import { createFaults } from "../faults.ts";
import { ledgerLines } from "../ledger.ts";
import { openLedgerFile } from "../ledger-file.ts";
import { createListener } from "../listener.ts";
import { createLaterAnswers } from "./answers.ts";
import { createBook, type Mode } from "./book.ts";
import { createDesk } from "./desk.ts";

export interface HisOptions {
  /** Folder of the ledger, `<name>.ledger.jsonl`. */
  readonly dataDir: string;
  /** The partner's name. */
  readonly name: string;
  readonly mode: Mode;
  /** 0 = a free one. */
  readonly port: number;
  readonly controlPort: number;
}

export interface RunningPartner {
  readonly url: string;
  readonly ledger: string;
  readonly faults: string;
  readonly ledgerUrl: string;
  close(): Promise<void>;
}

/** Starts a HIS. Its books are what its ledger says, so effects outlive a kill. */
export async function startHis(options: HisOptions): Promise<RunningPartner> {
  const file = join(options.dataDir, `${options.name}.ledger.jsonl`);
  const book = createBook();
  const ledger = await openLedgerFile(file);
  for await (const line of ledgerLines(file)) book.replay(line);
  const clock = createClock();
  const faults = createFaults(() => performance.now());
  let mode = options.mode;
  const answers = createLaterAnswers({
    partner: options.name,
    file: join(options.dataDir, `${options.name}.answers.json`),
    record: (line) =>
      ledger.append({
        at: chinaIso(clock.now()),
        partner: options.name,
        key: line.key,
        kind: line.kind,
        order: null,
        amount: null,
        effect: false,
        answer: line.answer,
        raw: line.raw,
      }),
  });
  const desk = createDesk({ name: options.name, book, ledger, clock, faults, answers, mode: () => mode });
  const listener = await createListener(options.port, faults, desk.handle);
  const control = await createControl(options.controlPort, {
    name: options.name,
    faults,
    clock,
    ledger,
    mode: () => mode,
    setMode(value) {
      if (value !== "strict" && value !== "naive") return false;
      mode = value;
      return true;
    },
    setAnswers: answers.set,
    changed: () => listener.apply(),
    counters: desk.counters,
    listening: listener.listening,
  });
  desk.resumeDeferred();
  return {
    url: listener.url,
    ledger: file,
    faults: control.faultsUrl,
    ledgerUrl: control.ledgerUrl,
    async close() {
      desk.stop();
      await listener.close();
      await control.close();
      await ledger.close();
    },
  };
}
