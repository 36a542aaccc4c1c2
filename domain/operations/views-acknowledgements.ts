/** Acknowledgements that came on their own way, as operators see them. */
import { type Static, Type } from "typebox";

const text = Type.String();
const at = Type.String({
  pattern: "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{3}\\+08:00$",
  description: "China time / 北京时间",
});
const maybe = Type.Optional;

/** In the order a person cares: the last three ask for one. */
export const ACKNOWLEDGEMENT_STATES = ["applied", "early", "late", "duplicate", "differs", "unexpected", "unclear"];

export const AcknowledgementView = Type.Object(
  {
    messageId: Type.String({ description: "the message that brought it / 带来它的报文" }),
    destination: text,
    kind: text,
    door: text,
    writeBackId: maybe(Type.String({ description: "absent: it names nothing that we owe / 没有对应的回写" })),
    state: Type.Unsafe<string>({
      type: "string",
      enum: ACKNOWLEDGEMENT_STATES,
      description: "docs/outcomes.md has every state / 处理结果",
    }),
    outcome: Type.String({ description: "what it says, by the reply contract / 按应答约定的含义" }),
    namedBy: maybe(text),
    named: maybe(text),
    code: maybe(text),
    text: maybe(text),
    receiptNo: maybe(text),
    amount: maybe(Type.String({ pattern: "^(?:0|-?[1-9][0-9]*)$", description: "amount in fen / 金额（分）" })),
    serial: maybe(text),
    why: text,
    whyZh: text,
    whyCode: maybe(text),
    receivedAt: at,
    at,
  },
  { additionalProperties: false },
);
export const AcknowledgementPage = Type.Object(
  { items: Type.Array(AcknowledgementView), after: maybe(text) },
  { additionalProperties: false },
);
export type AcknowledgementView = Static<typeof AcknowledgementView>;
