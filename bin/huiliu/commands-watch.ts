/** `huiliu alarms …` and `huiliu retention …`. */
import type { Command } from "commander";
import type { AlarmPage, AlarmSinkList, AlarmView } from "../../domain/operations/views-alarms.ts";
import type { RetentionPolicyView, RetentionRun, RetentionSimulation } from "../../domain/operations/views-retention.ts";
import type { Done, GoneRow } from "../../domain/operations/views.ts";
import { type ApiError, type Client, Refused } from "./client.ts";
import type { Add, Deeds, Flags, Printed } from "./commands.ts";
import { printable, table } from "./table.ts";
import type { Say } from "./texts.ts";

/** What these commands take beside the common flags. */
interface WatchFlags extends Flags {
  readonly all?: boolean;
  readonly sinks?: boolean;
  readonly owner?: string;
  readonly minutes?: string;
  readonly note?: string;
  readonly hash?: string;
  readonly messages?: string;
  readonly events?: string;
  readonly bodies?: string;
  readonly attempts?: string;
  readonly automatic?: string;
  readonly at?: string;
}

const ALARM_WORDS = ["list", "own", "acknowledge", "snooze", "note"];
const RETENTION_WORDS = ["policy", "simulate", "run"];

const when = (at: string | undefined): string => (at === undefined ? "" : at.slice(5, 19).replace("T", " "));
const megabytes = (bytes: number): string => (bytes / 1_048_576).toFixed(1);

/** Typed where one of the words belongs, or a number where one must be. */
function refuse(zh: string, en: string, next: ApiError["next"]): never {
  throw new Refused(400, { code: "BAD_REQUEST", zh, en, next });
}
function mustBeOneOf(word: string, words: readonly string[]): void {
  if (words.includes(word)) return;
  const given = printable(word).slice(0, 40);
  const list = words.join(", ");
  refuse(`没有 ${given} 这一操作`, `There is no ${given} here`, { zh: `可选：${list}`, en: `One of: ${list}` });
}
function wholeOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,6}$/.test(text)) refuse(`--${name} 须为整数`, `--${name} must be a whole number`, { zh: `--${name} 30`, en: `--${name} 30` });
  return Number(text);
}

/** Alarms for people: what, since when, what to do next. */
function alarmsText(say: Say, rows: readonly AlarmView[]): string[] {
  if (rows.length === 0) return [say("没有告警。", "No alarms.")];
  return rows.flatMap((row) => {
    const details = Object.entries(row.details).map(([name, value]) => `${name}=${printable(String(value))}`);
    const severity = row.severity === "page" ? say("紧急", "PAGE") : say("告警", "warn");
    const untold = row.told.filter((one) => one.toldAt === undefined).map((one) => `${one.sink}:${one.what}`);
    const owner = row.owner === undefined ? "" : `  ${say("负责", "owner")} ${printable(row.owner)}`;
    return [
      `#${row.id}  ${row.open ? severity : say("已解除", "ended")}  ${say(row.text.zh, row.text.en)}: ${printable(row.subject)}  ${when(row.startedAt)}${row.endedAt === undefined ? "" : ` – ${when(row.endedAt)}`}${owner}`,
      ...(details.length === 0 ? [] : [`  ${details.join("  ")}`]),
      ...(row.open ? [`  ${say(row.next.zh, row.next.en)}  (${row.runbook})`] : []),
      ...(row.acknowledgedBy === undefined
        ? []
        : [`  ${say("已确认", "acknowledged")} ${printable(row.acknowledgedBy)} ${when(row.acknowledgedAt)}`]),
      ...(row.snoozedUntil === undefined ? [] : [`  ${say("暂缓至", "snoozed until")} ${when(row.snoozedUntil)}`]),
      ...(row.note === undefined ? [] : [`  ${say("备注", "note")}: ${printable(row.note)}`]),
      ...(untold.length === 0 ? [] : [`  ${say("尚未送达", "not told yet")}: ${untold.join(", ")}`]),
    ];
  });
}

const sinksText = (say: Say, { items }: AlarmSinkList): string[] =>
  table(items, [
    { head: say("渠道", "Sink"), cell: (row) => row.sink },
    { head: say("去向", "To"), cell: (row) => row.target },
    { head: say("待发", "Waiting"), cell: (row) => row.waiting, right: true },
    { head: say("最近送达", "Last told"), cell: (row) => when(row.lastToldAt) },
    { head: say("最近错误", "Last error"), cell: (row) => row.lastError },
  ]);

