/** What integrators wrote: mappings with their examples, partners, flows. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { readFlows } from "../../platform/node-red/flow-storage.ts";
import { checkMappings } from "../mapping.ts";
import { refusedFlowWords } from "../../domain/flowtests/release.ts";
import { releaseTrust } from "../flow-tests/keys.ts";
import { signedReleases } from "../flow-tests/release.ts";
import { type Check, type Finding, fine, lineOf, type Patient, wrong } from "./finding.ts";

/** Things told of one refused flow. */
const ABOUT_SHOWN = 5;

export const documents: Check = async (patient) => [
  ...(await mappings(patient.root)),
  ...(await flows(patient.root)),
  ...(patient.profile === "production" ? await releases(patient) : []),
];

/** What production would not load, by name and reason; it is asked before the start, too. Tests are not played here. */
async function releases({ root, releaseKeys }: Pick<Patient, "root" | "releaseKeys">): Promise<readonly Finding[]> {
  try {
    const trust = releaseTrust(releaseKeys);
    const { releases: signed, refused } = await signedReleases({ root, trust }, (await readFlows(join(root, "flows"))).files);
    return [
      ...refused.map(({ flow, code, about }) => {
        const { zh, en, next } = refusedFlowWords(code);
        const what = about.length === 0 ? "" : ` (${about.slice(0, ABOUT_SHOWN).join(", ")})`;
        return wrong("documents", "bad", `flows/${flow} [${code}]`, [`${zh}${what}`, `${en}${what}`], [next.zh, next.en]);
      }),
      fine(
        "documents",
        "releases",
        `${signed.size} 个流程已签名发布，信任 ${trust.keys.size} 把公钥`,
        `${signed.size} flows are released and signed, ${trust.keys.size} keys are trusted`,
      ),
    ];
  } catch (error) {
    const why = lineOf(error);
    const next = ["修正 HUILIU_RELEASE_TRUSTED_FILE", "mend HUILIU_RELEASE_TRUSTED_FILE"] as const;
    return [wrong("documents", "bad", "HUILIU_RELEASE_TRUSTED_FILE", [why, why], next)];
  }
}

async function mappings(root: string): Promise<readonly Finding[]> {
  try {
    const { json, exitCode } = await checkMappings(root, [], false);
    const { mappings: count, examples, problems } = json as { mappings: number; examples: number; problems: readonly string[] };
    if (exitCode === 0)
      return [
        fine("documents", "mappings/", `${count} 份映射，${examples} 个示例全部通过`, `${count} mappings, all ${examples} examples pass`),
      ];
    return problems.map((line) =>
      wrong("documents", "bad", line.split(" ")[0] ?? "mappings/", [line, line], ["npx huiliu mapping check", "npx huiliu mapping check"]),
    );
  } catch (error) {
    return [wrong("documents", "bad", "mappings/", [lineOf(error), lineOf(error)], ["按提示修正", "mend what it names"])];
  }
}

async function flows(root: string): Promise<readonly Finding[]> {
  const folder = join(root, "flows");
  const { files, wrong: unreadable } = await readFlows(folder);
  const untested = [...files.keys()].filter((name) => {
    const tests = join(folder, name, "tests");
    return name !== "shared" && !(existsSync(tests) && readdirSync(tests).some((file) => file.endsWith(".json")));
  });
  return [
    ...unreadable.map((line) => wrong("documents", "bad", "flows/", [line, line], ["修正或移走该文件", "mend the file, or take it away"])),
    ...untested.map((name) =>
      wrong(
        "documents",
        "warn",
        `flows/${name}`,
        ["没有随流程保存的测试，生产环境不会加载", "no tests are stored with it: production does not load it"],
        ["docs/flow-tests.md", "docs/flow-tests.md"],
      ),
    ),
    fine("documents", "flows/", `${files.size} 个流程`, `${files.size} flows`),
  ];
}
