/** What the engine does again and again beside its work. */
import type { EngineLog } from "../../platform/log.ts";

/**
 * Runs `run` every `everyMs`, for the first time after that long, never twice at once: while a server hangs, what is asked of it must not pile up. A failure is logged
 * and tried again. The answer ends it; a run under way goes on.
 */
export function repeat(everyMs: number, what: string, run: () => Promise<unknown>, log: Pick<EngineLog, "warn">): () => void {
  let running = false;
  const timer = setInterval(() => {
    if (running) return;
    running = true;
    run()
      .catch((error: unknown) => log.warn({ error: String(error) }, `${what} failed; tried again`))
      .finally(() => {
        running = false;
      });
  }, everyMs);
  return () => clearInterval(timer);
}
