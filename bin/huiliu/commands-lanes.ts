/** `huiliu lanes`, `lane`, `park` and `destination`: lanes in people's hands, and destinations' profiles. */
import { readFileSync } from "node:fs";
import type * as views from "../../domain/operations/views.ts";
import type { DestinationProfile, LaneRow, ProfileChange, ProfileDifference } from "../../domain/operations/views-lanes.ts";
import { type Client, Refused } from "./client.ts";
import type { Add, Deeds } from "./commands.ts";
import { ageText, table, yuanText } from "./table.ts";
import type { Say } from "./texts.ts";

const LANE_ACTIONS = ["unblock", "skip", "hold", "release"];
const DESTINATION_ACTIONS = ["show", "set", "history", "revert"];

const notOne = (given: string, of: readonly string[]): Refused =>
  new Refused(400, {
    code: "BAD_REQUEST",
    zh: `${given} 不是可用的操作`,
    en: `${given} is nothing that can be done here`,
    next: { zh: `用 ${of.join("、")} 之一`, en: `Use one of ${of.join(", ")}` },
  });
const pathOf = (destination: string): string => `/destinations/${encodeURIComponent(destination)}`;
const shown = (value: unknown): string => (value === undefined ? "-" : JSON.stringify(value));

const lanesText = (say: Say, rows: readonly LaneRow[]): string[] =>
  rows.length === 0
    ? [say("没有这样的队列", "There is no such lane")]
    : table(rows, [
        { head: say("目的地", "Destination"), cell: (row) => row.destination },
        { head: say("队列", "Lane"), cell: (row) => row.lane, max: 44 },
        { head: say("队首", "Head"), cell: (row) => row.head ?? "-" },
        { head: say("原因", "Why"), cell: (row) => row.code ?? row.reason ?? row.headState ?? "-", max: 40 },
        {
          head: say("其后（笔/元）", "Behind (n / yuan)"),
          cell: (row) => `${row.behind} / ${yuanText(row.amountBehind) ?? "-"}`,
          right: true,
        },
        { head: say("已等", "Age"), cell: (row) => ageText(row.ageSeconds), right: true },
      ]);

const differencesText = (rows: readonly ProfileDifference[]): string[] =>
  rows.map((one) => `  ${one.at}: ${shown(one.before)} → ${shown(one.after)}`);

const profileText = (say: Say, one: DestinationProfile): string[] => [
  `${one.destination}  ${say("版本", "version")} ${one.version}`,
  ...(one.override === undefined
    ? []
    : [say(`本进程的地址由设置给出：${one.override}`, `its address is given by the settings: ${one.override}`)]),
  JSON.stringify(one.profile, undefined, 2),
  ...(one.fromSeed.length === 0
    ? []
    : [say("与档案文件的差异（文件 → 现在）", "Differences from its file (file → now)"), ...differencesText(one.fromSeed)]),
  ...(one.seedChanged ? [say("档案文件后来变更过，未采用", "The file was changed since and is not taken over")] : []),
];

const historyText = (say: Say, rows: readonly ProfileChange[]): string[] =>
  rows.flatMap((one) => [
    `${say("版本", "version")} ${one.version}  ${one.at.slice(0, 19).replace("T", " ")}  ${one.by}  ${one.action}  ${one.reason}`,
    ...differencesText(one.changes),
  ]);

/** The file's profile: a whole one, or a partner's file with its destination. */
function profileOf(file: string | undefined): unknown {
  if (file === undefined)
    throw new Refused(400, {
      code: "BAD_REQUEST",
      zh: "须给出档案文件",
      en: "A file with the profile is needed",
      next: {
        zh: "--file <文件>，可先用 huiliu destination show --json 导出",
        en: "--file <file>; huiliu destination show --json gives the present one",
      },
    });
  const given = JSON.parse(readFileSync(file, "utf8")) as { readonly destination?: unknown; readonly profile?: unknown };
  if (typeof given.destination === "object") return given.destination;
  return given.profile ?? given;
}

/** The version the person names; absent: the one that is there now. */
const versionOf = async (client: Client, destination: string, given: string | undefined): Promise<number> =>
  given === undefined ? (await client.get<DestinationProfile>(pathOf(destination))).version : Number(given);

