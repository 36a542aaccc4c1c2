/** The hospital's own clock. A partner's clock is never the engine's: tests set it wrong on purpose. */

export interface Clock {
  /** Milliseconds since 1970 by the hospital's clock. */
  now(): number;
  /** Sets the clock to an ISO time with offset, from where it runs on; null puts it back to the machine's. False when the text is no such time. */
  set(iso: string | null): boolean;
}

const CHINA_OFFSET_MS = 8 * 3_600_000;
const ISO_WITH_OFFSET = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/;

/** A clock that starts with the machine's time. */
export function createClock(): Clock {
  let offset = 0;
  return {
    now: () => Date.now() + offset,
    set(iso) {
      if (iso === null) {
        offset = 0;
        return true;
      }
      const at = ISO_WITH_OFFSET.test(iso) ? Date.parse(iso) : Number.NaN;
      if (Number.isNaN(at)) return false;
      offset = at - Date.now();
      return true;
    },
  };
}

/** "2026-11-20T09:20:00.123+08:00": China time with milliseconds, as ledger lines carry it. */
export function chinaIso(ms: number): string {
  return `${new Date(ms + CHINA_OFFSET_MS).toISOString().slice(0, -1)}+08:00`;
}

/** "2026-11-20 09:20:00": China time as HIS messages write it. */
export function chinaTime(ms: number): string {
  return new Date(ms + CHINA_OFFSET_MS).toISOString().slice(0, 19).replace("T", " ");
}

/** "20261120092000": China time as DLL strings write it. */
export function chinaDigits(ms: number): string {
  return chinaTime(ms).replace(/\D/g, "");
}
