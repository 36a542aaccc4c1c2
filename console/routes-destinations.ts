/** Destination profiles: read, changed at run time, taken back. */
import { Type } from "typebox";
import { answered } from "../domain/operations/refusals.ts";
import * as views from "../domain/operations/views.ts";
import { OutcomesView, ProfileCheck, ProfileSchema } from "../domain/operations/views-destinations.ts";
import { DestinationProfile, ProfileHistory } from "../domain/operations/views-lanes.ts";
import { Destination } from "../domain/partners/profile.ts";
import { closed, deed, given, listOf, maybe, name, paging, type Route } from "./route.ts";

const params = closed({ id: name });
const version = { version: Type.Integer({ minimum: 1, description: "the version that was read; another one now is 409 / 所读取的版本" }) };
const signedBy = (body: Readonly<Record<string, unknown>>) => ({ ...given(body, "by", "reason"), version: Number(body.version) });

export const PROFILE_ROUTES: readonly Route[] = [
  {
    id: "getDestination",
    method: "GET",
    right: "look",
    path: "/destinations/:id",
    zh: "目的地档案：版本、内容、与档案文件的差异",
    en: "A destination's profile: version, content, differences from its file",
    params,
    answer: DestinationProfile,
    handle: (operations, { params: { id = "" } }) => operations.profiles.get(id),
  },
  {
    id: "setDestinationProfile",
    method: "POST",
    right: "profile",
    path: "/destinations/:id/profile",
    zh: "以整份档案替换，无需重启；一秒内所有进程生效",
    en: "Replace the whole profile without a restart; every worker follows within a second",
    params,
    body: closed({
      ...deed,
      ...version,
      profile: Type.Record(Type.String(), Type.Unknown(), { description: "schema: docs/schemas/partner.json, destination / 完整档案" }),
    }),
    answer: views.Done,
    handle: (operations, { params: { id = "" }, body }) => operations.profiles.set(id, { ...signedBy(body), profile: body.profile }),
  },
  {
    id: "checkDestinationProfile",
    method: "POST",
    right: "profile",
    path: "/destinations/:id/profile/check",
    zh: "校验一份档案并列出改动，不作任何修改",
    en: "Check a profile and tell what it would change; changes nothing",
    params,
    body: closed({ profile: Type.Record(Type.String(), Type.Unknown()), ...deed }),
    answer: ProfileCheck,
    handle: (operations, { params: { id = "" }, body }) => operations.profiles.check(id, body.profile),
  },
  {
    id: "getProfileSchema",
    method: "GET",
    right: "look",
    path: "/profile-schema",
    zh: "目的地档案的 JSON Schema",
    en: "The JSON Schema of a destination's profile",
    answer: ProfileSchema,
    handle: async () => answered({ schema: JSON.parse(JSON.stringify(Destination)) as unknown }),
  },
  {
    id: "getDestinationOutcomes",
    method: "GET",
    right: "look",
    path: "/destinations/:id/outcomes",
    zh: "最近一小时各次尝试的结果",
    en: "How the attempts of the last hour ended",
    params,
    answer: OutcomesView,
    handle: (operations, { params: { id = "" } }) => operations.profiles.outcomes(id),
  },
  {
    id: "listDestinationHistory",
    method: "GET",
    right: "look",
    path: "/destinations/:id/history",
    zh: "档案的修改记录，最新的在前",
    en: "Changes of the profile, newest first",
    params,
    query: closed({ ...paging, after: maybe(Type.String({ pattern: "^\\d{1,18}$" })) }),
    answer: ProfileHistory,
    handle: async (operations, { params: { id = "" }, query }) => {
      const filter = listOf(query);
      return filter.ok ? operations.profiles.history(id, filter.value) : filter;
    },
  },
  {
    id: "revertDestinationProfile",
    method: "POST",
    right: "profile",
    path: "/destinations/:id/revert",
    zh: "恢复到某一版本的档案",
    en: "Make the profile what it was at an earlier version",
    params,
    body: closed({ ...deed, ...version, to: Type.Integer({ minimum: 1, description: "the version to go back to / 目标版本" }) }),
    answer: views.Done,
    handle: (operations, { params: { id = "" }, body }) => operations.profiles.revert(id, { ...signedBy(body), to: Number(body.to) }),
  },
];
