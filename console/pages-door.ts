/**
 * Serves the console's pages as bin/pages.ts built them: public files, kept in memory, each by its exact name; what they show stands behind the session. Nothing
 * inline runs (CSP); styles that scripts make carry the nonce of their page.
 */
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { PAGE_PATHS } from "./page-paths.ts";

/** In index.html, where the nonce goes. */
export const NONCE_PLACE = "__HUILIU_NONCE__";
const NONCE_BYTES = 18;
/** Files under this name have their content's hash in theirs; they are kept compressed (`<name>.gz`). */
const ASSETS = "assets";
const YEAR = "public, max-age=31536000, immutable";
/** Of one build; more is no build of ours. */
const FILES_MAX = 400;

const TYPES: Readonly<Record<string, string>> = {
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".woff2": "font/woff2",
};

/** What stands in front of every page and file. Styles: our own files and what carries the nonce; never scripts that are not our own files. */
const policyOf = (nonce: string): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join("; ");

const HEADERS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

interface Asset {
  readonly type: string;
  readonly gzip: Buffer;
}

/** What was built: index.html and the files it and its scripts ask for. Undefined: there is no build in the folder. */
export interface BuiltPages {
  readonly index: string;
  readonly assets: ReadonlyMap<string, Asset>;
}

function readPages(folder: string | undefined): BuiltPages | undefined {
  if (folder === undefined || !existsSync(join(folder, "index.html"))) return undefined;
  const names = existsSync(join(folder, ASSETS)) ? readdirSync(join(folder, ASSETS)).slice(0, FILES_MAX) : [];
  const assets = new Map<string, Asset>();
  for (const file of names) {
    const name = file.replace(/\.gz$/, "");
    const type = name === file ? undefined : TYPES[extname(name)];
    if (type !== undefined) assets.set(name, { type, gzip: readFileSync(join(folder, ASSETS, file)) });
  }
  return { index: readFileSync(join(folder, "index.html"), "utf8"), assets };
}

const guarded = (reply: FastifyReply, nonce: string): FastifyReply =>
  reply.headers({ ...HEADERS, "content-security-policy": policyOf(nonce) });

const MISSING = `<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>汇流 Huiliu</title></head><body>
<h1>控制台页面尚未构建</h1><p>引擎在运行。请在项目目录执行 <code>node bin/pages.ts</code> 查看原因，然后重新启动。</p>
<h1 lang="en">The console's pages have not been built</h1><p lang="en">The engine runs. Run <code>node bin/pages.ts</code> in the project's folder to see why, then start again.</p>
</body></html>`;

export interface Pages {
  /** A person who typed an address that is none gets the page that says so (404); undefined: whoever asks is no browser. */
  lost(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> | undefined;
}

/** Puts the pages on the server. Without a build every page says so and how to mend it (503); the engine does not need them. */
export function mountPages(app: FastifyInstance, folder: string | undefined): Pages {
  const built = readPages(folder);

  const page = async (_request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const nonce = randomBytes(NONCE_BYTES).toString("base64url");
    void guarded(reply, nonce).header("cache-control", "no-store").type("text/html; charset=utf-8");
    return built === undefined ? reply.code(503).send(MISSING) : reply.send(built.index.replaceAll(NONCE_PLACE, nonce));
  };
  for (const url of PAGE_PATHS) app.get(url, page);

  app.get<{ Params: { file: string } }>(`/${ASSETS}/:file`, async (request, reply) => {
    const asset = built?.assets.get(request.params.file);
    if (asset === undefined) return reply.callNotFound();
    void guarded(reply, "none").header("cache-control", YEAR).header("vary", "accept-encoding").type(asset.type);
    return /\bgzip\b/.test(request.headers["accept-encoding"] ?? "")
      ? reply.header("content-encoding", "gzip").send(asset.gzip)
      : reply.send(gunzipSync(asset.gzip));
  });
  return {
    lost: (request, reply) => {
      const asks = request.method === "GET" && built !== undefined && /\btext\/html\b/.test(request.headers.accept ?? "");
      return asks ? page(request, reply.code(404)) : undefined;
    },
  };
}
