/** `huiliu flow test` and `huiliu flow release`: stored tests from the command line, and what production may load (docs/flow-tests.md). */
import { existsSync, readdirSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { refusedFlowText } from "../../domain/flowtests/release.ts";
import { differenceLines, type FlowTestRun } from "../../domain/flowtests/result.ts";
import { FOLDER } from "../../platform/node-red/flow-files.ts";
import { EXIT } from "../huiliu/client.ts";
import { FINGERPRINT_SHOWN, type ReleaseKeyPlaces, ReleaseKeyRefused, releaseSigner, releaseTrust, signingKeyFile } from "./keys.ts";
import { releaseFlows } from "./release.ts";
import { runExampleTests, runFlowTests } from "./run.ts";

const print = (line: string): void => void process.stdout.write(`${line}\n`);

const flowsIn = (root: string): readonly string[] =>
  readdirSync(join(root, "flows"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && FOLDER.test(entry.name) && existsSync(join(root, "flows", entry.name, "flow.json")))
    .map((entry) => entry.name)
    .sort();

/** What a run looks like to people. */
function runLines(run: FlowTestRun): readonly string[] {
  return [
    ...run.problems.map(({ at, zh, en }) => `✗ ${at}  ${zh} · ${en}`),
    ...run.results.flatMap(({ flow, test, passed, title, differences, ms, simulatedMs }) => [
      `${passed ? "✓" : "✗"} ${flow}/${test}  ${title?.zh ?? ""} · ${title?.en ?? ""}  ${ms} ms${simulatedMs > 0 ? ` (${(simulatedMs / 1000).toFixed(1)} s)` : ""}`,
      ...differences.flatMap((one) => differenceLines(one).map((line) => `    ${line}`)),
    ]),
    ...run.untested.map((flow) => `- ${flow}  没有测试 · has no tests`),
    `${run.tests} 项测试 · tests, ${run.failed + run.problems.length} 项未通过 · failed, ${(run.ms / 1000).toFixed(1)} s`,
  ];
}

interface Flags {
  readonly json?: boolean;
  readonly name?: readonly string[];
  readonly examples?: boolean;
  readonly all?: boolean;
  readonly by?: string;
  readonly data?: string;
}

/** Flows that are named and not there are a refusal, told with those that are. */
function unknownFlows(root: string, flows: readonly string[]): readonly string[] {
  const known = flowsIn(root);
  const unknown = flows.filter((flow) => !known.includes(flow));
  if (unknown.length > 0) process.stderr.write(`没有流程 no such flow: ${unknown.join(", ")}\n现有 there are: ${known.join(", ")}\n`);
  return unknown;
}

async function testFlows(root: string, flows: readonly string[], flags: Flags): Promise<number> {
  if (unknownFlows(root, flows).length > 0) return EXIT.refused;
  const run = flags.examples
    ? await runExampleTests(root)
    : await runFlowTests({
        root,
        ...(flows.length === 0 ? {} : { only: flows }),
        ...(flags.name === undefined ? {} : { names: flags.name }),
      });
  if (flags.json) print(JSON.stringify(run));
  else for (const line of runLines(run)) print(line);
  const nothing = run.tests === 0 && run.problems.length === 0;
  return !run.passed ? EXIT.failed : nothing ? EXIT.refused : EXIT.ok;
}

/** What the environment says of keys; the data folder is that of --data, of HUILIU_DATA_DIR, or the project's. */
const placesOf = (dataDir: string, flags: Flags): ReleaseKeyPlaces => {
  const [key, trusted] = [process.env.HUILIU_RELEASE_KEY_FILE?.trim(), process.env.HUILIU_RELEASE_TRUSTED_FILE?.trim()];
  return {
    dataDir: flags.data ?? dataDir,
    ...(key === undefined || key === "" ? {} : { releaseKeyFile: key }),
    ...(trusted === undefined || trusted === "" ? {} : { releaseTrustedFile: trusted }),
  };
};

/** A key file that is none is a refusal, not a crash. */
async function withKeys(work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ReleaseKeyRefused)) throw error;
    process.stderr.write(`${error.message}\n`);
    return EXIT.refused;
  }
}

