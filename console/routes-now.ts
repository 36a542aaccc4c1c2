/** What stands around the pages, and the day's trends. The stream of changes is live-door.ts. */
import { About, TREND_STEP_DEFAULT, TREND_STEPS_MINUTES, Trends } from "../domain/live/views.ts";
import { closed, maybe, oneOf, type Route } from "./route.ts";

export const NOW_ROUTES: readonly Route[] = [
  {
    id: "getAbout",
    method: "GET",
    right: "look",
    path: "/about",
    zh: "这套汇流：医院名称、运行方式、编辑器地址",
    en: "Which Huiliu this is: hospital, profile, where flows are edited",
    answer: About,
    handle: (operations) => operations.about(),
  },
  {
    id: "getTrends",
    method: "GET",
    right: "look",
    path: "/trends",
    zh: "最近一天的走势：接收、确认、停放；以及各伙伴最近几分钟的流量",
    en: "The last day: taken in, acknowledged, parked; and what flowed from and to each partner in the last minutes",
    query: closed({ step: maybe(oneOf(TREND_STEPS_MINUTES.map(String))) }),
    answer: Trends,
    handle: (operations, { query, who }) =>
      operations.trends({ stepMinutes: query.step === undefined ? TREND_STEP_DEFAULT : Number(query.step), partners: who.partners }),
  },
];
