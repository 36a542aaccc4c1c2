/**
 * The examples beside a mapping document are its test: `examples/<name>/` holds a message (`in.*`, or `request.*`, `reply.*` and `return`; for outbound documents
 * `event.json`; for ack contracts `reply.*` and `sent.json`) and what must come of it: `events.json`, `problems.json`, `out.*` or `outcome.json`.
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ReplyExample } from "../../domain/flows/trial-deps.ts";
import type { EncodeInput, InboundMapping, Mapping, OutboundMapping } from "../../domain/mapping/mapping.ts";

/** What an example's expectation says, and what the engine says. Equal texts are a pass. */
export interface ExampleResult {
  readonly name: string;
  /** Accepted examples yield events or bytes; refused ones problems; reply examples an outcome. */
  readonly kind: "accepted" | "refused" | "reply";
  readonly file: string;
  readonly expected: string | undefined;
  readonly actual: string;
}

/** Facts of the world an example may set in `context.json`. */
export interface ExampleContext {
  readonly constants: Readonly<Record<string, string>>;
  readonly partner: string;
  readonly receivedAt: string;
  readonly charset?: string;
  readonly contentType?: string;
  readonly key: string;
  readonly order?: Readonly<Record<string, string>>;
  /** Of an inquiry or a reversal: our number of the call that sent the write-back, and what stood in it by place. */
  readonly callNumber?: string;
  readonly sent?: Readonly<Record<string, string>>;
}

/** The context of examples that set none. */
const contextOf = (vendor: string): Omit<ExampleContext, "sent"> => ({
  constants: { institution: "H001" },
  partner: vendor,
  receivedAt: "2026-11-20T10:00:00+08:00",
  key: "0f5b1c2d3e4f60718293a4b5c6d7e8f901234567",
});

const BIGINT_SAFE = (_: string, value: unknown): unknown => (typeof value === "bigint" ? value.toString() : value);
const pretty = (value: unknown): string => `${JSON.stringify(value, BIGINT_SAFE, 2)}\n`;

interface Files {
  readonly names: readonly string[];
  bytes(prefix: string): Promise<Uint8Array | undefined>;
  text(name: string): Promise<string | undefined>;
}

async function filesIn(folder: string): Promise<Files> {
  const names = (await readdir(folder)).sort();
  const bytes = async (prefix: string): Promise<Uint8Array | undefined> => {
    const name = names.find((one) => one === prefix || one.startsWith(`${prefix}.`));
    return name === undefined ? undefined : new Uint8Array(await readFile(join(folder, name)));
  };
  return { names, bytes, text: async (name) => (names.includes(name) ? readFile(join(folder, name), "utf8") : undefined) };
}

/** Reads the message of an example folder. Rejects when it holds none. */
export async function exampleInput(folder: string, vendor: string): Promise<Parameters<InboundMapping["translate"]>[0]> {
  const files = await filesIn(folder);
  const raw = (await files.bytes("in")) ?? (await files.bytes("request"));
  if (!raw) throw new Error(`${folder} holds neither in.* nor request.*`);
  const { sent: _sent, ...stated }: Partial<ExampleContext> = JSON.parse((await files.text("context.json")) ?? "{}");
  return { raw, reply: await files.bytes("reply"), returnValue: (await files.text("return"))?.trim(), ...contextOf(vendor), ...stated };
}

async function runInbound(folder: string, name: string, vendor: string, mapping: InboundMapping): Promise<ExampleResult> {
  const files = await filesIn(folder);
  const result = mapping.translate(await exampleInput(folder, vendor));
  if (result.ok) {
    const { messageIdentity, events } = result;
    return {
      name,
      kind: "accepted",
      file: "events.json",
      expected: await files.text("events.json"),
      actual: pretty({ messageIdentity, events }),
    };
  }
  return { name, kind: "refused", file: "problems.json", expected: await files.text("problems.json"), actual: pretty(result.problems) };
}

/** A partner's reply, and what it answers. */
async function replyIn(files: Files): Promise<Omit<ReplyExample, "name">> {
  const { status, contentType, returnValue, sent } = JSON.parse((await files.text("sent.json")) ?? "{}");
  const body = (await files.bytes("reply")) ?? new Uint8Array();
  const { amountFen, ...rest } = sent;
  return {
    reply: { status, contentType, returnValue, body },
    sent: { ...rest, ...(amountFen === undefined ? {} : { amountFen: BigInt(amountFen) }) },
  };
}

