/** Limits of one worker. */
export interface DeliveryLimits {
  /** Deliveries inside flows at once. */
  readonly liveMax: number;
  /** Messages waiting in memory for their turn or for intake; more are given back to the journal. */
  readonly queueMax: number;
  /** Leases are extended this often. */
  readonly extendMs: number;
  /** Open work nobody works on is fetched this often. */
  readonly reclaimMs: number;
}

export const DELIVERY_LIMITS: DeliveryLimits = { liveMax: 512, queueMax: 4_096, extendMs: 20_000, reclaimMs: 1_000 };
