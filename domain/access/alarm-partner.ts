/** Whose subject is the partner itself. */
export const PARTNER_KINDS: readonly string[] = [
  "write-back-age",
  "backlog",
  "breaker-open",
  "lanes-blocked",
  "write-back-parked",
  "unclear",
  "message-parked",
  "duplicates-answered",
];

/** Whose alarm it is: the partner that its subject names, by its kind. Undefined: of the engine as a whole. Lists ask the store the same (AlarmFilter.partners). */
export function alarmPartner({ kind, subject }: { readonly kind: string; readonly subject: string }): string | undefined {
  if (PARTNER_KINDS.includes(kind)) return subject;
  if (kind === "not-written-back") return subject.startsWith("event:") ? subject.slice("event:".length).split("/")[0] : subject;
  // business day/partner/kind
  return kind === "totals-differ" ? subject.split("/")[1] : undefined;
}
