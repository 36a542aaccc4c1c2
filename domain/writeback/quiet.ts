/** Quiet hours of a destination: hours of China time in which nothing is sent (night batches, backups of the HIS). Decided by the store's clock. */

export interface QuietSpan {
  /** HH:mm; past midnight when `to` is earlier. Equal times are no span: the profile is refused (policy.ts). */
  readonly from: string;
  readonly to: string;
}

const CHINA_OFFSET_MIN = 480;
const DAY_MIN = 1_440;
const MINUTE_MS = 60_000;

const minutesOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5));

/** When the quiet of `nowMs` ends, in ms since 1970; undefined while it is not quiet. Spans that touch or overlap are one. */
export function quietUntil(spans: readonly QuietSpan[] | undefined, nowMs: number): number | undefined {
  if (spans === undefined || spans.length === 0) return undefined;
  const endAfter = (ms: number): number | undefined => {
    const minute = (Math.floor(ms / MINUTE_MS) + CHINA_OFFSET_MIN) % DAY_MIN;
    for (const { from, to } of spans) {
      const [start, end] = [minutesOf(from), minutesOf(to)];
      const inside = start <= end ? minute >= start && minute < end : minute >= start || minute < end;
      if (inside) return (Math.floor(ms / MINUTE_MS) + ((end - minute + DAY_MIN) % DAY_MIN)) * MINUTE_MS;
    }
    return undefined;
  };
  let until = endAfter(nowMs);
  // Each span can continue the one before it once; more would be a day without an end.
  for (let step = 0; until !== undefined && step < spans.length; step += 1) {
    const next = endAfter(until);
    if (next === undefined) break;
    until = next;
  }
  return until;
}
