/** What the operators' side refuses about alarms, retention and content that is gone. */
import type { OperationRefusalText } from "./refusals.ts";

export type WatchRefusal = "UNKNOWN_ALARM" | "ALARM_ENDED" | "CONTENT_GONE" | "POLICY_REFUSED" | "NOT_SIMULATED" | "SIMULATION_STALE";

export const WATCH_REFUSAL: Readonly<Record<WatchRefusal, OperationRefusalText>> = {
  UNKNOWN_ALARM: {
    http: 404,
    zh: "没有这个告警",
    en: "There is no such alarm",
    next: { zh: "npx huiliu alarms --all 查看编号", en: "See npx huiliu alarms --all for the numbers" },
  },
  ALARM_ENDED: {
    http: 409,
    zh: "该告警已解除",
    en: "The alarm has ended already",
    next: { zh: "只能写备注", en: "A note can still be written" },
  },
  CONTENT_GONE: {
    http: 410,
    zh: "内容已过保留期并按策略清理；编号、业务键与回写结果仍在",
    en: "The content is past its retention and has been dropped; identities, keys and what became of write-backs are kept",
    next: {
      zh: "按单据号查回写：npx huiliu write-backs --key …；需要原文请向对方索取",
      en: "See its write-backs: npx huiliu write-backs --key …; ask the partner for the bytes if they are needed",
    },
  },
  POLICY_REFUSED: {
    http: 422,
    zh: "保留策略不成立",
    en: "The retention policy does not hold",
    next: { zh: "按 problems 所列修正", en: "Mend what problems lists" },
  },
  NOT_SIMULATED: {
    http: 409,
    zh: "须先模拟：没有一小时内的这个模拟",
    en: "It must be simulated first: there is no simulation of this hash within the last hour",
    next: { zh: "npx huiliu retention simulate，核对后再执行", en: "npx huiliu retention simulate, look at it, then run its hash" },
  },
  SIMULATION_STALE: {
    http: 409,
    zh: "模拟之后情况有变：现在该清理的与模拟的不同",
    en: "Something has changed: what would go now is not what was simulated",
    next: { zh: "重新模拟并核对", en: "Simulate again and look at it" },
  },
};
