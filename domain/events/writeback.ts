/** What the three write-back events share. */
import { closed, code, count, dateTime, fen, maybe, no, word } from "../schema/pieces.ts";
import { type CommonData, keysOf } from "./every-event.ts";
import type { BusinessKey } from "./event.ts";

export const writeBackFields = {
  writebackId: no("回写编号", "Id of the write-back"),
  key: no("幂等键", "Key under which it is sent"),
  destination: word("回写目的地（伙伴）", "The partner it is owed to"),
  kind: word("回写种类，如 payment-confirm", "Kind, e.g. payment-confirm"),
  cause: closed(
    { eventId: no("起因事件编号", "Id of the event"), type: code("起因事件类型", "Type of the event") },
    "起因事件",
    "The event that causes it",
  ),
  lane: no("有序通道键", "Key of the lane that keeps it in order"),
  attempts: count("已尝试次数", "Attempts so far"),
  owedAt: dateTime("应回写时间", "Since when it is owed"),
  firstSentAt: maybe(dateTime("首次发送时间", "When it was first sent")),
};

/** `confirmed` is what the partner says it did. */
export const writeBackAmount = () =>
  closed({ sent: fen("发送金额", "Amount sent"), confirmed: maybe(fen("对方确认金额", "Amount the partner confirmed")) }, "金额", "Amount");

interface WriteBackData extends CommonData {
  readonly writebackId: string;
  readonly key: string;
}

export const writeBackKeys = (data: WriteBackData, receiptNo: string | undefined): readonly BusinessKey[] =>
  keysOf(data, [
    ["serial", data.writebackId],
    ["message", data.key],
    ["serial", receiptNo],
  ]);
