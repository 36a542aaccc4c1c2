/** `huiliu replay-job …` and `huiliu failures …`: preview, start, approve and watch replay jobs; own, note and snooze failure groups. */
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import type { Edit, FailureGroup, ReplayItem, ReplayJob } from "../../domain/operations/views-replay.ts";
import { type ApiError, type Client, Refused } from "./client.ts";
import type { Add, Deeds, Flags, Printed } from "./commands.ts";
import { printable, table, yuanText } from "./table.ts";
import type { Say } from "./texts.ts";

/** What these commands take beside the common flags. */
interface ReplayFlags extends Flags {
  readonly ids?: string;
  readonly group?: string;
  readonly since?: string;
  readonly until?: string;
  readonly code?: string;
  readonly messages?: boolean;
  readonly rate?: string;
  readonly includeSuperseded?: boolean;
  readonly hash?: string;
  readonly all?: boolean;
  readonly snoozed?: boolean;
  readonly owner?: string;
  readonly note?: string;
  readonly file?: string;
}
interface PageOf<T> {
  readonly items: readonly T[];
  readonly after?: string;
}

/** Its file descriptor: a pipe has no path everywhere. */
const STDIN = 0;
const COMMANDS = ["start", "approve", "pause", "resume", "cancel", "continue"];
const WHAT = ["preview", "list", "show", "items", ...COMMANDS, "edits", "edit", "approve-edit", "withdraw-edit"];
const GROUPS = ["list", "show", "own", "note", "snooze", "unsnooze"];

const when = (at: string | undefined): string => (at === undefined ? "" : at.slice(5, 19).replace("T", " "));
const more = (say: Say, page: PageOf<unknown>): string[] =>
  page.after === undefined ? [] : [say(`还有更多：--after ${page.after}`, `There is more: --after ${page.after}`)];

/** Typed where one of the words belongs. */
function unknownWord(word: string, words: readonly string[]): never {
  const list = words.join(", ");
  const error: ApiError = {
    code: "BAD_REQUEST",
    zh: `没有 ${printable(word).slice(0, 40)} 这一操作`,
    en: `There is no ${printable(word).slice(0, 40)} here`,
    next: { zh: `可选：${list}`, en: `One of: ${list}` },
  };
  throw new Refused(400, error);
}

/** Everything about one job. */
function replayJobText(say: Say, job: ReplayJob): string[] {
  const { preview, progress, approval } = job;
  const at = (zh: string, en: string, n: number | string | undefined): string => `  ${say(zh, en)}  ${n ?? "–"}`;
  const commands = job.allowed.map((one) => {
    const hash = one === "approve" ? ` --hash ${job.hash}` : "";
    return `npx huiliu replay-job ${one} ${job.id}${hash} --reason …`;
  });
  return [
    `${say("重放任务", "Replay job")} ${job.id}  ${job.state}${preview.complete ? "" : say("（仍在选取）", " (still selecting)")}`,
    `  ${printable(job.requestedBy)}  ${when(job.createdAt)}  ${printable(job.reason)}`,
    at(
      "命中",
      "match",
      `${preview.matched}${preview.more ? say("，超过上限，其余不在此任务", ", more than a job takes; the rest is left") : ""}`,
    ),
    at("将重放", "to be done again", preview.planned),
    `    ${say("先查询", "asked first")} ${preview.how.ask}  ${say("同键发送", "sent under the same key")} ${preview.how.send}  ${say("重新进入流程", "fed again")} ${preview.how.feed}`,
    at("已确认或了结，跳过", "closed already, skipped", `${preview.closedAtLeast ? "≥ " : ""}${preview.closed}`),
    at(
      "已被取代",
      "superseded",
      `${preview.superseded}${preview.supersededPlanned > 0 ? say(`，其中将发送 ${preview.supersededPlanned}`, `, ${preview.supersededPlanned} to be sent`) : ""}`,
    ),
    ...preview.refused.map((one) => at(`不能重放 ${one.code}`, `cannot ${one.code}`, `${one.count}  ${say(one.zh, one.en)}`)),
    ...(preview.lanes === undefined ? [] : [at("通道", "lanes", preview.lanes)]),
    at("金额", "amount", yuanText(preview.fen)),
    ...(approval.needed.length === 0
      ? []
      : [
          at(
            "须第二人复核",
            "needs a second person",
            `${approval.needed.join(", ")}${approval.by === undefined ? "" : `  ${printable(approval.by)}`}`,
          ),
        ]),
    ...(progress === undefined ? [] : [at("进度", "progress", progressText(say, progress))]),
    ...(job.failures ?? []).map((one) => at(`失败 ${one.code}`, `failed ${one.code}`, one.count)),
    ...(job.endedWhy === undefined ? [] : [at("结束原因", "ended because", `${printable(job.endedBy ?? "")} ${printable(job.endedWhy)}`)]),
    ...(job.state === "previewed" && preview.examples !== undefined && preview.examples.length > 0 ? itemsText(say, preview.examples) : []),
    ...commands,
  ];
}

