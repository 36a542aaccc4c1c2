/** The operators' API of replay jobs and of edited copies of write-backs. */
import { Type } from "typebox";
import { PAGE_MAX } from "../domain/operations/ports.ts";
import { answered } from "../domain/operations/refusals.ts";
import {
  Edit,
  EditList,
  ReplayItemPage,
  ReplayJob,
  ReplayJobPage,
  ReplayTerms,
  type WaitingApproval,
  WaitingApprovals,
} from "../domain/operations/views-replay.ts";
import { RATE_MAX, REPLAY_ITEM_STATES, REPLAY_STATES, type ReplayCommand, type ReplayOf, SELECTION_IDS_MAX } from "../domain/replay/job.ts";
import { EDIT_BYTES_MAX } from "../domain/replay/edit.ts";
import type { SelectionGiven } from "../domain/replay/selection.ts";
import {
  accountOf,
  closed,
  confirmedChecked,
  deed,
  given,
  ID,
  idParams,
  listOf,
  maybe,
  momentOf,
  name,
  oneOf,
  paging,
  problem,
  type Route,
  text,
  TIME,
  uuidPaging,
} from "./route.ts";

const hash = maybe(Type.String({ pattern: "^[0-9a-f]{64}$", description: "what was seen; an approval names it / 所见内容的哈希" }));
const select = closed({
  ids: maybe(Type.Array(Type.String({ pattern: ID }), { minItems: 1, maxItems: SELECTION_IDS_MAX })),
  group: maybe(text(64, "a failure group / 失败分组")),
  since: maybe(Type.String({ pattern: TIME, description: "received since, inclusive / 起" })),
  until: maybe(Type.String({ pattern: TIME, description: "received before; a day means its end / 止" })),
  partner: maybe(name),
  kind: maybe(name),
  state: maybe(oneOf(["parked", "waiting", "deferred"])),
  code: maybe(text(64, "our park code or the partner's code / 代码")),
});

