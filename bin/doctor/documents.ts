/** What integrators wrote: mappings with their examples, partners, flows. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { readFlows } from "../../platform/node-red/flow-storage.ts";
import { checkMappings } from "../mapping.ts";
import { type Check, type Finding, fine, lineOf, wrong } from "./finding.ts";

export const documents: Check = async ({ root }) => [...(await mappings(root)), ...(await flows(root))];

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
