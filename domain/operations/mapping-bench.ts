/** Mappings at the console: read one, run a changed document on a stored message, make an example of a message. Nothing here changes what the engine runs. */
import type { JournaledMessage } from "../journal/ports.ts";
import type { Deed } from "./ports.ts";
import type { Answered } from "./refusals.ts";
import type { MappingList, MappingText, MappingTrial, SavedExample } from "./views-mappings.ts";

/** Longest document that is taken, in characters. */
export const DOCUMENT_CHARS_MAX = 60_000;

export interface MappingBench {
  list(): Promise<Answered<MappingList>>;
  /** `id`: `<vendor>/<message>`. */
  read(id: string): Promise<Answered<MappingText>>;
  /** Runs the document (as given; absent: as stored) on a stored message. Everything that is shown is masked. */
  tryOn(asked: { readonly id: string; readonly document?: string; readonly messageId: string }): Promise<Answered<MappingTrial>>;
  /** Writes `mappings/<id>/examples/<name>/` from the message, without personal data (disguise.ts), and what the stored mapping makes of it as its expectation. Audited. */
  saveExample(
    asked: { readonly id: string; readonly name: string; readonly messageId: string },
    deed: Deed,
  ): Promise<Answered<SavedExample>>;
}

/** An example that is ready to be written. */
export interface PreparedExample extends SavedExample {
  /** Rejects when the folder has come to be there meanwhile, or the disk refuses; then nothing of it is there. */
  write(): Promise<void>;
}

/** The documents themselves; the bench adds the stored messages and the audit. */
export interface MappingShelf {
  list(): Promise<Answered<MappingList>>;
  read(id: string): Promise<Answered<MappingText>>;
  tryOn(id: string, document: string | undefined, message: JournaledMessage): Promise<Answered<MappingTrial>>;
  prepare(id: string, name: string, message: JournaledMessage): Promise<Answered<PreparedExample>>;
}
