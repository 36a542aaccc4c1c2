import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import { run } from "node:test";
import { inspect } from "node:util";

/** What became of one test. `name` is the whole chain of names, joined by " > ". */
export interface TestResult {
  readonly file: string;
  readonly name: string;
  readonly status: "passed" | "failed" | "skipped";
  readonly ms: number;
  readonly error?: string;
}

export interface RunFilesOptions {
  readonly root: string;
  readonly files: readonly string[];
  readonly concurrency: number;
  readonly env: Record<string, string>;
  readonly namePattern: string | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly onFailure: (result: TestResult, output: string) => void;
}

interface EventData {
  readonly name: string;
  readonly nesting: number;
  readonly file?: string | undefined;
  readonly skip?: string | boolean | undefined;
  readonly todo?: string | boolean | undefined;
  readonly details?: { readonly duration_ms?: number; readonly type?: string; readonly error?: unknown } | undefined;
}

const OUTPUT_KEPT_CHARS = 6_000;
const ERROR_KEPT_CHARS = 4_000;

/** As many pure test files at once as there are processors. */
export const PURE_CONCURRENCY = Math.max(2, availableParallelism());

function textOfError(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : inspect(cause);
  return text
    .split("\n")
    .filter((line) => !/^\s+at .*node:internal/.test(line))
    .join("\n")
    .slice(0, ERROR_KEPT_CHARS);
}

/** Follows the events of one run and turns them into results. */
function collector(options: RunFilesOptions): {
  onStart(data: EventData): void;
  onEnd(data: EventData, passed: boolean): void;
  onOutput(file: string | undefined, text: string): void;
  results: TestResult[];
} {
  const names = new Map<string, string[]>();
  const output = new Map<string, string>();
  const results: TestResult[] = [];
  return {
    results,
    onStart(data) {
      const chain = names.get(data.file ?? "") ?? [];
      chain.length = data.nesting;
      chain[data.nesting] = data.name;
      names.set(data.file ?? "", chain);
    },
    onEnd(data, passed) {
      const isSuite = data.details?.type === "suite";
      if (isSuite && passed) return;
      const chain = [...(names.get(data.file ?? "") ?? []).slice(0, data.nesting), data.name];
      const file = relative(options.root, data.file ?? options.root);
      const left = (data.skip ?? false) !== false || (data.todo ?? false) !== false;
      const cause = data.details?.error;
      // A suite that failed only because a test in it failed has been counted by that test.
      if (isSuite && cause instanceof Error && (cause as { failureType?: string }).failureType === "subtestsFailed") return;
      const result: TestResult = {
        file,
        name: chain.join(" > "),
        status: left ? "skipped" : passed ? "passed" : "failed",
        ms: Math.round(data.details?.duration_ms ?? 0),
        ...(passed || left ? {} : { error: textOfError(cause) }),
      };
      results.push(result);
      if (result.status === "failed") options.onFailure(result, output.get(data.file ?? "") ?? "");
    },
    onOutput(file, text) {
      output.set(file ?? "", `${output.get(file ?? "") ?? ""}${text}`.slice(-OUTPUT_KEPT_CHARS));
    },
  };
}

/** The runner of Node reports a file that takes too long and then waits for its process; a process that spins would be waited for until CI gives up. */
const GRACE_MS = 10_000;

/** Runs test files, each in a process of its own, and resolves with every result once the last process has ended; a process past its time is killed. */
export async function runFiles(options: RunFilesOptions): Promise<TestResult[]> {
  if (options.files.length === 0) return [];
  const collected = collector(options);
  // `env` is known to this Node but not yet to its type package.
  const settings = {
    files: options.files.map((file) => join(options.root, file)),
    cwd: options.root,
    concurrency: options.concurrency,
    timeout: options.timeoutMs,
    signal: AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs * options.files.length + GRACE_MS)]),
    env: options.env,
    ...(options.namePattern === undefined ? {} : { testNamePatterns: [new RegExp(options.namePattern)] }),
  };
  const stream = run(settings);
  stream.on("test:start", (data) => collected.onStart(data));
  stream.on("test:pass", (data) => collected.onEnd(data, true));
  stream.on("test:fail", (data) => collected.onEnd(data, false));
  stream.on("test:stdout", (data) => collected.onOutput(data.file, data.message));
  stream.on("test:stderr", (data) => collected.onOutput(data.file, data.message));
  stream.resume();
  await new Promise<void>((resolve, reject) => {
    stream.once("end", resolve);
    stream.once("error", reject);
  });
  return collected.results;
}