/** Adds the commands. */
export function addLaneCommands(add: Add, { options, by, line }: Deeds): void {
  add("lanes", "lanes that are blocked, passed or held · 队列", () => async (client, flags, say) => {
    const { state, destination, limit, after } = flags;
    const answer = await client.get<{ readonly items: readonly LaneRow[]; readonly after?: string }>("/lanes", {
      state,
      destination,
      limit,
      after,
    });
    const more = answer.after === undefined ? [] : [say(`还有更多：--after ${answer.after}`, `There is more: --after ${answer.after}`)];
    return { answer, lines: [...lanesText(say, answer.items), ...more] };
  })
    .option("--state <state>", "blocked, passed, held · 状态")
    .option("--destination <name>", "only this one · 目的地")
    .option("--limit <n>", "rows · 条数")
    .option("--after <cursor>", "continue after · 续查");

  options(
    add(
      "lane <action> <destination> <lane>",
      "unblock, skip, hold or release a lane · 放行、了结队首、暂停、恢复",
      (action = "", destination = "", lane = "") =>
        async (client, flags, say) => {
          if (!LANE_ACTIONS.includes(action)) throw notOne(action, LANE_ACTIONS);
          const skips =
            action === "skip"
              ? { decision: flags.decision ?? "done-by-hand", hisReceiptNo: flags.receipt, confirmedChecked: flags.confirmedChecked }
              : {};
          const head = action === "unblock" || action === "skip" ? { head: flags.head } : {};
          const body = { destination, lane, reason: flags.reason, by: by(flags), ...head, ...skips };
          const answer = await client.post<views.Done>(`/lanes/${action}`, body);
          return { answer, lines: [line(say, answer)] };
        },
    ),
  )
    .option("--head <id>", "unblock, skip: the write-back seen at the head · 所见的队首")
    .option("--decision <what>", "skip: done-by-hand or cancelled · 了结方式")
    .option("--receipt <no>", "skip, done-by-hand: the partner's receipt number · 对方回执号")
    .option("--confirmed-checked", "skip, cancelled: the partner's system was looked at · 已在对方系统核对");

  options(
    add("park <id>", "park a write-back so that somebody looks at it · 停放一笔回写", (id = "") => async (client, flags, say) => {
      const answer = await client.post<views.Done>(`/write-backs/${encodeURIComponent(id)}/park`, { reason: flags.reason, by: by(flags) });
      return { answer, lines: [line(say, answer)] };
    }),
  );

  options(
    add(
      "destination <action> <name>",
      "show, set, history or revert a destination's profile · 目的地档案",
      (action = "", name = "") =>
        async (client, flags, say) => {
          if (action === "show") {
            const answer = await client.get<DestinationProfile>(pathOf(name));
            return { answer, lines: profileText(say, answer) };
          }
          if (action === "history") {
            const answer = await client.get<{ readonly items: readonly ProfileChange[] }>(`${pathOf(name)}/history`, {
              limit: flags.limit,
              after: flags.after,
            });
            return { answer, lines: historyText(say, answer.items) };
          }
          if (action !== "set" && action !== "revert") throw notOne(action, DESTINATION_ACTIONS);
          const version = await versionOf(client, name, flags.atVersion);
          const body = { version, reason: flags.reason, by: by(flags) };
          const answer =
            action === "set"
              ? await client.post<views.Done>(`${pathOf(name)}/profile`, { ...body, profile: profileOf(flags.file) })
              : await client.post<views.Done>(`${pathOf(name)}/revert`, { ...body, to: Number(flags.to) });
          return { answer, lines: [line(say, answer)] };
        },
    ),
  )
    .option("--file <file>", "set: JSON of the profile, or of the partner · 档案文件")
    .option("--at-version <n>", "set, revert: the version it was made from; the present one when absent · 所基于的版本")
    .option("--to <n>", "revert: the version to go back to · 目标版本")
    .option("--limit <n>", "history: rows · 条数")
    .option("--after <cursor>", "history: continue after · 续查");
}
