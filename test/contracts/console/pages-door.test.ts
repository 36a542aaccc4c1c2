/** The console's pages as they are served: which addresses, which headers, what a stranger's file name gets, and an engine without pages. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { type Console, createConsole } from "../../../console/console.ts";
import { PAGE_PATHS } from "../../../console/page-paths.ts";
import { NONCE_PLACE } from "../../../console/pages-door.ts";
import type { Operations } from "../../../domain/operations/ports.ts";
import { createMetrics } from "../../../platform/metrics.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");
const INDEX = `<!doctype html><html><head><meta property="csp-nonce" nonce="${NONCE_PLACE}"><script type="module" src="/assets/main-abc123.js"></script></head></html>`;
const SCRIPT = 'console.log("汇流");';
const silent = (): void => undefined;

const consoleWith = (pages: string | undefined): Console =>
  createConsole({
    operations: {} as unknown as Operations, // pages ask nothing of it
    auth: { token: "pages_test_token" },
    readiness: async () => [],
    metrics: createMetrics(),
    log: { debug: silent, info: silent, warn: silent, error: silent },
    host: "127.0.0.1",
    port: 0,
    ...(pages === undefined ? {} : { pages }),
  });

const ask = async (on: Console, url: string, headers: Readonly<Record<string, string>> = {}) =>
  on.app.inject({ method: "GET", url, headers: { host: "127.0.0.1:1", ...headers } });
const HTML = { accept: "text/html,application/xhtml+xml" };

describe("the console's pages at its door", () => {
  let folder: string;
  let on: Console;
  let without: Console;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "huiliu-pages-"));
    mkdirSync(join(folder, "assets"));
    writeFileSync(join(folder, "index.html"), INDEX);
    writeFileSync(join(folder, "assets", "main-abc123.js.gz"), gzipSync(SCRIPT));
    writeFileSync(join(folder, "assets", "notes.txt.gz"), gzipSync("of no kind that pages have"));
    writeFileSync(join(folder, "secret.js"), "outside of assets");
    on = consoleWith(folder);
    without = consoleWith(undefined);
  });
  after(async () => {
    await on.close();
    await without.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("every page of the console has its address at the door, and the door has no other", () => {
    const pages = readFileSync(join(ROOT, "console", "web", "pages.ts"), "utf8");
    const app = readFileSync(join(ROOT, "console", "web", "app.tsx"), "utf8");
    const listed = [...pages.matchAll(/\bpath: "([^"]+)"/g), ...app.matchAll(/<Route path="(\/[^"]*)"/g)].map((match) => match[1] ?? "");
    assert.ok(listed.length > 10, "the pages were read");
    assert.deepEqual([...PAGE_PATHS].sort(), listed.sort());
  });

  for (const path of PAGE_PATHS)
    test(`${path}: index.html, not kept, with a nonce of its own`, async () => {
      const url = path.replace(":id", "018f0000-0000-7000-8000-000000000000");
      const [one, other] = [await ask(on, url, HTML), await ask(on, url, HTML)];
      assert.equal(one.statusCode, 200);
      assert.match(String(one.headers["content-type"]), /^text\/html/);
      assert.equal(one.headers["cache-control"], "no-store");
      const nonceOf = (answer: typeof one): string => /nonce="([^"]+)"/.exec(answer.body)?.[1] ?? "";
      assert.match(nonceOf(one), /^[A-Za-z0-9_-]{20,}$/);
      assert.notEqual(nonceOf(one), nonceOf(other));
      assert.ok(String(one.headers["content-security-policy"]).includes(`'nonce-${nonceOf(one)}'`));
    });

  test("the policy lets in our own files and nothing that is written into a page", async () => {
    const { headers } = await ask(on, "/", HTML);
    const policy = new Map(
      String(headers["content-security-policy"])
        .split("; ")
        .map((part) => [part.split(" ")[0] ?? "", part.split(" ").slice(1)]),
    );
    assert.deepEqual(policy.get("default-src"), ["'none'"]);
    assert.deepEqual(policy.get("script-src"), ["'self'"]);
    assert.deepEqual(policy.get("frame-ancestors"), ["'none'"]);
    assert.deepEqual(policy.get("base-uri"), ["'none'"]);
    assert.deepEqual(policy.get("connect-src"), ["'self'"]);
    assert.deepEqual(policy.get("form-action"), ["'self'"]);
    for (const [name, sources] of policy)
      assert.ok(!sources.some((one) => /unsafe|\*|^https?:/.test(one)), `${name}: ${sources.join(" ")}`);
    for (const [name, value] of [
      ["x-content-type-options", "nosniff"],
      ["x-frame-options", "DENY"],
      ["referrer-policy", "no-referrer"],
      ["cross-origin-opener-policy", "same-origin"],
      ["cross-origin-resource-policy", "same-origin"],
    ] as const)
      assert.equal(headers[name], value, name);
    assert.match(String(headers["permissions-policy"]), /camera=\(\)/);
  });

  test("a file is kept for a year under its hashed name, compressed where the browser takes it", async () => {
    const plain = await ask(on, "/assets/main-abc123.js");
    assert.equal(plain.body, SCRIPT);
    assert.equal(plain.headers["cache-control"], "public, max-age=31536000, immutable");
    assert.match(String(plain.headers["content-type"]), /^text\/javascript/);
    assert.equal(plain.headers["x-content-type-options"], "nosniff");
    const packed = await ask(on, "/assets/main-abc123.js", { "accept-encoding": "gzip, br" });
    assert.equal(packed.headers["content-encoding"], "gzip");
    assert.equal(gunzipSync(packed.rawPayload).toString(), SCRIPT);
  });

  for (const url of [
    "/assets/notes.txt",
    "/assets/missing.js",
    "/assets/main-abc123.js.gz",
    "/assets/..%2fsecret.js",
    "/assets/%2e%2e/secret.js",
    "/assets/..%5c..%5cpackage.json",
    "/assets/main-abc123.js%00.png",
    "/secret.js",
    "/index.html",
    "/package.json",
    "/alarms/x",
    "/nowhere",
  ])
    test(`${url} is not found, and told as what it is to a person and to a program`, async () => {
      const program = await ask(on, url);
      assert.ok([400, 404].includes(program.statusCode), `${program.statusCode}`);
      assert.ok(["NOT_FOUND", "BAD_REQUEST"].includes(program.json().error.code));
      assert.ok(!program.body.includes("outside of assets"));
      const person = await ask(on, url, HTML);
      assert.ok([400, 404].includes(person.statusCode), `${person.statusCode}`);
      if (person.statusCode === 404) assert.match(String(person.headers["content-security-policy"]), /script-src 'self'/);
    });

  test("an unknown address of the API is no page, whoever asks", async () => {
    const answer = await ask(on, "/api/v1/nowhere", HTML);
    assert.deepEqual(
      [answer.statusCode, answer.json().error.code],
      [401, "SETUP_REQUIRED"].includes(answer.json().error.code) ? [401, "SETUP_REQUIRED"] : [401, "UNAUTHORIZED"],
    );
  });

  test("another host's name is refused before any page", async () => {
    const answer = await on.app.inject({ method: "GET", url: "/", headers: { host: "evil.example", ...HTML } });
    assert.deepEqual([answer.statusCode, answer.json().error.code], [421, "WRONG_HOST"]);
  });

  test("an engine without pages says so, and what to do, in both languages", async () => {
    const answer = await ask(without, "/", HTML);
    assert.equal(answer.statusCode, 503);
    assert.match(answer.body, /控制台页面尚未构建[\s\S]*node bin\/pages\.ts[\s\S]*have not been built/);
    assert.match(String(answer.headers["content-security-policy"]), /default-src 'none'/);
    assert.equal((await ask(without, "/healthz")).statusCode, 200);
  });
});
