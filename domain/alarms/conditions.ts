/** From what was measured to what is wrong. Pure: the thresholds of reference/delivery.md 3.3.9 stand here, by name. */
import type { AlarmKind, Severity } from "./kinds.ts";
import type { Measured, MeasuredDestination } from "./measured.ts";

const MINUTE = 60_000;
/** design.md decision 7: alarm on age. A destination's profile may say otherwise. */
const AGE_WARN_MS = 5 * MINUTE;
const AGE_PAGE_MS = 15 * MINUTE;
const BREAKER_OPEN_MS = 2 * MINUTE;
const BLOCKED_PAGE_MS = 60 * MINUTE;
export const UNCLEAR_MS = 5 * MINUTE;
/** A held write-back that old waits for a bill that nobody pays. */
export const HELD_MS = 24 * 60 * MINUTE;
/** More login names, addresses and second factors than this held back at once are no forgetful people. */
const HELD_PAGE = 10;
/** An event that has owed nothing by then was not written back. */
export const UNWRITTEN_MS = 15 * MINUTE;
const NOT_FED_WARN_MS = MINUTE;
const NOT_FED_PAGE_MS = 5 * MINUTE;
const OUTBOX_WARN_MS = MINUTE;
const OUTBOX_PAGE_MS = 15 * MINUTE;
const ALREADY_DONE_MIN = 20;
const ALREADY_DONE_SHARE = 0.1;
const WORKER_SILENT_MS = MINUTE;
const DISK_WARN_USED = 0.85;
const DISK_PAGE_USED = 0.95;
const AWAY_WARN_MS = 5 * MINUTE;
const AWAY_PAGE_MS = 30 * MINUTE;
const SINK_WAITING_MS = 2 * MINUTE;

/** Ids, counts, seconds and names of the house: what a notice may carry. Never personal data. */
export type Details = Readonly<Record<string, string | number>>;

export interface Condition {
  readonly kind: AlarmKind;
  readonly subject: string;
  readonly severity: Severity;
  readonly details: Details;
}

const seconds = (ms: number): number => Math.max(0, Math.floor(ms / 1_000));
type Add = (kind: AlarmKind, subject: string, severity: Severity, details: Details) => void;

/** warn from one age, page from another; nothing before. */
function byAge(ageMs: number | undefined, warnMs: number, pageMs: number): Severity | undefined {
  if (ageMs === undefined) return undefined;
  if (ageMs >= pageMs) return "page";
  return ageMs >= warnMs ? "warn" : undefined;
}
const since = (nowMs: number, thenMs: number | undefined): number | undefined => (thenMs === undefined ? undefined : nowMs - thenMs);

function ofDestination(nowMs: number, one: MeasuredDestination, add: Add): void {
  const { destination, thresholds } = one;
  const pageMs = thresholds.pageAgeMs ?? AGE_PAGE_MS;
  const warnMs = Math.min(thresholds.warnAgeMs ?? AGE_WARN_MS, pageMs);
  const age = since(nowMs, one.oldestOwedMs);
  const severity = byAge(age, warnMs, pageMs);
  if (severity !== undefined && age !== undefined) {
    add("write-back-age", destination, severity, { oldestSeconds: seconds(age), ...(one.paused ? { paused: "yes" } : {}) });
  }
  if (thresholds.backlog !== undefined && one.owed !== undefined && one.owed >= thresholds.backlog)
    add("backlog", destination, "warn", { owedAtLeast: one.owed, threshold: thresholds.backlog });
  const open = since(nowMs, one.breakerSinceMs);
  if (open !== undefined && open > BREAKER_OPEN_MS) add("breaker-open", destination, "warn", { openSeconds: seconds(open) });
  if (one.parked > 0) add("write-back-parked", destination, "warn", { parked: one.parked });
  const blocked = since(nowMs, one.blocked.sinceMs);
  if (one.blocked.lanes > 0) {
    add("lanes-blocked", destination, (blocked ?? 0) >= BLOCKED_PAGE_MS ? "page" : "warn", {
      lanes: one.blocked.lanes,
      behindAtLeast: one.blocked.behind,
      oldestSeconds: seconds(blocked ?? 0),
    });
  }
  const doubt = since(nowMs, one.unclear.sinceMs);
  if (doubt !== undefined && doubt >= UNCLEAR_MS)
    add("unclear", destination, "page", { unclear: one.unclear.count, oldestSeconds: seconds(doubt) });
  if (one.held.count > 0) {
    const oldest = seconds(since(nowMs, one.held.sinceMs) ?? 0);
    add("not-written-back", destination, "page", { held: one.held.count, oldestSeconds: oldest });
  }
  const { lastHour } = one;
  if (lastHour && lastHour.alreadyDone >= ALREADY_DONE_MIN && lastHour.alreadyDone >= ALREADY_DONE_SHARE * lastHour.acknowledged)
    add("duplicates-answered", destination, "warn", { alreadyDone: lastHour.alreadyDone, acknowledged: lastHour.acknowledged });
}

