import { chmodSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readAccessSettings } from "../../platform/access/settings.ts";
import { type GivenServices, type Services, startServices } from "../../platform/services/index.ts";
import { type Kept, keepRunning } from "../../platform/services/keeper.ts";
import { freePort } from "../../platform/services/ports.ts";
import { readState, writeAtomically } from "../../platform/services/processes.ts";
import { capLog, type EngineFile, type HospitalPartner, launchHospital, type Place, type Program } from "./children.ts";
import { refuseUnsafe } from "../engine/safety.ts";
import { startWorkers, type WorkerEntry } from "./workers.ts";
import { releaseSigner } from "../flow-tests/keys.ts";
import { addSecrets, brokerAccounts, type Credentials, ensureCredentials, listPartners } from "./credentials.ts";
import { partnerUrls, secretsOf as secretsOfHospital, tellPartners, toldPartners } from "./hospital.ts";

export interface RunOptions {
  readonly root: string;
  readonly dataDir: string;
  readonly profile: "development" | "production";
  readonly given: GivenServices;
  /** Production's credentials, which it has to bring; development makes `<dataDir>/credentials.json`. */
  readonly credentialsFile: string | undefined;
  readonly env: Record<string, string>;
  /** Processes of the engine that share the work; one when absent. */
  readonly workers?: number;
  /** How the engine is run; its environment is added here. */
  readonly engine: { readonly command: string; readonly args: readonly string[] };
  /** How the simulated hospital is run, without its ports; absent when there is none. */
  readonly hospital: { readonly command: string; readonly args: readonly string[] } | undefined;
  /** Builds the console's pages beside the servers' start and resolves with their folder; absent: none are built. The engine runs without them when it rejects. */
  readonly pages?: (signal: AbortSignal) => Promise<string>;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
  /** Waits between restarts of whatever ends unasked; fault runs give short ones (keeper.ts has the usual). */
  readonly restartWaitsMs?: readonly number[];
}

/** What `.data/run.json` says; what is not running is absent. */
export type RunFile = Record<string, unknown>;

export interface Running {
  readonly file: RunFile;
  /** The engine first, then the hospital, then the servers. */
  stop(): Promise<void>;
}

const PORT_NAMES = ["gateway", "console", "editor", "hospital", "hospitalControl"] as const;
type Ports = Record<(typeof PORT_NAMES)[number], number>;
const CAP_LOGS_EVERY_MS = 60_000;

/** The engine's and the hospital's ports: the same at every start while they are free, so that addresses noted somewhere stay right. */
async function rememberPorts(dataDir: string, workers: number): Promise<{ readonly ports: Ports; readonly consoles: readonly number[] }> {
  const file = join(dataDir, "ports.json");
  const known = readState<Ports & { consoles: readonly number[] }>(file);
  const ports: Partial<Ports> = {};
  for (const name of PORT_NAMES) ports[name] = await freePort(known[name]);
  const consoles: number[] = [];
  for (let index = 0; index < workers - 1; index += 1) consoles.push(await freePort(known.consoles?.[index]));
  writeAtomically(file, JSON.stringify({ ...ports, consoles: consoles.length > 0 ? consoles : known.consoles }));
  return { ports: ports as Ports, consoles: [(ports as Ports).console, ...consoles] };
}

function engineEnv(
  options: RunOptions,
  services: Services,
  credentialsFile: string,
  partners: Record<string, HospitalPartner>,
  ports: Ports,
): Record<string, string> {
  return {
    HUILIU_GATEWAY_PORT: String(ports.gateway),
    HUILIU_CONSOLE_PORT: String(ports.console),
    ...(options.profile === "production" ? {} : { HUILIU_EDITOR_PORT: String(ports.editor) }),
    HUILIU_PARTNER_URLS: JSON.stringify(partnerUrls(partners)),
    ...options.env, // ports and partner addresses that a person set win
    HUILIU_ROOT: options.root,
    HUILIU_DATA_DIR: options.dataDir,
    HUILIU_PROFILE: options.profile,
    HUILIU_POSTGRES_URL: services.postgresUrl,
    HUILIU_AMQP_URL: services.amqpUrl,
    HUILIU_REDIS_URL: services.redisUrl,
    HUILIU_CREDENTIALS_FILE: credentialsFile,
    HUILIU_HOSPITAL: JSON.stringify(toldPartners(partners)),
  };
}

