/** The operators' API of retention. */
import { Type } from "typebox";
import { Done } from "../domain/operations/views.ts";
import { RetentionPolicyView, RetentionRun, RetentionSimulation } from "../domain/operations/views-retention.ts";
import { RetentionPolicy } from "../domain/retention/policy.ts";
import { closed, deed, given, ONE_LINE, maybe, type Route } from "./route.ts";

const FIELDS = ["messages", "events", "bodies", "attempts", "automatic", "at"] as const;

export const RETENTION_ROUTES: readonly Route[] = [
  {
    id: "getRetentionPolicy",
    method: "GET",
    right: "look",
    path: "/retention/policy",
    zh: "保留策略",
    en: "How long content is kept",
    answer: RetentionPolicyView,
    handle: (operations) => operations.retention.policy(),
  },
  {
    id: "setRetentionPolicy",
    method: "POST",
    right: "retention",
    path: "/retention/policy",
    zh: "修改保留策略；未给出的不变",
    en: "Change how long content is kept; what is not given stays",
    body: Type.Object({ ...deed, ...Type.Partial(RetentionPolicy).properties }, { additionalProperties: false }),
    answer: Done,
    handle: (operations, { body }) => {
      const change = Object.fromEntries(FIELDS.flatMap((one) => (body[one] === undefined ? [] : [[one, body[one]]])));
      return operations.retention.setPolicy(change as Partial<RetentionPolicy>, given(body, "reason", "by"));
    },
  },
  {
    id: "simulateRetention",
    method: "POST",
    right: "retention",
    path: "/retention/simulate",
    zh: "模拟：哪些会被清理，哪些保留及原因；不清理任何内容",
    en: "Simulate: what would go, what would stay and why; drops nothing",
    body: closed({ by: maybe(Type.String({ maxLength: 64, pattern: ONE_LINE })) }),
    answer: RetentionSimulation,
    handle: (operations, { body }) => operations.retention.simulate(typeof body.by === "string" ? body.by : "api"),
  },
  {
    id: "runRetention",
    method: "POST",
    right: "retention",
    path: "/retention/run",
    zh: "执行一小时内模拟过的清理",
    en: "Carry out what was simulated within the last hour",
    body: Type.Object({ ...deed, hash: Type.String({ pattern: "^[0-9a-f]{64}$" }) }, { additionalProperties: false }),
    answer: RetentionRun,
    handle: (operations, { body }) => operations.retention.run(String(body.hash), given(body, "reason", "by")),
  },
];
