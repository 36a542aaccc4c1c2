/** Why a replay job, a failure group or an edited copy is refused: closed codes with texts and next step. They are part of OPERATION_REFUSAL. */

export type ReplayRefusal =
  | "UNKNOWN_REPLAY"
  | "UNKNOWN_FAILURE_GROUP"
  | "UNKNOWN_EDIT"
  | "REPLAY_SELECTING"
  | "REPLAY_STATE"
  | "NOTHING_TO_REPLAY"
  | "SELECTION_MIXED"
  | "SAME_PERSON"
  | "APPROVAL_NEEDED"
  | "HASH_DIFFERS"
  | "ANOTHER_REPLAY"
  | "SUPERSEDED"
  | "SNOOZE_PAST"
  | "EDIT_OFF"
  | "EDIT_OPEN"
  | "EDIT_DECIDED"
  | "EDIT_UNCHANGED"
  | "EDIT_BODY";

export interface ReplayRefusalText {
  readonly http: 400 | 403 | 404 | 409 | 422;
  readonly zh: string;
  readonly en: string;
  readonly next: { readonly zh: string; readonly en: string };
}

const look = { zh: "查看其当前状态与 allowed，再决定", en: "Look at its present state and what is allowed, then decide again" };

/** One row per code: a new code does not compile until it has its texts. */
export const REPLAY_REFUSAL: Readonly<Record<ReplayRefusal, ReplayRefusalText>> = {
  UNKNOWN_REPLAY: {
    http: 404,
    zh: "没有这个重放任务",
    en: "There is no such replay job",
    next: { zh: "用 GET /api/v1/replays 查看", en: "See GET /api/v1/replays" },
  },
  UNKNOWN_FAILURE_GROUP: {
    http: 404,
    zh: "没有这个失败分组",
    en: "There is no such failure group",
    next: { zh: "用 GET /api/v1/failure-groups 查看", en: "See GET /api/v1/failure-groups" },
  },
  UNKNOWN_EDIT: {
    http: 404,
    zh: "没有这份修改稿",
    en: "There is no such edited copy",
    next: { zh: "用 GET /api/v1/write-backs/{id}/edits 查看", en: "See GET /api/v1/write-backs/{id}/edits" },
  },
  REPLAY_SELECTING: {
    http: 409,
    zh: "仍在选取，预览尚未完成",
    en: "It is still selecting; the preview is not complete",
    next: { zh: "稍后查看，state 为 previewed 后再操作", en: "Look again soon: its state must be previewed" },
  },
  REPLAY_STATE: { http: 409, zh: "重放任务当前状态不允许该操作", en: "The replay job's present state does not allow this", next: look },
  NOTHING_TO_REPLAY: {
    http: 409,
    zh: "没有可以重放的",
    en: "Nothing of it can be replayed",
    next: { zh: "查看预览中的跳过与拒绝原因", en: "See in the preview what was skipped or refused, and why" },
  },
  SELECTION_MIXED: {
    http: 422,
    zh: "选取方式须且只须给出一种：ids、group 或 since",
    en: "Select by exactly one of ids, group or since",
    next: { zh: "只保留一种选取方式", en: "Keep one of them" },
  },
  SAME_PERSON: {
    http: 409,
    zh: "复核人不能是提出人本人",
    en: "Whoever approves cannot be the one who asked",
    next: { zh: "请另一人复核", en: "Ask another person to approve it" },
  },
  APPROVAL_NEEDED: {
    http: 409,
    zh: "一日之内单人重放的笔数或金额（本人累计，或同一订单累计）已到限额",
    en: "What was sent again by one person within a day, by number or money, his own or of this order, has reached the limit",
    next: { zh: "新建重放任务，由另一人复核", en: "Make a replay job for it; another person approves it" },
  },
  HASH_DIFFERS: {
    http: 409,
    zh: "复核所见的内容与现在的不一致",
    en: "What was approved is not what it holds now",
    next: { zh: "重新查看后，以现在的 hash 复核", en: "Look at it again, then approve with its present hash" },
  },
  ANOTHER_REPLAY: {
    http: 409,
    zh: "另一个重放任务正在处理该项",
    en: "Another open replay has it",
    next: { zh: "等待该任务结束或取消", en: "Wait until that job has ended, or cancel it" },
  },
  SUPERSEDED: {
    http: 409,
    zh: "已被后续业务取代，默认不重放",
    en: "It was overtaken by a later fact and is not replayed by default",
    next: {
      zh: "确需重放的，以 includeSuperseded 另建任务，须两人",
      en: "If it must be sent, make a job with includeSuperseded: it needs two people",
    },
  },
  SNOOZE_PAST: {
    http: 422,
    zh: "暂缓的截止时间须在将来、一年之内",
    en: "It must be snoozed until a time to come, within a year",
    next: { zh: "给出将来的时间", en: "Give a later time" },
  },
  EDIT_OFF: {
    http: 403,
    zh: "未启用修改后重放",
    en: "Edit-and-replay is switched off",
    next: {
      zh: "确需时由管理员设置 HUILIU_EDIT_AND_REPLAY=on 后重启",
      en: "If it is needed, an administrator sets HUILIU_EDIT_AND_REPLAY=on and restarts",
    },
  },
  EDIT_OPEN: {
    http: 409,
    zh: "该回写已有一份待复核的修改稿",
    en: "An edited copy of it is waiting for approval already",
    next: { zh: "先复核或撤回那一份", en: "Approve or withdraw that one first" },
  },
  EDIT_DECIDED: { http: 409, zh: "该修改稿已经处理", en: "This edited copy is decided already", next: look },
  EDIT_UNCHANGED: {
    http: 422,
    zh: "修改稿与原文相同",
    en: "The edited body is the same as the original",
    next: { zh: "无需修改的，直接重放", en: "Replay it as it is" },
  },
  EDIT_BODY: {
    http: 422,
    zh: "修改稿须给出 text 或 base64 之一，且能以原字符集写出，不超过 32 KiB",
    en: "Give the edited body as text or base64: one of them, writable in the original's charset, at most 32 KiB",
    next: { zh: "修正后重新提交", en: "Mend it and send it again" },
  },
};
