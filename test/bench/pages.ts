/**
 * How long a person waits for the console's first page (issue 4, "What must show" 6), by the clock on the wall: each round is a browser that has never been here, with an
 * empty cache. Done when what is typed or clicked works, not when something is painted. On a machine that does nothing else; beside other work the numbers are the other
 * work's (the browser tests of npm run peers therefore count the page's own processor time and its bytes).
 */
import type { Page } from "playwright-core";
import { type Huiliu, ROOT } from "../journeys/harness.ts";
import { makePerson, type Person, SMALL, startConsole } from "../peers/console-harness.ts";
import { openBrowser } from "../peers/editor/browser.ts";
import { pagesBuilt } from "../../bin/start/pages.ts";
import { inheritedEnv } from "../../bin/environment.ts";
import { median, rounded } from "./numbers.ts";

const GOAL_MS = 2_000;
/** A page that is not there by then is broken, not slow. */
const STEP_MS = 60_000;

const PAGES = ["signIn", "now", "nowAfterSignIn"] as const;
export type PageName = (typeof PAGES)[number];

export interface PageTime {
  readonly page: PageName;
  readonly medianMs: number;
  readonly worstMs: number;
  readonly allMs: readonly number[];
  readonly goalMs: number;
  readonly met: boolean;
}
export interface PagesResult {
  readonly rounds: number;
  readonly pages: readonly PageTime[];
}

const since = async (work: () => Promise<unknown>): Promise<number> => {
  const began = performance.now();
  await work();
  return performance.now() - began;
};

/** `work` on the page of a browser that has never been here. */
async function inFreshBrowser<T>(cookie: string | undefined, url: string, work: (page: Page) => Promise<T>): Promise<T> {
  const browser = await openBrowser("zh-CN", { ...SMALL });
  try {
    if (cookie !== undefined) {
      const [name = "", ...value] = cookie.split("=");
      await browser.context.addCookies([{ name, value: value.join("="), url, httpOnly: true, sameSite: "Strict" }]);
    }
    const page = browser.context.pages()[0] ?? (await browser.context.newPage());
    page.setDefaultTimeout(STEP_MS);
    return await work(page);
  } finally {
    await browser.close();
  }
}

/** The sign-in page takes what is typed. */
async function signInReady(page: Page, url: string): Promise<void> {
  await page.goto(url);
  const login = page.getByLabel("登录名");
  await login.fill("x");
  if ((await login.inputValue()) !== "x") throw new Error("the login name was not taken");
}

/** What is wrong and how the partners stand is there, and the search box takes what is typed. */
async function nowReady(page: Page): Promise<void> {
  await page.getByRole("heading", { name: "伙伴与流量" }).waitFor();
  await page.getByRole("textbox", { name: "按业务号查找" }).fill("x");
}

/** One round: the sign-in page, Now behind it, and Now of somebody who is signed in, in a browser of its own. */
async function round(huiliu: Huiliu, person: Person): Promise<Readonly<Record<PageName, number>>> {
  const url = huiliu.run().console;
  let session: string | undefined;
  const first = await inFreshBrowser(undefined, url, async (page) => {
    const signIn = await since(() => signInReady(page, url));
    await page.getByLabel("登录名").fill(person.login);
    await page.getByLabel("密码").fill(person.password);
    const nowAfterSignIn = await since(async () => {
      await page.keyboard.press("Enter");
      await nowReady(page);
    });
    const cookie = (await page.context().cookies()).find(({ httpOnly }) => httpOnly);
    session = cookie === undefined ? undefined : `${cookie.name}=${cookie.value}`;
    return { signIn, nowAfterSignIn };
  });
  const now = await inFreshBrowser(session, url, (page) =>
    since(async () => {
      await page.goto(url);
      await nowReady(page);
    }),
  );
  return { ...first, now };
}

/** Starts a whole Huiliu with its pages, measures, stops it. */
export async function runPages({ rounds, log }: { readonly rounds: number; readonly log: (line: string) => void }): Promise<PagesResult> {
  log("building the pages / 构建页面");
  await pagesBuilt(ROOT, inheritedEnv());
  log("starting / 启动");
  const huiliu = await startConsole("bench-pages");
  try {
    const person = await makePerson(huiliu, ["operator"], { login: "bench", name: "值班测速" });
    const all: Readonly<Record<PageName, number>>[] = [];
    for (let n = 1; n <= rounds; n += 1) {
      const took = await round(huiliu, person);
      all.push(took);
      log(`round ${n}: ${PAGES.map((page) => `${page} ${took[page].toFixed(0)} ms`).join("  ")}`);
    }
    const pages = PAGES.map((page): PageTime => {
      const times = all.map((one) => one[page]);
      const medianMs = rounded(median(times));
      const allMs = times.map((ms) => rounded(ms));
      return { page, medianMs, worstMs: Math.max(...allMs), allMs, goalMs: GOAL_MS, met: medianMs < GOAL_MS };
    });
    return { rounds, pages };
  } finally {
    await huiliu.stop();
  }
}

const NAMES: Readonly<Record<PageName, Readonly<Record<"zh" | "en", string>>>> = {
  signIn: { zh: "登录页可输入", en: "sign-in page takes input" },
  now: { zh: "已登录者打开“当前”", en: "Now, opened by somebody signed in" },
  nowAfterSignIn: { zh: "登录后“当前”可用", en: "Now, after signing in" },
};

/** For people. */
export function pagesTableOf({ rounds, pages }: PagesResult, language: "zh" | "en"): string {
  const words = {
    zh: `首屏可用时间（冷缓存，${rounds} 轮，毫秒）：中位 / 最差，目标 < ${GOAL_MS}`,
    en: `first page interactive (cold cache, ${rounds} rounds, ms): median / worst, goal < ${GOAL_MS}`,
  };
  const met = { zh: ["达到", "未达到"], en: ["met", "NOT met"] }[language];
  return [
    words[language],
    ...pages.map((one) => {
      const times = `${String(one.medianMs).padStart(6)} / ${String(one.worstMs).padEnd(6)}`;
      return `${times} ${one.met ? met[0] : met[1]}  ${NAMES[one.page][language]}`;
    }),
  ].join("\n");
}