/** Shows what this machine signs with, for whoever trusts it elsewhere, and what is trusted here. */
async function key(places: ReleaseKeyPlaces, flags: Flags): Promise<number> {
  const { key: own, publicPem } = releaseSigner(places);
  const trusted = [...releaseTrust(places).keys].sort();
  if (flags.json) print(JSON.stringify({ file: signingKeyFile(places), key: own, publicKey: publicPem, trusted }));
  else {
    print(`签名密钥 signs with  ${own}  (${signingKeyFile(places)})`);
    for (const one of trusted) print(`信任 trusted         ${one}${one === own ? "  (本机 this machine)" : ""}`);
    print(publicPem.trimEnd());
  }
  return EXIT.ok;
}

async function release(root: string, given: readonly string[], flags: Flags, places: ReleaseKeyPlaces): Promise<number> {
  const flows = flags.all ? flowsIn(root) : given;
  if (flows.length === 0) {
    process.stderr.write("请指定流程，或 --all · name the flows, or --all\n");
    return EXIT.refused;
  }
  if (unknownFlows(root, flows).length > 0) return EXIT.refused;
  const by = flags.by?.trim() || userInfo().username;
  const released = await releaseFlows({ root, flows, by, nowMs: Date.now(), run: runFlowTests, signer: releaseSigner(places) });
  if (flags.json) print(JSON.stringify(released));
  else if (released.ok)
    for (const one of released.releases)
      print(
        `✓ ${one.flow}  ${Object.keys(one.files).length} 个文件 · files, ${one.tests.length} 项测试 · tests  ${one.checksum.slice(0, 12)}  ${one.by}  签名 signed ${one.key.slice(0, FINGERPRINT_SHOWN)}`,
      );
  else {
    for (const one of released.refused) print(`✗ ${refusedFlowText(one)}`);
    for (const line of released.run === undefined
      ? []
      : runLines({ ...released.run, results: released.run.results.filter((one) => !one.passed) }))
      print(line);
  }
  return released.ok ? EXIT.ok : EXIT.failed;
}

/** Adds the commands. Exit codes: 0 all passed, 1 a test failed (or nothing was released), 2 refused (no such flow, nothing to play). */
export function registerFlowCommands(program: Command, root: string, dataDir: string): void {
  const flow = program.command("flow").description("流程的存储测试与发布 · stored tests and releases of flows");
  flow
    .command("test [flows...]")
    .description("运行随流程存储的测试；缺省全部 · plays the tests stored with flows; all of them where none is named")
    .option("--name <tests...>", "只运行这些测试 · these tests only")
    .option("--examples", "改为运行节点范例的测试 · the tests of the nodes' examples instead")
    .option("--json", "JSON")
    .action(async (flows: readonly string[], flags: Flags) => {
      process.exitCode = await testFlows(root, flows, flags);
    });
  flow
    .command("release [flows...]")
    .description(
      "测试通过后写 flows/<流程>/release.json，生产环境据此加载 · writes the release that production loads by, once the tests pass",
    )
    .option("--all", "全部流程 · every flow")
    .option("--by <name>", "谁发布，缺省系统用户 · who releases; the system's user by default")
    .option("--data <folder>", "签名密钥所在的数据目录 · data folder that holds the signing key")
    .option("--json", "JSON")
    .action(async (flows: readonly string[], flags: Flags) => {
      process.exitCode = await withKeys(() => release(root, flows, flags, placesOf(dataDir, flags)));
    });
  flow
    .command("key")
    .description("发布签名所用的密钥与受信任的公钥（指纹、公钥） · the key that releases are signed with, and those that are trusted here")
    .option("--data <folder>", "数据目录 · data folder")
    .option("--json", "JSON")
    .action(async (flags: Flags) => {
      process.exitCode = await withKeys(() => key(placesOf(dataDir, flags), flags));
    });
}
