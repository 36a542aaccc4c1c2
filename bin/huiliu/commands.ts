/** The operators' commands: each asks the API once or twice and prints what it answers. */
import { userInfo } from "node:os";
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import type * as views from "../../domain/operations/views.ts";
import { type Client, createClient, EXIT, NotRunning, type Query, Refused } from "./client.ts";
import type { AuditVerification } from "../../domain/operations/views-audit.ts";
import { addAccountCommands } from "./commands-account.ts";
import { acknowledgementsText } from "./commands-acknowledgements.ts";
import { acceptRestore, verificationExit, verificationText } from "./commands-audit.ts";
import { addGateCommands } from "./commands-gates.ts";
import { addSubscriberCommands } from "./commands-subscribers.ts";
import { addSearchCommand } from "./commands-search.ts";
import { addLaneCommands } from "./commands-lanes.ts";
import { addReplayCommands } from "./commands-replay.ts";
import { addWatchCommands, goneText } from "./commands-watch.ts";
import * as texts from "./texts.ts";

export interface CliDeps {
  /** Where run.json is when --data does not say. */
  readonly dataDir: string;
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
  readonly exit: (code: number) => void;
  readonly nowMs: () => number;
}

export interface Flags {
  readonly data?: string;
  readonly json?: boolean;
  readonly lang: texts.Lang;
  readonly reason?: string;
  readonly by?: string;
  readonly unmask?: boolean;
  readonly preview?: boolean;
  readonly confirmedChecked?: boolean;
  readonly decision?: string;
  readonly receipt?: string;
  readonly head?: string;
  readonly hash?: string;
  readonly file?: string;
  readonly atVersion?: string;
  readonly key?: string;
  readonly partner?: string;
  readonly destination?: string;
  readonly kind?: string;
  readonly type?: string;
  readonly state?: string;
  readonly date?: string;
  readonly from?: string;
  readonly to?: string;
  readonly limit?: string;
  readonly after?: string;
  readonly who?: string;
  readonly action?: string;
  readonly minutes?: string;
}

/** What a command prints: the answer for --json, lines for people. */
export interface Printed {
  readonly answer: unknown;
  readonly lines: readonly string[];
}
export type Work = (client: Client, flags: Flags, say: texts.Say) => Promise<Printed>;

/** The option that gives what a refusal asks for. */
const OPTION_FOR: Readonly<Record<string, string>> = {
  REASON_REQUIRED: '--reason "…"',
  BY_REQUIRED: "--by …",
  RECEIPT_REQUIRED: "--receipt …",
  CONFIRM_REQUIRED: '--confirmed-checked --reason "…"',
  HASH_DIFFERS: "--hash …",
  UNKNOWN_PARTNER: "npx huiliu partners",
};

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Somebody typed a bill number where an id belongs. */
const notAnId = (given: string): Refused => {
  const command = `npx huiliu messages --key ${/^[\w.-]{1,64}$/.test(given) ? given : "…"}`;
  return new Refused(404, {
    code: "NOT_AN_ID",
    zh: `${given} 不是编号（36 位）`,
    en: `${given} is not an id (36 characters)`,
    next: { zh: `按单据号等业务键查找：${command}`, en: `Look for a bill or serial number with: ${command}` },
  });
};

/** Asked as a message and as a write-back, and it is neither. */
const unknownId = (): Refused =>
  new Refused(404, {
    code: "UNKNOWN_ID",
    zh: "没有这个编号的报文或回写",
    en: "There is no message and no write-back of this id",
    next: {
      zh: "检查编号，或按单据号查找：npx huiliu messages --key …",
      en: "Check the id, or search by bill number: npx huiliu messages --key …",
    },
  });

/** Tells what went wrong and answers the exit code. */
function failed(deps: CliDeps, error: unknown, flags: Flags, say: texts.Say): number {
  if (error instanceof NotRunning) {
    if (flags.json === true) deps.out(JSON.stringify({ error: { code: "NOT_RUNNING", zh: "汇流没有运行", en: "Huiliu is not running" } }));
    deps.err(say(`汇流没有运行（${error.message}）：先执行 npm start`, `Huiliu is not running (${error.message}): npm start`));
    return EXIT.notRunning;
  }
  if (error instanceof Refused) {
    const { code, zh, en, next, state, problems = [] } = error.error;
    if (flags.json === true) deps.out(JSON.stringify({ error: error.error }));
    const now = state === undefined ? "" : say(`（现在的状态：${state}）`, ` (its state now: ${state})`);
    deps.err(`${say(zh, en)}${now}  [${code}]`);
    for (const one of problems) deps.err(`  ${one.at}: ${say(one.zh, one.en)}`);
    const option = OPTION_FOR[code];
    deps.err(`${say(`下一步：${next.zh}`, `Next: ${next.en}`)}${option === undefined ? "" : `  ${option}`}`);
    return error.status < 500 ? EXIT.refused : EXIT.failed;
  }
  deps.err(error instanceof Error ? error.message : String(error));
  return EXIT.failed;
}