async function runReply(name: string, mapping: OutboundMapping, files: Files): Promise<ExampleResult> {
  const { reply, sent } = await replyIn(files);
  const outcome = mapping.interpret({ ...reply, sent });
  const { why, ...read } = outcome;
  const actual = pretty({ ...read, why: { zh: why.zh, en: why.en } });
  return { name, kind: "reply", file: "outcome.json", expected: await files.text("outcome.json"), actual };
}

async function outboundInput(files: Files, vendor: string): Promise<EncodeInput> {
  const event = await files.text("event.json");
  const { sent, ...stated }: Partial<ExampleContext> = JSON.parse((await files.text("context.json")) ?? "{}");
  const about = sent === undefined ? {} : { sent: (path: string): string | undefined => sent[path] };
  return { ...contextOf(vendor), ...stated, ...about, ...(event === undefined ? {} : { event: JSON.parse(event) }) };
}

async function runOutbound(folder: string, name: string, vendor: string, mapping: OutboundMapping): Promise<ExampleResult> {
  const files = await filesIn(folder);
  if (files.names.includes("sent.json")) return runReply(name, mapping, files);
  const encoded = mapping.encode(await outboundInput(files, vendor));
  if (!encoded.ok)
    return { name, kind: "refused", file: "problems.json", expected: await files.text("problems.json"), actual: pretty(encoded.problems) };
  const { kind } = mapping.document.codec;
  const file = kind === "delimited" ? "out.txt" : `out.${kind}`;
  return { name, kind: "accepted", file, expected: await files.text(file), actual: new TextDecoder(encoded.charset).decode(encoded.body) };
}

/** Names of the examples of `<vendor>/<message>`; none where it has no such folder. */
export async function exampleNames(root: string, id: string): Promise<readonly string[]> {
  const entries = await readdir(join(root, "mappings", id, "examples"), { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

/** The replies among the examples of an outbound document, by name; none where there is no folder. */
export async function replyExamples(root: string, id: string): Promise<readonly ReplyExample[]> {
  const folder = join(root, "mappings", id, "examples");
  const replies: ReplyExample[] = [];
  for (const name of await exampleNames(root, id)) {
    const files = await filesIn(join(folder, name));
    if (files.names.includes("sent.json")) replies.push({ name, ...(await replyIn(files)) });
  }
  return replies;
}

/** Examples of what an outbound document writes: names, without those of replies. */
export async function outboundExamples(root: string, id: string): Promise<readonly string[]> {
  const folder = join(root, "mappings", id, "examples");
  const names: string[] = [];
  for (const name of await exampleNames(root, id)) if (!(await filesIn(join(folder, name))).names.includes("sent.json")) names.push(name);
  return names;
}

/** What an outbound example is made from, whose constants it states, and the text that it expects (absent: none yet, or problems). Rejects when it is not there. */
export async function outboundExample(
  root: string,
  id: string,
  name: string,
): Promise<{ readonly input: EncodeInput; readonly partner: string; readonly expected?: string }> {
  const files = await filesIn(join(root, "mappings", id, "examples", name));
  const vendor = id.split("/")[0] ?? "";
  const { partner = vendor }: Partial<ExampleContext> = JSON.parse((await files.text("context.json")) ?? "{}");
  const out = files.names.find((one) => one.startsWith("out."));
  const expected = out === undefined ? undefined : await files.text(out);
  return { input: await outboundInput(files, vendor), partner, ...(expected === undefined ? {} : { expected }) };
}

/** Runs every example of `<vendor>/<message>`. */
export async function runExamples(root: string, id: string, mapping: Mapping): Promise<readonly ExampleResult[]> {
  const folder = join(root, "mappings", id, "examples");
  const vendor = id.split("/")[0] ?? "";
  const results: ExampleResult[] = [];
  for (const name of await exampleNames(root, id)) {
    const path = join(folder, name);
    results.push(
      await (mapping.direction === "inbound" ? runInbound(path, name, vendor, mapping) : runOutbound(path, name, vendor, mapping)),
    );
  }
  return results;
}

/** Writes what the engine says into examples that state no expectation yet: read it before you commit it. Answers the files written. */
export async function recordExamples(root: string, id: string, results: readonly ExampleResult[]): Promise<readonly string[]> {
  const written: string[] = [];
  for (const { name, file, expected, actual } of results) {
    if (expected !== undefined) continue;
    const path = join(root, "mappings", id, "examples", name, file);
    await writeFile(path, actual);
    written.push(path);
  }
  return written;
}
