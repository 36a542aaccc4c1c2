/** Debian's Chromium under playwright-core, with the flags that keep it from asking Google's hosts. Installed here when it is missing and this is root. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium } from "playwright-core";

const CHROMIUM = "/usr/bin/chromium";
/** Without a font that has them, Chinese characters are empty boxes. */
const CHINESE_FONTS = ["/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc", "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"];
const INSTALL = "apt-get update && apt-get install -y --no-install-recommends chromium fonts-wqy-zenhei";
const INSTALL_MS = 600_000;
const FLAGS = [
  "--no-sandbox", // the tests may run as root
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const missing = (): boolean => !existsSync(CHROMIUM) || !CHINESE_FONTS.some(existsSync);

/** Makes sure that there is a browser that can show Chinese, or fails with the command to type. */
export function needChromium(): void {
  if (!missing()) return;
  const told = `Chromium and a Chinese font are needed: run  ${INSTALL}  (as root), then this test again`;
  if (process.getuid?.() !== 0) throw new Error(told);
  try {
    // In turn with the other tests that install, and again when a mirror does not answer.
    execFileSync("flock", ["-o", join(tmpdir(), "huiliu-apt-0.lock"), "sh", "-c", `(${INSTALL}) || (sleep 5; ${INSTALL})`], {
      stdio: "ignore",
      timeout: INSTALL_MS,
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
  } catch (error) {
    throw new Error(`${told}; installing them here failed`, { cause: error });
  }
  if (missing()) throw new Error(told);
}

export interface Browser {
  readonly context: BrowserContext;
  close(): Promise<void>;
}

/** A browser with an empty profile, speaking `locale` (zh-CN, en-US). */
export async function openBrowser(locale: string, size = { width: 1280, height: 800 }): Promise<Browser> {
  const profile = mkdtempSync(join(tmpdir(), "huiliu-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    headless: true,
    args: [...FLAGS, `--lang=${locale}`],
    locale,
    viewport: size,
    // A menu that still slides open can be clicked at a place that another item is at a moment later.
    reducedMotion: "reduce",
  });
  return {
    context,
    close: async () => {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}
