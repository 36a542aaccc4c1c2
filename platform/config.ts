/**
 * The engine's settings, read once and refused together (design.md section 7). Values come in as a record; only settings.ts and bin/ read the environment.
 */
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { type AccessSettings, readAccessSettings } from "./access/settings.ts";
import { type AlarmSettings, readAlarmSettings } from "./alarms/settings.ts";

const Port = Type.Integer({ minimum: 0, maximum: 65_535 });

export const Config = Type.Object(
  {
    root: Type.String({ minLength: 1 }),
    dataDir: Type.String({ minLength: 1 }),
    profile: Type.Union([Type.Literal("development"), Type.Literal("production")]),
    postgresUrl: Type.String({ pattern: "^postgres(ql)?://" }),
    amqpUrl: Type.String({ pattern: "^amqps?://" }),
    redisUrl: Type.String({ pattern: "^rediss?://" }),
    credentialsFile: Type.String({ minLength: 1 }),
    /** Addresses of partners that override their seeds: `{"his":"http://…"}` (the simulated hospital in the development profile). */
    partnerUrls: Type.Record(Type.String(), Type.String({ pattern: "^(https?|dlls?|mllps?|sftp|ftps?|file|postgres|mariadb)://" })),
    host: Type.String({ minLength: 1 }),
    gatewayPort: Port,
    consolePort: Port,
    editorPort: Port,
    logLevel: Type.Union([Type.Literal("debug"), Type.Literal("info"), Type.Literal("warn"), Type.Literal("error")]),
    worker: Type.String({ pattern: "^[a-z0-9-]{1,40}$" }),
    /** Whether further workers on this machine listen on the gateway's port, too. With `no` a port that is taken refuses the start. */
    gatewayShared: Type.Union([Type.Literal("yes"), Type.Literal("no")]),
    /** Whether flows are edited at this worker (development only): one of several. */
    editor: Type.Union([Type.Literal("on"), Type.Literal("off")]),
    /** Edited copies of write-backs: two people each, off unless somebody wants them. */
    editAndReplay: Type.Union([Type.Literal("on"), Type.Literal("off")]),
    /** A replay job of more items, or of more fen, than this needs a second person; absent: domain/replay/job.ts. */
    replayApprovalCount: Type.Optional(Type.String({ pattern: "^\\d{1,9}$" })),
    replayApprovalFen: Type.Optional(Type.String({ pattern: "^\\d{1,15}$" })),
    /** Where bin/pages.ts built the console's pages; absent: the engine runs without them. */
    pagesDir: Type.Optional(Type.String({ minLength: 1 })),
    /** The key that releases of flows are signed with, and the public ones that production trusts; absent: bin/flow-tests/keys.ts. */
    releaseKeyFile: Type.Optional(Type.String({ minLength: 1 })),
    releaseTrustedFile: Type.Optional(Type.String({ minLength: 1 })),
    /** The name at the head of every page of the console. */
    hospitalName: Type.Optional(Type.String({ minLength: 1, maxLength: 60 })),
    /** Where people reach the console, as their browsers see it: log lines lead there. No path: the console stands at the root. */
    consoleUrl: Type.Optional(Type.String({ pattern: "^https?://(?:[A-Za-z0-9.-]{1,253}|\\[[0-9A-Fa-f:.]{2,45}\\])(?::\\d{1,5})?$" })),
  },
  { additionalProperties: false },
);
export type Config = Static<typeof Config> & { readonly alarms?: AlarmSettings; readonly access?: AccessSettings };

/** Settings that may be unset without a default here. */
const OPTIONAL: readonly (readonly [keyof Config, string])[] = [
  ["replayApprovalCount", "HUILIU_REPLAY_APPROVAL_COUNT"],
  ["replayApprovalFen", "HUILIU_REPLAY_APPROVAL_FEN"],
  ["pagesDir", "HUILIU_PAGES_DIR"],
  ["hospitalName", "HUILIU_HOSPITAL_NAME"],
  ["consoleUrl", "HUILIU_CONSOLE_URL"],
  ["releaseKeyFile", "HUILIU_RELEASE_KEY_FILE"],
  ["releaseTrustedFile", "HUILIU_RELEASE_TRUSTED_FILE"],
];
/** Environment name → setting, with its default. An unset one without a default is a problem. */
const NAMES: readonly (readonly [keyof Config, string, string | undefined])[] = [
  ["root", "HUILIU_ROOT", undefined],
  ["dataDir", "HUILIU_DATA_DIR", undefined],
  ["profile", "HUILIU_PROFILE", "development"],
  ["postgresUrl", "HUILIU_POSTGRES_URL", undefined],
  ["amqpUrl", "HUILIU_AMQP_URL", undefined],
  ["redisUrl", "HUILIU_REDIS_URL", undefined],
  ["credentialsFile", "HUILIU_CREDENTIALS_FILE", undefined],
  ["partnerUrls", "HUILIU_PARTNER_URLS", "{}"],
  ["host", "HUILIU_HOST", "127.0.0.1"],
  ["gatewayPort", "HUILIU_GATEWAY_PORT", "0"],
  ["consolePort", "HUILIU_CONSOLE_PORT", "0"],
  ["editorPort", "HUILIU_EDITOR_PORT", "0"],
  ["logLevel", "HUILIU_LOG_LEVEL", "info"],
  ["worker", "HUILIU_WORKER", "engine-1"],
  ["gatewayShared", "HUILIU_GATEWAY_SHARED", "no"],
  ["editor", "HUILIU_EDITOR", "on"],
  ["editAndReplay", "HUILIU_EDIT_AND_REPLAY", "off"],
];

export class ConfigRefused extends Error {
  override readonly name = "ConfigRefused";
}

/** Reads the settings, or throws ConfigRefused with every problem by its environment name. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const given: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [setting, name, fallback] of NAMES) {
    const text = env[name] ?? fallback;
    if (text === undefined) problems.push(`${name} is not set / 未设置 ${name}`);
    else if (setting.endsWith("Port")) given[setting] = /^\d{1,5}$/.test(text) ? Number(text) : text;
    else if (setting === "partnerUrls") {
      try {
        given[setting] = JSON.parse(text);
      } catch {
        problems.push(`${name} is not JSON / ${name} 不是 JSON`);
      }
    } else given[setting] = text;
  }
  for (const [setting, name] of OPTIONAL) if (env[name] !== undefined) given[setting] = env[name];
  const names = new Map<string, string>([...NAMES, ...OPTIONAL].map(([setting, name]) => [setting, name]));
  for (const error of Value.Errors(Config, given)) {
    const setting = error.instancePath.slice(1).split("/")[0] ?? "";
    if (setting in given) problems.push(`${names.get(setting) ?? setting}: ${error.message}`);
  }
  const alarms = readAlarmSettings(env, String(given.profile));
  const access = readAccessSettings(env);
  problems.push(...alarms.problems, ...access.problems);
  if (problems.length > 0) throw new ConfigRefused(`Settings refused / 设置有误:\n- ${problems.join("\n- ")}`);
  return { ...(given as Config), alarms: alarms.settings, access: access.settings };
}
