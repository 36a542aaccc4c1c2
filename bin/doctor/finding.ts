/** What the doctor says: every check ends in findings, each with its state, its place and, where something is wrong, what to do. */

import type { ReleaseKeyPlaces } from "../flow-tests/keys.ts";

export type FindingState = "ok" | "warn" | "bad";

export interface Finding {
  readonly check: CheckName;
  readonly state: FindingState;
  /** Setting, file, server or partner. */
  readonly at: string;
  readonly zh: string;
  readonly en: string;
  readonly next?: { readonly zh: string; readonly en: string };
}

/** In the order in which a set-up is built: what stands further down needs what stands above. */
export const CHECK_NAMES = ["machine", "settings", "documents", "servers", "partners", "engine"] as const;
export type CheckName = (typeof CHECK_NAMES)[number];

/** What is looked at: addresses of what runs, from run.json of a running set-up or from the environment. */
export interface Patient {
  readonly root: string;
  readonly dataDir: string;
  readonly profile: "development" | "production";
  readonly credentialsFile: string | undefined;
  /** Where the keys of flow releases are (bin/flow-tests/keys.ts). */
  readonly releaseKeys: ReleaseKeyPlaces;
  readonly postgres: string | undefined;
  readonly amqp: string | undefined;
  readonly redis: string | undefined;
  readonly partnerUrls: Readonly<Record<string, string>>;
  /** The operators' door and its token, where an engine runs. */
  readonly console: string | undefined;
  readonly token: string | undefined;
  readonly nowMs: () => number;
}

/** Never rejects: what cannot be looked at is a finding. */
export type Check = (patient: Patient) => Promise<readonly Finding[]>;

export const fine = (check: CheckName, at: string, zh: string, en: string): Finding => ({ check, state: "ok", at, zh, en });
export const wrong = (
  check: CheckName,
  state: "warn" | "bad",
  at: string,
  [zh, en]: readonly [zh: string, en: string],
  [nextZh, nextEn]: readonly [zh: string, en: string],
): Finding => ({ check, state, at, zh, en, next: { zh: nextZh, en: nextEn } });

/** One line of whatever was thrown, without addresses' passwords. */
export function lineOf(error: unknown): string {
  const text = error instanceof Error ? (error.message === "" ? error.name : error.message) : String(error);
  return (
    text
      .replace(/\/\/[^@/\s]*@/g, "//")
      .split("\n")[0]
      ?.slice(0, 300) ?? ""
  );
}