const common = (command: Command): Command =>
  command
    .option("--json", "print the answer as JSON · 输出 JSON")
    .addOption(new Option("--lang <lang>", "zh or en · 语言").choices(["zh", "en"]).default("zh"))
    .option("--data <folder>", "data folder of the running engine · 数据目录");
const deedOptions = (command: Command): Command =>
  command.option("--reason <text>", "why; on record · 原因").option("--by <name>", "who; on record; your account when absent · 操作人");
const listOptions = (command: Command): Command =>
  command
    .option("--key <values>", "business keys, separated by commas · 业务键")
    .option("--from <time>", "day or time · 起")
    .option("--to <time>", "day or time · 止")
    .option("--limit <n>", "rows · 条数")
    .option("--after <cursor>", "continue after · 续查");

/** Adds the commands to `program`. */
export function registerOperatorCommands(program: Command, deps: CliDeps): void {
  const add = (usage: string, description: string, work: (...args: string[]) => Work): Command => {
    const command = common(program.command(usage)).description(description);
    return command.action(async (...given: unknown[]) => {
      const flags = command.opts<Flags>();
      const say = texts.sayIn(flags.lang);
      const args = given.flat().filter((one): one is string => typeof one === "string");
      try {
        const client = createClient(flags.data === undefined ? deps.dataDir : resolve(flags.data));
        const printed = await work(...args)(client, flags, say);
        if (flags.json === true) deps.out(JSON.stringify(printed.answer));
        else for (const line of printed.lines) deps.out(line);
      } catch (error) {
        deps.exit(failed(deps, error, flags, say));
      }
    });
  };
  addLists(add, deps);
  addLooks(add, deps);
  addDeeds(add);
}

/** What every deed's command needs: its options, who does it, and its line for people. */
export interface Deeds {
  readonly options: (command: Command) => Command;
  readonly by: (flags: Flags) => string;
  readonly line: (say: texts.Say, done: views.Done) => string;
}
export type Add = (usage: string, description: string, work: (...args: string[]) => Work) => Command;
interface PageOf<T> {
  readonly items: readonly T[];
  readonly after?: string;
}

const listQuery = ({ key, from, to, limit, after }: Flags): Query => ({ key, from, to, limit, after });
const more = (say: texts.Say, page: PageOf<unknown>): string[] =>
  page.after === undefined ? [] : [say(`还有更多：--after ${page.after}`, `There is more: --after ${page.after}`)];

/** A command that lists pages. */
const paged =
  <T>(path: string, query: (flags: Flags) => Query, print: (say: texts.Say, rows: readonly T[]) => string[]) =>
  (): Work =>
  async (client, flags, say) => {
    const answer = await client.get<PageOf<T> & Pick<views.MessagePage, "pastRetention">>(path, query(flags));
    return { answer, lines: [...print(say, answer.items), ...goneText(say, answer.pastRetention), ...more(say, answer)] };
  };

/** The list, or the chain looked through; a broken chain is not in order. */
const auditWork =
  (deps: CliDeps) =>
  (word?: string): Work =>
  async (client, flags, say) => {
    const { who, action, from, to, limit, after } = flags;
    if (word === undefined) return paged("/audit", () => ({ who, action, from, to, limit, after }), texts.auditText)()(client, flags, say);
    if (word === "accept-restore") return acceptRestore(client, flags, byOf(flags), say);
    if (word !== "verify") {
      const next = { zh: "npx huiliu audit verify", en: "npx huiliu audit verify" };
      throw new Refused(400, {
        code: "BAD_REQUEST",
        zh: "audit 之后只能是 verify 或 accept-restore",
        en: "only verify or accept-restore may follow audit",
        next,
      });
    }
    const answer = await client.get<AuditVerification>("/audit/verification");
    const exit = verificationExit(answer);
    if (exit !== EXIT.ok) deps.exit(exit);
    return { answer, lines: verificationText(say, answer) };
  };

