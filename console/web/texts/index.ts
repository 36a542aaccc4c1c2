/** Languages: Chinese is the default; each page brings its own texts under its name, both languages side by side. */
import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { FRAME_TEXTS } from "./frame.ts";
import { PARTS_TEXTS } from "./parts.ts";

/** A page's texts: key → [中文, English]. */
export type Texts = Readonly<Record<string, readonly [zh: string, en: string]>>;
const LANGUAGES = ["zh-CN", "en-US"] as const;
export type Language = (typeof LANGUAGES)[number];
const KEPT = "huiliu.language";

/** Texts of modules that were loaded before the languages were started. */
const early: [page: string, texts: Texts][] = [];

const of = (texts: Texts, index: 0 | 1): Record<string, string> =>
  Object.fromEntries(Object.entries(texts).map(([key, pair]) => [key, pair[index]]));

/** Adds a page's texts; call it once where the page is defined. `useTranslation("<page>")`, then `t("<key>")` shows them. */
export function addTexts(page: string, texts: Texts): void {
  if (!i18next.isInitialized) {
    early.push([page, texts]);
    return;
  }
  i18next.addResourceBundle("zh-CN", page, of(texts, 0), true, true);
  i18next.addResourceBundle("en-US", page, of(texts, 1), true, true);
}

export const languageNow = (): Language => (i18next.language === "en-US" ? "en-US" : "zh-CN");

/** The one of two texts that the language of the page asks for. */
export const inLanguage = (words: { readonly zh: string; readonly en: string }): string =>
  languageNow() === "en-US" ? words.en : words.zh;

function keptLanguage(): Language {
  try {
    return window.localStorage.getItem(KEPT) === "en-US" ? "en-US" : "zh-CN";
  } catch {
    // A browser that keeps nothing: the language is chosen anew each time.
    return "zh-CN";
  }
}

export function startTexts(): void {
  void i18next.use(initReactI18next).init({
    lng: keptLanguage(),
    fallbackLng: "zh-CN",
    defaultNS: "frame",
    keySeparator: false,
    nsSeparator: ":",
    initAsync: false,
    interpolation: { escapeValue: false },
    resources: {},
  });
  addTexts("frame", FRAME_TEXTS);
  addTexts("parts", PARTS_TEXTS);
  for (const [page, texts] of early.splice(0)) addTexts(page, texts);
  document.documentElement.lang = languageNow();
}

export function setLanguage(language: Language): void {
  try {
    window.localStorage.setItem(KEPT, language);
  } catch {
    // Not kept, but changed.
  }
  document.documentElement.lang = language;
  void i18next.changeLanguage(language);
}
