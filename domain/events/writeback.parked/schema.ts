/** 回写已搁置: we still owe it, and a person must look before anything more is sent. */
import { choice, closed, code, count, dateTime, flag, maybe, text } from "../../schema/pieces.ts";
import { dataMaybeBusiness, demand } from "../every-event.ts";
import { defineEvent } from "../event.ts";
import { writeBackAmount, writeBackFields, writeBackKeys } from "../writeback.ts";

export const definition = defineEvent({
  type: "writeback.parked",
  title: { zh: "回写已搁置", en: "Write-back parked" },
  meaning: { zh: "回写仍欠着，需人工判断后才能继续", en: "It is still owed; a person must decide before anything more is sent" },
  data: dataMaybeBusiness({
    ...writeBackFields,
    outcome: choice(
      ["acknowledged", "rejected", "busy", "unsent", "deferred", "unclear"],
      "最后一次尝试的结果；acknowledged 表示对方已确认但金额或流水号不符",
      "What the last attempt told us; acknowledged here means that the amount or the serial differs",
    ),
    reason: closed(
      {
        code: code("对方或汇流的原因代码", "The partner's code, or ours"),
        text: text("原因", "The reason in words"),
        normalised: code("归一化原因", "Our code for it, the same for all partners"),
      },
      "搁置原因",
      "Why it is parked",
    ),
    lastAttempt: maybe(
      closed(
        {
          at: dateTime("时间", "When"),
          status: maybe(code("传输层状态，如 200、ECONNRESET", "What the wire said, e.g. 200, ECONNRESET")),
          excerpt: maybe(text("应答摘录（脱敏）", "Excerpt of the reply, masked")),
        },
        "最后一次尝试",
        "The last attempt",
      ),
    ),
    mayHaveTakenEffect: flag("对方可能已处理", "True when the partner may have done it all the same"),
    laneBlocked: maybe(closed({ count: count("被其阻塞的回写数", "Write-backs that wait behind it") }, "通道阻塞", "What waits behind it")),
    amount: maybe(writeBackAmount()),
    advice: text("处理建议", "What to do next"),
    ageSeconds: count("已欠时长（秒）", "How long it has been owed, in seconds"),
  }),
  expected: [],
  check: (data) => [
    ...demand(
      data.lastAttempt === undefined || data.attempts > 0,
      "unequal",
      "/attempts",
      "有尝试记录，次数却为0",
      "There is a last attempt, yet the count is 0",
    ),
    ...demand(
      !data.mayHaveTakenEffect || data.attempts > 0,
      "unequal",
      "/mayHaveTakenEffect",
      "从未发送过的回写不可能已被处理",
      "What was never sent cannot have taken effect",
    ),
  ],
  keys: (data) => writeBackKeys(data, undefined),
});
