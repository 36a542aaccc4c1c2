/**
 * The console in Debian's Chromium, for every browser test of it: a whole Huiliu with its pages, people made by the operators' API, a browser that is signed in as one
 * of them. What goes wrong in a page is collected, whatever the test looks at. Pictures go to .data/screens/, or with HUILIU_SCREENS=docs to docs/screens/.
 */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Page, Request } from "playwright-core";
import type { Role } from "../../domain/access/rights.ts";
import { type Huiliu, type HuiliuOptions, ROOT, startHuiliu } from "../journeys/harness.ts";
import { type Browser, needChromium, openBrowser } from "./editor/browser.ts";

/** The smallest screen that the console is made for. */
export const SMALL = { width: 1366, height: 768 };
const SCREENS = process.env.HUILIU_SCREENS === "docs" ? join(ROOT, "docs", "screens") : join(ROOT, ".data", "screens");
/** A machine that runs other tests beside this one takes its time. */
const READY_MS = 60_000;
/** One step of a page: the machine may have other work. */
const STEP_MS = 60_000;
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const REASON = "浏览器测试用";

export type Locale = "zh-CN" | "en-US";
export type Look = "light" | "dark";

export interface Person {
  readonly login: string;
  readonly name: string;
  readonly password: string;
  readonly roles: readonly Role[];
}

/** A Huiliu with its pages on a data folder of its own. */
export function startConsole(name: string, options: HuiliuOptions = {}): Promise<Huiliu> {
  needChromium();
  mkdirSync(SCREENS, { recursive: true });
  return startHuiliu(name, { ...options, pages: true });
}

/** What a page of the console sends with a change; nothing else may make one by cookie. */
const asPage = (origin: string) => ({
  "content-type": "application/json",
  origin,
  "sec-fetch-site": "same-origin",
  "x-huiliu-console": "1",
});

/** The session's cookie out of an answer: `name=value`. */
async function signInByApi(console: string, login: string, password: string): Promise<string> {
  const answer = await fetch(`${console}/api/v1/session`, {
    method: "POST",
    headers: asPage(console),
    body: JSON.stringify({ login, password }),
  });
  const body = await answer.text();
  assert.equal(answer.status, 200, `${login} signs in: ${body}`);
  return cookieOf(answer);
}

/** Signs a browser in at the console, which lets it into the editor, too: the cookie is the host's. */
export async function enterEditor(browser: Browser, huiliu: Huiliu, person: Person): Promise<void> {
  const url = huiliu.run().console;
  const [name = "", ...value] = (await signInByApi(url, person.login, person.password)).split("=");
  await browser.context.addCookies([{ name, value: value.join("="), url, httpOnly: true, sameSite: "Strict" }]);
}

const cookieOf = (answer: Response): string => answer.headers.getSetCookie()[0]?.split(";")[0] ?? "";

let people = 0;

/** Makes an account with the token, and changes its first password as its owner would. */
export async function makePerson(
  huiliu: Huiliu,
  roles: readonly Role[],
  given: { readonly name?: string; readonly login?: string; readonly partners?: "*" | readonly string[] } = {},
): Promise<Person> {
  people += 1;
  const login = given.login ?? `person${people}`;
  const name = given.name ?? `测试${people}号`;
  const made = await huiliu.api("/accounts", { login, name, roles, partners: given.partners ?? "*", by: "browser test", reason: REASON });
  assert.equal(made.status, 200, JSON.stringify(made.body));
  const first = String(made.body.password);
  const origin = huiliu.run().console;
  const cookie = await signInByApi(origin, login, first);
  const password = `Wu-${login}-liu-2026!x`;
  const changed = await fetch(`${origin}/api/v1/me/password`, {
    method: "POST",
    headers: { ...asPage(origin), cookie },
    body: JSON.stringify({ current: first, password }),
  });
  assert.equal(changed.status, 200, await changed.text());
  return { login, name, password, roles };
}

export interface ConsoleBrowser {
  readonly page: Page;
  readonly person: Person;
  /** Goes to a path of the console and waits until its heading is there. */
  go(path: string): Promise<void>;
  /** Errors of the page, of its console and of its requests since the last call: CSP violations among them. */
  faults(): string[];
  /** Serious and critical findings of axe-core, one line each: empty is what is wanted. */
  axe(): Promise<string[]>;
  /** Keeps a picture; look at it. */
  shot(name: string): Promise<void>;
  /** In the header: for everything that follows. */
  language(locale: Locale): Promise<void>;
  close(): Promise<void>;
}

