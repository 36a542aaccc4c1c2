import { inLanguage } from "./index.ts";

/** The colon as the page's language writes it. */
export const colon = (): string => inLanguage({ zh: "：", en: ": " });
