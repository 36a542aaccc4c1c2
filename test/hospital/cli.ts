/** `npx huiliu hospital …`: send messages, set faults, ask the oracle. Whoever owns the command line registers this on it. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { chinaTime } from "./clock.ts";
import { type DayFlags, day } from "./day/command.ts";
import { FAULTS } from "./faults.ts";
import { ledgerLines } from "./ledger.ts";
import { MAX_SEED, type Payer } from "./messages/cases.ts";
import { GENERATORS } from "./messages/index.ts";
import { createOracle, type Report, type Sent } from "./oracle.ts";
import { type SendOptions, type SendResult, sendAmqp, sendHttp } from "./send.ts";

interface Running {
  readonly amqp?: string;
  readonly gateway?: string;
  readonly partners?: Readonly<Record<string, { readonly amqp?: string; readonly key?: string }>>;
  readonly hospital?: Readonly<Record<string, { readonly url?: string; readonly ledger?: string; readonly faults?: string }>>;
}

interface SendFlags {
  readonly partner: string;
  readonly message: string;
  readonly count: number;
  readonly rate?: number;
  readonly seed?: number;
  readonly first: number;
  readonly date?: string;
  readonly payer?: string;
  readonly duplicates: number;
  readonly charset?: string;
  readonly via: string;
  readonly exchangeAs: string;
  readonly mode: string;
  readonly messageId: boolean;
  readonly sent?: string;
  readonly amqp?: string;
  readonly gateway?: string;
  readonly key?: string;
  readonly data?: string;
  readonly json?: boolean;
}

interface FaultFlags {
  readonly partner: string;
  readonly count?: number;
  readonly ms?: number;
  readonly data?: string;
  readonly json?: boolean;
}

interface CheckFlags {
  readonly sent: string[];
  readonly partner: string;
  readonly ledger?: string;
  readonly data?: string;
  readonly json?: boolean;
}

/** What the control port answers; `hospital fault` prints the part that people look at. */
interface ControlAnswer {
  readonly error?: string;
  readonly mode?: string;
  readonly faults?: readonly { readonly fault: string; readonly left?: number; readonly hits?: number }[];
  readonly counters?: Readonly<Record<string, number>>;
}

/** Exit codes as every command of the program has them: refused, engine not running. */
const EXIT_REFUSED = 2;
const EXIT_NOT_RUNNING = 3;

/** A refusal that is told in one line, not as a stack. */
class Refusal extends Error {}
/** No run.json, or nothing of what is needed in it. */
class NotRunning extends Refusal {}

/** Adds `hospital send|fault|check` to the program. `dataDir` is the folder of `run.json` where --data names no other. */
export function registerHospitalCommands(program: Command, _root: string, dataDir: string): void {
  const hospital = program
    .command("hospital")
    .description("模拟医院：发送报文、设置故障、核对效果 · the simulated hospital: send messages, set faults, count effects");
  registerSend(hospital, dataDir);
  registerDay(hospital, dataDir);
  hospital
    .command("fault <fault>")
    .description(
      `set a fault by name (${FAULTS.join(", ")}; none clears all), or faults, mode or clock by JSON, e.g. '{"fault":"reject","code":"E103","count":1}' · 设置故障`,
    )
    .option("--partner <name>", "partner of the hospital", "his")
    .option("--count <n>", "how many requests it hits (default: until cleared)", whole)
    .option("--ms <n>", "milliseconds: how long, or the wait of slow", whole)
    .option("--data <folder>", DATA)
    .option("--json", "print the hospital's answer as JSON")
    .action((fault: string, flags: FaultFlags) => told(() => setFault(flags.data ?? dataDir, fault, flags)));
  hospital
    .command("check")
    .description("compare what was sent (hospital send --sent <file>) with the partner's ledger; exit code 1 when they differ · 核对效果")
    .requiredOption("--sent <file...>", "files of expected effects")
    .option("--partner <name>", "partner of the hospital whose ledger is read", "his")
    .option("--ledger <file>", "ledger file, when the hospital is not in run.json")
    .option("--data <folder>", DATA)
    .option("--json", "print the report as JSON")
    .action((flags: CheckFlags) => told(() => check(flags.data ?? dataDir, flags)));
}

function registerDay(hospital: Command, dataDir: string): void {
  hospital
    .command("day")
    .description("a day played through every partner; exit code 1 unless every ledger agrees to the fen · 模拟医院的一天")
    .option("--patients <n>", "how many come", whole, 500)
    .option("--seed <n>", "equal seeds and dates make equal days; a second day on one engine needs another seed or date", whole, 7)
    .option("--date <day>", "business day yyyy-MM-dd (default: today)")
    .option("--faults", "every partner has its faults during the day")
    .option("--parallel <n>", "stories at work at once", whole, 12)
    .option("--wait <seconds>", "longest wait for the ledgers to agree after a wave", whole, 300)
    .option("--data <folder>", DATA)
    .option("--json", "print the report as JSON")
    .action((flags: DayFlags & { readonly data?: string }) =>
      told(async () => {
        const partners = (await readRunning(flags.data ?? dataDir)).hospital;
        if (partners?.his === undefined) throw new NotRunning("there is no simulated hospital: npm start");
        if (!(await day(partners, flags))) process.exitCode = 1;
      }),
    );
}

