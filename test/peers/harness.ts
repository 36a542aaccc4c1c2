/** What the peers need: clients that nobody here wrote, and a way to run them. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Debian package → how to see that it is there. */
const PACKAGES = {
  "python3-pika": ["/usr/bin/python3", ["-c", "import pika"]],
  "amqp-tools": ["amqp-publish", ["--version"]],
  "python3-zeep": ["/usr/bin/python3", ["-c", "import zeep"]],
  "php-cli": ["php", ["--version"]],
  "php-soap": ["php", ["-r", "exit(class_exists('SoapClient') ? 0 : 1);"]],
  "mariadb-server": ["/usr/sbin/mariadbd", ["--version"]],
  "python3-psycopg2": ["/usr/bin/python3", ["-c", "import psycopg2"]],
  "python3-hl7": ["/usr/bin/python3", ["-c", "import hl7.mllp"]],
  dcmtk: ["echoscu", ["--version"]],
  orthanc: ["Orthanc", ["--version"]],
  vsftpd: ["test", ["-x", "/usr/sbin/vsftpd"]],
  "openssh-server": ["test", ["-x", "/usr/sbin/sshd"]],
  "openssh-client": ["ssh", ["-V"]],
  prometheus: ["promtool", ["--version"]],
} as const;
export type Package = keyof typeof PACKAGES;
/** Of one try, with the wait for others that install, and for a mirror that is slow. */
const INSTALL_MS = 600_000;
const INSTALL_TRIES = 3;
/** One at a time: the runner's lanes install beside each other, and whoever finds apt's lists locked fails. A daemon that a package starts must not hold the lock (-o). */
const IN_TURN = ["flock", "-o", join(tmpdir(), `huiliu-apt-${process.getuid?.() ?? 0}.lock`)];
const PATIENT = ["-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=5"];

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end with something on its standard input. A command that is not there ends with code 127. */
export async function run(
  command: string,
  args: readonly string[],
  options: { input?: Uint8Array; cwd?: string; env?: NodeJS.ProcessEnv; ms?: number; uid?: number; gid?: number } = {},
): Promise<Ran> {
  const { input, ms = 60_000, ...rest } = options;
  const child = spawn(command, args, { ...rest, stdio: ["pipe", "pipe", "pipe"], timeout: ms, killSignal: "SIGKILL" });
  const text = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => {
    text.stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    text.stderr += chunk.toString();
  });
  child.stdin.on("error", () => undefined); // a client that reads nothing closes it
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve) => {
    child.once("error", () => resolve(127));
    child.once("close", (ended) => resolve(ended));
  });
  return { code, ...text };
}

/** Makes sure that the clients are there: installed by apt where that may be done, else one sentence that says what to type. */
export async function needPeers(names: readonly Package[] = ["python3-pika", "amqp-tools"]): Promise<void> {
  const missing: string[] = [];
  for (const name of names) {
    const [command, args] = PACKAGES[name];
    if ((await run(command, args)).code !== 0) missing.push(name);
  }
  if (missing.length === 0) return;
  const apt = ["apt-get", "install", "-y", "--no-install-recommends", ...missing];
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const get = (...what: string[]): Promise<Ran> => {
    const line = ["apt-get", ...PATIENT, ...what];
    const [command = "", ...args] = [...IN_TURN, ...(process.getuid?.() === 0 ? line : ["sudo", "-n", ...line])];
    return run(command, args, { env, ms: INSTALL_MS });
  };
  let done = await get(...apt.slice(1));
  for (let tries = 1; done.code !== 0 && tries < INSTALL_TRIES; tries += 1) {
    await get("update");
    done = await get(...apt.slice(1));
  }
  if (done.code !== 0)
    throw new Error(`these clients are missing and could not be installed; type: sudo ${apt.join(" ")}\n${done.stderr.slice(-500)}`);
}

/** Lines that a long-running client prints, as they come. */
export function linesOf(child: ChildProcess): { readonly lines: readonly string[]; ended: Promise<unknown> } {
  const lines: string[] = [];
  let rest = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    const parts = (rest + chunk.toString("utf8")).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
  });
  return { lines, ended: once(child, "exit") };
}