/** The selection as the rules take it; what is no time is told. */
function selectionGiven(body: Readonly<Record<string, unknown>>) {
  const { ids, since, until, ...rest } = body.select as Readonly<Record<string, unknown>>;
  const sinceMs = since === undefined ? undefined : momentOf(String(since), false);
  const untilMs = until === undefined ? undefined : momentOf(String(until), true);
  if (since !== undefined && sinceMs === undefined) return problem("since", "不是可能的时间", "is no possible time");
  if (until !== undefined && untilMs === undefined) return problem("until", "不是可能的时间", "is no possible time");
  return answered<SelectionGiven>({
    ...given(rest, "group", "partner", "kind", "state", "code"),
    ...(ids === undefined ? {} : { ids: ids as readonly string[] }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(untilMs === undefined ? {} : { untilMs }),
  });
}

const COMMAND_TEXTS: Readonly<Record<ReplayCommand, readonly [zh: string, en: string]>> = {
  start: ["开始；超过限额的先待复核", "Start it; above the limits it waits for a second person"],
  approve: ["复核：须为另一人，并写明所见的 hash", "Approve it: another person, naming the hash that was seen"],
  pause: ["暂停", "Pause it"],
  resume: ["继续已暂停的", "Go on where it was paused"],
  cancel: ["取消：尚未重放的不再重放", "Cancel it: what was not done again yet is left"],
  continue: ["试跑未全部成功，仍继续", "Go on although the canary did not end well"],
};

const commandRoute = (command: ReplayCommand): Route => ({
  id: `${command}Replay`,
  method: "POST",
  right: command === "approve" ? "approve" : "replay",
  path: `/replays/:id/${command}`,
  zh: COMMAND_TEXTS[command][0],
  en: COMMAND_TEXTS[command][1],
  params: idParams,
  body: closed({ ...deed, hash }),
  answer: ReplayJob,
  handle: (operations, { params, body, who }) =>
    operations.replays.command(params.id ?? "", command, { ...given(body, "reason", "by", "hash"), ...accountOf(who) }),
});

const jobs: readonly Route[] = [
  {
    id: "createReplay",
    method: "POST",
    right: "replay",
    path: "/replays",
    zh: "新建重放任务：选定并预览，不作任何重放",
    en: "Make a replay job: freeze the selection and preview it; nothing is done again yet",
    body: closed({
      of: oneOf(["write-backs", "messages"]),
      select,
      ratePerSecond: maybe(Type.Integer({ minimum: 1, maximum: RATE_MAX })),
      confirmedChecked,
      includeSuperseded: maybe(
        Type.Boolean({ description: "also what a later fact has overtaken: needs two people / 含已被取代的，须两人" }),
      ),
      ...deed,
    }),
    answer: ReplayJob,
    handle: async (operations, { body, who }) => {
      const selection = selectionGiven(body);
      if (!selection.ok) return selection;
      return operations.replays.create({
        ...accountOf(who),
        of: body.of as ReplayOf,
        select: selection.value,
        ...given(body, "reason", "by"),
        ...(typeof body.ratePerSecond === "number" ? { ratePerSecond: body.ratePerSecond } : {}),
        confirmedChecked: body.confirmedChecked === true,
        includeSuperseded: body.includeSuperseded === true,
      });
    },
  },
  {
    id: "listReplays",
    method: "GET",
    right: "look",
    path: "/replays",
    zh: "重放任务，最新的在前",
    en: "Replay jobs, newest first",
    query: closed({ state: maybe(oneOf(REPLAY_STATES)), open: maybe(oneOf(["true"])), ...uuidPaging }),
    answer: ReplayJobPage,
    handle: async (operations, { query }) => {
      const filter = listOf(query);
      return filter.ok ? operations.replays.list({ ...filter.value, ...given(query, "state"), open: query.open === "true" }) : filter;
    },
  },
  {
    id: "getReplay",
    method: "GET",
    right: "look",
    path: "/replays/:id",
    zh: "一个重放任务：预览、进度、可做的操作",
    en: "One replay job: preview, progress, what may be done",
    params: idParams,
    answer: ReplayJob,
    handle: (operations, { params }) => operations.replays.get(params.id ?? ""),
  },
  {
    id: "listReplayItems",
    method: "GET",
    right: "look",
    path: "/replays/:id/items",
    zh: "重放任务的各项",
    en: "The items of a replay job",
    params: idParams,
    query: closed({
      state: maybe(oneOf(REPLAY_ITEM_STATES)),
      code: maybe(text(64)),
      ...paging,
      after: maybe(Type.String({ pattern: "^\\d{1,18}$" })),
    }),
    answer: ReplayItemPage,
    handle: async (operations, { params, query }) => {
      const filter = listOf(query);
      return filter.ok ? operations.replays.items(params.id ?? "", { ...filter.value, ...given(query, "state", "code") }) : filter;
    },
  },
  ...(Object.keys(COMMAND_TEXTS) as ReplayCommand[]).map(commandRoute),
];

/** A body is not one line; what a store cannot hold is refused by the rules. */
const bodyText = Type.String({ minLength: 1, maxLength: EDIT_BYTES_MAX });

const edits: readonly Route[] = [
  {
    id: "proposeEdit",
    method: "POST",
    right: "edit",
    path: "/write-backs/:id/edits",
    zh: "提出修改后重放（默认停用；须另一人复核）",
    en: "Propose an edited copy (off by default; another person approves it)",
    params: idParams,
    body: closed({
      text: maybe(bodyText),
      base64: maybe(Type.String({ minLength: 4, maxLength: Math.ceil(EDIT_BYTES_MAX / 3) * 4, pattern: "^[A-Za-z0-9+/]+={0,2}$" })),
      confirmedChecked,
      ...deed,
    }),
    answer: Edit,
    handle: (operations, { params, body, who }) =>
      operations.edits.propose(params.id ?? "", given(body, "text", "base64"), {
        ...accountOf(who),
        ...given(body, "reason", "by"),
        confirmedChecked: body.confirmedChecked === true,
      }),
  },
  {
    id: "listEdits",
    method: "GET",
    right: "look",
    path: "/write-backs/:id/edits",
    zh: "一笔回写的修改稿",
    en: "Edited copies of a write-back",
    params: idParams,
    answer: EditList,
    handle: async (operations, { params }) => {
      const found = await operations.edits.list(params.id ?? "");
      return found.ok ? answered({ items: found.value }) : found;
    },
  },
  {
    id: "getEdit",
    method: "GET",
    right: "look",
    path: "/edits/:id",
    zh: "一份修改稿及其与原文的差异（已脱敏）",
    en: "One edited copy and how it differs from the original, masked",
    params: idParams,
    answer: Edit,
    handle: (operations, { params }) => operations.edits.get(params.id ?? ""),
  },
  {
    id: "approveEdit",
    method: "POST",
    right: "approve",
    path: "/edits/:id/approve",
    zh: "复核：以新键发送修改稿，原回写了结为已取代",
    en: "Approve it: the copy goes out under a key of its own, the original is closed as superseded",
    params: idParams,
    body: closed({ ...deed, hash }),
    answer: Edit,
    handle: (operations, { params, body, who }) =>
      operations.edits.approve(params.id ?? "", { ...given(body, "reason", "by", "hash"), ...accountOf(who) }),
  },
  {
    id: "withdrawEdit",
    method: "POST",
    right: "edit",
    path: "/edits/:id/withdraw",
    zh: "撤回修改稿",
    en: "Withdraw an edited copy",
    params: idParams,
    body: closed(deed),
    answer: Edit,
    handle: (operations, { params, body }) => operations.edits.withdraw(params.id ?? "", given(body, "reason", "by")),
  },
];

const jobWaits = (job: ReplayJob): WaitingApproval => ({
  kind: "replay",
  id: job.id,
  requestedBy: job.requestedBy,
  reason: job.reason,
  at: job.startedAt ?? job.createdAt,
  hash: job.hash,
  of: job.of,
  planned: job.preview.planned,
  fen: job.preview.fen,
  needed: job.approval.needed,
});
const editWaits = (edit: Edit): WaitingApproval => ({
  kind: "edit",
  id: edit.id,
  requestedBy: edit.proposedBy,
  reason: edit.reason,
  at: edit.proposedAt,
  hash: edit.hash,
  writeBackId: edit.writeBackId,
});

const approvals: readonly Route[] = [
  {
    id: "listWaitingApprovals",
    method: "GET",
    right: "look",
    path: "/approvals",
    zh: "待第二人复核的事项",
    en: "What waits for a second person",
    answer: WaitingApprovals,
    handle: async (operations) => {
      const waiting = await operations.replays.list({ state: "awaiting-approval", limit: PAGE_MAX });
      if (!waiting.ok) return waiting;
      const proposed = await operations.edits.waiting();
      if (!proposed.ok) return proposed;
      const items = [...waiting.value.items.map(jobWaits), ...proposed.value.map(editWaits)];
      return answered({ items: items.sort((a, b) => (a.at < b.at ? -1 : 1)) });
    },
  },
  {
    id: "getReplayTerms",
    method: "GET",
    right: "look",
    path: "/replay-terms",
    zh: "重放的限额与是否启用修改后重放",
    en: "Limits of replay, and whether edited copies are switched on",
    answer: ReplayTerms,
    handle: async (operations) => answered(operations.replays.terms()),
  },
];

export const REPLAY_ROUTES: readonly Route[] = [...jobs, ...edits, ...approvals];
