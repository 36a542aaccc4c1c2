import { mkdirSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { exitOf, type Launcher, readyWithin } from "./keeper.ts";
import { endLeftover, endProcess, identify, spawnLogged, tailOf, writeAtomically, writePidFile } from "./processes.ts";
import { ServiceProblem } from "./problem.ts";

export interface RedisOptions {
  readonly dir: string;
  readonly binary: string;
  readonly env: Record<string, string>;
  readonly password: string;
  readonly preferredPort: number | undefined;
}

const READY_WITHIN_MS = 60_000;
const PROBE_TIMEOUT_MS = 1_000;
const END_SIGNALS = [["SIGTERM", 5_000]] as const;
const MAX_MEMORY = "256mb";

/** Asks the server at a port for its process number, through a password only ours knows. */
function processAt(port: number, password: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    let text = "";
    const done = (pid: number | undefined): void => {
      socket.destroy();
      resolve(pid);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => done(undefined));
    socket.once("error", () => done(undefined));
    socket.once("close", () => done(undefined));
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      const found = /process_id:(\d+)\r\n/.exec(text);
      if (found?.[1] !== undefined) done(Number(found[1]));
      else if (text.startsWith("-")) done(undefined);
    });
    socket.once("connect", () => socket.write(`AUTH ${password}\r\nINFO server\r\n`));
  });
}

/** A private Redis: loopback, with a password, nothing kept on disk (it is cache and registry; the truth is elsewhere). */
export function redisLauncher(options: RedisOptions): Launcher {
  const pidFile = join(options.dir, "redis.pid.json");
  const logFile = join(options.dir, "redis.log");
  const configFile = join(options.dir, "redis.conf");
  return {
    name: "Redis",
    preferredPort: options.preferredPort,
    async launch(port, signal) {
      mkdirSync(options.dir, { recursive: true, mode: 0o700 });
      await endLeftover(pidFile, END_SIGNALS);
      // The password goes into a file: arguments are visible to every user of the machine. The folder is the working directory, so its name needs no quoting.
      writeAtomically(
        configFile,
        `bind 127.0.0.1\nprotected-mode yes\nport ${port}\nunixsocket ""\ntcp-keepalive 60\ndaemonize no\nsave ""\nappendonly no\ndir ./\nmaxmemory ${MAX_MEMORY}\nmaxmemory-policy volatile-lru\nrequirepass ${options.password}\n`,
      );
      const child = spawnLogged(options.binary, ["./redis.conf"], { env: options.env, cwd: options.dir, logFile });
      const exited = exitOf(child);
      const pid = child.pid;
      if (pid === undefined) throw new ServiceProblem("service-did-not-start", `redis-server (${options.binary}) cannot be executed`);
      writePidFile(pidFile, pid);
      const identity = identify(pid);
      const ready = await readyWithin(exited, READY_WITHIN_MS, signal, async () => (await processAt(port, options.password)) === pid);
      const stop = async (): Promise<void> => {
        if (identity !== undefined) await endProcess(identity, END_SIGNALS);
        await endLeftover(pidFile, END_SIGNALS);
      };
      if (!ready) {
        await stop();
        throw new ServiceProblem("service-did-not-start", `Redis; the end of ${logFile}: ${tailOf(logFile, 3)}`);
      }
      return { pid, exited, stop };
    },
  };
}