async function alarms(
  client: Client,
  words: readonly string[],
  flags: WatchFlags,
  by: string,
  say: Say,
  line: Deeds["line"],
): Promise<Printed> {
  const [word = "list", id = ""] = words;
  mustBeOneOf(word, ALARM_WORDS);
  if (flags.sinks === true) {
    const answer = await client.get<AlarmSinkList>("/alarm-sinks");
    return { answer, lines: sinksText(say, answer) };
  }
  if (word === "list") {
    const { kind, limit, after } = flags;
    const answer = await client.get<AlarmPage>("/alarms", { state: flags.all === true ? undefined : "open", kind, limit, after });
    const more = answer.after === undefined ? [] : [say(`还有更多：--after ${answer.after}`, `There is more: --after ${answer.after}`)];
    return { answer, lines: [...alarmsText(say, answer.items), ...more] };
  }
  const body = { reason: flags.reason, by, owner: flags.owner, minutes: wholeOf("minutes", flags.minutes), note: flags.note };
  const wanted: Readonly<Record<string, readonly (keyof typeof body)[]>> = { own: ["owner"], snooze: ["minutes"], note: ["note"] };
  const given = Object.fromEntries(["reason", "by", ...(wanted[word] ?? [])].map((name) => [name, body[name as keyof typeof body]]));
  const answer = await client.post<Done>(`/alarms/${encodeURIComponent(id)}/${word}`, given);
  return { answer, lines: [line(say, answer)] };
}

function policyText(say: Say, { version, policy, by, reason, changedAt }: RetentionPolicyView): string[] {
  const days = (["messages", "events", "bodies", "attempts"] as const).map((one) => `${one} ${policy[one]}`).join("  ");
  return [
    `${say("保留天数", "Days kept")}  ${days}`,
    policy.automatic
      ? say(`每夜 ${policy.at} 自动执行`, `carried out every night at ${policy.at}`)
      : say("不自动执行", "nothing goes by itself"),
    version === "0"
      ? say("默认策略，尚无人决定", "The default: nobody has decided yet")
      : `${say("版本", "version")} ${version}  ${printable(by ?? "")}  ${when(changedAt)}  ${printable(reason ?? "")}`,
  ];
}

function simulationText(say: Say, one: RetentionSimulation): string[] {
  const rows = one.items.length === 0 ? [say("没有超过保留期的内容。", "Nothing is past its retention.")] : simulated(say, one.items);
  const sum = (zh: string, en: string, { days, rows: n, bytes }: RetentionSimulation["goes"]): string =>
    `${say(zh, en)}: ${days} ${say("天", "days")}, ${n} ${say("行", "rows")}, ${megabytes(bytes)} MiB`;
  const odd = one.unassigned.filter((table) => table.rows > 0).map((table) => `  ${table.table}: ${table.rows}`);
  return [
    ...rows,
    sum("将清理", "would go", one.goes),
    sum("保留", "would stay", one.stays),
    ...(odd.length === 0 ? [] : [say("默认分区中有数据（从不清理）：", "Rows in default partitions, which are never dropped:"), ...odd]),
    ...(one.goes.days === 0 ? [] : [`npx huiliu retention run --hash ${one.hash} --reason …`]),
  ];
}
const simulated = (say: Say, items: RetentionSimulation["items"]): string[] =>
  table(items, [
    { head: say("日期", "Day"), cell: (row) => row.day },
    { head: say("内容", "Content"), cell: (row) => row.content },
    { head: "", cell: (row) => (row.goes ? say("清理", "goes") : say("保留", "stays")) },
    { head: say("行数", "Rows"), cell: (row) => `${row.rowsExact ? "" : "≈"}${row.rows}`, right: true },
    { head: "MiB", cell: (row) => megabytes(row.bytes), right: true },
    { head: say("原因", "Why"), cell: (row) => row.why.map((why) => `${why.code} ${why.count}`).join(" "), max: 80 },
  ]);

