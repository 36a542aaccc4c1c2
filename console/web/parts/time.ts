/** Arithmetic of times for people. China time has had one offset, without summer time, since 1991. */

const CHINA_OFFSET_MS = 8 * 3_600_000;
const DAY_MS = 86_400_000;

export interface ChinaParts {
  readonly date: string;
  readonly time: string;
  readonly ms: string;
  readonly iso: string;
  readonly today: boolean;
}

/** Undefined: no possible time. `nowMs` decides what today is. */
export function chinaParts(at: string | number, nowMs: number): ChinaParts | undefined {
  const ms = typeof at === "number" ? at : Date.parse(at);
  if (!Number.isFinite(ms)) return undefined;
  const shifted = new Date(ms + CHINA_OFFSET_MS).toISOString();
  const date = shifted.slice(0, 10);
  return {
    date,
    time: shifted.slice(11, 19),
    ms: shifted.slice(20, 23),
    iso: `${shifted.slice(0, 23)}+08:00`,
    today: date === new Date(nowMs + CHINA_OFFSET_MS).toISOString().slice(0, 10),
  };
}

export interface AgeParts {
  readonly unit: "seconds" | "minutes" | "hours" | "days";
  readonly n: number;
  /** Minutes of hours, hours of days. */
  readonly m: number;
}

export function ageParts(ms: number): AgeParts {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  if (seconds < 60) return { unit: "seconds", n: seconds, m: 0 };
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return { unit: "minutes", n: minutes, m: 0 };
  const hours = Math.floor(minutes / 60);
  if (ms < DAY_MS) return { unit: "hours", n: hours, m: minutes % 60 };
  return { unit: "days", n: Math.floor(hours / 24), m: hours % 24 };
}
