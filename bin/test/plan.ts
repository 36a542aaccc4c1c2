import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The files of a run: first those that need nothing but the code, then those that talk to servers. Paths are relative to the root. */
export interface TestPlan {
  readonly pure: readonly string[];
  readonly services: readonly string[];
}

const PATTERNS = ["{domain,platform,nodes,console,adapters,bin,mappings,flows,test}/**/*.test.ts", "*.test.ts"];
/** Run by commands of their own: npm run peers, npm run faults. */
const ELSEWHERE = /^test\/(peers|faults\/long)\//;
const SERVICE_FOLDERS = /^test\/(attacks|contracts|journeys|setup|faults|bench|browser|peers)\//;

/** Finds the test files; `wanted` narrows them to paths that contain one of the given texts. */
export function planTests(root: string, wanted: readonly string[]): TestPlan {
  const files = globSync(PATTERNS, { cwd: root, exclude: (name) => name === "node_modules" || name === ".data" })
    .map((file) => file.replaceAll("\\", "/"))
    .filter((file) => wanted.length > 0 || !ELSEWHERE.test(file))
    .filter((file) => wanted.length === 0 || wanted.some((text) => file.includes(text.replace(/^\.\//, ""))))
    .sort();
  const needsServices = (file: string): boolean =>
    SERVICE_FOLDERS.test(file) || readFileSync(join(root, file), "utf8").includes("HUILIU_TEST_");
  return { pure: files.filter((file) => !needsServices(file)), services: files.filter(needsServices) };
}
