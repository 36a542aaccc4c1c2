/** What people do with a destination's gate. */
import { Type } from "typebox";
import { DRAIN_MINUTES_MAX } from "../domain/operations/ports.ts";
import * as views from "../domain/operations/views.ts";
import { closed, deed, given, name, type Route } from "./route.ts";

const TEXTS = {
  pause: { zh: "暂停向该目的地回写", en: "Stop writing back to this destination; every worker obeys within a second" },
  resume: { zh: "恢复向该目的地回写", en: "Write back to this destination again" },
} as const;

/** Under the destination's name, and under the partner's, which is the same name and the older path. */
const holds: readonly Route[] = (["pause", "resume"] as const).flatMap((action) =>
  (["destinations", "partners"] as const).map(
    (of): Route => ({
      id: of === "destinations" ? `${action}Destination` : `${action}Partner`,
      method: "POST",
      right: "gate",
      path: `/${of}/:id/${action}`,
      ...TEXTS[action],
      params: closed({ id: name }),
      body: closed(deed),
      answer: views.Done,
      handle: (operations, { params, body }) => operations.gates[action](params.id ?? "", given(body, "by", "reason")),
    }),
  ),
);

export const GATE_ROUTES: readonly Route[] = [
  ...holds,
  {
    id: "drainDestination",
    method: "POST",
    right: "gate",
    path: "/destinations/:id/drain",
    zh: "允许该目的地在一段时间内排空，即使已暂停或处于静默时段",
    en: "Let this destination drain for a while although it is paused or in its quiet hours",
    params: closed({ id: name }),
    body: closed({
      ...deed,
      minutes: Type.Integer({ minimum: 1, maximum: DRAIN_MINUTES_MAX, description: "for so long from now / 时长（分钟）" }),
    }),
    answer: views.Done,
    handle: (operations, { params, body }) =>
      operations.gates.drain(params.id ?? "", { ...given(body, "by", "reason"), minutes: Number(body.minutes) }),
  },
];
