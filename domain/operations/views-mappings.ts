/** What the operators' side shows of mappings: the documents, a trial of one on a stored message, an example made of it. */
import { type Static, Type } from "typebox";

const closed = <P extends import("typebox").TProperties>(properties: P, more: { readonly description?: string } = {}) =>
  Type.Object(properties, { additionalProperties: false, ...more });
const text = Type.String();
const maybe = Type.Optional;

export const MappingRow = closed({
  id: Type.String({ description: "<vendor>/<message>" }),
  vendor: text,
  vendorName: closed({ zh: text, en: text }),
  direction: Type.Union([Type.Literal("inbound"), Type.Literal("outbound")]),
  version: Type.Integer(),
  examples: Type.Integer(),
});
export const MappingList = closed({
  items: Type.Array(MappingRow),
  editable: Type.Boolean({ description: "examples may be saved here / 可保存示例" }),
});
export const MappingText = closed({
  ...MappingRow.properties,
  text: Type.String({ description: "the document as it is stored / 文档原文" }),
  writes: maybe(
    closed(
      {
        purpose: text,
        eventTypes: Type.Array(text),
        uses: Type.Array(closed({ destination: text, kind: text }), { description: "who is written to by it / 哪些目标的哪种回写用它" }),
        examples: Type.Array(text, { description: "examples it can be run on / 可试写的示例" }),
      },
      { description: "of an outbound document / 写出映射" },
    ),
  ),
});

export const MappingProblem = closed({
  code: text,
  at: Type.String({ description: "JSON pointer into the document / 文档中的位置" }),
  place: Type.String({ description: "place in the message / 报文中的位置" }),
  zh: text,
  en: text,
});
export const MappingTrial = closed({
  stage: Type.Union([Type.Literal("document"), Type.Literal("message"), Type.Literal("done")], {
    description: "where it ended: the document does not compile, the message is refused, or it was translated / 止于何处",
  }),
  problems: Type.Array(MappingProblem),
  case: maybe(text),
  identity: maybe(text),
  keys: Type.Array(closed({ kind: text, value: text })),
  events: Type.Array(closed({ type: text, subject: text, event: Type.Unknown() })),
  /** What the document as it is stored makes of the same message, to be held against it. */
  stored: Type.Array(closed({ type: text, subject: text, event: Type.Unknown() })),
});
export const OutboundTrial = closed({
  stage: Type.Union([Type.Literal("document"), Type.Literal("event"), Type.Literal("done")], {
    description: "where it ended: the document does not compile, the event cannot be written, or it was written / 止于何处",
  }),
  problems: Type.Array(MappingProblem),
  partner: Type.String({ description: "whose constants were used / 取用哪个伙伴的常量" }),
  event: maybe(closed({ type: text, event: Type.Unknown() }, { description: "what it was run on, masked / 所用事件" })),
  request: maybe(
    closed({
      method: text,
      path: text,
      contentType: text,
      headers: Type.Record(text, text),
      bytes: Type.Integer({ minimum: 0 }),
      amount: maybe(Type.String({ description: "decimal fen / 分" })),
      serial: maybe(text),
    }),
  ),
  codec: Type.String({ description: "xml, json, hl7 or delimited" }),
  body: maybe(Type.String({ description: "as it would be sent, decoded and masked / 写出的报文，已脱敏" })),
  hex: maybe(Type.String({ description: "the first bytes of the masked text / 开头的字节" })),
  /** What the document as it is stored writes of the same, to be held against it. */
  stored: maybe(text),
  /** What went out then, or what the example expects. */
  sent: maybe(Type.String({ description: "what was sent, or what the example expects, masked / 当时发出的，或示例期望的" })),
});
export const SavedExample = closed({
  folder: text,
  files: Type.Array(text),
  kind: Type.Union([Type.Literal("accepted"), Type.Literal("refused")]),
});

export type MappingRow = Static<typeof MappingRow>;
export type MappingList = Static<typeof MappingList>;
export type MappingText = Static<typeof MappingText>;
export type MappingProblem = Static<typeof MappingProblem>;
export type MappingTrial = Static<typeof MappingTrial>;
export type OutboundTrial = Static<typeof OutboundTrial>;
export type SavedExample = Static<typeof SavedExample>;
