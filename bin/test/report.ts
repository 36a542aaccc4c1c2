import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestResult } from "./results.ts";

export interface Capability {
  readonly id: string;
  readonly title: string;
}

/** A test that is left out on purpose: why, and since when. */
export interface Exclusion {
  readonly test: string;
  readonly reason: string;
  readonly date: string;
}

export interface CapabilityReport extends Capability {
  /** "none" when no test carries the id; "failed" when one of those that do failed or was skipped. */
  readonly status: "passed" | "failed" | "none";
  readonly tests: readonly { readonly file: string; readonly name: string; readonly status: string }[];
}

export interface TestReport {
  readonly at: string;
  readonly complete: boolean;
  readonly ran: number;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly phases: readonly { readonly name: string; readonly seconds: number; readonly files: number }[];
  readonly capabilities: readonly CapabilityReport[];
  readonly results: readonly TestResult[];
}

const ROW = /^\|\s*((?:C|S[0-4])-\d+)\s*\|\s*([^|]*?)\s*\|/;
const ID = /(?<![A-Za-z0-9])(?:C|S[0-4])-\d+(?![0-9])/g;

/** The capabilities a document lists in its tables: id and short name. */
export function parseCapabilities(markdown: string): Capability[] {
  const found = new Map<string, Capability>();
  for (const line of markdown.split("\n")) {
    const match = ROW.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined && !found.has(match[1]))
      found.set(match[1], { id: match[1], title: match[2].replaceAll("**", "") });
  }
  return [...found.values()];
}

/** The list beside the project where there is one, else the committed copy. */
export function loadCapabilities(root: string): Capability[] {
  const document = join(root, "..", "shared", "capabilities.md");
  if (existsSync(document)) return parseCapabilities(readFileSync(document, "utf8"));
  return JSON.parse(readFileSync(join(root, "docs", "capabilities.json"), "utf8")) as Capability[];
}

/** Capability ids that a test's names carry. */
export function idsIn(name: string): string[] {
  return [...new Set(name.match(ID) ?? [])];
}

/** For every capability the tests that carry its id. It has passed when there is one and none of them failed or was skipped. */
export function reportCapabilities(capabilities: readonly Capability[], results: readonly TestResult[]): CapabilityReport[] {
  const byId = new Map<string, TestResult[]>();
  for (const result of results) for (const id of idsIn(result.name)) byId.set(id, [...(byId.get(id) ?? []), result]);
  return capabilities.map((capability) => {
    const tests = (byId.get(capability.id) ?? []).map(({ file, name, status }) => ({ file, name, status }));
    const status = tests.length === 0 ? "none" : tests.every((test) => test.status === "passed") ? "passed" : "failed";
    return { ...capability, status, tests };
  });
}

/** The tests that may be left out; each entry needs its reason and its date. */
export function loadExclusions(root: string): Exclusion[] {
  const path = join(root, "test", "exclusions.json");
  if (!existsSync(path)) return [];
  const entries = JSON.parse(readFileSync(path, "utf8")) as Partial<Exclusion>[];
  return entries.map(({ test, reason, date }) => {
    if (!test || !reason || !date || !/^\d{4}-\d{2}-\d{2}$/.test(date))
      throw new Error(
        `test/exclusions.json: every entry needs test, reason and date (YYYY-MM-DD): ${JSON.stringify({ test, reason, date })}`,
      );
    return { test, reason, date };
  });
}

/** Skipped tests that nobody gave a reason for: each of them fails the run. */
export function unexplainedSkips(results: readonly TestResult[], exclusions: readonly Exclusion[]): TestResult[] {
  return results.filter(
    (result) => result.status === "skipped" && !exclusions.some(({ test }) => result.name === test || result.name.endsWith(` > ${test}`)),
  );
}
