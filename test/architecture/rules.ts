import { posix } from "node:path";

/** One source file of the project, its path relative to the root with forward slashes. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

/** A broken rule of the house and where. */
export interface Violation {
  readonly rule: "import" | "environment" | "clock" | "chance" | "length" | "folder" | "unfinished";
  readonly path: string;
  readonly what: string;
}

export interface Verdict {
  readonly violations: readonly Violation[];
  /** How many imports were looked at, per room: a checker that sees nothing finds nothing. */
  readonly imports: Readonly<Record<string, number>>;
}

export const LINES_MAX = 400;
const BANNED_FOLDERS: readonly string[] = ["util", "utils", "common", "helper", "helpers", "shared", "lib", "src", "misc"];

/** What each room may import of the others; a room may always import itself, within the limits below. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  platform: ["domain"],
  nodes: ["domain"],
  adapters: ["domain"],
  console: ["domain"],
  settings: ["domain", "platform", "nodes", "adapters", "console", "bin"],
  bin: ["domain", "platform", "nodes", "adapters", "console", "settings", "test"],
  test: ["domain", "platform", "nodes", "adapters", "console", "settings", "bin"],
};
/** Rooms in which no folder imports another, save the named ones. */
const SEPARATE: Readonly<Record<string, readonly string[]>> = { nodes: ["kit"], adapters: [] };
const DOMAIN_PACKAGES = new Set(["typebox", "ajv", "ajv-formats", "saxes", "fast-xml-parser", "iconv-lite"]);
const TEST_PACKAGES = new Set(["fast-check"]);

const IMPORTS: readonly RegExp[] = [
  /(?:^|[\n;}])\s*(?:import|export)\s(?:[^"'`;]*?\sfrom\s*)?["']([^"']+)["']/g,
  /\bimport\(\s*["']([^"']+)["']\s*\)/g,
  /\brequire(?:\.resolve)?\(\s*["']([^"']+)["']\s*\)/g,
];

/** The text without comments, so that a word in one breaks no rule. Strings stay: an import is one. */
export function withoutComments(text: string): string {
  return text.replace(
    /("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    (_all, string: string | undefined) => string ?? "",
  );
}

/** Everything a file imports, statically or by a literal dynamic import. */
export function importsOf(text: string): string[] {
  const code = withoutComments(text);
  return IMPORTS.flatMap((pattern) => [...code.matchAll(pattern)].map((match) => match[1] ?? ""));
}

function roomOf(path: string): string {
  return path.includes("/") ? (path.split("/")[0] ?? "") : path.replace(/\.[a-z]+$/, "");
}

function isTest(path: string): boolean {
  return path.endsWith(".test.ts") || path.startsWith("test/");
}

function packageOf(specifier: string): string {
  const parts = specifier.split("/");
  return specifier.startsWith("@") ? parts.slice(0, 2).join("/") : (parts[0] ?? "");
}

function relativeImportProblem(path: string, specifier: string): string | undefined {
  const target = posix.normalize(posix.join(posix.dirname(path), specifier));
  const [from, to] = [roomOf(path), roomOf(target)];
  if (target.startsWith("..")) return `${specifier} leaves the project`;
  const inHospital = path.startsWith("test/hospital/");
  if (inHospital !== target.startsWith("test/hospital/") && inHospital)
    return `the simulated hospital shares no code with anything: ${target}`;
  if (from === to) {
    const open = SEPARATE[from];
    const [own, other] = [path.split("/")[1], target.split("/")[1]];
    return open !== undefined && own !== other && other !== undefined && target.split("/").length > 2 && !open.includes(other)
      ? `${from}/${own} imports ${from}/${other}`
      : undefined;
  }
  // A test beside the code may use the test room's own tools, and the stores in memory.
  if (path.endsWith(".test.ts") && (to === "test" || target.startsWith("platform/memory/"))) return undefined;
  return (MAY_IMPORT[from] ?? []).includes(to) ? undefined : `${from} may not import ${to}: ${target}`;
}

function importProblem(path: string, specifier: string, code: string): string | undefined {
  if (specifier.startsWith(".")) return relativeImportProblem(path, specifier);
  if (roomOf(path) !== "domain" || isTest(path)) return undefined;
  if (specifier.startsWith("node:")) return `domain may not import ${specifier}`;
  const name = packageOf(specifier);
  if (!DOMAIN_PACKAGES.has(name) && !TEST_PACKAGES.has(name)) return `domain may not import ${name}`;
  if (TEST_PACKAGES.has(name)) return `${name} is for tests`;
  return name === "fast-xml-parser" && /\bXMLParser\b|\bXMLValidator\b/.test(code)
    ? "of fast-xml-parser only the builder may be used"
    : undefined;
}

function wordProblems(path: string, code: string): Violation[] {
  const room = roomOf(path);
  const found: Violation[] = [];
  if (/\bprocess\s*\.\s*env\b|\bimport\.meta\.env\b/.test(code) && !["settings", "bin"].includes(room) && !isTest(path))
    found.push({ rule: "environment", path, what: "process.env is read only in settings.ts and bin/" });
  if (
    /\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\.now\b|\bprocess\.hrtime\b/.test(code) &&
    !["platform", "bin"].includes(room) &&
    !path.startsWith("console/web/") && // the browser's clock: pages are no part of the engine
    !isTest(path)
  )
    found.push({ rule: "clock", path, what: "the clock is read only in platform/ and bin/: take it as a port" });
  if (room === "domain" && !isTest(path) && /\bMath\.random\b|\bcrypto\s*\.\s*(?:random|subtle|get)/.test(code))
    found.push({ rule: "chance", path, what: "domain takes randomness and hashes as ports" });
  return found;
}

/** Looks at every file and reports each broken rule of the house (design.md section 4). */
export function checkHouse(sources: readonly Source[]): Verdict {
  const violations: Violation[] = [];
  const imports: Record<string, number> = {};
  for (const { path, text } of sources) {
    const code = withoutComments(text);
    for (const specifier of importsOf(text)) {
      imports[roomOf(path)] = (imports[roomOf(path)] ?? 0) + 1;
      const what = importProblem(path, specifier, code);
      if (what !== undefined) violations.push({ rule: "import", path, what });
    }
    violations.push(...wordProblems(path, code));
    const lines = text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
    if (lines > LINES_MAX) violations.push({ rule: "length", path, what: `${lines} lines; at most ${LINES_MAX}` });
    if (/\b(?:TODO|FIXME|XXX)\b/.test(text) && !path.startsWith("test/architecture"))
      violations.push({ rule: "unfinished", path, what: "says that it is unfinished" });
  }
  return { violations, imports };
}

/** The folders of a project that are a place to hide things in. */
export function bannedFolders(folders: readonly string[]): Violation[] {
  return folders
    .filter((folder) => BANNED_FOLDERS.includes(posix.basename(folder)))
    .map((path) => ({ rule: "folder", path, what: "is a name to hide behind: say what is in it" }));
}
