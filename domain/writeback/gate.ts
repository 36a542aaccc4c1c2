/**
 * One worker's side of the gates (gates.ts): it reads every row again and again, so that pause, resume and breaker hold everywhere within a second, whoever is told of
 * nothing. While a destination is well and has no ceiling, this one read each `refreshMs` is all that its gate costs.
 */
import { createDestinationGate, type DestinationGate, type OneDeps, type OneGate, staleMsOf } from "./destination-gate.ts";
import { freshGate } from "./gates.ts";

/** How often all rows are read. */
export const REFRESH_MS = 250;

export interface Gates {
  /** Reads every row, then again and again until stopped. */
  start(): void;
  /** Reads now: somebody said that a row has changed. Never rejects. */
  refresh(): Promise<void>;
  of(destination: string): DestinationGate;
  /** The store's time as far as this worker knows it; undefined before the first read. */
  nowMs(): number | undefined;
  stop(): Promise<void>;
}

export interface GatesDeps
  extends Pick<OneDeps, "store" | "worker" | "policy" | "probe" | "clock" | "random" | "log" | "metrics" | "changed"> {
  readonly names: () => readonly string[];
  readonly refreshMs?: number;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export function createGates(deps: GatesDeps): Gates {
  const { store, clock, log, metrics } = deps;
  const refreshMs = deps.refreshMs ?? REFRESH_MS;
  const known = new Map<string, OneGate>();
  const ending = new AbortController();
  const underWay = new Set<Promise<unknown>>();
  let offset: { readonly nowMs: number; readonly atTickMs: number } | undefined;
  let stopped = false;
  let cancel: (() => void) | undefined;
  let reading: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let started = false;

  const nowMs = (): number | undefined => (offset === undefined ? undefined : offset.nowMs + (clock.tickMs() - offset.atTickMs));
  const failed = (what: string, destination: string | undefined, error: unknown): void => {
    metrics.storeFailed(destination ?? "*", "gate");
    log.warn("the gate's store failed; tried again", {
      what,
      ...(destination === undefined ? {} : { destination }),
      why: messageOf(error),
    });
  };
  const inHand = (work: Promise<unknown>): void => {
    const held = work.finally(() => underWay.delete(held));
    underWay.add(held);
  };

  const one = (name: string) => {
    const found = known.get(name) ?? createDestinationGate(name, { ...deps, refreshMs, nowMs, inHand, failed, signal: ending.signal });
    known.set(name, found);
    return found;
  };

  const read = async (): Promise<void> => {
    const beganTickMs = clock.tickMs();
    try {
      const { nowMs: told, rows } = await store.read();
      // The store's time was read after we asked: this is never ahead of it.
      offset = { nowMs: told, atTickMs: clock.tickMs() };
      // An answer that took so long may tell what is no longer so.
      if (clock.tickMs() - beganTickMs > staleMsOf(refreshMs)) return;
      const byName = new Map(rows.map((row) => [row.name, row]));
      for (const name of new Set([...deps.names(), ...known.keys()])) one(name).adopt(byName.get(name) ?? freshGate(name), beganTickMs);
    } catch (error) {
      failed("reading", undefined, error);
    }
  };
  /** Whoever asks gets a reading that began after he asked; many who ask meanwhile share one. */
  const refresh = (): Promise<void> => {
    if (reading === undefined) {
      reading = read().finally(() => {
        reading = undefined;
      });
      return reading;
    }
    next ??= reading.then(() => {
      next = undefined;
      return refresh();
    });
    return next;
  };

  const turn = async (): Promise<void> => {
    await refresh();
    if (stopped) return;
    for (const each of known.values()) each.duties();
    cancel = clock.after(refreshMs, () => inHand(turn()));
  };

  return {
    start: () => {
      if (started || stopped) return;
      started = true;
      inHand(turn());
    },
    refresh,
    of: (destination) => one(destination).gate,
    nowMs,
    stop: async () => {
      stopped = true;
      cancel?.();
      ending.abort();
      await Promise.all(underWay);
    },
  };
}