function runText(say: Say, one: RetentionRun): string[] {
  const dropped = one.dropped.map(
    (row) =>
      `${say("已清理", "dropped")} ${row.day} ${row.content}  ${row.rows}  ${megabytes(row.bytes)} MiB  ${say("记录号", "audit")} ${row.auditId}`,
  );
  const left = one.left.map((row) => `${say("未清理", "left")} ${row.day} ${row.content}  ${say(row.zh, row.en)} [${row.code}]`);
  return dropped.length + left.length === 0 ? [say("没有可清理的。", "There was nothing to drop.")] : [...dropped, ...left];
}

async function retention(
  client: Client,
  [word = "policy"]: readonly string[],
  flags: WatchFlags,
  by: string,
  say: Say,
  line: Deeds["line"],
): Promise<Printed> {
  mustBeOneOf(word, RETENTION_WORDS);
  if (word === "simulate") {
    const answer = await client.post<RetentionSimulation>("/retention/simulate", { by });
    return { answer, lines: simulationText(say, answer) };
  }
  if (word === "run") {
    if (flags.hash === undefined)
      refuse("须给出模拟的 --hash", "Give the --hash of a simulation", {
        zh: "npx huiliu retention simulate",
        en: "npx huiliu retention simulate",
      });
    const answer = await client.post<RetentionRun>("/retention/run", { hash: flags.hash, reason: flags.reason, by });
    return { answer, lines: runText(say, answer) };
  }
  const days = Object.fromEntries(
    (["messages", "events", "bodies", "attempts"] as const).map((name) => [name, wholeOf(name, flags[name])]),
  );
  const automatic = flags.automatic === undefined ? undefined : flags.automatic === "on";
  const change = Object.fromEntries(Object.entries({ ...days, automatic, at: flags.at }).filter(([, value]) => value !== undefined));
  if (Object.keys(change).length > 0) {
    const answer = await client.post<Done>("/retention/policy", { ...change, reason: flags.reason, by });
    return { answer, lines: [line(say, answer)] };
  }
  const answer = await client.get<RetentionPolicyView>("/retention/policy");
  return { answer, lines: policyText(say, answer) };
}

/** What a search by key found whose content is gone. */
export const goneText = (say: Say, rows: readonly GoneRow[] | undefined): string[] =>
  (rows ?? []).map(
    (row) =>
      `${row.id}  ${row.receivedOn}  ${row.partner}  ${row.keys.map((one) => printable(`${one.kind}:${one.value}`)).join(" ")}  ${say("内容已过保留期", "content past retention")}`,
  );

/** Adds `alarms` and `retention`. */
export function addWatchCommands(add: Add, deeds: Deeds): Command[] {
  const words = (...given: readonly string[]): string[] => given.filter((one) => one !== "");
  return [
    deeds
      .options(
        add(
          "alarms [what] [id]",
          "alarms that are open; own, acknowledge, snooze or note one · 告警",
          (...given) =>
            (client, flags, say) =>
              alarms(client, words(...given), flags, deeds.by(flags), say, deeds.line),
        ),
      )
      .option("--all", "past ones, too · 包括已解除的")
      .option("--sinks", "where alarms are told, and whether they arrive · 通知渠道")
      .option("--kind <kind>", "only of this kind · 种类")
      .option("--owner <name>", "own: who takes it; you when absent · 负责人")
      .option("--minutes <n>", "snooze: for so long · 分钟")
      .option("--note <text>", "note: what to remember · 备注")
      .option("--limit <n>", "rows · 条数")
      .option("--after <cursor>", "continue after · 续查"),
    deeds
      .options(
        add(
          "retention [what]",
          "policy, simulate, run: what content is dropped by age · 保留与清理",
          (...given) =>
            (client, flags, say) =>
              retention(client, words(...given), flags, deeds.by(flags), say, deeds.line),
        ),
      )
      .option("--hash <hash>", "run: of the simulation · 模拟的哈希")
      .option("--messages <days>", "policy: raw messages and their history · 报文")
      .option("--events <days>", "policy: events · 事件")
      .option("--bodies <days>", "policy: bodies of write-backs · 回写报文体")
      .option("--attempts <days>", "policy: attempts · 回写尝试")
      .option("--automatic <on|off>", "policy: every night by itself · 每夜自动")
      .option("--at <HH:mm>", "policy: when at night, China time · 时刻"),
  ];
}
