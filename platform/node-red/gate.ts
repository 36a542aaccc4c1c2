/**
 * Who may open the editor: whoever is signed in at the console and may deploy, and programs with the operator's token. Stands before everything that Node-RED answers,
 * the websocket among it, and asks at every request: a session that ends takes the editor with it (reference/reliability.md A01, A04, A10). Node-RED's own sign-in is
 * not used: its tokens outlive the sessions they came from by a week.
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { mayDo, type Principal, RIGHTS, type Right } from "../../domain/access/rights.ts";

/** What is known of somebody at the editor's door. */
export interface Knock {
  readonly cookie: string | undefined;
  readonly authorization: string | undefined;
  readonly address: string | undefined;
}

/** The console's sign-in, as the editor asks it. */
export interface Admission {
  /** Who that is; undefined: nobody who has signed in. Rejects when the store is away. */
  who(knock: Knock): Promise<Principal | undefined>;
  /** Signs out. */
  leave(knock: Knock): Promise<void>;
  /** Where one signs in; "" before it is known. */
  readonly consolePort: () => string;
}

/** Where nobody edits. */
export const NOBODY: Admission = { who: async () => undefined, leave: async () => undefined, consolePort: () => "" };

/** As Node-RED hands it to its storage and shows it. */
export interface EditorUser {
  readonly username: string;
  readonly permissions: "*";
  readonly account: string;
  readonly rights: readonly Right[];
  /** Partners whose messages he may see (nodes/kit/workbench.ts). */
  readonly partners: Principal["partners"];
}

interface Asking extends IncomingMessage {
  readonly path?: string;
  /** Read by Node-RED, which hands it to its storage. */
  user?: EditorUser;
}
interface Answering {
  status(code: number): Answering;
  set(name: string, value: string): Answering;
  json(body: object): void;
  end(text?: string): void;
  redirect(code: number, to: string): void;
}

export interface EditorGate {
  /** Before every request. */
  readonly middleware: (request: Asking, response: Answering, next: () => void) => void;
  /** Whether a websocket may be opened. It is closed once who opened it may no more. */
  opens(request: IncomingMessage, socket: Duplex): Promise<boolean>;
  close(): void;
}

/** How often it is asked whether an open websocket may stay. */
export const LOOK_EVERY_MS = 3_000;
const SOCKETS_MAX = 100;
/** The editor's one websocket. */
const COMMS = "/comms";
const LOOPBACK = /^(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?$/;
const SIGN_IN = { code: "UNAUTHORIZED", zh: "请先登录控制台", en: "Sign in at the console first" } as const;
const FORBIDDEN = { code: "FORBIDDEN", zh: "没有部署流程的权限", en: "Your account may not deploy flows" } as const;

/** Nobody can be asked about: whoever it is stays outside, and is not told to sign in again. */
const AWAY = {
  code: "STORE_AWAY",
  zh: "数据库暂时不可用，无法核实身份；请检查 PostgreSQL（npx huiliu doctor），恢复后重新载入页面",
  en: "The database is away, so nobody can be asked about; look at PostgreSQL (npx huiliu doctor) and load the page again",
} as const;

/** A foreign web page that reaches the editor by another name or by its own script. */
function isForeign({ headers: { host, origin } }: Pick<IncomingMessage, "headers">): boolean {
  return host === undefined || !LOOPBACK.test(host) || (origin !== undefined && origin.replace(/^https?:\/\//, "") !== host);
}

const knockOf = (request: IncomingMessage): Knock => ({
  cookie: request.headers.cookie,
  authorization: request.headers.authorization,
  address: request.socket.remoteAddress,
});

/** The editor writes the name into its menu as it is. */
const userOf = (who: Principal): EditorUser => ({
  username: who.name.replace(/[<>&"'`]/g, ""),
  permissions: "*",
  account: who.id,
  rights: RIGHTS.filter((right) => mayDo(who, right)),
  partners: who.partners,
});

export function createEditorGate(admission: Admission, lookEveryMs: number = LOOK_EVERY_MS): EditorGate {
  const open = new Map<Duplex, Knock>();
  let looking: NodeJS.Timeout | undefined;

  /** Rejects when nobody can be asked about. */
  const may = async (knock: Knock): Promise<Principal | "nobody" | "forbidden"> => {
    const who = await admission.who(knock);
    if (who === undefined) return "nobody";
    return mayDo(who, "deploy") ? who : "forbidden";
  };
  /** As above, and `nobody` whom nobody can be asked about: he does not come in, and does not stay. */
  const comes = (knock: Knock): Promise<Principal | "nobody" | "forbidden"> => may(knock).catch(() => "nobody" as const);
  const look = async (): Promise<void> => {
    for (const [socket, knock] of open) if (typeof (await comes(knock)) === "string") socket.destroy();
  };
  /** The console, by the name under which the editor was asked for: the cookie is that name's. */
  const consoleOf = (request: IncomingMessage): string =>
    `http://${(request.headers.host ?? "").replace(/:\d{1,5}$/, "")}:${admission.consolePort()}/`;

  const enter = async (request: Asking, response: Answering, next: () => void): Promise<void> => {
    if (isForeign(request)) return response.status(403).end("loopback only");
    response.set("X-Frame-Options", "SAMEORIGIN").set("X-Content-Type-Options", "nosniff").set("Referrer-Policy", "no-referrer");
    const knock = knockOf(request);
    const who = await may(knock);
    if (who === "forbidden") return response.status(403).json({ error: FORBIDDEN });
    if (who === "nobody") {
      const page = request.method === "GET" && request.path === "/" && request.headers.accept?.includes("text/html") === true;
      return page ? response.redirect(302, consoleOf(request)) : response.status(401).json({ error: SIGN_IN });
    }
    if (request.method === "POST" && request.path === "/auth/revoke") {
      await admission.leave(knock);
      return response.json({ redirect: consoleOf(request) });
    }
    request.user = userOf(who);
    next();
  };

  return {
    middleware: (request, response, next) => {
      enter(request, response, next).catch(() => response.status(503).json({ error: AWAY }));
    },
    opens: async (request, socket) => {
      if (isForeign(request) || request.url?.split("?")[0] !== COMMS || open.size >= SOCKETS_MAX) return false;
      const knock = knockOf(request);
      if (typeof (await comes(knock)) === "string" || socket.destroyed) return false;
      open.set(socket, knock);
      socket.once("close", () => open.delete(socket));
      looking ??= setInterval(() => void look(), lookEveryMs).unref();
      return true;
    },
    close: () => {
      clearInterval(looking);
      for (const socket of open.keys()) socket.destroy();
    },
  };
}
