/**
 * Destination profiles in the database: seeded from partners/*.json, changed by people at run time, followed by every worker within a second. A file that changed is taken
 * over at the next start unless people changed the profile; then theirs stays, and the difference is told. Attempts in flight keep the policy they began with.
 */
import type { Deed } from "../operations/ports.ts";
import type { Answered } from "../operations/refusals.ts";
import type { Done } from "../operations/views.ts";
import type { OutcomesView, ProfileCheck } from "../operations/views-destinations.ts";
import type { DestinationProfile, ProfileChange, ProfileDifference } from "../operations/views-lanes.ts";
import type { Destination } from "./profile.ts";

/** Longest a worker goes on with a profile that was changed elsewhere. */
export const PROFILE_WATCH_MS = 500;

/** A problem of a profile. `at`: JSON pointer into it. */
export interface ProfileProblem {
  readonly at: string;
  readonly zh: string;
  readonly en: string;
}

/** A profile as it is stored. */
export interface StoredProfile {
  readonly name: string;
  readonly version: number;
  /** As the row holds it: what a person wrote with SQL may be anything. */
  readonly profile: unknown;
}

export interface ProfileFilter {
  readonly after?: string;
  readonly limit?: number;
}

export interface Profiles {
  get(destination: string): Promise<Answered<DestinationProfile>>;
  /** What would be wrong with a profile and what it would change; changes nothing. */
  check(destination: string, profile: unknown): Promise<Answered<ProfileCheck>>;
  /** How the attempts of the last hour ended. */
  outcomes(destination: string): Promise<Answered<OutcomesView>>;
  /** Replaces the whole profile, if it is still at `version`. */
  set(destination: string, deed: Deed & { readonly version: number; readonly profile: unknown }): Promise<Answered<Done>>;
  /** Newest first. */
  history(
    destination: string,
    filter: ProfileFilter,
  ): Promise<Answered<{ readonly items: readonly ProfileChange[]; readonly after?: string }>>;
  /** Makes it what it was at version `to`, if it is still at `version`. */
  revert(destination: string, deed: Deed & { readonly version: number; readonly to: number }): Promise<Answered<Done>>;
}

/** What the composition root gives: the rules that need folders, files and the start's profile. */
export interface ProfileRules {
  /** The profile with its defaults, or every problem of it. */
  check(
    destination: string,
    profile: unknown,
  ): { readonly ok: true; readonly profile: Destination } | { readonly ok: false; readonly problems: readonly ProfileProblem[] };
  /** As its file has it; undefined where there is no file (any more). */
  seed(destination: string): Destination | undefined;
  /** The address that settings give this process instead of the profile's. */
  override(destination: string): string | undefined;
  /** Reads the profiles now rather than within the next half second. Never rejects. */
  refresh(): Promise<void>;
}

type Json = unknown;
const isObject = (value: Json): value is Readonly<Record<string, Json>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Equal whatever the order of members, which a jsonb column does not keep. */
export function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value) ?? "null";
  const members = Object.entries(value).filter(([, one]) => one !== undefined);
  return `{${members
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, one]) => `${JSON.stringify(name)}:${canonical(one)}`)
    .join(",")}}`;
}

const escaped = (name: string): string => name.replaceAll("~", "~0").replaceAll("/", "~1");

/** Where two profiles differ, as JSON pointers; what one of them lacks is absent. */
export function differences(before: Json, after: Json, at = ""): readonly ProfileDifference[] {
  if (isObject(before) && isObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return names.flatMap((name) => differences(before[name], after[name], `${at}/${escaped(name)}`));
  }
  if ((before === undefined) === (after === undefined) && canonical(before) === canonical(after)) return [];
  return [{ at, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }];
}

/**
 * What a start does with a destination's row. `rowHash`, `seedHash`: of the row's profile and of the file it was last taken from; `fileHash`: of the file now.
 * - no row, or one that was made without a profile: take the file
 * - the file as before: nothing
 * - the file changed, the profile not: take the file
 * - both changed: people's profile stays, and the difference is told
 */
export function seeding(
  row: { readonly rowHash: string; readonly seedHash: string } | undefined,
  fileHash: string,
): "take" | "keep" | "differs" {
  if (row === undefined || row.seedHash === "") return "take";
  if (row.rowHash === fileHash) return row.seedHash === fileHash ? "keep" : "take";
  if (row.seedHash === fileHash) return "keep";
  return row.rowHash === row.seedHash ? "take" : "differs";
}
