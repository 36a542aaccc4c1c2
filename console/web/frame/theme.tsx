/** Light, dark, or as the system has it; antd in the language of the page. Colours are chosen so that text on them has a contrast of 4.5 and more (WCAG AA). */
import { App as AntApp, ConfigProvider, type ThemeConfig, theme } from "antd";
import enUS from "antd/locale/en_US";
import zhCN from "antd/locale/zh_CN";
import dayjs from "dayjs";
import "dayjs/locale/zh-cn";
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import { languageNow } from "../texts/index.ts";
import { styleNonce } from "./nonce.ts";

export const LOOKS = ["system", "light", "dark"] as const;
export type Look = (typeof LOOKS)[number];
const KEPT = "huiliu.look";

const LIGHT: ThemeConfig = {
  algorithm: theme.defaultAlgorithm,
  token: {
    colorPrimary: "#0958d9",
    colorInfo: "#0958d9",
    colorSuccess: "#237804",
    colorWarning: "#ad4e00",
    colorError: "#cf1322",
    // Dark seeds would make muddy grounds.
    colorSuccessBg: "#f6ffed",
    colorSuccessBorder: "#b7eb8f",
    colorWarningBg: "#fffbe6",
    colorWarningBorder: "#ffe58f",
    colorErrorBg: "#fff2f0",
    colorErrorBorder: "#ffccc7",
    colorInfoBg: "#e6f4ff",
    colorInfoBorder: "#91caff",
    colorPrimaryBg: "#e6f4ff",
    colorPrimaryHover: "#1765dd",
    colorTextSecondary: "rgba(0,0,0,0.68)",
    colorTextTertiary: "rgba(0,0,0,0.62)",
    colorTextDescription: "rgba(0,0,0,0.62)",
    colorTextPlaceholder: "rgba(0,0,0,0.58)",
  },
};
const DARK: ThemeConfig = {
  algorithm: theme.darkAlgorithm,
  token: {
    colorLink: "#69b1ff",
    colorLinkHover: "#91caff",
    // A lighter seed: what comes of antd's own is 4.3 to 1 on a card.
    colorError: "#ff6668",
    colorErrorBg: "#180a0b",
    colorInfo: "#69b1ff",
    colorInfoBg: "#0c1626",
    colorTextSecondary: "rgba(255,255,255,0.72)",
    colorTextTertiary: "rgba(255,255,255,0.65)",
    colorTextDescription: "rgba(255,255,255,0.65)",
    colorTextPlaceholder: "rgba(255,255,255,0.62)",
  },
  components: {
    Button: { dangerColor: "#141414" },
    Tabs: { itemSelectedColor: "#69b1ff", itemHoverColor: "#91caff", itemActiveColor: "#91caff" },
  },
};

/** Nothing slides or fades for whoever asked his system for less motion (WCAG 2.3.3). */
const still = (config: ThemeConfig): ThemeConfig => ({ ...config, token: { ...config.token, motion: false } });
const THEMES = { light: { moving: LIGHT, still: still(LIGHT) }, dark: { moving: DARK, still: still(DARK) } };

/** Follows what the system asks for. */
const followed = (query: string): { watch(tell: () => void): () => void; matches(): boolean } => {
  const media = window.matchMedia(query);
  return {
    watch: (tell) => {
      media.addEventListener("change", tell);
      return () => media.removeEventListener("change", tell);
    },
    matches: () => media.matches,
  };
};
const systemDark = followed("(prefers-color-scheme: dark)");
const lessMotion = followed("(prefers-reduced-motion: reduce)");

function keptLook(): Look {
  try {
    return LOOKS.find((one) => one === window.localStorage.getItem(KEPT)) ?? "system";
  } catch {
    // A browser that keeps nothing.
    return "system";
  }
}

interface Chosen {
  readonly look: Look;
  readonly dark: boolean;
  choose(look: Look): void;
}
const Theme = createContext<Chosen>({ look: "system", dark: false, choose: () => undefined });

/** The look that was chosen, whether it is dark now, and how to choose another. */
export const useLook = (): Chosen => useContext(Theme);

export function ThemeProvider({ children }: { readonly children: ReactNode }) {
  useTranslation(); // drawn anew in another language
  const language = languageNow();
  const [look, setLook] = useState(keptLook);
  const system = useSyncExternalStore(systemDark.watch, systemDark.matches);
  const motion = useSyncExternalStore(lessMotion.watch, lessMotion.matches) ? "still" : "moving";
  const dark = look === "dark" || (look === "system" && system);
  const csp = useMemo(() => ({ nonce: styleNonce() }), []);

  useEffect(() => {
    document.documentElement.style.colorScheme = dark ? "dark" : "light";
  }, [dark]);
  useEffect(() => {
    dayjs.locale(language === "en-US" ? "en" : "zh-cn");
  }, [language]);

  const chosen = useMemo<Chosen>(
    () => ({
      look,
      dark,
      choose: (next) => {
        try {
          window.localStorage.setItem(KEPT, next);
        } catch {
          // Not kept, but chosen.
        }
        setLook(next);
      },
    }),
    [look, dark],
  );

  return (
    <Theme.Provider value={chosen}>
      <ConfigProvider
        csp={csp}
        locale={language === "en-US" ? enUS : zhCN}
        theme={THEMES[dark ? "dark" : "light"][motion]}
        button={{ autoInsertSpace: false }}
      >
        <AntApp>{children}</AntApp>
      </ConfigProvider>
    </Theme.Provider>
  );
}
