/** How a destination's gate looks to people: what it is allowed now, why, and until when. */
import { type Static, Type } from "typebox";
import type { DestinationPolicy } from "../writeback/policy.ts";
import { drainEta, rateOf } from "../writeback/drain.ts";
import type { GateRow } from "../writeback/gates.ts";
import { quietUntil } from "../writeback/quiet.ts";
import { chinaDateTimeOf } from "../time.ts";

const closed = <T extends Parameters<typeof Type.Object>[0]>(properties: T) => Type.Object(properties, { additionalProperties: false });
const whole = Type.Integer({ minimum: 0 });
const at = Type.String();

export const GateView = closed({
  mode: Type.Union([Type.Literal("running"), Type.Literal("paused")]),
  breaker: Type.Union([Type.Literal("closed"), Type.Literal("open"), Type.Literal("half-open")], {
    description: "open: nothing but probes; half-open: one write-back decides / 断路器",
  }),
  why: Type.Optional(Type.String({ description: "why the breaker opened, or what the last probe told / 断开原因" })),
  since: Type.Optional(at),
  nextProbeAt: Type.Optional(at),
  probes: whole,
  failuresInARow: whole,
  ratePerSecond: Type.Optional(
    Type.Number({ description: "calls a second now, all workers together; absent: nothing limits them / 当前速率" }),
  ),
  ceilingPerSecond: Type.Optional(Type.Number({ description: "the profile's ceiling / 速率上限" })),
  drainingSince: Type.Optional(at),
  drainEtaSeconds: Type.Optional(
    Type.Integer({ minimum: 0, description: "until the backlog is gone, at the present rate / 预计排空秒数" }),
  ),
  drainUntil: Type.Optional(Type.String({ description: "a person lets it drain until then / 允许排空至" })),
  quietUntil: Type.Optional(Type.String({ description: "quiet hours of the profile end then / 静默至" })),
});
export type GateView = Static<typeof GateView>;

/** `owed`: write-backs that wait to be sent. */
export function gateView(row: GateRow, policy: DestinationPolicy | undefined, owed: number, nowMs: number): GateView {
  const ceiling = policy?.ratePerSecond;
  const rate = rateOf(row, ceiling);
  const eta = owed === 0 ? undefined : drainEta(owed, row, ceiling);
  const quiet = quietUntil(policy?.quietHours, nowMs);
  const drains = row.drainUntilMs !== undefined && row.drainUntilMs > nowMs;
  const when = (name: string, ms: number | undefined) => (ms === undefined ? {} : { [name]: chinaDateTimeOf(ms) });
  return {
    mode: row.mode,
    breaker: row.breaker,
    ...(row.why === undefined ? {} : { why: row.why }),
    ...when("since", row.sinceMs),
    ...when("nextProbeAt", row.breaker === "open" ? row.probeAtMs : undefined),
    probes: row.probes,
    failuresInARow: row.failures,
    ...(rate === undefined ? {} : { ratePerSecond: rate }),
    ...(ceiling === undefined ? {} : { ceilingPerSecond: ceiling }),
    ...when("drainingSince", row.drain?.startedMs),
    ...(eta === undefined ? {} : { drainEtaSeconds: eta }),
    ...(drains ? when("drainUntil", row.drainUntilMs) : {}),
    ...(drains ? {} : when("quietUntil", quiet)),
  };
}
