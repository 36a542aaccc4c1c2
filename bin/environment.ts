import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ParseArgsConfig, parseArgs } from "node:util";

/** The project's folder. */
export const ROOT: string = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");

/** Where everything that is not in git is kept. */
export const DATA_DIR: string = join(ROOT, ".data");

/** What a command was given; one that was given something it does not know ends here, with its help and exit code 2. */
export function argumentsOf<T extends ParseArgsConfig>(help: string, config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    process.stderr.write(`✗ ${error instanceof Error ? error.message : String(error)}\n\n${help}\n`);
    process.exit(2);
  }
}

/** This process's environment for programs it starts, without npm's and setup's own variables. */
export function inheritedEnv(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && !/^(npm_|INIT_CWD$|NODE_CHANNEL_)/.test(entry[0]),
    ),
  );
}

/** An address given from outside, or undefined; an empty variable is as good as none. */
export function givenUrl(name: "HUILIU_POSTGRES_URL" | "HUILIU_AMQP_URL" | "HUILIU_REDIS_URL"): string | undefined {
  const value = process.env[name]?.trim();
  return value === undefined || value === "" ? undefined : value;
}

/** Whether another process started this one and wants it to end with itself. On a slow machine that one may be gone before a line of ours has run: then it is false, and never undefined. */
const STARTED_WITH_CHANNEL = (process.connected as boolean | undefined) !== undefined;

/**
 * Calls back once, with the reason, when this process is asked to stop: Ctrl-C, a termination signal, or the death of the
 * process that started it (its channel closes). Later requests are ignored: the first is being carried out.
 */
export function onStopRequest(stop: (reason: string) => void): void {
  // Whoever read our output may be gone; a line that cannot be written must not end this process before it has stopped what it started.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
  let asked = false;
  const ask = (reason: string): void => {
    if (asked) return;
    asked = true;
    stop(reason);
  };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const) process.on(name, () => ask(name));
  if (STARTED_WITH_CHANNEL && !process.connected) ask("the process that started this one has ended");
  if (process.connected) {
    process.on("disconnect", () => ask("the process that started this one has ended"));
    process.channel?.unref(); // the channel alone keeps nobody alive
  }
}
