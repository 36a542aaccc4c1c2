/**
 * Mappings at the console: read one, run a changed document on a stored message (or, of one that writes, on what is to be written), make an example of it. Nothing here
 * changes what the engine runs, and nothing is sent.
 */
import type { Event } from "../events/event.ts";
import type { JournaledMessage } from "../journal/ports.ts";
import type { Deed } from "./ports.ts";
import type { Answered } from "./refusals.ts";
import type { MappingList, MappingText, MappingTrial, OutboundTrial, SavedExample } from "./views-mappings.ts";

/** Longest document that is taken, in characters. */
export const DOCUMENT_CHARS_MAX = 60_000;

/** What an outbound document is run on: a write-back's own event, an event of a message, or one of its examples. */
export type OutboundFrom =
  | { readonly writeBackId: string }
  | { readonly messageId: string; readonly eventId: string }
  | { readonly example: string };
/** Of these an example can be made. */
export type StoredFrom = Exclude<OutboundFrom, { readonly example: string }>;

/** What is stored of it, unmasked: it stays inside the engine. */
export interface OutboundSource {
  readonly event?: Event;
  /** What the engine knows of the order besides the event. */
  readonly order?: Readonly<Record<string, string>>;
  /** The write-back itself: whose constants, its key, and what went out; an inquiry asks about it. Absent: an event of which nothing is owed here. */
  readonly writeBack?: {
    readonly destination: string;
    readonly kind: string;
    readonly mapping: string;
    readonly key: string;
    readonly charset: string;
    readonly contentType: string;
    /** Absent: past its retention. */
    readonly body?: Uint8Array;
  };
}

export interface MappingBench {
  list(): Promise<Answered<MappingList>>;
  /** `id`: `<vendor>/<message>`. */
  read(id: string): Promise<Answered<MappingText>>;
  /** Runs the document (as given; absent: as stored) on a stored message. Everything that is shown is masked. */
  tryOn(asked: { readonly id: string; readonly document?: string; readonly messageId: string }): Promise<Answered<MappingTrial>>;
  /**
   * Runs an outbound document (as given; absent: as stored). `within`: the partners of whoever asks; what is another's is not there. Everything shown is masked.
   */
  write(asked: {
    readonly id: string;
    readonly document?: string;
    readonly from: OutboundFrom;
    readonly within?: readonly string[];
  }): Promise<Answered<OutboundTrial>>;
  /** As saveExample, of an outbound document: event, context and what the stored mapping writes. */
  saveWritten(
    asked: { readonly id: string; readonly name: string; readonly from: StoredFrom; readonly within?: readonly string[] },
    deed: Deed,
  ): Promise<Answered<SavedExample>>;
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
  write(id: string, document: string | undefined, from: OutboundSource | { readonly example: string }): Promise<Answered<OutboundTrial>>;
  prepareWritten(id: string, name: string, source: OutboundSource): Promise<Answered<PreparedExample>>;
}
