/**
 * Builds the console's pages into `<root>/.data/pages/<hash>/`: index.html and its files, compressed once. The hash is of everything they are made of, so nothing is built
 * twice and a start after a change never shows the pages of before. Safe under several builders: each builds aside, and the first to be done is kept.
 */
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { gzipSync } from "node:zlib";

const WEB = join("console", "web");
const BUILD_MS = 300_000;
/** Other builds are removed once they are older: a start that has just asked for one reads it within seconds. */
const KEPT_MS = 600_000;
const ASIDE = "building-";

/** Files outside the pages' folder whose values they use (types cost nothing and change nothing), however indirectly. */
function usedOutside(root: string, files: readonly string[]): string[] {
  const seen = new Set<string>();
  const queue = [...files];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    const text = readFileSync(join(root, file), "utf8");
    for (const [, specifier = ""] of text.matchAll(/(?:^|\n)\s*(?:import|export)\s(?!type\s)[^"'`;]*?from\s*["'](\.[^"']+)["']/g)) {
      const target = relative(root, join(root, dirname(file), specifier));
      if (target.startsWith(WEB) || seen.has(target) || !existsSync(join(root, target))) continue;
      seen.add(target);
      queue.push(target);
    }
  }
  return [...seen];
}

/** Of everything that the pages are made of. */
function pagesHash(root: string): string {
  const own = globSync(join(WEB, "**", "*.{ts,tsx,css,html,svg,png,json}"), { cwd: root }).filter((file) => !file.includes(".test."));
  const hash = createHash("sha256");
  for (const file of [
    ...own,
    ...usedOutside(
      root,
      own.filter((one) => /\.tsx?$/.test(one)),
    ),
    "package-lock.json",
  ].sort())
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update("\0");
  return hash.digest("hex").slice(0, 16);
}

function compress(folder: string): void {
  const assets = join(folder, "assets");
  for (const name of readdirSync(assets)) {
    writeFileSync(join(assets, `${name}.gz`), gzipSync(readFileSync(join(assets, name)), { level: 9 }));
    rmSync(join(assets, name));
  }
}

function removeOld(pages: string, hash: string): void {
  for (const name of readdirSync(pages)) {
    const path = join(pages, name);
    const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (name !== hash && age > KEPT_MS) rmSync(path, { recursive: true, force: true });
  }
}

/** Builds what is not there yet and resolves with its folder; rejects with vite's reason. */
export async function buildPages(root: string): Promise<string> {
  const pages = join(root, ".data", "pages");
  const hash = pagesHash(root);
  const folder = join(pages, hash);
  mkdirSync(pages, { recursive: true });
  if (!existsSync(join(folder, "index.html"))) {
    const aside = join(pages, `${ASIDE}${process.pid}-${randomBytes(4).toString("hex")}`);
    try {
      const { build } = await import("vite");
      await build({
        root: join(root, WEB),
        configFile: join(root, WEB, "vite.config.ts"),
        configLoader: "native",
        logLevel: "error",
        build: { outDir: aside, emptyOutDir: true },
      });
      compress(aside);
      renameSync(aside, folder);
    } catch (error) {
      rmSync(aside, { recursive: true, force: true });
      // Another builder was first: what it built is the same.
      if (!existsSync(join(folder, "index.html"))) throw error;
    }
  }
  removeOld(pages, hash);
  return folder;
}

/** The same in a process of its own: a bundler's memory is not kept for as long as Huiliu runs. Rejects with what it said. */
export function pagesBuilt(root: string, env: Record<string, string>, signal?: AbortSignal): Promise<string> {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", join(root, "bin", "pages.ts"), "--quiet"], {
    cwd: root,
    env,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: BUILD_MS,
    killSignal: "SIGKILL",
    ...(signal === undefined ? {} : { signal }),
  });
  const said = { out: "", error: "" };
  child.stdout.on("data", (chunk: Buffer) => {
    said.out += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    said.error += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => (code === 0 ? resolve(said.out.trim()) : reject(new Error(said.error.trim() || `ended with ${code}`))));
  });
}