function ofWork(measured: Measured, add: Add): void {
  const { nowMs, messages, events, outbox } = measured;
  const aged = (kind: AlarmKind, subject: string, oldestMs: number | undefined, warnMs: number, pageMs: number): void => {
    const age = since(nowMs, oldestMs);
    const severity = byAge(age, warnMs, pageMs);
    if (severity !== undefined && age !== undefined) add(kind, subject, severity, { oldestSeconds: seconds(age) });
  };
  aged("message-not-fed", "messages", messages.oldestMs, NOT_FED_WARN_MS, NOT_FED_PAGE_MS);
  aged("event-not-fed", "events", events.oldestMs, NOT_FED_WARN_MS, NOT_FED_PAGE_MS);
  aged("outbox-age", "outbox", outbox.oldestMs, OUTBOX_WARN_MS, OUTBOX_PAGE_MS);
  for (const [partner, parked] of Object.entries(messages.parked)) if (parked > 0) add("message-parked", partner, "warn", { parked });
  if (events.parked > 0) add("event-parked", "events", "warn", { parked: events.parked });
  for (const [queue, count] of Object.entries(measured.dead ?? {})) if (count > 0) add("dead-letters", queue, "page", { messages: count });
  for (const one of measured.totals) {
    add("totals-differ", `${one.businessDate}/${one.partner}/${one.kind}`, "page", { businessDate: one.businessDate, codes: one.codes });
  }
  for (const one of measured.unwritten) {
    if (nowMs - one.sinceMs < UNWRITTEN_MS) continue;
    const details = { events: one.count, oldestSeconds: seconds(nowMs - one.sinceMs), firstMessage: one.messageId };
    add("not-written-back", `event:${one.partner}/${one.type}`, "page", details);
  }
}

function ofMachine(measured: Measured, add: Add): void {
  const { nowMs, disk } = measured;
  for (const { subscriber, sinceMs, why } of measured.stalled)
    add("subscriber-stalled", subscriber, "warn", { why, stalledSeconds: seconds(Math.max(0, nowMs - sinceMs)) });
  for (const { door, partner, sinceMs, why } of measured.away) {
    const severity = byAge(nowMs - sinceMs, AWAY_WARN_MS, AWAY_PAGE_MS);
    if (severity !== undefined) add("door-away", door, severity, { partner, why, awaySeconds: seconds(nowMs - sinceMs) });
  }
  for (const { name, seenMs } of measured.silentWorkers)
    if (nowMs - seenMs >= WORKER_SILENT_MS) add("worker-silent", name, "warn", { silentSeconds: seconds(nowMs - seenMs) });
  if (disk && disk.totalBytes > 0) {
    const used = 1 - disk.freeBytes / disk.totalBytes;
    const details = { usedPercent: Math.floor(used * 100), freeMiB: Math.floor(disk.freeBytes / 1_048_576) };
    if (used >= DISK_WARN_USED) add("disk-low", "database", used >= DISK_PAGE_USED ? "page" : "warn", details);
  }
  for (const day of measured.missingDays) add("partitions-missing", day, "page", {});
  if (measured.held) {
    const { logins, addresses, codes } = measured.held;
    add("sign-in-held", "console", logins + addresses + codes > HELD_PAGE ? "page" : "warn", { ...measured.held });
  }
  for (const [flow, code] of Object.entries(measured.flows ?? {})) add("flow-not-loaded", flow, "page", { code });
  if (measured.audit) add("audit-broken", "audit", "page", { ...measured.audit });
  for (const one of measured.sinks) {
    const waited = nowMs - one.waitingSinceMs;
    if (waited >= SINK_WAITING_MS) add("sink-down", one.sink, "warn", { waiting: one.waiting, oldestSeconds: seconds(waited) });
  }
}

/** Everything that is wrong by what was measured; at most one for a kind and subject. */
export function conditionsOf(measured: Measured): readonly Condition[] {
  const found: Condition[] = [];
  const add: Add = (kind, subject, severity, details) => void found.push({ kind, subject, severity, details });
  for (const one of measured.destinations) ofDestination(measured.nowMs, one, add);
  ofWork(measured, add);
  ofMachine(measured, add);
  return found.filter((one) => !measured.unknown.has(one.kind));
}
