/** The rules of a destination's gate as people read them: their part of docs/outcomes.md, made from the numbers that decide. */
import type { Reach } from "./attempt-end.ts";
import {
  BREAKER_BY_REACH,
  LIAR_FACTOR,
  OPEN_AFTER,
  OPEN_SHARE,
  OPEN_SHARE_CALLS,
  PROBE_FIRST_MS,
  PROBE_GROWTH,
  PROBE_JITTER,
  PROBE_MAX_MS,
  WINDOW_MS,
} from "./breaker.ts";
import { BASELINE_FLOOR_MS, CUT, FAILED_SHARE, GROWTH, GROWTH_SHARE, IDLE_SECONDS, SLOW_FACTOR, START_RATE, START_SHARE } from "./drain.ts";

const REACH_MEANING: Readonly<Record<Reach, readonly [zh: string, en: string]>> = {
  answered: ["对方给出业务应答：确认、拒绝、延后、已处理过", "a business answer: acknowledged, rejected, deferred, already done"],
  failed: ["未发出、无完整应答、5xx、无法识别的应答", "nothing left us, no whole reply, 5xx, a reply that no contract lists"],
  busy: ["对方要求稍后再来（429 或列为繁忙的代码）", "the partner asks to come later: 429, or a code listed as busy"],
  "not-called": ["没有发起调用", "no call was made"],
};
const EFFECT = {
  success: "ends a row of failures",
  failure: "counts",
  neutral: "nothing",
} as const;

const seconds = (ms: number): string => `${ms / 1_000} s`;
const percent = (share: number): string => `${share * 100} %`;
const line = (...cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

/** Sections of docs/outcomes.md. */
export function gateMarkdown(): readonly string[] {
  const rows = (Object.keys(BREAKER_BY_REACH) as Reach[]).map((reach) =>
    line(`\`${reach}\``, REACH_MEANING[reach].join("<br>"), EFFECT[BREAKER_BY_REACH[reach]]),
  );
  return [
    "## 断路器与排空 · What opens the breaker, and how a backlog drains",
    [line("a call told of the destination", "meaning", "to its breaker"), line("---", "---", "---"), ...rows].join("\n"),
    [
      `- It opens at ${OPEN_AFTER} failures in a row over all workers, or when ${percent(OPEN_SHARE)} of at least ${OPEN_SHARE_CALLS} calls within ${seconds(WINDOW_MS)} failed. A business rejection never does.`,
      `- While open no write-back is claimed or changed. One worker probes: the profile's \`ping\`, else its inquiry about the oldest write-back owed, else a bare connect; never a write-back. After ${seconds(PROBE_FIRST_MS)}, × ${PROBE_GROWTH} up to ${seconds(PROBE_MAX_MS)}, ± ${percent(PROBE_JITTER)}.`,
      `- A probe that is answered lets exactly one real write-back go. Its success closes the breaker; its failure opens it again, and the next probe comes after ${LIAR_FACTOR} times the pause.`,
      `- Then it drains: ${START_RATE} calls a second or ${percent(START_SHARE)} of the ceiling, + ${GROWTH} (or a ${GROWTH_SHARE}th of the ceiling) for each clean second, × ${CUT} when more than ${percent(FAILED_SHARE)} fail or the p95 is above ${SLOW_FACTOR} times the lowest seen (counted from ${BASELINE_FLOOR_MS} ms). Over at the ceiling, or when the rate held nothing back for ${IDLE_SECONDS} s. A second that used less than half of its rate proves nothing about a higher one.`,
      "- `ratePerSecond` always holds, all workers together. 429 or a Retry-After halves the rate and leaves the breaker alone.",
      "- While more is due than may be sent, every other claim is of write-backs that became due within the last 5 s: live traffic does not wait for the backlog.",
      "- Paused or in quiet hours nothing goes out, probes neither; a person may let it drain for a while. All of it holds on every worker within a second.",
    ].join("\n"),
  ];
}