const progressText = (say: Say, one: NonNullable<ReplayJob["progress"]>): string =>
  [
    `${say("完成", "done")} ${one.done}`,
    `${say("失败", "failed")} ${one.failed}`,
    `${say("进行中", "under way")} ${one.replayed}`,
    `${say("待重放", "left")} ${one.marked + one.planned}`,
    `${say("跳过", "skipped")} ${one.skipped}`,
    `${say("不能", "refused")} ${one.refused}`,
    `${say("取消", "cancelled")} ${one.cancelled}`,
  ].join("  ");

const itemsText = (say: Say, rows: readonly ReplayItem[]): string[] =>
  table(rows, [
    { head: say("编号", "Id"), cell: (row) => row.target },
    { head: say("状态", "State"), cell: (row) => row.state },
    { head: say("方式", "How"), cell: (row) => row.how },
    { head: say("原因", "Why"), cell: (row) => row.code },
    { head: say("通道", "Lane"), cell: (row) => row.lane, max: 40 },
    { head: say("金额", "Amount"), cell: (row) => yuanText(row.amount), right: true },
  ]);

const jobsText = (say: Say, rows: readonly ReplayJob[]): string[] =>
  table(rows, [
    { head: say("编号", "Id"), cell: (row) => row.id },
    { head: say("状态", "State"), cell: (row) => row.state },
    { head: say("对象", "Of"), cell: (row) => row.of },
    { head: say("笔数", "Items"), cell: (row) => row.preview.planned, right: true },
    { head: say("金额", "Amount"), cell: (row) => yuanText(row.preview.fen), right: true },
    { head: say("提出人", "By"), cell: (row) => row.requestedBy, max: 20 },
    { head: say("时间", "At"), cell: (row) => when(row.createdAt) },
    { head: say("原因", "Reason"), cell: (row) => row.reason, max: 40 },
  ]);

const failuresText = (say: Say, rows: readonly FailureGroup[]): string[] =>
  rows.length === 0
    ? [say("没有失败分组。", "No failure groups.")]
    : table(rows, [
        { head: say("分组", "Group"), cell: (row) => row.id },
        { head: say("未了结", "Open"), cell: (row) => row.open, right: true },
        { head: say("累计", "Ever"), cell: (row) => row.items, right: true },
        { head: say("目的地/发送方", "Partner"), cell: (row) => (row.kind === undefined ? row.partner : `${row.partner} ${row.kind}`) },
        { head: say("代码", "Code"), cell: (row) => row.code, max: 28 },
        { head: say("原因", "Reason"), cell: (row) => row.reason, max: 48 },
        { head: say("最近", "Last"), cell: (row) => when(row.lastAt) },
        { head: say("负责人", "Owner"), cell: (row) => row.owner, max: 16 },
      ]);

