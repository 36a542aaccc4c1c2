/** What is refused about lanes and destination profiles: a closed list, each with its HTTP status, texts and next step. */
export type LaneRefusal =
  | "HEAD_CHANGED"
  | "LANE_NOT_BLOCKED"
  | "LANE_HELD"
  | "LANE_NOT_HELD"
  | "ALREADY_PARKED"
  | "VERSION_CHANGED"
  | "PROFILE_REFUSED"
  | "UNKNOWN_VERSION";

interface RefusalText {
  readonly http: number;
  readonly zh: string;
  readonly en: string;
  readonly next: { readonly zh: string; readonly en: string };
}

/** One row per code. */
export const LANE_REFUSAL: Readonly<Record<LaneRefusal, RefusalText>> = {
  HEAD_CHANGED: {
    http: 409,
    zh: "队首已不是这笔回写",
    en: "This write-back is no longer at the head of the lane",
    next: { zh: "重新查看该队列（GET /lanes），以现在的队首重试", en: "Look at the lane again (GET /lanes) and try with its present head" },
  },
  LANE_NOT_BLOCKED: {
    http: 409,
    zh: "该队列没有被停放的回写阻塞",
    en: "No parked write-back blocks this lane",
    next: { zh: "查看该队列的当前状态", en: "Look at the present state of the lane" },
  },
  LANE_HELD: {
    http: 409,
    zh: "该队列已被人工暂停",
    en: "A person holds this lane already",
    next: { zh: "查看由谁、因何暂停（GET /lanes?state=held）", en: "See who holds it and why (GET /lanes?state=held)" },
  },
  LANE_NOT_HELD: {
    http: 409,
    zh: "该队列没有被人工暂停",
    en: "Nobody holds this lane",
    next: { zh: "用 GET /lanes?state=held 查看被暂停的队列", en: "See GET /lanes?state=held" },
  },
  ALREADY_PARKED: {
    http: 409,
    zh: "该回写已停放",
    en: "It is parked already",
    next: { zh: "查看停放原因后重放或了结", en: "See why, then replay or resolve it" },
  },
  VERSION_CHANGED: {
    http: 409,
    zh: "档案已被他人修改，未作任何修改",
    en: "The profile was changed meanwhile; nothing was changed",
    next: { zh: "重新读取档案，在最新版本上修改", en: "Read the profile again and change its present version" },
  },
  PROFILE_REFUSED: {
    http: 422,
    zh: "档案有误，未作任何修改",
    en: "The profile is not valid; nothing was changed",
    next: { zh: "按 problems 所列修正", en: "Mend what problems lists" },
  },
  UNKNOWN_VERSION: {
    http: 404,
    zh: "没有这个版本的档案",
    en: "The profile never had this version",
    next: { zh: "查看修改记录（GET /destinations/:id/history）", en: "See its history (GET /destinations/:id/history)" },
  },
};
