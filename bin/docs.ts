/** `npm run docs`: writes the generated reference (schemas, AsyncAPI, OpenAPI, tables of codes and outcomes), or says what of it is not what the code says. */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { argumentsOf } from "./environment.ts";
import { compareReference, type Difference, generateReference, ROOT } from "./docs/reference.ts";

const HELP = `npm run docs [-- --check] [-- --json]

Writes docs/schemas/*.json, docs/asyncapi.json, docs/openapi.json, docs/codes.md, docs/outcomes.md and docs/partners/*.md
from the code and the mapping documents.
由代码与映射文档生成参考文件。

  --check   write nothing; exit 1 and list the files that differ from the code · 只检查，不写入
  --json    print {"files", "differences": [{"path", "why": "absent|differs|stale"}]}
  --help    this text
`;

const WHY: Readonly<Record<Difference["why"], string>> = {
  absent: "缺失 · absent",
  differs: "与代码不一致 · differs from the code",
  stale: "已无来源 · nothing generates it any more",
};

async function write(files: ReadonlyMap<string, string>, differences: readonly Difference[]): Promise<void> {
  for (const { path, why } of differences) {
    const target = join(ROOT, path);
    if (why === "stale") await rm(target);
    else {
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, files.get(path) ?? "");
    }
  }
}

async function main(): Promise<number> {
  const { values } = argumentsOf(HELP, { options: { check: { type: "boolean" }, json: { type: "boolean" }, help: { type: "boolean" } } });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const files = await generateReference();
  const differences = await compareReference(files);
  if (!values.check) await write(files, differences);
  if (values.json) process.stdout.write(`${JSON.stringify({ files: files.size, differences })}\n`);
  else {
    for (const { path, why } of differences) process.stdout.write(`${path}  ${WHY[why]}\n`);
    const end = values.check && differences.length > 0 ? "运行 npm run docs 更新 · run npm run docs" : "已是最新 · up to date";
    process.stdout.write(`${files.size} 个文件 · files, ${differences.length} 处不同 · differences; ${end}\n`);
  }
  return values.check && differences.length > 0 ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(
    `生成参考文件失败 · the reference could not be generated: ${error instanceof Error ? error.message : String(error)}\n`,
  );
  process.exitCode = 2;
}
