/**
 * The step table as people read it: the rows of docs/outcomes.md, made from the code that decides, so that the page cannot say otherwise.
 */
import { acknowledgementsMarkdown } from "../acknowledgements/table.ts";
import { retryAfterMs } from "./backoff.ts";
import { type Deed, MANUAL, MANUAL_REFUSAL } from "./manual.ts";
import { type Duplicates, type Outcome, STEP, type Step } from "./outcome.ts";
import { gateMarkdown } from "./table-gate.ts";
import { PARK } from "./reasons.ts";
import { WHY } from "./why.ts";

interface Bilingual {
  readonly zh: string;
  readonly en: string;
}

export const OUTCOME_MEANING: Readonly<Record<Outcome, Bilingual>> = {
  acknowledged: { zh: "对方自己的回执表明已处理", en: "the partner's own receipt says so" },
  rejected: { zh: "对方明确拒绝（业务应答）", en: "the partner refused for good: a business answer" },
  busy: { zh: "对方要求稍后再来，没有发生任何事", en: "the partner asks to come later; nothing happened" },
  unsent: { zh: "一个请求字节都没有发出", en: "not one request byte left us" },
  deferred: { zh: "已受理，结果随后另行告知", en: "taken; the answer follows on its own" },
  unclear: { zh: "请求已发出而其余情况一概不明，可能已生效", en: "anything else after the first request byte: it may have taken effect" },
};

const STEP_MEANING: Readonly<Record<Step, Bilingual>> = {
  finish: { zh: "完成", en: "finished" },
  resend: { zh: "稍后以同一键重发", en: "send again later under the same key" },
  ask: { zh: "先查询", en: "ask first" },
  wait: { zh: "等待后续应答，逾期按“不明”处理", en: "wait for the answer; when overdue, as unclear" },
  park: { zh: "停放，人工处理", en: "park: a person must look" },
};

const DUPLICATES: readonly Duplicates[] = ["by-key", "by-reference", "inquiry", "none"];

export interface StepRow {
  readonly outcome: Outcome;
  readonly meaning: Bilingual;
  readonly steps: Readonly<Record<Duplicates, Step>>;
}

export const stepRows = (): readonly StepRow[] =>
  (Object.keys(STEP) as Outcome[]).map((outcome) => ({ outcome, meaning: OUTCOME_MEANING[outcome], steps: STEP[outcome] }));

const row = (...cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(...head), row(...head.map(() => "---")), ...rows.map((cells) => row(...cells))].join("\n");

const SHOWN_RETRY = { firstMs: 1_000, maxMs: 60_000 };
/** What partners say, and the milliseconds that are read of it. */
const RETRY_AFTER_ROWS = [
  { told: "`0`, or a date in the past", ms: 0 },
  { told: "`30`", ms: 30_000 },
  { told: "`86400`, or a date of tomorrow", ms: 86_400_000 },
  { told: "`-5`, `1e9`, `soon`, more than nine digits", ms: undefined },
] as const;

const DEEDS: readonly Deed[] = ["replay", "resolve", "cancel"];

/** docs/outcomes.md, whole. */
export function outcomesMarkdown(): string {
  const steps = stepRows().map(({ outcome, meaning, steps: by }) => [
    `\`${outcome}\``,
    `${meaning.zh}<br>${meaning.en}`,
    ...DUPLICATES.map((d) => by[d]),
  ]);
  const meanings = Object.entries(STEP_MEANING).map(([step, { zh, en }]) => `- \`${step}\` ${zh} · ${en}`);
  const inquiry = [
    ["found, amount and serial agree", "finish"],
    ["found, amount or serial differs or is not told", "park"],
    ["not found, `trustNotFoundAfterMs` after the last possible send", "resend"],
    ["not found, earlier than that", "ask"],
    ["no answer, garbled, busy", "ask"],
    ["refused", "park"],
  ];
  const parks = Object.entries(PARK).map(([code, text]) => [
    `\`${code}\``,
    `${text.zh}<br>${text.en}`,
    `${text.advice.zh}<br>${text.advice.en}`,
    text.mayHaveTakenEffect ? "yes" : "only if an earlier attempt may have",
  ]);
  const manual = Object.entries(MANUAL).map(([state, by]) => [
    `\`${state}\``,
    ...DEEDS.map((deed) => {
      const no = by[deed];
      return no === undefined ? "allowed" : `${no}: ${MANUAL_REFUSAL[no].en}`;
    }),
  ]);
  return [
    "# 回写结果与步骤 · Outcomes and steps of write-backs",
    "Generated from `domain/writeback/` by `npm run docs`. Do not edit.",
    "## What one attempt told us, by how the destination treats repeats",
    table(["outcome", "meaning", ...DUPLICATES], steps),
    meanings.join("\n"),
    "A reply that says *already done* counts as acknowledged only when its amount and serial equal what was sent; when it does not tell them the destination is asked, or it parks.",
    "## What an inquiry told us",
    table(["inquiry", "step"], inquiry),
    "## How far Retry-After is believed",
    "Seconds or an HTTP date, of any reply. Never sooner than the destination's first wait (`retry.firstMs`), never later than twice its longest (`retry.maxMs`): a partner that says “tomorrow” by mistake must not silence a payment for a day. What is no time is as if nothing had been said. A busy reply (429, or a code listed as busy) says that nothing happened: it opens no breaker, and it never counts as a send that may have taken effect.",
    table(
      ["told", "waits, with firstMs 1 s and maxMs 60 s"],
      RETRY_AFTER_ROWS.map(({ told, ms }) => [told, `${retryAfterMs(ms, 1, SHOWN_RETRY, () => 0) / 1_000} s`]),
    ),
    ...gateMarkdown(),
    "## How long the same key may be sent again",
    "`by-key` with `duplicatesLifetimeMs`: the partner forgets keys. Past half of that time since the first send the same key protects nothing any more, so the destination is asked first, and where it cannot be asked the write-back parks as KEY_EXPIRED. Without `duplicatesLifetimeMs` keys are taken to be remembered for ever.",
    ...acknowledgementsMarkdown(),
    "## Why an attempt ended as it did",
    "Stored as code and detail, shown in both languages (`why`, `whyZh`, `whyCode`); rows of before this list hold an English sentence.",
    table(
      ["code", "meaning"],
      Object.entries(WHY).map(([code, { zh, en }]) => [`\`${code}\``, `${zh}<br>${en}`]),
    ),
    "## Why a write-back parks",
    table(["code", "meaning", "advice", "may have taken effect"], parks),
    "## What a person may do",
    table(["state", ...DEEDS], manual),
    "",
  ].join("\n\n");
}