const failureText = (say: Say, group: FailureGroup): string[] => [
  ...failuresText(say, [group]),
  `  ${say("示例", "Example")}  ${group.example.id}  ${printable(group.example.text)}`,
  ...(group.note === undefined ? [] : [`  ${say("备注", "Note")}  ${printable(group.note)}`]),
  ...(group.snoozed ? [`  ${say("暂缓至", "Snoozed until")}  ${when(group.snoozedUntil)}`] : []),
  `npx huiliu replay-job preview ${group.of === "messages" ? "--messages " : ""}--group ${group.id} --reason …`,
];

const editText = (say: Say, edit: Edit): string[] => [
  `${say("修改稿", "Edited copy")} ${edit.id}  ${edit.state}  ${printable(edit.proposedBy)}  ${printable(edit.reason)}`,
  ...(edit.copyId === undefined ? [] : [`  ${say("新回写", "Copy")}  ${edit.copyId}`]),
  ...(edit.diff ?? []).filter((line) => line.op !== "same").map((line) => `  ${line.op === "added" ? "+" : "-"} ${printable(line.text)}`),
  ...(edit.state === "proposed" ? [`npx huiliu replay-job approve-edit ${edit.id} --hash ${edit.hash} --reason …`] : []),
];

async function preview(client: Client, flags: ReplayFlags, by: string, say: Say): Promise<Printed> {
  const { group, since, until, partner, kind, state, code } = flags;
  const ids = flags.ids
    ?.split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
  const select = Object.fromEntries(
    Object.entries({ ids, group, since, until, partner, kind, state, code }).filter(([, value]) => value !== undefined),
  );
  const answer = await client.post<ReplayJob>("/replays", {
    of: flags.messages === true ? "messages" : "write-backs",
    select,
    reason: flags.reason,
    by,
    ...(flags.rate === undefined ? {} : { ratePerSecond: Number(flags.rate) }),
    ...(flags.confirmedChecked === true ? { confirmedChecked: true } : {}),
    ...(flags.includeSuperseded === true ? { includeSuperseded: true } : {}),
  });
  return { answer, lines: replayJobText(say, answer) };
}

async function edits(client: Client, what: string, id: string, flags: ReplayFlags, by: string, say: Say): Promise<Printed> {
  const path = encodeURIComponent(id);
  if (what === "edits") {
    const answer = await client.get<PageOf<Edit>>(`/write-backs/${path}/edits`);
    return { answer, lines: answer.items.flatMap((one) => editText(say, one)) };
  }
  const deed = { reason: flags.reason, by };
  const checked = flags.confirmedChecked === true ? { confirmedChecked: true } : {};
  const answer =
    what === "edit"
      ? await client.post<Edit>(`/write-backs/${path}/edits`, {
          ...deed,
          ...checked,
          base64: readFileSync(flags.file ?? STDIN).toString("base64"),
        })
      : await client.post<Edit>(
          `/edits/${path}/${what === "approve-edit" ? "approve" : "withdraw"}`,
          what === "approve-edit" ? { ...deed, hash: flags.hash } : deed,
        );
  return { answer, lines: editText(say, answer) };
}

async function replayJob(
  client: Client,
  [what = "list", id = ""]: readonly string[],
  flags: ReplayFlags,
  by: string,
  say: Say,
): Promise<Printed> {
  if (!WHAT.includes(what)) unknownWord(what, WHAT);
  const path = `/replays/${encodeURIComponent(id)}`;
  if (what === "preview") return preview(client, flags, by, say);
  if (what.includes("edit")) return edits(client, what, id, flags, by, say);
  if (what === "list") {
    const answer = await client.get<PageOf<ReplayJob>>("/replays", { state: flags.state, limit: flags.limit, after: flags.after });
    return { answer, lines: [...jobsText(say, answer.items), ...more(say, answer)] };
  }
  if (what === "items") {
    const answer = await client.get<PageOf<ReplayItem>>(`${path}/items`, {
      state: flags.state,
      code: flags.code,
      limit: flags.limit,
      after: flags.after,
    });
    return { answer, lines: [...itemsText(say, answer.items), ...more(say, answer)] };
  }
  const answer = await (what === "show"
    ? client.get<ReplayJob>(path)
    : client.post<ReplayJob>(`${path}/${what}`, { reason: flags.reason, by, hash: flags.hash }));
  return { answer, lines: replayJobText(say, answer) };
}

