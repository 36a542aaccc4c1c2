/** What operators may ask about one message more closely, and take away of a list (views-inspect.ts). Expected refusals are values. */
import type { Deed, MessageFilter, Unmask } from "./ports.ts";
import type { Answered } from "./refusals.ts";
import type { Export, RawView, Trace } from "./views-inspect.ts";

/** Rows of one export, at most. */
export const EXPORT_ROWS_MAX = 10_000;
/** An export that takes longer ends where it is, and says so. */
export const EXPORT_TIMEOUT_MS = 20_000;

export type RawPart = "request" | "reply";
/** Partners of which somebody may see messages. */
export type Scope = "*" | readonly string[];

export interface Inspection {
  /** What happened when, across doors, flows, events and partners; masked. */
  trace(id: string, scope: Scope): Promise<Answered<Trace>>;
  /** A piece of the bytes beside what they say. Unmasked: audited first. */
  raw(
    id: string,
    range: { readonly part: RawPart; readonly from: number; readonly length: number },
    scope: Scope,
    unmask?: Unmask,
  ): Promise<Answered<RawView>>;
  /** What a search finds, as CSV: masked as on the page, audited before it leaves. */
  export(filter: MessageFilter, language: "zh" | "en", deed: Deed): Promise<Answered<Export>>;
}
