import type { Answered } from "../operations/refusals.ts";
import type { About, Trends } from "./views.ts";

export interface TrendsAsked {
  /** One of TREND_STEPS_MINUTES. */
  readonly stepMinutes: number;
  /** Only theirs; what is nobody's in particular is counted for "*" alone. */
  readonly partners: "*" | readonly string[];
}

/** What stands around the pages (part of Operations). */
export interface NowReads {
  about(): Promise<Answered<About>>;
  trends(asked: TrendsAsked): Promise<Answered<Trends>>;
}
