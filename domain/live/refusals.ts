/** What the stream of changes refuses. */
import type { OperationRefusalText } from "../operations/refusals.ts";

export type LiveRefusal = "TOO_MANY_LISTENERS";

export const LIVE_REFUSAL: Readonly<Record<LiveRefusal, OperationRefusalText>> = {
  TOO_MANY_LISTENERS: {
    http: 429,
    zh: "打开的实时页面过多",
    en: "Too many pages are open that follow what happens",
    next: {
      zh: "关闭不用的控制台页面；本页仍可手动刷新",
      en: "Close pages of the console that are not needed; this one can still be loaded again by hand",
    },
  },
};
