/** What the dispatcher tells those who watch: one log line and one measurement an event. Neither may throw. */
import type { Reach } from "./attempt-end.ts";
import type { Breaker } from "./gates.ts";
import type { AttemptEnd } from "./ports.ts";

export interface DispatcherLog {
  debug(what: string, about: Readonly<Record<string, unknown>>): void;
  info(what: string, about: Readonly<Record<string, unknown>>): void;
  warn(what: string, about: Readonly<Record<string, unknown>>): void;
  error(what: string, about: Readonly<Record<string, unknown>>): void;
}

export interface DispatcherMetrics {
  /** One attempt is settled (or its lease was lost). */
  attempt(about: {
    readonly destination: string;
    readonly action: AttemptEnd["action"];
    readonly outcome: AttemptEnd["outcome"];
    readonly step: AttemptEnd["step"];
    readonly settled: "settled" | "lease-lost";
    readonly ms: number;
  }): void;
  /** Claims in this worker's hands: on the wire and being settled. */
  inHand(destination: string, onWire: number, settling: number): void;
  /** The store refused an operation; it is tried again. */
  storeFailed(destination: string, operation: "claim" | "settle" | "release" | "next-due" | "gate"): void;
  /** What the gate's row says; `rate`: calls a second of all workers together, undefined where none holds. */
  gate(destination: string, breaker: Breaker, rate: number | undefined): void;
  /** A probe of this worker has ended. */
  probe(destination: string, by: "ping" | "inquiry" | "connect", answered: boolean): void;
  /** A call of this worker has ended. */
  call(destination: string, reach: Reach): void;
}
