/** What the operators' side shows of mappings: the documents, a trial of one on a stored message, an example made of it. */
import { type Static, Type } from "typebox";

const closed = <P extends import("typebox").TProperties>(properties: P) => Type.Object(properties, { additionalProperties: false });
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
export type SavedExample = Static<typeof SavedExample>;
