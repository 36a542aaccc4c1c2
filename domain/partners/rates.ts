/** What a rate gate answers. */
export type RateAnswer = { readonly ok: true } | { readonly ok: false; readonly retryAfterMs: number };

/** Inbound rates. Shared between workers where Redis is there, kept by each worker alone where it is not: a gate is never a reason to lose a message. */
export interface RateGate {
  /** Takes one message of `partner`, which may send `perSecond` messages a second with a burst of one second's worth. Never rejects. */
  take(partner: string, perSecond: number): Promise<RateAnswer>;
}