const DATA = "data folder of the running engine · 数据目录";

function registerSend(hospital: Command, dataDir: string): void {
  hospital
    .command("send")
    .description("push messages the way a HIS does · 像 HIS 一样发送报文")
    .requiredOption("--partner <name>", "his, neusoft, chongqing or jkt")
    .requiredOption("--message <name>", `one of ${messagesText()}`)
    .option("--count <n>", "how many messages", whole, 1)
    .option("--rate <n>", "messages a second (default: as fast as they are confirmed)", positive)
    .option("--seed <n>", "equal seeds make equal messages (default: a new one)", whole)
    .option("--first <n>", "ordinal of the seed's first message", whole, 0)
    .option("--date <day>", "business day yyyy-MM-dd (default: today)")
    .option("--payer <who>", "self or insured")
    .option("--duplicates <share>", "share of messages sent a second time, 0 to 1", share, 0)
    .option("--charset <name>", "UTF-8, GBK or GB18030 (default: as the partner sends)")
    .option("--via <door>", "amqp or http", "amqp")
    .option("--exchange-as <form>", "a DLL exchange as two messages or as one json body", "two")
    .option("--mode <mode>", "confirm: wait for confirms; fire: do not let them slow the sender", "confirm")
    .option("--no-message-id", "leave out the message's identity")
    .option("--sent <file>", "write the effects to be expected, for hospital check")
    .option("--amqp <url>", "broker, when the engine is not in run.json")
    .option("--gateway <url>", "gateway, when the engine is not in run.json")
    .option("--key <key>", "the partner's key at that gateway")
    .option("--data <folder>", DATA)
    .option("--json", "print the result as JSON")
    .action((flags: SendFlags) => told(() => send(flags.data ?? dataDir, flags)));
}

/** `charge, charge-cancel (his); settle … (neusoft)`: what follows --message, by what follows --partner. */
function messagesText(): string {
  const names = Object.keys(GENERATORS).map((name) => name.split("."));
  const partners = [...new Set(names.map(([partner]) => partner))];
  const of = (partner: string | undefined): string => names.flatMap(([owner, message]) => (owner === partner ? [message] : [])).join(", ");
  return partners.map((partner) => `${of(partner)} (${partner})`).join("; ");
}

async function send(dataDir: string, flags: SendFlags): Promise<void> {
  if (GENERATORS[`${flags.partner}.${flags.message}`] === undefined) {
    throw new Refusal(`no message ${flags.message} of ${flags.partner}; known: ${messagesText()}`);
  }
  oneOf("--mode", flags.mode, ["confirm", "fire"]);
  oneOf("--via", flags.via, ["amqp", "http"]);
  oneOf("--exchange-as", flags.exchangeAs, ["two", "json"]);
  if (flags.payer !== undefined) oneOf("--payer", flags.payer, ["self", "insured"]);
  if (flags.charset !== undefined) oneOf("--charset", flags.charset, ["UTF-8", "GBK", "GB18030"]);
  const date = flags.date ?? chinaTime(Date.now()).slice(0, 10);
  if (!/^\d{4}-\d\d-\d\d$/.test(date) || Number.isNaN(Date.parse(date))) throw new Refusal("--date is yyyy-MM-dd");
  const options: SendOptions = {
    partner: flags.partner,
    message: flags.message,
    count: flags.count,
    seed: flags.seed ?? Date.now() % MAX_SEED,
    first: flags.first,
    date,
    duplicates: flags.duplicates,
    exchangeAs: flags.exchangeAs === "json" ? "json" : "two",
    messageId: flags.messageId,
    confirm: flags.mode === "confirm",
    ...(flags.rate === undefined ? {} : { rate: flags.rate }),
    ...(flags.payer === undefined ? {} : { payer: flags.payer as Payer }),
    ...(flags.charset === undefined ? {} : { charset: flags.charset }),
    ...(flags.sent === undefined ? {} : { sentFile: flags.sent }),
  };
  const result = await (flags.via === "http" ? viaHttp(dataDir, flags, options) : viaAmqp(dataDir, flags, options));
  process.stdout.write(flags.json ? `${JSON.stringify(result)}\n` : sendText(result));
  if (result.failed > 0 || result.returned > 0) process.exitCode = 1;
}

async function viaAmqp(dataDir: string, flags: SendFlags, options: SendOptions): Promise<SendResult> {
  const running = flags.amqp === undefined ? await readRunning(dataDir) : {};
  const url = flags.amqp ?? running.partners?.[flags.partner]?.amqp ?? running.amqp;
  if (url === undefined)
    throw new NotRunning(`no broker in ${join(dataDir, "run.json")}: start the engine (npm start), or give --amqp <url>`);
  return sendAmqp(url, options);
}