async function failures(
  client: Client,
  [what = "list", id = ""]: readonly string[],
  flags: ReplayFlags,
  by: string,
  say: Say,
): Promise<Printed> {
  if (!GROUPS.includes(what)) unknownWord(what, GROUPS);
  if (what === "list") {
    const { partner, code, owner, limit, after } = flags;
    const yes = (flag: boolean | undefined): string | undefined => (flag === true ? "true" : undefined);
    const query = {
      partner,
      code,
      owner,
      limit,
      after,
      all: yes(flags.all),
      snoozed: yes(flags.snoozed),
      of: flags.messages === true ? "messages" : undefined,
    };
    const answer = await client.get<PageOf<FailureGroup>>("/failure-groups", query);
    return { answer, lines: [...failuresText(say, answer.items), ...more(say, answer)] };
  }
  const path = `/failure-groups/${encodeURIComponent(id)}`;
  const body: Readonly<Record<string, object>> = {
    own: { owner: flags.owner },
    note: { note: flags.note },
    snooze: { until: flags.until },
  };
  const answer =
    what === "show"
      ? await client.get<FailureGroup>(path)
      : await client.post<FailureGroup>(`${path}/${what}`, { reason: flags.reason, by, ...body[what] });
  return { answer, lines: failureText(say, answer) };
}

/** Adds the commands. */
export function addReplayCommands(add: Add, { options, by }: Deeds): void {
  const paging = (command: Command): Command =>
    command.option("--limit <n>", "rows · 条数").option("--after <cursor>", "continue after · 续查");
  paging(
    options(
      add(
        `replay-job [what] [id]`,
        `safe replay of many: ${WHAT.join(", ")} · 批量重放`,
        (...args) =>
          (client, flags, say) =>
            replayJob(client, args, flags, by(flags), say),
      ),
    ),
  )
    .option("--ids <list>", "preview: these, separated by commas · 指定编号")
    .option("--group <group>", "preview: of this failure group · 按失败分组")
    .option("--since <time>", "preview: all received since · 自某时起")
    .option("--until <time>", "preview: and before · 止")
    .option("--partner <name>", "preview: to this destination, or from this sender · 目的地或发送方")
    .option("--kind <name>", "preview: of this kind · 种类")
    .option("--state <state>", "preview: parked, waiting, deferred; list, items: of this state · 状态")
    .option("--code <code>", "preview, items: with this code · 代码")
    .option("--messages", "preview: messages, not write-backs · 报文")
    .option("--rate <n>", "preview: items a second, at most 1000 · 每秒笔数")
    .option("--confirmed-checked", "preview, edit: the partner's system was looked at, for each of them · 已在对方系统核对")
    .option("--include-superseded", "preview: also what was overtaken; needs two people · 含已被取代的")
    .option("--hash <hash>", "approve: what was seen · 所见内容的哈希")
    .option("--file <path>", "edit: the edited body; standard input when absent · 修改稿文件");
  paging(
    options(
      add(
        "failures [what] [group]",
        `what failed alike: ${GROUPS.join(", ")} · 失败分组`,
        (...args) =>
          (client, flags, say) =>
            failures(client, args, flags, by(flags), say),
      ),
    ),
  )
    .option("--partner <name>", "list: of this destination or sender · 目的地或发送方")
    .option("--code <code>", "list: with this code · 代码")
    .option("--messages", "list: of messages only · 仅报文")
    .option("--all", "list: also groups without anything open · 含已无未了结的")
    .option("--snoozed", "list: also snoozed ones · 含暂缓的")
    .option("--owner <name>", "list: of this owner; own: for somebody else · 负责人")
    .option("--note <text>", "note: what to write · 备注")
    .option("--until <time>", "snooze: until · 暂缓至");
}
