/** Attempts by minute and outcome as a chart needs them: one point for every minute of the hour, also for those without any. Pure. */
const MINUTE_MS = 60_000;
export const OUTCOMES = ["acknowledged", "deferred", "busy", "unsent", "unclear", "rejected"] as const;
export type OutcomeName = (typeof OUTCOMES)[number];
export type Point = { readonly at: string } & Readonly<Record<OutcomeName, number>>;

const floor = (ms: number): number => Math.floor(ms / MINUTE_MS) * MINUTE_MS;
/** Hours and minutes in China. */
const clock = (ms: number): string => new Date(ms + 8 * 3_600_000).toISOString().slice(11, 16);

export function pointsOf(
  minutes: readonly { readonly at: string; readonly outcome: string; readonly count: number }[],
  since: string,
  nowMs: number,
): readonly Point[] {
  const counts = new Map<string, number>();
  for (const { at, outcome, count } of minutes) {
    const key = `${floor(Date.parse(at))} ${outcome}`;
    counts.set(key, (counts.get(key) ?? 0) + count);
  }
  const first = floor(Date.parse(since));
  if (Number.isNaN(first)) return [];
  const points: Point[] = [];
  for (let at = first; at <= nowMs; at += MINUTE_MS)
    points.push({
      at: clock(at),
      ...(Object.fromEntries(OUTCOMES.map((outcome) => [outcome, counts.get(`${at} ${outcome}`) ?? 0])) as Record<OutcomeName, number>),
    });
  return points;
}