export interface ConsoleBrowserOptions {
  readonly huiliu: Huiliu;
  /** Roles of a person made for it, or somebody there is already. */
  readonly as: readonly Role[] | Person;
  readonly locale?: Locale;
  readonly look?: Look;
  readonly size?: { readonly width: number; readonly height: number };
  /** The first page. */
  readonly path?: string;
}

/** A browser that is signed in, on its first page. */
export async function openConsole(options: ConsoleBrowserOptions): Promise<ConsoleBrowser> {
  const { huiliu, as, locale = "zh-CN", look = "light", size = SMALL, path = "/" } = options;
  const person = "login" in as ? as : await makePerson(huiliu, as);
  const browser = await openPages({ locale, look, size });
  const base = huiliu.run().console;
  const [name = "", ...value] = (await signInByApi(base, person.login, person.password)).split("=");
  await browser.browser.context.addCookies([{ name, value: value.join("="), url: base, httpOnly: true, sameSite: "Strict" }]);
  const opened = driven(browser, base, person);
  await opened.go(path);
  return opened;
}

/** A browser that nobody has signed in with, for the sign-in pages themselves. */
export async function openStranger(
  huiliu: Huiliu,
  { locale = "zh-CN", look = "light", size = SMALL }: Pick<ConsoleBrowserOptions, "locale" | "look" | "size"> = {},
): Promise<ConsoleBrowser> {
  return driven(await openPages({ locale, look, size }), huiliu.run().console, { login: "", name: "", password: "", roles: [] });
}

interface Opened {
  readonly browser: Browser;
  readonly page: Page;
  readonly faults: string[];
}

async function openPages({ locale, look, size }: { locale: Locale; look: Look; size: { width: number; height: number } }): Promise<Opened> {
  const browser = await openBrowser(locale, { ...size });
  await browser.context.addInitScript(
    `try { localStorage.getItem("huiliu.language") ?? localStorage.setItem("huiliu.language", ${JSON.stringify(locale)}); localStorage.getItem("huiliu.look") ?? localStorage.setItem("huiliu.look", ${JSON.stringify(look)}); } catch {}`,
  );
  const page = browser.context.pages()[0] ?? (await browser.context.newPage());
  page.setDefaultTimeout(STEP_MS);
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(`page: ${error.message}`));
  page.on("console", (message) => {
    // What the engine refuses is told by its status and shown by the page; the browser's own line about it says nothing more.
    if (message.type() === "error" && !/^Failed to load resource/.test(message.text())) faults.push(`console: ${message.text()}`);
  });
  page.on("requestfailed", (request: Request) => {
    // A page that is left gives up what it was asking for.
    if (request.failure()?.errorText !== "net::ERR_ABORTED") faults.push(`request: ${request.url()} ${request.failure()?.errorText}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 500) faults.push(`response: ${response.status()} ${response.url()}`);
  });
  return { browser, page, faults };
}

function driven({ browser, page, faults }: Opened, base: string, person: Person): ConsoleBrowser {
  return {
    page,
    person,
    go: async (path) => {
      await page.goto(`${base}${path}`);
      await page.locator("h1").first().waitFor({ timeout: READY_MS });
    },
    faults: () => faults.splice(0),
    axe: async () => {
      // Through the debugger: the page's CSP lets no script in, and is not to be loosened for a test. A page that was loaded again has lost it.
      if (await page.evaluate<boolean>('typeof axe === "undefined"')) await page.evaluate(readFileSync(AXE, "utf8"));
      const found = await page.evaluate<
        { id: string; impact: string; nodes: { target: string[]; html: string; failureSummary: string }[] }[]
      >(
        `axe.run(document, { resultTypes: ["violations"] }).then((result) => result.violations.map(({ id, impact, nodes }) =>
          ({ id, impact, nodes: nodes.map(({ target, html, failureSummary }) => ({ target, html, failureSummary })) })))`,
      );
      return found
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .flatMap(({ id, nodes }) =>
          nodes.map(
            ({ target, html, failureSummary }) =>
              `${id}: ${target.join(" ")} ${html.slice(0, 160)} | ${failureSummary.replaceAll("\n", " ").slice(0, 300)}`,
          ),
        );
    },
    shot: async (name) => {
      await page.screenshot({ path: join(SCREENS, `${name}.png`) });
    },
    language: async (locale) => {
      const button = page.getByRole("button", { name: locale === "en-US" ? "English" : "中文" });
      if ((await button.count()) > 0) await button.click();
    },
    close: () => browser.close(),
  };
}
