/** `npx huiliu doctor`: looks the whole set-up over, runs or not, and says what to mend. Changes nothing. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { factsOf, type StartSettings } from "../engine/safety.ts";
import { safetyProblems } from "../../platform/safety.ts";
import { partnerUrls } from "../start/hospital.ts";
import type { HospitalPartner } from "../start/children.ts";
import { EXIT } from "../huiliu/client.ts";
import { type Say, sayIn } from "../huiliu/texts.ts";
import { printable } from "../huiliu/table.ts";
import { documents } from "./documents.ts";
import { engine } from "./engine.ts";
import { type Check, CHECK_NAMES, type CheckName, type Finding, fine, lineOf, type Patient, wrong } from "./finding.ts";
import { machine } from "./machine.ts";
import { partners } from "./partners.ts";
import { servers } from "./servers.ts";

/** The same rules that refuse a start, asked before it. */
const settings: Check = async (patient) => {
  const { root, profile, credentialsFile, postgres, amqp, redis, partnerUrls } = patient;
  const start: StartSettings = {
    root,
    profile,
    credentialsFile,
    urls: { postgres, amqp, redis },
    partnerUrls,
    host: "127.0.0.1",
    editorPort: undefined,
  };
  // Addresses of partners are looked at by their own check.
  const problems = safetyProblems(await factsOf(start)).filter((one) => !one.code.startsWith("PARTNER_P"));
  if (problems.length === 0) return [fine("settings", profile, "设置可以启动", "the settings may be started with")];
  return problems.map((one) => wrong("settings", "bad", one.at, [one.zh, one.en], [one.nextZh, one.nextEn]));
};

const CHECKS: Readonly<Record<CheckName, Check>> = { machine, settings, documents, servers, partners, engine };
const NAMES: Readonly<Record<CheckName, readonly [zh: string, en: string]>> = {
  machine: ["机器", "Machine"],
  settings: ["设置", "Settings"],
  documents: ["映射与流程", "Mappings and flows"],
  servers: ["服务", "Servers"],
  partners: ["伙伴", "Partners"],
  engine: ["引擎", "Engine"],
};

export interface Diagnosis {
  /** Nothing is bad; warnings may be there. */
  readonly sound: boolean;
  readonly bad: number;
  readonly warn: number;
  readonly findings: readonly Finding[];
}

/** Every check, side by side; none stops another. */
export async function examine(patient: Patient): Promise<Diagnosis> {
  const found = await Promise.all(
    CHECK_NAMES.map(async (name): Promise<readonly Finding[]> => {
      try {
        return await CHECKS[name](patient);
      } catch (error) {
        return [
          wrong(
            name,
            "bad",
            name,
            [`检查未完成：${lineOf(error)}`, `could not be looked at: ${lineOf(error)}`],
            ["报告此问题", "report this"],
          ),
        ];
      }
    }),
  );
  const findings = found.flat();
  const count = (state: Finding["state"]): number => findings.filter((one) => one.state === state).length;
  return { sound: count("bad") === 0, bad: count("bad"), warn: count("warn"), findings };
}

const MARKS = { ok: "✓", warn: "!", bad: "✗" } as const;

/** For people: by area, what is wrong with its next step, and a last line that says it all. */
export function diagnosisText(say: Say, { findings, bad, warn }: Diagnosis): readonly string[] {
  const areas = CHECK_NAMES.flatMap((name) => {
    const mine = findings.filter((one) => one.check === name);
    return [
      say(...NAMES[name]),
      ...mine.flatMap((one) => [
        `  ${MARKS[one.state]} ${printable(one.at)}: ${printable(say(one.zh, one.en))}`,
        ...(one.next === undefined ? [] : [`      → ${say(one.next.zh, one.next.en)}`]),
      ]),
    ];
  });
  const last =
    bad > 0
      ? say(`✗ ${bad} 处须处理，${warn} 处留意`, `✗ ${bad} to mend, ${warn} to watch`)
      : say(`✓ 没有须处理的，${warn} 处留意`, `✓ nothing to mend, ${warn} to watch`);
  return [...areas, last];
}

interface RunFile {
  readonly console?: string;
  readonly token?: string;
  readonly postgres?: string;
  readonly amqp?: string;
  readonly redis?: string;
  readonly hospital?: Record<string, HospitalPartner>;
}

/** What runs, by run.json; else what the environment names. */
export function patientOf(root: string, dataDir: string, env: Readonly<Record<string, string | undefined>>, nowMs: () => number): Patient {
  const file = join(dataDir, "run.json");
  const run = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as RunFile) : {};
  const set = (name: string): string | undefined => env[name]?.trim() || undefined;
  const made = join(dataDir, "credentials.json");
  const [releaseKeyFile, releaseTrustedFile] = [set("HUILIU_RELEASE_KEY_FILE"), set("HUILIU_RELEASE_TRUSTED_FILE")];
  return {
    root,
    dataDir,
    profile: set("HUILIU_PROFILE") === "production" ? "production" : "development",
    credentialsFile: set("HUILIU_CREDENTIALS_FILE") ?? (existsSync(made) ? made : undefined),
    releaseKeys: {
      dataDir,
      ...(releaseKeyFile === undefined ? {} : { releaseKeyFile }),
      ...(releaseTrustedFile === undefined ? {} : { releaseTrustedFile }),
    },
    postgres: set("HUILIU_POSTGRES_URL") ?? run.postgres,
    amqp: set("HUILIU_AMQP_URL") ?? run.amqp,
    redis: set("HUILIU_REDIS_URL") ?? run.redis,
    partnerUrls: { ...partnerUrls(run.hospital ?? {}), ...(JSON.parse(set("HUILIU_PARTNER_URLS") ?? "{}") as Record<string, string>) },
    console: run.console,
    token: run.token,
    nowMs,
  };
}

/** Exit code 0: nothing to mend; 1: something is. */
export function registerDoctor(program: Command, root: string, dataDir: string): void {
  program
    .command("doctor")
    .description("look the whole set-up over and say what to mend; changes nothing · 检查整套部署并指出须处理之处")
    .option("--json", "print the answer as JSON · 输出 JSON")
    .addOption(new Option("--lang <lang>", "zh or en · 语言").choices(["zh", "en"]).default("zh"))
    .option("--data <folder>", "data folder · 数据目录")
    .action(async (flags: { json?: boolean; lang: "zh" | "en"; data?: string }) => {
      const diagnosis = await examine(patientOf(root, flags.data ?? dataDir, process.env, Date.now));
      const lines = flags.json === true ? [JSON.stringify(diagnosis)] : diagnosisText(sayIn(flags.lang), diagnosis);
      for (const line of lines) process.stdout.write(`${line}\n`);
      process.exitCode = diagnosis.sound ? EXIT.ok : EXIT.failed;
    });
}
