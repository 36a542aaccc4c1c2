/** Limits of one worker. */
export interface DeliveryLimits {
  /** Deliveries inside flows at once. */
  readonly liveMax: number;
  /** Messages waiting in memory for their turn or for intake; more are given back to the journal. */
  readonly queueMax: number;
  /** Messages in flows and waiting for them at which doors that read from a broker wait, too. */
  readonly roomMax: number;
  /** Leases are extended this often. */
  readonly extendMs: number;
  /** Open work nobody works on is fetched this often. */
  readonly reclaimMs: number;
}

/** A message begun this often without an end is a suspect: it may be what ends the process. */
export const SUSPECT_RUN = 5;
/** A suspect that was fed alone this often and never ended is parked. */
export const ALONE_MAX = 2;

/** Batches of the store hold up to 100 at full speed: what waits beyond two of them only ages, and what ages is collected dearly (docs/decisions/009). */
export const DELIVERY_LIMITS: DeliveryLimits = { liveMax: 224, queueMax: 4_096, roomMax: 320, extendMs: 20_000, reclaimMs: 1_000 };