async function viaHttp(dataDir: string, flags: SendFlags, options: SendOptions): Promise<SendResult> {
  const running = flags.gateway === undefined || flags.key === undefined ? await readRunning(dataDir) : {};
  const gateway = flags.gateway ?? running.gateway;
  const key = flags.key ?? running.partners?.[flags.partner]?.key;
  if (gateway === undefined || key === undefined)
    throw new NotRunning(
      `no gateway, or no key of ${flags.partner}, in ${join(dataDir, "run.json")}: start the engine, or give --gateway and --key`,
    );
  return sendHttp(gateway, key, options);
}

function sendText(result: SendResult): string {
  const { partner, message, messages, duplicates, sent, confirmed, returned, failed, seconds, perSecond, seed, date } = result;
  const error = result.error === undefined ? "" : `  ${result.error}\n`;
  const counts = `confirmed ${confirmed} · returned ${returned} · failed ${failed}`;
  return `${partner}.${message}: ${messages} messages, ${duplicates} again, ${sent} sent in ${seconds} s (${perSecond}/s)\n  ${counts}\n${error}  again with --seed ${seed} --date ${date}\n`;
}

async function setFault(dataDir: string, fault: string, flags: FaultFlags): Promise<void> {
  const url = (await readRunning(dataDir)).hospital?.[flags.partner]?.faults;
  if (url === undefined) throw new NotRunning(`no ${flags.partner} of the simulated hospital in ${join(dataDir, "run.json")}`);
  const { count, ms } = flags;
  const named = { fault, ...(count === undefined ? {} : { count }), ...(ms === undefined ? {} : { ms }) };
  const body = fault.trimStart().startsWith("{") ? fault : JSON.stringify(named);
  const response = await fetch(url, { method: "POST", body });
  const text = await response.text();
  const answer = JSON.parse(text) as ControlAnswer;
  if (flags.json) process.stdout.write(`${text.trimEnd()}\n`);
  else if (response.ok) process.stdout.write(controlText(flags.partner, answer));
  if (!response.ok) throw new Refusal(answer.error ?? text);
}

function controlText(partner: string, { mode, faults = [], counters = {} }: ControlAnswer): string {
  const active = faults.filter(({ left }) => left !== 0);
  const names = active.map(({ fault, left }) => (left === undefined ? fault : `${fault} ×${left}`));
  const { writeBacks = 0, inquiries = 0, effects = 0 } = counters;
  return `${partner} (${mode ?? "?"}): ${names.join(", ") || "no fault"}\n  so far: ${writeBacks} write-backs, ${inquiries} inquiries, ${effects} effects\n`;
}

async function check(dataDir: string, flags: CheckFlags): Promise<void> {
  const file = flags.ledger ?? (await readRunning(dataDir)).hospital?.[flags.partner]?.ledger;
  if (file === undefined) throw new NotRunning(`no ledger of ${flags.partner} in ${join(dataDir, "run.json")}: give --ledger <file>`);
  const sent: Sent[] = [];
  for (const name of flags.sent) {
    const lines = (await readFile(name, "utf8")).split("\n").filter((line) => line !== "");
    for (const line of lines) sent.push(JSON.parse(line) as Sent);
  }
  const oracle = createOracle(sent);
  for await (const line of ledgerLines(file)) oracle.see(line);
  const report = oracle.report();
  process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : reportText(report));
  if (!report.clean) process.exitCode = 1;
}

function reportText(report: Report): string {
  const line = (name: string, list: readonly unknown[]): string =>
    `  ${name.padEnd(12)} ${list.length}${list.length > 0 ? `  ${JSON.stringify(list.slice(0, 5))}` : ""}\n`;
  return (
    `sent ${report.sent} · effects ${report.effects} · asked ${report.asked} · inquiries ${report.inquiries} · repeats ${report.repeats} · refused ${report.refused}\n` +
    line("lost", report.lost) +
    line("doubled", report.doubled) +
    line("unexpected", report.unexpected) +
    line("mismatched", report.mismatched) +
    line("out of order", report.outOfOrder) +
    line("lying acks", report.lyingAcks)
  );
}

async function readRunning(dataDir: string): Promise<Running> {
  try {
    return JSON.parse(await readFile(join(dataDir, "run.json"), "utf8")) as Running;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT")
      throw new NotRunning(`the engine is not running (${join(dataDir, "run.json")} is missing): npm start`);
    throw error;
  }
}

async function told(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const known = error instanceof Refusal || error instanceof RangeError || (error instanceof Error && "code" in error);
    process.stderr.write(
      `${known && error instanceof Error ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    process.exitCode = error instanceof NotRunning ? EXIT_NOT_RUNNING : error instanceof Refusal ? EXIT_REFUSED : 1;
  }
}

function oneOf(flag: string, value: string, allowed: readonly string[]): void {
  if (!allowed.includes(value)) throw new Refusal(`${flag} is ${allowed.join(" or ")}`);
}

function whole(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError(`not a whole number: ${text}`);
  return Number(text);
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError(`not a number above 0: ${text}`);
  return value;
}

function share(text: string): number {
  const value = Number(text);
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError(`not a share from 0 to 1: ${text}`);
  return value;
}
