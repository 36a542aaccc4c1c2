/**
 * Every limit of the mapping engine, named. A message beyond one is refused with its reason; nothing is cut short in silence.
 */
export const LIMITS = {
  /** Bytes of one part of a message. Doors refuse earlier, by the partner's own limit. */
  bytes: 4_194_304,
  /** Nesting of elements or JSON values; envelopes met in practice stay below 12. */
  depth: 32,
  /**
   * Elements, attributes and JSON members of one document. A reader must never hold up the event loop for 200 ms (reference/reliability.md section 8), and what it costs
   * goes by nodes: 200,000 of them took 0.3 s. A statement that fills 4 MiB at 100 bytes a field just fits.
   */
  nodes: 40_000,
  /** Characters that make an XML reader stop and look (`<`, `&`, line ends, `]`), each: counted before it begins, so that a document of nothing else is refused in a millisecond. */
  marks: 150_000,
  /** Characters of one XML document: the reader needs up to 80 ns for one (inside comments), so that this many stay below 200 ms. */
  xml: 2_097_152,
  /** Attributes of one element. */
  attributes: 64,
  /** Cells of one delimited level. */
  fields: 1_024,
  /** Events of one message: reading, checking and sealing 200 charges takes 0.1 s, and all other messages wait so long. */
  events: 200,
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
  /** Characters of a JSON document that is handed on whole, when its rule states no other maximum: what the national interface takes as `input` (C40000). */
  document: 40_000,
  /** Bytes of a partner's reply that an ack contract will read. */
  replyBytes: 262_144,
} as const;
