/**
 * A process of the benchmark: `worker.ts <task> <options as JSON>`, started by program.ts. It says that it is ready, is told to go, answers its result and waits
 * to be ended; should its starter die, the channel closes and it ends by itself.
 */
import { accept } from "./tasks/accept.ts";
import { backlog } from "./tasks/backlog.ts";
import { bare } from "./tasks/bare.ts";
import { consume } from "./tasks/consume.ts";
import { groupCommit } from "./tasks/group-commit.ts";
import { send } from "./tasks/send.ts";

/** Prepares; the answer does the measured work. It may be told to go several times. */
export type Task<Options, Go, Result> = (options: Options) => Promise<(go: Go) => Promise<Result>>;

const TASKS = { accept, backlog, bare, consume, groupCommit, send };
export type Tasks = typeof TASKS;

const [, , name, options] = process.argv;
const task = TASKS[name as keyof Tasks] as Task<unknown, unknown, unknown> | undefined;
if (task === undefined || process.send === undefined)
  throw new Error(`started by test/bench/program.ts with one of ${Object.keys(TASKS).join(", ")}`);
process.on("disconnect", () => process.exit(0));
const go = await task(JSON.parse(options ?? "{}"));
process.on("message", (message) => {
  go(message).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
process.send({ ready: true });
