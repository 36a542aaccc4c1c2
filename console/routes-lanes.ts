/** Lanes in people's hands: what blocks them, and what a person does about it. */
import { Type } from "typebox";
import { LANE_STATES, type LaneState } from "../domain/lanes/ports.ts";
import * as views from "../domain/operations/views.ts";
import { LanePage } from "../domain/operations/views-lanes.ts";
import {
  closed,
  confirmedChecked,
  deed,
  given,
  ID,
  idParams,
  listOf,
  maybe,
  name,
  ONE_LINE,
  oneOf,
  paging,
  type Route,
  text,
} from "./route.ts";

const lane = { destination: name, lane: text(200, "lane key, e.g. bill:… or patient:… / 队列键") };
const head = { head: Type.String({ pattern: ID, description: "the write-back seen at the head / 所见的队首回写" }) };
const laneOf = (body: Readonly<Record<string, unknown>>) => ({ destination: String(body.destination), lane: String(body.lane) });

const TEXTS = {
  hold: { zh: "暂停一个队列：其中的回写不再发送", en: "Hold a lane: nothing of it is sent, now or later, until it is released" },
  release: { zh: "恢复一个被暂停的队列", en: "Release a lane that is held" },
} as const;

export const LANE_ROUTES: readonly Route[] = [
  {
    id: "listLanes",
    method: "GET",
    right: "look",
    path: "/lanes",
    zh: "被阻塞、被越过或被暂停的队列，等待最久的在前",
    en: "Lanes that are blocked by a parked head, go on past one, or are held: by destination, oldest first",
    query: closed({ state: maybe(oneOf(LANE_STATES)), destination: maybe(name), ...paging, after: maybe(text(800)) }),
    answer: LanePage,
    handle: async (operations, { query }) => {
      const { after, ...rest } = query;
      const filter = listOf(rest);
      if (!filter.ok) return filter;
      const state = (query.state ?? "blocked") as LaneState;
      const limit = filter.value.limit === undefined ? {} : { limit: filter.value.limit };
      return operations.lanes.list({ state, ...limit, ...given(query, "destination", "after") });
    },
  },
  {
    id: "unblockLane",
    method: "POST",
    right: "gate",
    path: "/lanes/unblock",
    zh: "队首虽已停放，仍放行下一笔；停放的那笔留待人工处理",
    en: "Let the next one go although the head is parked; that one stays parked for a person",
    body: closed({ ...deed, ...lane, ...head }),
    answer: views.Done,
    handle: (operations, { body }) =>
      operations.lanes.unblock({ ...given(body, "by", "reason"), ...laneOf(body), head: String(body.head) }),
  },
  {
    id: "skipLaneHead",
    method: "POST",
    right: "gate",
    path: "/lanes/skip",
    zh: "人工了结队首并放行下一笔，规则同人工了结",
    en: "Resolve the head and let the next one go, by the rules of resolving",
    body: closed({
      ...deed,
      ...lane,
      ...head,
      decision: oneOf(["done-by-hand", "cancelled"]),
      hisReceiptNo: maybe(Type.String({ maxLength: 500, pattern: ONE_LINE })),
      confirmedChecked,
    }),
    answer: views.Done,
    handle: (operations, { body }) =>
      operations.lanes.skip({
        ...given(body, "by", "reason", "hisReceiptNo"),
        ...laneOf(body),
        head: String(body.head),
        decision: body.decision === "cancelled" ? "cancelled" : "done-by-hand",
        confirmedChecked: body.confirmedChecked === true,
      }),
  },
  {
    id: "parkWriteBack",
    method: "POST",
    right: "resolve",
    path: "/write-backs/:id/park",
    zh: "停放一笔等待、排队或待答复的回写，待人工核对；排队的轮到时停放",
    en: "Park one that waits or is deferred; one that is queued is parked when its turn comes",
    params: idParams,
    body: closed(deed),
    answer: views.Done,
    handle: (operations, { params, body }) => operations.lanes.park(params.id ?? "", given(body, "by", "reason")),
  },
  ...(["hold", "release"] as const).map(
    (action): Route => ({
      id: `${action}Lane`,
      method: "POST",
      right: "gate",
      path: `/lanes/${action}`,
      ...TEXTS[action],
      body: closed({ ...deed, ...lane }),
      answer: views.Done,
      handle: (operations, { body }) => operations.lanes[action]({ ...given(body, "by", "reason"), ...laneOf(body) }),
    }),
  ),
];
