/** What the program that plays stored tests is asked. */
import type { StoredNode } from "../../platform/node-red/flow-files.ts";

/** Flows that are loaded together, and which tests of theirs are played. */
export interface Group {
  /** Folder → its nodes. All are loaded: a message may be another flow's. */
  readonly flows: Readonly<Record<string, readonly StoredNode[]>>;
  /** Folder → test name → document, as parsed. Only these are played. */
  readonly tests: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export interface Job {
  /** Holds mappings/, partners/, flows/ and examples/: what the tests are about. */
  readonly root: string;
  readonly groups: readonly Group[];
}
