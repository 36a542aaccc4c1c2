import { type ClaimedFolder, claimFolder, emptyFolder, endLeftovers } from "./folder.ts";
import { type RunFile, type RunOptions, runHuiliu } from "./run.ts";

export interface SessionOptions extends Omit<RunOptions, "signal"> {
  readonly fresh: boolean;
  /** Calls back once when this process is asked to stop. */
  readonly onStopRequest: (stop: (reason: string) => void) => void;
  readonly onReady: (file: RunFile) => void;
}

/**
 * One run of Huiliu on a data folder, from its claim to its release: ends what a killed run left, starts, waits to be asked to
 * stop, stops. Resolves once nothing of it is running; rejects, with nothing running either, when it cannot start.
 */
export async function runSession(options: SessionOptions): Promise<void> {
  const { dataDir, log } = options;
  const starting = new AbortController();
  let folder: ClaimedFolder | undefined;
  const asked = new Promise<void>((tell) => {
    options.onStopRequest((reason) => {
      log(`stopping (${reason})`);
      folder?.stopping();
      starting.abort();
      tell();
    });
  });
  folder = await claimFolder(dataDir, starting.signal);
  if (folder === undefined) return;
  try {
    const ended = await endLeftovers(dataDir);
    if (ended.length > 0) log(`stopped what a killed run left: ${ended.join(", ")}`);
    if (options.fresh) {
      emptyFolder(dataDir);
      log(`emptied ${dataDir}`);
    }
    const running = await runHuiliu({ ...options, signal: starting.signal });
    if (!starting.signal.aborted) options.onReady(running.file);
    const alive = setInterval(() => undefined, 60_000); // where every server was given from outside nothing else keeps this process waiting
    await asked;
    clearInterval(alive);
    const since = Date.now();
    await running.stop();
    log(`everything stopped after ${((Date.now() - since) / 1000).toFixed(1)} s`);
  } catch (error) {
    if (!starting.signal.aborted) throw error;
    log("start given up; everything stopped");
  } finally {
    folder.release();
  }
}
