/** Reading what a node was configured with: migrated to the present version first, then checked once, when its flow starts. */
import type { Raw } from "./red.ts";

/** A checked configuration, or what is wrong with it, said to the integrator. */
export type Checked<C> = { readonly ok: true; readonly value: C } | { readonly ok: false; readonly zh: string; readonly en: string };

/** Brings a configuration from version `from` to `from + 1`. Pure; never removes what it does not know. */
export interface Migration {
  readonly from: number;
  readonly migrate: (raw: Raw) => Raw;
}

/** A configuration without a version is of version 1. One that is newer than this engine is refused: an older engine must not guess. */
export function migrated(raw: Raw, version: number, migrations: readonly Migration[]): Checked<Raw> {
  let at = typeof raw.version === "number" ? raw.version : 1;
  if (at > version)
    return {
      ok: false,
      zh: `节点配置的版本 ${at} 高于本引擎支持的 ${version}`,
      en: `the node's configuration has version ${at}, this engine knows ${version}`,
    };
  let value = raw;
  while (at < version) {
    const step = migrations.find((one) => one.from === at);
    if (step === undefined) return { ok: false, zh: `缺少版本 ${at} 的迁移`, en: `there is no migration from version ${at}` };
    at += 1;
    value = { ...step.migrate(value), version: at };
  }
  return { ok: true, value };
}

/** A text; absent and "" are both "not given". */
export const textOf = (raw: Raw, key: string): string => (typeof raw[key] === "string" ? (raw[key] as string).trim() : "");

/** A list of texts, without empty ones. */
export const listOf = (raw: Raw, key: string): readonly string[] => {
  const value = raw[key];
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === "string" && one !== "") : [];
};

/** A whole number within limits; editors store numbers as text, so both are read. */
export function wholeOf(raw: Raw, key: string, limits: { readonly least: number; readonly most: number }): Checked<number> {
  const given = raw[key];
  const value = typeof given === "number" ? given : typeof given === "string" && /^\d{1,9}$/.test(given) ? Number(given) : Number.NaN;
  if (Number.isInteger(value) && value >= limits.least && value <= limits.most) return { ok: true, value };
  return {
    ok: false,
    zh: `${key} 应为 ${limits.least} 到 ${limits.most} 的整数`,
    en: `${key} must be a whole number from ${limits.least} to ${limits.most}`,
  };
}

/** The refusal for a setting that must be chosen. */
export const notChosen = (zh: string, en: string): { readonly ok: false; readonly zh: string; readonly en: string } => ({
  ok: false,
  zh: `未选择${zh}`,
  en: `no ${en} is chosen`,
});
