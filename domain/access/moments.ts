/** Moments as the console's answers write them: China time with milliseconds. */
const CHINA_OFFSET_MS = 8 * 3_600_000;

export const chinaDateTimeMsOf = (ms: number): string => `${new Date(ms + CHINA_OFFSET_MS).toISOString().slice(0, 23)}+08:00`;
