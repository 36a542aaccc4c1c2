/**
 * Do the tests notice? A copy of the project loses one safeguard at a time, by an exact edit (a text that is not found is an error, so that no mutation rots), and the
 * smallest suites that must go red are run in it. A mutation that survives is a hole in the proof.
 */
import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { inheritedEnv, ROOT } from "../../bin/environment.ts";

export interface Mutation {
  readonly safeguard: string;
  readonly edits: readonly { readonly file: string; readonly find: string; readonly put: string }[];
  /** Paths (parts of them) of the suites that must go red. */
  readonly suites: readonly string[];
}

export const MUTATIONS: readonly Mutation[] = [
  {
    safeguard: "fencing: an attempt's end is held against the claim's token",
    edits: [
      {
        file: "platform/postgres/write-backs.ts",
        find: `if (row?.state !== "sending" || row.token !== BigInt(end.token)) continue;`,
        put: `if (row?.state !== "sending") continue;`,
      },
    ],
    suites: ["test/contracts/postgres/write-backs.test.ts"],
  },
  {
    safeguard: "attempt before call: a send is noted with the claim, before anything leaves us",
    edits: [
      {
        file: "platform/postgres/write-back-sql.ts",
        find: `last_possible_send_at = case when due.action = 'send' then clock.now + \${ms("$4")} else w.last_possible_send_at end
    from due`,
        put: `last_possible_send_at = w.last_possible_send_at
    from due`,
      },
    ],
    suites: ["test/contracts/postgres/write-backs.test.ts"],
  },
  {
    safeguard: "mandatory: what no queue takes is not called published",
    edits: [{ file: "platform/rabbit/publisher.ts", find: "mandatory: true,", put: "mandatory: false," }],
    suites: ["test/contracts/rabbit/publisher.test.ts"],
  },
  {
    safeguard: "business identity: the same fact under another message id is the same fact",
    edits: [
      {
        file: "domain/delivery/judge.ts",
        find: "const identity = sealed.businessIdentity;",
        put: "const identity = undefined as string | undefined;",
      },
    ],
    suites: ["test/contracts/postgres/settle.test.ts"],
  },
  {
    safeguard: "trustNotFoundAfter: “not found” is believed only when nothing can be under way any more",
    edits: [
      {
        file: "domain/writeback/outcome.ts",
        find: `return sinceLastPossibleSendMs >= trustNotFoundAfterMs ? "resend" : "ask";`,
        put: `return sinceLastPossibleSendMs >= 0 && trustNotFoundAfterMs >= 0 ? "resend" : "ask";`,
      },
    ],
    suites: ["domain/writeback/dispatcher.test.ts", "domain/writeback/deliver.test.ts"],
  },
  {
    safeguard: "ack after commit: a sender is told only what is in the journal",
    edits: [
      {
        file: "platform/transports/amqp/door.ts",
        find: `    failpoint("amqp-door.before-journal");\n`,
        put: `    failpoint("amqp-door.before-journal");\n    delivery.ack();\n`,
      },
    ],
    suites: ["test/contracts/rabbit/door.test.ts"],
  },
];

/** The text with the edit made. Throws when what is to be edited is not there exactly once. */
export function mutated(text: string, { file, find, put }: Mutation["edits"][number]): string {
  const times = text.split(find).length - 1;
  if (times !== 1) throw new Error(`${file}: the text to be mutated is there ${times} times, not once: ${find.slice(0, 80)}`);
  return text.replace(find, () => put);
}

export interface Mutated {
  readonly safeguard: string;
  /** Tests that went red; empty: the mutation survived. */
  readonly red: readonly string[];
  readonly seconds: number;
  readonly problem?: string;
}

interface TestReport {
  readonly results: readonly { readonly file: string; readonly name: string; readonly status: string }[];
}

const RUN_MS = 240_000;

/** The project as it stands, without what git ignores; packages are linked. */
function copyProject(to: string): void {
  const files = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "-z"], { cwd: ROOT, maxBuffer: 64 * 1024 * 1024 }).toString();
  for (const file of files.split("\0").filter((name) => name !== "")) {
    mkdirSync(dirname(join(to, file)), { recursive: true });
    cpSync(join(ROOT, file), join(to, file), { force: true });
  }
  symlinkSync(join(ROOT, "node_modules"), join(to, "node_modules"));
}

/** Runs suites of a copy with \`npm test\`'s own runner; answers the red ones and how many ran. */
function runSuites(copy: string, suites: readonly string[], signal: AbortSignal): Promise<{ red: string[]; ran: number; said: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", join(copy, "bin", "test.ts"), ...suites, "--json"], {
      cwd: copy,
      env: inheritedEnv(),
      stdio: ["ignore", "pipe", "pipe"],
      timeout: RUN_MS,
      killSignal: "SIGTERM",
      signal,
    });
    let out = "";
    let said = "";
    child.stdout.on("data", (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-4_000);
    });
    child.once("error", reject);
    child.once("exit", () => {
      const line = out.split("\n").find((one) => one.startsWith("{"));
      if (line === undefined) return resolve({ red: [], ran: 0, said });
      const { results } = JSON.parse(line) as TestReport;
      const red = results.filter((one) => one.status === "failed").map((one) => `${one.file}: ${one.name}`);
      resolve({ red, ran: results.length, said });
    });
  });
}

/** Runs every mutation, one after another, after all their suites without any. */
export async function runMutations(
  log: (line: string) => void,
  signal: AbortSignal,
): Promise<{ readonly results: readonly Mutated[]; readonly good: boolean }> {
  const copy = mkdtempSync(join(tmpdir(), "huiliu-mutations-"));
  const results: Mutated[] = [];
  try {
    copyProject(copy);
    const suites = [...new Set(MUTATIONS.flatMap((one) => one.suites))];
    const green = await runSuites(copy, suites, signal);
    if (green.ran === 0) throw new Error(`no test ran without a mutation: ${green.said}`);
    log(`· ${green.ran} tests of ${suites.length} suites without a mutation: ${green.red.length} red`);
    // What is red anyway proves nothing about a mutation.
    for (const name of green.red) log(`    red anyway, not counted: ${name}`);
    const anyway = new Set(green.red);
    for (const { safeguard, edits, suites: wanted } of MUTATIONS) {
      if (signal.aborted) break;
      const since = Date.now();
      const kept = edits.map((edit) => ({ file: join(copy, edit.file), text: readFileSync(join(copy, edit.file), "utf8"), edit }));
      for (const { file, text, edit } of kept) writeFileSync(file, mutated(text, edit));
      const { red: all, ran, said } = await runSuites(copy, wanted, signal);
      const red = all.filter((name) => !anyway.has(name));
      for (const { file, text } of kept) writeFileSync(file, text);
      const seconds = Math.round((Date.now() - since) / 100) / 10;
      // A runner that ran nothing has proved nothing.
      const problem = ran === 0 ? { problem: `no test ran: ${said.slice(-300)}` } : {};
      results.push({ safeguard, red, seconds, ...problem });
      log(
        `  ${red.length > 0 ? "✓" : "✗"} ${safeguard}: ${red.length > 0 ? `${red.length} went red, ${red[0]}` : "survived"} (${seconds} s)`,
      );
      if (ran === 0) log(`      ${said.slice(-300)}`);
    }
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
  return { results, good: results.length === MUTATIONS.length && results.every((one) => one.red.length > 0) };
}