function addLists(add: Add, deps: CliDeps): void {
  addSearchCommand(add);
  listOptions(
    add(
      "messages",
      "find messages · 查找报文",
      paged("/messages", (f) => ({ ...listQuery(f), partner: f.partner, kind: f.kind, state: f.state }), texts.messagesText),
    ),
  )
    .option("--partner <name>", "from this partner · 伙伴")
    .option("--kind <name>", "kind of message · 报文种类")
    .option("--state <state>", "awaiting-part, received, settled, duplicate, parked, resolved · 状态");
  listOptions(
    add(
      "events",
      "find events · 查找事件",
      paged("/events", (f) => ({ ...listQuery(f), partner: f.partner, type: f.type, businessDate: f.date }), texts.eventsText),
    ),
  )
    .option("--partner <name>", "of this partner · 伙伴")
    .option("--type <type>", "e.g. payment.settled · 事件类型")
    .option("--date <day>", "business day · 业务日");
  listOptions(
    add(
      "write-backs",
      "find write-backs · 查找回写",
      paged(
        "/write-backs",
        (f) => ({ ...listQuery(f), destination: f.destination, kind: f.kind, state: f.state, businessDate: f.date }),
        texts.writeBacksText,
      ),
    ),
  )
    .option("--destination <name>", "to this partner · 目的地")
    .option("--kind <name>", "e.g. payment-confirm · 种类")
    .option("--state <state>", "held, queued, waiting, sending, deferred, parked, acknowledged, resolved · 状态")
    .option("--date <day>", "business day · 业务日");
  listOptions(
    add(
      "acknowledgements",
      "acknowledgements that came on their own way · 另行到达的回写确认",
      paged("/acknowledgements", (f) => ({ ...listQuery(f), destination: f.destination, state: f.state }), acknowledgementsText),
    ),
  )
    .option("--destination <name>", "of this partner · 目的地")
    .option("--state <state>", "applied, early, late, duplicate, differs, unexpected, unclear · 结果");
  deedOptions(
    add(
      "audit [what]",
      "what people did; verify: whether the record is as it was written; accept-restore: ask to accept the break of a restored database · 人工操作记录；verify 核对审计链；accept-restore 提出认可数据库恢复",
      auditWork(deps),
    ),
  )
    .option("--hash <sha>", "which break, as verify tells it · 断点的哈希")
    .option("--who <name>", "by this person · 操作人")
    .option("--action <word>", "only this action · 操作")
    .option("--from <time>", "day or time · 起")
    .option("--to <time>", "day or time · 止")
    .option("--limit <n>", "rows · 条数")
    .option("--after <cursor>", "continue after · 续查");
}

/** A message, or the write-back of that id. */
async function lookUp(
  client: Client,
  id: string,
  query: Query = {},
): Promise<{ readonly message: views.MessageDetail } | { readonly writeBack: views.WriteBackDetail }> {
  if (!ID.test(id)) throw notAnId(id);
  const path = encodeURIComponent(id);
  let gone: unknown; // its day is past retention: a write-back of that day is still there
  try {
    return { message: await client.get<views.MessageDetail>(`/messages/${path}`, query) };
  } catch (error) {
    if (!(error instanceof Refused && ["UNKNOWN_MESSAGE", "CONTENT_GONE"].includes(error.error.code))) throw error;
    if (error.error.code === "CONTENT_GONE") gone = error;
  }
  try {
    return { writeBack: await client.get<views.WriteBackDetail>(`/write-backs/${path}`, query) };
  } catch (error) {
    throw error instanceof Refused && error.error.code === "UNKNOWN_WRITE_BACK" ? (gone ?? unknownId()) : error;
  }
}

function addLooks(add: Add, deps: CliDeps): void {
  add("status", "how the engine stands · 当前状态", () => async (client, _flags, say) => {
    const answer = await client.get<views.Status>("/status");
    const { items } = await client.get<{ readonly items: readonly views.DestinationView[] }>("/destinations");
    return { answer: { ...answer, destinations: items }, lines: texts.statusText(say, answer, items) };
  });
  deedOptions(
    add("show <id>", "everything about a message or a write-back · 一条报文或一笔回写的全部", (id = "") => async (client, flags, say) => {
      const query = flags.unmask === true ? { unmask: "true", reason: flags.reason, by: byOf(flags) } : {};
      const found = await lookUp(client, id, query);
      if ("message" in found) return { answer: found.message, lines: texts.messageText(say, found.message) };
      return { answer: found.writeBack, lines: texts.writeBackText(say, found.writeBack) };
    }),
  ).option("--unmask", "show personal data; needs --reason and is on record · 解除脱敏");
  add("parked", "what a person must look at, and what to type · 需人工处理的", () => async (client, flags, say) => {
    const query = { state: "parked", limit: flags.limit ?? "100" };
    const messages = await client.get<PageOf<views.MessageRow>>("/messages", query);
    const writeBacks = await client.get<PageOf<views.WriteBackRow>>("/write-backs", query);
    const deliveries = await client.get<views.EventDeliveryList>("/event-deliveries");
    const answer = { messages: messages.items, writeBacks: writeBacks.items, deliveries: deliveries.items };
    const cut = messages.after !== undefined || writeBacks.after !== undefined;
    return {
      answer,
      lines: [...texts.parkedText(say, answer, deps.nowMs()), ...(cut ? [say("还有更多：--limit", "There are more: --limit")] : [])],
    };
  }).option("--limit <n>", "at most so many of each · 每类条数");
  add("totals", "totals of a business day · 业务日总额核对", () => async (client, flags, say) => {
    const answer = await client.get<views.Totals>("/totals", { businessDate: flags.date, partner: flags.partner });
    if (!answer.balanced) deps.exit(EXIT.failed);
    return { answer, lines: texts.totalsText(say, answer) };
  })
    .option("--date <day>", "business day; today when absent · 业务日")
    .option("--partner <name>", "only this partner · 伙伴");
  add("destinations", "backlog of every destination · 各目的地的积压", () => async (client, _flags, say) => {
    const answer = await client.get<{ readonly items: readonly views.DestinationView[] }>("/destinations");
    return { answer, lines: texts.destinationsText(say, answer.items) };
  });
  add("partners", "partner profiles · 伙伴档案", () => async (client, _flags, say) => {
    const answer = await client.get<{ readonly items: readonly views.PartnerView[] }>("/partners");
    return { answer, lines: texts.partnersText(say, answer.items) };
  });
}

