/** `huiliu mapping try|new|check`: what an integrator needs to add a vendor's message with JSON alone (docs/mapping.md). */
import { existsSync } from "node:fs";
import { access, constants, mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import type { Command } from "commander";
import { charsetOf, decode } from "../domain/mapping/charset.ts";
import type { InboundMapping, Mapping, OutboundMapping } from "../domain/mapping/mapping.ts";
import { scaffold } from "../domain/mapping/scaffold.ts";
import type { Problem } from "../domain/problem.ts";
import { chinaDateTimeOf } from "../domain/time.ts";
import { type ExampleResult, recordExamples, runExamples } from "../platform/catalogue/examples.ts";
import { folderProblemLine, type LoadedMappings, loadMappings, readJsonFile } from "../platform/catalogue/mappings.ts";
import { loadEventRegistry } from "../platform/catalogue-events.ts";
import { newFromWsdl } from "./mapping-wsdl.ts";

/** Everything is as it should be · the message, document or example was refused. */
const EXIT_REFUSED = 2;

/** What a command prints and how it ends. */
export interface Output {
  readonly text: string;
  readonly json: unknown;
  readonly exitCode: 0 | typeof EXIT_REFUSED;
}
const refused = (text: string, json: unknown): Output => ({ text, json, exitCode: EXIT_REFUSED });

const load = async (root: string): Promise<LoadedMappings> => loadMappings(root, await loadEventRegistry());

/** `neusoft/settle`, or a path to its folder or its mapping.json. */
function idOf(root: string, given: string): string {
  if (/^[a-z][a-z0-9-]*\/[a-z][a-z0-9-]*$/.test(given)) return given;
  const path = resolve(given);
  const folder = basename(path) === "mapping.json" ? dirname(path) : path;
  return folder.startsWith(join(root, "mappings")) ? `${basename(dirname(folder))}/${basename(folder)}` : given;
}

const problemLines = (problems: readonly Problem[]): string =>
  problems.map(({ code, zh, en }) => `  ✗ [${code}] ${zh}\n      ${en}`).join("\n");

function flat(value: unknown, path: string): readonly string[] {
  if (typeof value !== "object" || value === null) return [`    ${path.padEnd(36)} ${String(value)}`];
  const entries = Object.entries(value);
  if (entries.length === 0) return [`    ${path.padEnd(36)} ${Array.isArray(value) ? "[]" : "{}"}`];
  return entries.flatMap(([name, one]) => flat(one, path === "" ? name : `${path}.${name}`));
}

export interface TryOptions {
  readonly reply?: string;
  readonly return?: string;
  readonly partner?: string;
  readonly charset?: string;
  readonly contentType?: string;
  readonly key?: string;
}

async function constantsOf(root: string, partner: string): Promise<Readonly<Record<string, string>>> {
  const read = await readJsonFile(join(root, "partners", `${partner}.json`));
  const constants = read.ok ? (read.value as { readonly constants?: Readonly<Record<string, string>> }).constants : undefined;
  return constants ?? { institution: "H001" };
}

async function tryInbound(root: string, id: string, mapping: InboundMapping, file: string, options: TryOptions): Promise<Output> {
  const partner = options.partner ?? id.split("/")[0] ?? "";
  const result = mapping.translate({
    raw: new Uint8Array(await readFile(file)),
    reply: options.reply === undefined ? undefined : new Uint8Array(await readFile(options.reply)),
    returnValue: options.return,
    charset: options.charset,
    contentType: options.contentType,
    partner,
    receivedAt: chinaDateTimeOf(Date.now()),
    constants: await constantsOf(root, partner),
  });
  if (!result.ok)
    return refused(`${file}: ${result.problems.length} 个问题 · problems\n${problemLines(result.problems)}`, { file, ...result });
  const events = result.events.map((event) =>
    [
      `  ✓ ${event.type}  ${event.subject}`,
      `    业务身份 · business identity     ${event.businessIdentity}`,
      `    业务键 · keys                    ${event.keys.map((key) => `${key.kind}:${key.value}`).join("  ")}`,
      ...flat(event.data, ""),
      ...(event.rows ? [`    ${event.rows.length} 行明细 · rows`] : []),
    ].join("\n"),
  );
  return { text: `${file}: ${result.case}\n${events.join("\n")}`, json: { file, ...result }, exitCode: 0 };
}

async function tryOutbound(mapping: OutboundMapping, root: string, id: string, file: string, options: TryOptions): Promise<Output> {
  const read = await readJsonFile(file);
  if (!read.ok) return refused(`${file}\n${problemLines([read.problem])}`, { file, problems: [read.problem] });
  const partner = options.partner ?? id.split("/")[0] ?? "";
  const event = read.value as { readonly type: string; readonly data: unknown };
  const encoded = mapping.encode({ event, key: options.key ?? "example-key", constants: await constantsOf(root, partner) });
  if (!encoded.ok)
    return refused(`${file}: ${encoded.problems.length} 个问题 · problems\n${problemLines(encoded.problems)}`, { file, ...encoded });
  const { body, amountFen, ...rest } = encoded;
  const text = decode(body, encoded.charset) ?? "";
  const headers = Object.entries(rest.headers).map(([name, value]) => `    ${name}: ${value}`);
  const json = { file, ...rest, ...(amountFen === undefined ? {} : { amountFen: amountFen.toString() }), body: text };
  return {
    text: [`${file}:`, `  ✓ ${rest.method} ${rest.path}`, `    Content-Type: ${rest.contentType}`, ...headers, text].join("\n"),
    json,
    exitCode: 0,
  };
}

/** Files that cannot be read, as a refusal; undefined when all can. */
async function unreadable(files: readonly string[]): Promise<Output | undefined> {
  const able = await Promise.all(
    files.map((file) =>
      access(file, constants.R_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  const wrong = files.filter((_, index) => able[index] !== true);
  return wrong.length === 0
    ? undefined
    : refused(wrong.map((file) => `✗ 读不到文件 · cannot read the file: ${file}`).join("\n"), { unreadable: wrong });
}

/** Translates files with one mapping: the events, or everything that is wrong. */
export async function tryMapping(root: string, given: string, files: readonly string[], options: TryOptions): Promise<Output> {
  const loaded = await load(root);
  const id = idOf(root, given);
  const mapping: Mapping | undefined = loaded.mappings.get(id);
  if (!mapping) {
    const own = loaded.problems.filter(
      (one) => one.file.startsWith(`mappings/${id}/`) || one.file === `mappings/${id.split("/")[0]}/vendor.json`,
    );
    const known = [...loaded.mappings.keys()].join("  ");
    const text = own.length > 0 ? own.map(folderProblemLine).join("\n") : `没有映射 ${id} · there is no mapping ${id}\n  ${known}`;
    return refused(text, { mapping: id, problems: own.map((one) => ({ file: one.file, ...one.problem })) });
  }
  const missing = await unreadable([...files, ...(options.reply === undefined ? [] : [options.reply])]);
  if (missing) return missing;
  const outputs: Output[] = [];
  for (const file of files)
    outputs.push(
      await (mapping.direction === "inbound"
        ? tryInbound(root, id, mapping, file, options)
        : tryOutbound(mapping, root, id, file, options)),
    );
  return {
    text: outputs.map((one) => one.text).join("\n"),
    json: outputs.length === 1 ? outputs[0]?.json : outputs.map((one) => one.json),
    exitCode: outputs.every((one) => one.exitCode === 0) ? 0 : EXIT_REFUSED,
  };
}

const pretty = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

const vendorDocument = (vendor: string, charset: string, exchange: string | undefined): unknown => ({
  $schema: "../../docs/schemas/vendor.json",
  name: { zh: vendor, en: vendor },
  charset,
  exchanges: exchange === undefined ? [] : [exchange],
  constants: { institution: { zh: "院方机构编码", en: "Code of the institution" } },
});

/** Writes a first document from a real message. Never overwrites one. */
export async function newMapping(
  root: string,
  vendor: string,
  message: string,
  file: string,
  options: Pick<TryOptions, "reply" | "charset">,
): Promise<Output> {
  const folder = join(root, "mappings", vendor, message);
  const no = (zh: string, en: string): Output => refused(`✗ ${zh}\n  ${en}`, { error: en });
  if (![vendor, message].every((name) => /^[a-z][a-z0-9-]{0,31}$/.test(name)))
    return no("厂商与报文名须为短横线小写，如 acme、pay-order", "vendor and message are kebab-case, e.g. acme, pay-order");
  if (existsSync(join(folder, "mapping.json")))
    return no(`${folder} 已有 mapping.json，不覆盖`, `${folder} has a mapping.json already; it is not overwritten`);
  const missing = await unreadable([file, ...(options.reply === undefined ? [] : [options.reply])]);
  if (missing) return missing;
  const raw = await readFile(file);
  const reply = options.reply === undefined ? undefined : await readFile(options.reply);
  const wanted = options.charset === undefined ? undefined : charsetOf(options.charset);
  const charset =
    wanted ?? (decode(raw, "utf-8") !== undefined && (reply === undefined || decode(reply, "utf-8") !== undefined) ? "utf-8" : "gbk");
  const texts = [raw, reply].map((bytes) => (bytes === undefined ? undefined : decode(bytes, charset)));
  const [text] = texts;
  if (text === undefined || (reply !== undefined && texts[1] === undefined))
    return no(`字节不是合法的 ${charset}，请用 --charset 指明`, `the bytes are not ${charset}: say which with --charset`);
  const document = scaffold(message, text, texts[1]);
  if (!document) return no("认不出文法（XML、JSON、HL7、^ | ~ 分隔）", "no known grammar fits (XML, JSON, HL7, delimited by ^ | ~)");
  const example = join(folder, "examples", "first");
  await mkdir(example, { recursive: true });
  const vendorFile = join(root, "mappings", vendor, "vendor.json");
  const made = existsSync(vendorFile) ? [] : [vendorFile];
  if (made.length > 0) await writeFile(vendorFile, pretty(vendorDocument(vendor, charset, reply === undefined ? undefined : message)));
  await writeFile(join(folder, "mapping.json"), pretty(document));
  await writeFile(join(example, `${reply === undefined ? "in" : "request"}${extname(file) || ".txt"}`), raw);
  if (reply !== undefined) {
    await writeFile(join(example, `reply${extname(options.reply ?? "") || ".txt"}`), reply);
    await writeFile(join(example, "return"), "0\n");
  }
  const unfilled = (document.unfilled as readonly unknown[]).length;
  const files = [...made, join(folder, "mapping.json")];
  const lines = [
    ...files.map((one) => `  + ${one}`),
    `  ${unfilled} 个字段待定：逐个移到 fields 或 ignored，再运行 huiliu mapping check ${vendor}/${message}`,
    `  ${unfilled} fields to decide: move each to fields or ignored, then run huiliu mapping check`,
  ];
  if (reply !== undefined && made.length === 0)
    lines.push(`  请把 ${message} 加入 ${vendor}/vendor.json 的 exchanges · add ${message} to exchanges in vendor.json`);
  return { text: lines.join("\n"), json: { files, unfilled }, exitCode: 0 };
}

const failedLine = (id: string, { name, file, expected }: ExampleResult): string =>
  expected === undefined
    ? `mappings/${id}/examples/${name}: 没有期望结果，用 --record 写出后核对 · states no expectation; write it with --record and read it`
    : `mappings/${id}/examples/${name}/${file}: 与引擎结果不一致 · differs from what the engine says`;

/** Loads every document and runs every example; `record` writes the expectations that are absent. */
export async function checkMappings(root: string, wanted: readonly string[], record: boolean): Promise<Output> {
  const loaded = await load(root);
  const ids = wanted.map((one) => idOf(root, one));
  const about = (file: string): boolean =>
    ids.length === 0 || ids.some((id) => file.startsWith(`mappings/${id}/`) || file === `mappings/${id.split("/")[0]}/vendor.json`);
  const lines = loaded.problems.filter((one) => about(one.file)).map(folderProblemLine);
  const unknown = ids.filter((id) => !loaded.mappings.has(id) && !loaded.problems.some((one) => one.file.startsWith(`mappings/${id}`)));
  lines.push(...unknown.map((id) => `mappings/${id}: 没有这个映射 · there is no such mapping`));
  let examples = 0;
  const written: string[] = [];
  for (const [id, mapping] of loaded.mappings) {
    if (ids.length > 0 && !ids.includes(id)) continue;
    const results = await runExamples(root, id, mapping);
    examples += results.length;
    if (record) written.push(...(await recordExamples(root, id, results)));
    lines.push(
      ...results.filter((one) => one.expected !== one.actual && !(record && one.expected === undefined)).map((one) => failedLine(id, one)),
    );
  }
  const count = ids.length === 0 ? loaded.mappings.size : ids.length;
  const head = lines.length === 0 ? `✓ ${count} 份映射、${examples} 个示例 · mappings, examples` : `✗ ${lines.length} 处有误 · problems`;
  const text = [...lines, ...written.map((file) => `  + ${file}（请核对 · read it before you commit it）`), head].join("\n");
  const json = { mappings: count, examples, written, problems: lines };
  return lines.length === 0 ? { text, json, exitCode: 0 } : refused(text, json);
}

function print(output: Output, asJson: boolean | undefined): void {
  const bigints = (_: string, value: unknown): unknown => (typeof value === "bigint" ? value.toString() : value);
  process.stdout.write(`${asJson ? JSON.stringify(output.json, bigints, 2) : output.text}\n`);
  process.exitCode = output.exitCode;
}

type NewOptions = TryOptions & { readonly json?: boolean; readonly wsdl?: string };

async function newDocuments(
  root: string,
  vendor: string,
  message: string | undefined,
  file: string | undefined,
  options: NewOptions,
): Promise<Output> {
  if (options.wsdl !== undefined) {
    const { text, json, ok } = await newFromWsdl(root, vendor, options.wsdl);
    return ok ? { text, json, exitCode: 0 } : refused(text, json);
  }
  if (message !== undefined && file !== undefined) return newMapping(root, vendor, message, file, options);
  const usage = "huiliu mapping new <vendor> <message> <file> | huiliu mapping new <vendor> --wsdl <file|url>";
  return refused(`✗ ${usage}`, { error: usage });
}

/** Puts `mapping try|new|check` under the command line. `root` is the project's folder. */
export function registerMappingCommands(program: Command, root: string): void {
  const mapping = program.command("mapping").description("映射文档：试译、新建、检查 · mapping documents: try, scaffold, check");
  mapping
    .command("try <mapping> <file...>")
    .description("用一份映射翻译报文文件，列出事件或全部问题 · translate files: the events, or everything that is wrong (exit 2)")
    .option("--reply <file>", "应答（DLL 调用）· the reply of an exchange")
    .option("--return <value>", "返回值 · the return value of an exchange")
    .option("--partner <name>", "取其常量，缺省为厂商名 · whose constants to use; the vendor's name by default")
    .option("--charset <name>", "字符集 · charset stated by the door")
    .option("--content-type <type>", "内容类型 · content type")
    .option("--key <key>", "回写键（出站）· write-back key, for outbound mappings")
    .option("--json", "输出 JSON · print JSON")
    .action(async (id: string, files: string[], options: TryOptions & { json?: boolean }) =>
      print(await tryMapping(root, id, files, options), options.json),
    );
  mapping
    .command("new <vendor> [message] [file]")
    .description(
      "从一条真实报文，或从对方的 WSDL，生成待填的映射 · scaffold a document from a real message, or outbound ones from a partner's WSDL",
    )
    .option("--reply <file>", "应答（DLL 调用）· the reply of an exchange")
    .option("--charset <name>", "字符集 · charset of the files")
    .option("--wsdl <file|url>", "对方的 WSDL：每个操作一份出站文档 · a partner's WSDL: an outbound document for each operation")
    .option("--json", "输出 JSON · print JSON")
    .action(async (vendor: string, message: string | undefined, file: string | undefined, options: NewOptions) =>
      print(await newDocuments(root, vendor, message, file, options), options.json),
    );
  mapping
    .command("check [mapping...]")
    .description("检查全部（或指定）映射及其示例 · check all (or the named) mappings and their examples (exit 2)")
    .option("--record", "为没有期望结果的示例写出结果 · write the expectations that are absent")
    .option("--json", "输出 JSON · print JSON")
    .action(async (wanted: string[], options: { record?: boolean; json?: boolean }) =>
      print(await checkMappings(root, wanted, options.record ?? false), options.json),
    );
}
