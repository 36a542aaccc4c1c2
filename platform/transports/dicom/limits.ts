/** Every limit of the DICOM door, named. What is beyond one is refused in DICOM's own words; nothing is cut short in silence. */
export const LIMITS = {
  /** Largest PDU that is taken; told to the peer at the association. */
  pduBytes: 131_072,
  /** Largest association request: 128 presentation contexts of many transfer syntaxes stay below it. */
  associateBytes: 65_536,
  /** A command set: a dozen short elements. */
  commandBytes: 16_384,
  /** What is kept of a data set: an MPPS whole, of an instance what stands before its pixels. */
  datasetBytes: 1_048_576,
  /** Largest instance that is read to its end and thrown away behind its metadata. */
  storeBytes: 1_073_741_824,
  /** Elements of a data set, items' included. */
  elements: 20_000,
  /** Sequences inside sequences. */
  depth: 8,
  /** Bytes of one text. */
  textBytes: 65_536,
  /** Values of one element. */
  values: 1_000,
  /** Tags listed as not passed on. */
  further: 500,
  /** Associations of one partner at once. */
  associations: 32,
  /** From the connection to the association request. */
  associateMs: 10_000,
  /** An open association on which nothing comes. */
  idleMs: 60_000,
  /** From the first byte of a PDU to its last: who drips is cut off. */
  pduMs: 30_000,
  /** How long a close waits for what is being journaled. */
  closeMs: 3_000,
} as const;
