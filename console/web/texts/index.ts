/** Languages: Chinese is the default; each page brings its own texts under its name, both languages side by side. */
import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { FRAME_TEXTS } from "./frame.ts";

/** A page's texts: key → [中文, English]. */
export type Texts = Readonly<Record<string, readonly [zh: string, en: string]>>;
export const LANGUAGES = ["zh-CN", "en-US"] as const;
export type Language = (typeof LANGUAGES)[number];
const KEPT = "huiliu.language";

const of = (texts: Texts, index: 0 | 1): Record<string, string> =>
  Object.fromEntries(Object.entries(texts).map(([key, pair]) => [key, pair[index]]));

/** Adds a page's texts; call it once where the page is defined. `t("<page>:<key>")` shows them. */
export function addTexts(page: string, texts: Texts): void {
  i18next.addResourceBundle("zh-CN", page, of(texts, 0), true, true);
  i18next.addResourceBundle("en-US", page, of(texts, 1), true, true);
}

export const languageNow = (): Language => (i18next.language === "en-US" ? "en-US" : "zh-CN");

export function startTexts(): void {
  const kept = window.localStorage.getItem(KEPT);
  void i18next.use(initReactI18next).init({
    lng: kept === "en-US" ? "en-US" : "zh-CN",
    fallbackLng: "zh-CN",
    defaultNS: "frame",
    keySeparator: false,
    interpolation: { escapeValue: false },
    resources: {},
  });
  addTexts("frame", FRAME_TEXTS);
  document.documentElement.lang = languageNow();
}

export function setLanguage(language: Language): void {
  window.localStorage.setItem(KEPT, language);
  document.documentElement.lang = language;
  void i18next.changeLanguage(language);
}