function runFile(
  services: Services,
  credentials: Credentials,
  told: EngineFile,
  partners: Record<string, HospitalPartner>,
  pids: Record<string, number | undefined>,
  workers: readonly WorkerEntry[],
): RunFile {
  const { pid: _pid, ...doors } = told;
  const account = (user: string, password: string): string => services.rabbit?.url(user, password) ?? services.amqpUrl;
  const hospital = toldPartners(partners);
  return {
    ...doors,
    amqp: account(credentials.observer.amqpUser, credentials.observer.amqpPassword),
    postgres: services.postgresUrl,
    redis: services.redisUrl,
    token: credentials.token,
    partners: Object.fromEntries(
      Object.entries(credentials.partners).map(([name, { key, amqpUser, amqpPassword }]) => [
        name,
        { amqp: account(amqpUser, amqpPassword), key },
      ]),
    ),
    ...(Object.keys(hospital).length === 0 ? {} : { hospital }),
    workers,
    pids: Object.fromEntries(Object.entries(pids).filter((entry) => entry[1] !== undefined)),
  };
}

/** Things to stop, in the order in which they were started; stopping goes backwards. */
class Stack {
  readonly #items: (() => Promise<void>)[] = [];
  push(stop: () => Promise<void>): void {
    this.#items.push(stop);
  }
  async unwind(): Promise<void> {
    for (let stop = this.#items.pop(); stop !== undefined; stop = this.#items.pop()) await stop();
  }
}

async function startHospital(
  options: RunOptions,
  place: Place,
  ports: Ports,
  onRestart: () => void,
): Promise<{ kept: Kept; partners: Record<string, HospitalPartner> } | undefined> {
  if (options.hospital === undefined) return undefined;
  const { command, args } = options.hospital;
  const program: Program = {
    command,
    args: [
      ...args,
      "--data",
      join(options.dataDir, "hospital"),
      "--port",
      String(ports.hospital),
      "--control-port",
      String(ports.hospitalControl),
      "--supervised",
    ],
    env: options.env,
  };
  const first = await launchHospital(program, place, options.signal);
  const launch = (signal: AbortSignal) => launchHospital(program, place, signal);
  return {
    kept: await keepRunning(
      { name: "the simulated hospital", log: options.log, restart: true, ...waitsOf(options), onRestart, launch },
      first,
    ),
    partners: first.partners,
  };
}

const waitsOf = ({ restartWaitsMs }: RunOptions) => (restartWaitsMs === undefined ? {} : { waitsMs: restartWaitsMs });

/** Where the supervisor stores program numbers and output of one program. */
function placeOf(dataDir: string, name: string): Place {
  return { pidFile: join(dataDir, `${name}.pid.json`), logFile: join(dataDir, "log", `${name}.log`) };
}

/** Before anything is started; the engine judges again, with the addresses of what was started. */
function refuseUnsafeStart(options: RunOptions): Promise<void> {
  const { HUILIU_HOST, HUILIU_EDITOR_PORT, HUILIU_PARTNER_URLS } = options.env;
  return refuseUnsafe({
    root: options.root,
    profile: options.profile,
    credentialsFile: options.credentialsFile,
    urls: options.given,
    partnerUrls: JSON.parse(HUILIU_PARTNER_URLS ?? "{}") as Record<string, string>,
    host: HUILIU_HOST ?? "127.0.0.1",
    access: readAccessSettings(options.env).settings,
    editorPort: HUILIU_EDITOR_PORT === undefined ? undefined : Number(HUILIU_EDITOR_PORT),
  });
}

/** Where the engine finds the pages. Never rejects: an engine without pages is better than none. */
async function pagesOf({ pages, env, log, signal }: RunOptions): Promise<Record<string, string>> {
  if (pages === undefined || env.HUILIU_PAGES_DIR !== undefined) return {};
  try {
    return { HUILIU_PAGES_DIR: await pages(signal) };
  } catch (error) {
    if (!signal.aborted)
      log(
        `the console's pages could not be built, the engine runs without them; run "node bin/pages.ts", then start again: ${error instanceof Error ? error.message : String(error)}`,
      );
    return {};
  }
}

async function assemble(options: RunOptions, stack: Stack): Promise<RunFile> {
  const { dataDir, log, signal } = options;
  if (options.profile === "production") await refuseUnsafeStart(options);
  const credentialsFile = options.credentialsFile ?? join(dataDir, "credentials.json");
  const credentials =
    options.credentialsFile === undefined
      ? ensureCredentials(credentialsFile, listPartners(options.root))
      : (JSON.parse(readFileSync(credentialsFile, "utf8")) as Credentials);
  // What releases of flows are signed with: there before anybody needs it. Production only reads what it trusts.
  if (options.profile === "development") releaseSigner({ dataDir });
  const count = options.workers ?? 1;
  const { ports, consoles } = await rememberPorts(dataDir, count);
  let file: RunFile = {};
  let publish = (): void => undefined;
  let telling: Promise<void> = Promise.resolve();
  const onChange = (): void => publish();
  const hospitalPlace = placeOf(dataDir, "hospital");

  const building = pagesOf(options);

  // The hospital needs nothing of the servers: both start at once. Whatever came up is on the stack before a failure is passed on.
  const [servers, hospitalStart] = await Promise.allSettled([
    startServices({
      dataDir,
      toolsDir: join(options.root, ".data", "tools"),
      need: options.given,
      env: options.env,
      log,
      signal,
      restart: true,
      ...(options.restartWaitsMs === undefined ? {} : { restartWaitsMs: options.restartWaitsMs }),
      rabbit: { users: brokerAccounts(credentials) },
      onPids: onChange,
    }),
    startHospital(options, hospitalPlace, ports, onChange),
  ]);
  if (servers.status === "fulfilled") stack.push(() => servers.value.stop());
  const hospital = hospitalStart.status === "fulfilled" ? hospitalStart.value : undefined;
  if (hospital !== undefined) stack.push(() => hospital.kept.stop());
  if (servers.status === "rejected") throw servers.reason;
  if (hospitalStart.status === "rejected") throw hospitalStart.reason;
  signal.throwIfAborted();

  const services = servers.value;
  const partners = hospital?.partners ?? {};
  if (options.credentialsFile === undefined) addSecrets(credentialsFile, secretsOfHospital(partners));
  const env = { ...engineEnv(options, services, credentialsFile, partners, ports), ...(await building) };
  const program: Program = { ...options.engine, env };
  const workers = await startWorkers({ count, dataDir, program, consolePorts: consoles, keep: waitsOf(options), log, signal, onChange });
  stack.push(() => workers.stop());
  publish = () => {
    const pids = { supervisor: process.pid, ...workers.pids(), hospital: hospital?.kept.pid(), ...services.pids() };
    file = runFile(services, credentials, workers.told(), partners, pids, workers.list());
    writeAtomically(join(dataDir, "run.json"), `${JSON.stringify(file, null, 2)}\n`);
    telling = telling.then(() => tellPartners(partners, file, log));
  };
  publish();
  await telling;
  const capping = setInterval(() => {
    workers.capLogs();
    capLog(hospitalPlace.logFile);
  }, CAP_LOGS_EVERY_MS);
  stack.push(async () => {
    clearInterval(capping);
    publish = () => undefined;
    rmSync(join(dataDir, "run.json"), { force: true });
  });
  return file;
}

/**
 * Starts servers, hospital and engine, keeps each of them running, and resolves once the engine is ready and run.json is written.
 * On failure, or when the signal aborts meanwhile, everything that was started is stopped before it rejects.
 */
export async function runHuiliu(options: RunOptions): Promise<Running> {
  mkdirSync(options.dataDir, { recursive: true });
  chmodSync(options.dataDir, 0o711); // the database's own account passes through
  for (const name of ["log", "hospital", "node-red"]) mkdirSync(join(options.dataDir, name), { recursive: true, mode: 0o700 });
  const stack = new Stack();
  try {
    const file = await assemble(options, stack);
    return { file, stop: () => stack.unwind() };
  } catch (error) {
    await stack.unwind();
    throw error;
  }
}
