/**
 * Every limit of the mapping engine, named. A message beyond one is refused with its reason; nothing is cut short in silence.
 */
export const LIMITS = {
  /** Bytes of one part of a message. Doors refuse earlier, by the partner's own limit. */
  bytes: 4_194_304,
  /** Nesting of elements or JSON values; envelopes met in practice stay below 12. */
  depth: 32,
  /** Elements, attributes and JSON members of one document. */
  nodes: 200_000,
  /** Attributes of one element. */
  attributes: 64,
  /** Cells of one delimited level. */
  fields: 1_024,
  /** Events of one message. */
  events: 1_000,
  /** Rows of one repeated group. */
  rows: 10_000,
  /** Characters of one leaf. */
  leaf: 1_048_576,
  /** Levels of documents carried inside documents. */
  inner: 4,
  /** Problems listed of one message; the rest is counted in one last entry. */
  problems: 100,
  /** Characters of a text when its rule states no other maximum. */
  text: 200,
  /** Bytes of a partner's reply that an ack contract will read. */
  replyBytes: 262_144,
} as const;