/** Who types: --by, else the account of this machine. */
const byOf = (flags: Flags): string => flags.by ?? userInfo().username;

/** Where a deed on this id goes: `<subscriber>/<event>` is an event delivery, else a message or a write-back. */
async function targetOf(
  client: Client,
  id: string,
): Promise<{ readonly kind: "message" | "write-back" | "delivery"; readonly path: string }> {
  const slash = id.lastIndexOf("/");
  if (slash > 0) {
    const path = `/event-deliveries/${encodeURIComponent(id.slice(0, slash))}/${encodeURIComponent(id.slice(slash + 1))}`;
    return { kind: "delivery", path };
  }
  const found = await lookUp(client, id);
  return "message" in found
    ? { kind: "message", path: `/messages/${encodeURIComponent(id)}` }
    : { kind: "write-back", path: `/write-backs/${encodeURIComponent(id)}` };
}

const doneLine = (say: texts.Say, done: views.Done): string =>
  `${done.kind} ${done.id}  →  ${done.state}${done.action === undefined ? "" : ` (${done.action})`}  ${say("记录号", "audit")} ${done.auditId}`;

function addDeeds(add: Add): void {
  deedOptions(
    add("replay <id>", "do it again from the stored bytes · 重放", (id = "") => async (client, flags, say) => {
      const { kind, path } = await targetOf(client, id);
      if (flags.preview === true && kind === "message") {
        const preview = await client.post<views.Preview>(`${path}/replay`, { preview: true });
        return { answer: preview, lines: texts.previewText(say, preview) };
      }
      const checked = kind === "write-back" && flags.confirmedChecked === true ? { confirmedChecked: true } : {};
      const answer = await client.post<views.Done>(`${path}/replay`, { reason: flags.reason, by: byOf(flags), ...checked });
      return { answer, lines: [doneLine(say, answer)] };
    }),
  )
    .option("--preview", "a message: show what the present mapping would make, change nothing · 只看差异")
    .option("--confirmed-checked", "a write-back: the partner's system was looked at · 已在对方系统核对");
  deedOptions(
    add("resolve <id>", "close it by hand · 人工了结", (id = "") => async (client, flags, say) => {
      const { kind, path } = await targetOf(client, id);
      const decision = flags.decision ?? (flags.receipt === undefined ? undefined : "done-by-hand");
      const more =
        kind === "write-back"
          ? { decision, hisReceiptNo: flags.receipt, ...(flags.confirmedChecked === true ? { confirmedChecked: true } : {}) }
          : {};
      const answer = await client.post<views.Done>(`${path}/resolve`, { reason: flags.reason, by: byOf(flags), ...more });
      return { answer, lines: [doneLine(say, answer)] };
    }),
  )
    .addOption(new Option("--decision <what>", "a write-back: done-by-hand or cancelled · 决定").choices(["done-by-hand", "cancelled"]))
    .option("--receipt <no>", "done by hand: the partner's receipt number · 对方凭据号")
    .option("--confirmed-checked", "cancelled: the partner's system was looked at · 已在对方系统核对");
  addSubscriberCommands(add, { options: deedOptions, by: byOf, line: doneLine });
  addGateCommands(add, { options: deedOptions, by: byOf, line: doneLine });
  addLaneCommands(add, { options: deedOptions, by: byOf, line: doneLine });
  addReplayCommands(add, { options: deedOptions, by: byOf, line: doneLine });
  addWatchCommands(add, { options: deedOptions, by: byOf, line: doneLine });
  addAccountCommands(add, { options: deedOptions, by: byOf });
}
