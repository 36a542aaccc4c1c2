/**
 * Time as hospitals count it: China time (+08:00, no daylight saving since 1991), to the second, and a business day with its own cut-off
 * (design.md decision 22). Pure functions over text: nothing here reads a clock.
 */

/** The one form of a point in time in events: `2026-11-20T09:22:01+08:00`. */
export const CHINA_DATE_TIME_PATTERN = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\+08:00$";
/** The one form of a day in events: `2026-11-20`. */
export const DATE_PATTERN = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$";
/** The hospital's cut-off when its profile gives none: from 23:00 on, the next business day. */
export const CUT_OFF_DEFAULT = "23:00";
/** Years outside this range are typing mistakes, not facts of a hospital. */
const YEAR_MIN = 1900;
const YEAR_MAX = 2999;

const CHINA_OFFSET_MS = 8 * 3_600_000;
const DAY_MS = 86_400_000;
const DATE_TIME_LENGTH = "yyyy-MM-ddTHH:mm:ss+08:00".length;
const CHINA_ZONE = "+08:00";
const DATE_LENGTH = "yyyy-MM-dd".length;
const CUT_OFF = /^([01]\d|2[0-3]):([0-5]\d)$/;

/** A day of the calendar; month and day count from 1. */
export interface CalendarDate {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/** A point in China time, to the second. */
export interface ChinaDateTime extends CalendarDate {
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

const pad = (value: number, width: number): string => value.toString().padStart(width, "0");
const within = (value: number, low: number, high: number): boolean => Number.isInteger(value) && value >= low && value <= high;

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;
const isLeapYear = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
const daysOfMonth = (year: number, month: number): number => (month === 2 && isLeapYear(year) ? 29 : (MONTH_DAYS[month - 1] ?? 0));

const isPossibleDate = ({ year, month, day }: CalendarDate): boolean =>
  within(year, YEAR_MIN, YEAR_MAX) && within(month, 1, 12) && within(day, 1, daysOfMonth(year, month));

/** The day as `yyyy-MM-dd`; undefined when there is no such day (30 February). */
export function formatDate(date: CalendarDate): string | undefined {
  return isPossibleDate(date) ? `${pad(date.year, 4)}-${pad(date.month, 2)}-${pad(date.day, 2)}` : undefined;
}

/** Reads `yyyy-MM-dd`; undefined for other forms and impossible days. */
export function parseDate(text: string): CalendarDate | undefined {
  if (text.length !== DATE_LENGTH || text[4] !== "-" || text[7] !== "-") return undefined;
  const date = { year: digitsOf(text, 0, 4), month: digitsOf(text, 5, 2), day: digitsOf(text, 8, 2) };
  return isPossibleDate(date) ? date : undefined;
}

/** The point in time as `yyyy-MM-ddTHH:mm:ss+08:00`; undefined when impossible (hour 24, second 60, 30 February). */
export function formatChinaDateTime(at: ChinaDateTime): string | undefined {
  const date = formatDate(at);
  if (date === undefined || !within(at.hour, 0, 23) || !within(at.minute, 0, 59) || !within(at.second, 0, 59)) return undefined;
  return `${date}T${pad(at.hour, 2)}:${pad(at.minute, 2)}:${pad(at.second, 2)}+08:00`;
}

/** Reads `yyyy-MM-ddTHH:mm:ss+08:00`; undefined for other forms and impossible times. */
export function parseChinaDateTime(text: string): ChinaDateTime | undefined {
  // Asked a dozen times a message: a pattern with groups would cost ten times as much.
  if (text.length !== DATE_TIME_LENGTH || !text.endsWith(CHINA_ZONE)) return undefined;
  if (text[4] !== "-" || text[7] !== "-" || text[10] !== "T" || text[13] !== ":" || text[16] !== ":") return undefined;
  const at = {
    year: digitsOf(text, 0, 4),
    month: digitsOf(text, 5, 2),
    day: digitsOf(text, 8, 2),
    hour: digitsOf(text, 11, 2),
    minute: digitsOf(text, 14, 2),
    second: digitsOf(text, 17, 2),
  };
  return isPossibleDate(at) && within(at.hour, 0, 23) && within(at.minute, 0, 59) && within(at.second, 0, 59) ? at : undefined;
}

const DIGIT_ZERO = 0x30;

/** The number that `count` digits from `from` on write; NaN when one of them is no digit. */
function digitsOf(text: string, from: number, count: number): number {
  let value = 0;
  for (let at = from; at < from + count; at += 1) {
    const digit = text.charCodeAt(at) - DIGIT_ZERO;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

export const isChinaDateTime = (text: string): boolean => parseChinaDateTime(text) !== undefined;
export const isDate = (text: string): boolean => parseDate(text) !== undefined;

/** Days of the calendar since 1970, so that days can be subtracted. */
const dayNumber = ({ year, month, day }: CalendarDate): number => Date.UTC(year, month - 1, day) / DAY_MS;

/** The day `days` after (before, when negative); undefined when `date` is no date or the result leaves the calendar. */
export function addDays(date: string, days: number): string | undefined {
  const from = parseDate(date);
  if (!from) return undefined;
  const to = new Date((dayNumber(from) + days) * DAY_MS);
  return formatDate({ year: to.getUTCFullYear(), month: to.getUTCMonth() + 1, day: to.getUTCDate() });
}

/** How many days `to` is after `from`; undefined when one of them is no date. */
export function daysBetween(from: string, to: string): number | undefined {
  const first = parseDate(from);
  const last = parseDate(to);
  return first && last ? dayNumber(last) - dayNumber(first) : undefined;
}

/** Milliseconds since 1970 of a China date-time; undefined when it is none. */
export function epochMsOf(text: string): number | undefined {
  const at = parseChinaDateTime(text);
  return at ? Date.UTC(at.year, at.month - 1, at.day, at.hour, at.minute, at.second) - CHINA_OFFSET_MS : undefined;
}

/** The China date-time of milliseconds since 1970, cut to the second. Throws RangeError outside the calendar. */
export function chinaDateTimeOf(epochMs: number): string {
  const second = Math.floor(epochMs / 1_000);
  if (second !== told.second) told = { second, text: writtenOf(epochMs) };
  return told.text;
}

/** The last second asked for: whole batches are of one. */
let told = { second: Number.NaN, text: "" };

function writtenOf(epochMs: number): string {
  const at = new Date(epochMs + CHINA_OFFSET_MS);
  const text = formatChinaDateTime({
    year: at.getUTCFullYear(),
    month: at.getUTCMonth() + 1,
    day: at.getUTCDate(),
    hour: at.getUTCHours(),
    minute: at.getUTCMinutes(),
    second: at.getUTCSeconds(),
  });
  if (text === undefined) throw new RangeError("the time is outside the calendar");
  return text;
}

/** True for a cut-off `HH:mm`. */
export const isCutOff = (text: string): boolean => CUT_OFF.test(text);

/**
 * The business day of a point in time: its calendar day in China, or the next one from the cut-off on. A cut-off of `00:00` means the calendar day itself.
 * Undefined when `occurredAt` is no China date-time (or on the last day of the calendar, year 2999). Throws RangeError when the cut-off is none: profiles are checked when they are loaded.
 */
export function businessDate(occurredAt: string, cutOff: string = CUT_OFF_DEFAULT): string | undefined {
  if (!isCutOff(cutOff)) throw new RangeError("the cut-off is not HH:mm");
  if (!isChinaDateTime(occurredAt)) return undefined;
  const day = occurredAt.slice(0, 10);
  return cutOff !== "00:00" && occurredAt.slice(11, 16) >= cutOff ? addDays(day, 1) : day;
}
