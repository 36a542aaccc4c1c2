/** An SFTP server over one folder: accounts, a host key of its own, and faults. Written on ssh2's protocol, sharing nothing with the engine. */
import { timingSafeEqual } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { type FileHandle, lstat, mkdir, open, readdir, realpath, rename, rm, stat } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join, normalize, relative } from "node:path";
import ssh2, { type Connection, type SFTPWrapper } from "ssh2";
import { writeWhole } from "../whole-file.ts";

const { STATUS_CODE, OPEN_MODE, flagsToString } = ssh2.utils.sftp;
const HANDLES_MAX = 100;
const READ_MAX = 262_144;

/** What strikes one operation. Null: nothing does. */
export type Strike = "hang" | "cut-after" | "refuse" | "half" | null;

export interface SftpServerOptions {
  readonly root: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** Where the host key is kept; made at the first start. */
  readonly keyFile: string;
  /** Asked before each operation that touches a file. */
  readonly strike: (operation: string, path: string) => Promise<Strike>;
  /** A file stands under its final name. */
  readonly stood: (path: string, bytes: Buffer) => Promise<void>;
}

export interface SftpServer {
  readonly port: number;
  /** `SHA256:…` of the host key. */
  readonly fingerprint: string;
  sessions(): number;
  /** Nobody listens any more, sessions are cut; `reopen` on the same port. Both may be asked for twice. */
  shut(): Promise<void>;
  reopen(): Promise<void>;
  close(): Promise<void>;
}

const equal = (a: string, b: string): boolean => {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
};

/** One that ssh2 reads again: about one in some hundred of those it makes it calls malformed itself. */
function freshKey(): string {
  for (;;) {
    const { private: key } = ssh2.utils.generateKeyPairSync("ed25519");
    if (!(ssh2.utils.parseKey(key) instanceof Error)) return key;
  }
}

function hostKeyAt(file: string): string {
  if (!existsSync(file)) writeWhole(file, freshKey());
  return readFileSync(file, "utf8");
}

async function fingerprintOf(key: string): Promise<string> {
  const parsed = ssh2.utils.parseKey(key);
  if (parsed instanceof Error) throw parsed;
  const bytes = new Uint8Array(parsed.getPublicSSH());
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return `SHA256:${Buffer.from(digest).toString("base64").replace(/=+$/, "")}`;
}

export async function startSftpServer(options: SftpServerOptions): Promise<SftpServer> {
  const key = hostKeyAt(options.keyFile);
  const connections = new Set<Connection>();
  let port = options.port;
  let server = make();

  function make(): ssh2.Server {
    return new ssh2.Server({ hostKeys: [key] }, (connection) => {
      connections.add(connection);
      connection.on("close", () => connections.delete(connection));
      connection.on("error", () => undefined); // a client that goes away without a word
      connection.on("authentication", (context) => {
        if (context.method === "password" && context.username === options.user && equal(context.password, options.password))
          context.accept();
        else context.reject(["password"]);
      });
      connection.on("ready", () => {
        connection.on("session", (accept) => {
          accept().on("sftp", (acceptSftp) => serve(acceptSftp(), options, () => connection.end()));
        });
      });
    });
  }
  const listen = (): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", () => {
        port = (server.address() as AddressInfo).port;
        resolve();
      });
    });
  let listening = true;
  const shut = async (): Promise<void> => {
    if (!listening) return;
    listening = false;
    const closing = server;
    const closed = new Promise<void>((resolve) => closing.close(() => resolve()));
    for (const one of connections) one.end();
    await closed;
  };
  await listen();
  return {
    port,
    fingerprint: await fingerprintOf(key),
    sessions: () => connections.size,
    shut,
    async reopen() {
      if (listening) return;
      listening = true;
      server = make();
      await listen();
    },
    close: shut,
  };
}

interface Opened {
  readonly path: string;
  readonly file?: FileHandle;
  /** A folder: its names are told once. */
  told?: boolean;
}

function attributesOf(found: Awaited<ReturnType<typeof stat>>): ssh2.Attributes {
  const { mode, uid, gid, size, atimeMs, mtimeMs } = found;
  return {
    mode: Number(mode),
    uid: Number(uid),
    gid: Number(gid),
    size: Number(size),
    atime: Math.floor(Number(atimeMs) / 1000),
    mtime: Math.floor(Number(mtimeMs) / 1000),
  };
}

function codeOf(error: unknown): number {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOENT") return STATUS_CODE.NO_SUCH_FILE;
  return code === "EACCES" || code === "EPERM" ? STATUS_CODE.PERMISSION_DENIED : STATUS_CODE.FAILURE;
}

/** What the operations of one session share. */
interface Session {
  readonly sftp: SFTPWrapper;
  at(path: string): string;
  keep(opened: Opened): Buffer;
  opened(handle: Buffer): Opened;
  forget(handle: Buffer): void;
  work(id: number, operation: string, path: string, does: (strike: Strike) => Promise<void>): void;
  ok(id: number, strike: Strike): void;
}

function serve(sftp: SFTPWrapper, options: SftpServerOptions, cut: () => void): void {
  const handles = new Map<number, Opened>();
  let next = 0;
  const at = (path: string): string => join(options.root, relative("/", normalize(join("/", path))));
  const keep = (opened: Opened): Buffer => {
    if (handles.size >= HANDLES_MAX) throw new Error("too many handles");
    next += 1;
    handles.set(next, opened);
    const handle = Buffer.alloc(4);
    handle.writeUInt32BE(next);
    return handle;
  };
  const opened = (handle: Buffer): Opened => {
    const found = handles.get(handle.readUInt32BE());
    if (!found) throw new Error("no such handle");
    return found;
  };
  const work = (id: number, operation: string, path: string, does: (strike: Strike) => Promise<void>): void => {
    const done = async (): Promise<void> => {
      const strike = await options.strike(operation, path);
      if (strike === "hang") return;
      if (strike === "refuse") return void sftp.status(id, STATUS_CODE.PERMISSION_DENIED);
      if (strike === "cut-after") {
        await does(strike);
        return cut();
      }
      await does(strike);
    };
    done().catch((error: unknown) => sftp.status(id, codeOf(error)));
  };
  const ok = (id: number, strike: Strike): void => {
    if (strike !== "cut-after") sftp.status(id, STATUS_CODE.OK);
  };

  const session: Session = { sftp, at, keep, opened, forget: (handle) => void handles.delete(handle.readUInt32BE()), work, ok };
  serveFiles(session);
  serveFolders(session, options);
}

function serveFiles({ sftp, at, keep, opened, forget, work, ok }: Session): void {
  sftp.on("REALPATH", (id, path) => {
    const filename = normalize(join("/", path));
    sftp.name(id, [{ filename, longname: filename, attrs: {} as ssh2.Attributes }]);
  });
  const attributes = (id: number, path: string, find: typeof lstat): void =>
    work(id, "stat", path, async () => sftp.attrs(id, attributesOf(await find(at(path)))));
  sftp.on("STAT", (id, path) => attributes(id, path, stat));
  sftp.on("LSTAT", (id, path) => attributes(id, path, lstat));
  sftp.on("FSTAT", (id, handle) =>
    work(id, "stat", "", async () => {
      const { file } = opened(handle);
      if (file) sftp.attrs(id, attributesOf(await file.stat()));
    }),
  );
  sftp.on("OPEN", (id, path, flags) =>
    work(id, (flags & OPEN_MODE.WRITE) === 0 ? "read" : "write", path, async () => {
      const file = await open(at(path), flagsToString(flags) ?? "r");
      sftp.handle(id, keep({ path, file }));
    }),
  );
  sftp.on("READ", (id, handle, offset, length) =>
    work(id, "read", opened(handle).path, async (strike) => {
      const { file } = opened(handle);
      const bytes = Buffer.alloc(Math.min(length, READ_MAX));
      const { bytesRead = 0 } = (await file?.read(bytes, 0, bytes.length, offset)) ?? {};
      const given = strike === "half" ? bytesRead >> 1 : bytesRead;
      if (given === 0) sftp.status(id, STATUS_CODE.EOF);
      else sftp.data(id, bytes.subarray(0, given));
    }),
  );
  sftp.on("WRITE", (id, handle, offset, data) =>
    work(id, "write", opened(handle).path, async (strike) => {
      await opened(handle).file?.write(data, 0, data.length, offset);
      ok(id, strike);
    }),
  );
  sftp.on("CLOSE", (id, handle) =>
    work(id, "close", "", async (strike) => {
      const { file } = opened(handle);
      forget(handle);
      await file?.close();
      ok(id, strike);
    }),
  );
}

function serveFolders({ sftp, at, keep, opened, work, ok }: Session, options: SftpServerOptions): void {
  sftp.on("OPENDIR", (id, path) =>
    work(id, "list", path, async () => {
      await realpath(at(path));
      sftp.handle(id, keep({ path }));
    }),
  );
  sftp.on("READDIR", (id, handle) =>
    work(id, "list", opened(handle).path, async () => {
      const folder = opened(handle);
      if (folder.told) return void sftp.status(id, STATUS_CODE.EOF);
      folder.told = true;
      const names = await readdir(at(folder.path));
      const all = await Promise.all(
        names.map(async (filename) => ({ filename, found: await lstat(join(at(folder.path), filename)).catch(() => null) })),
      );
      sftp.name(
        id,
        all.flatMap(({ filename, found }) => {
          if (found === null) return [];
          const kind = found.isDirectory() ? "d" : "-";
          return [
            { filename, longname: `${kind}rw-r--r-- 1 bank bank ${found.size} Nov 20 09:00 ${filename}`, attrs: attributesOf(found) },
          ];
        }),
      );
    }),
  );
  sftp.on("REMOVE", (id, path) => work(id, "remove", path, async (strike) => rm(at(path)).then(() => ok(id, strike))));
  sftp.on("MKDIR", (id, path) => work(id, "mkdir", path, async (strike) => mkdir(at(path)).then(() => ok(id, strike))));
  sftp.on("SETSTAT", (id) => sftp.status(id, STATUS_CODE.OK));
  sftp.on("RENAME", (id, from, to) =>
    work(id, "rename", to, async (strike) => {
      if (existsSync(at(to))) return void sftp.status(id, STATUS_CODE.FAILURE);
      await rename(at(from), at(to));
      await options.stood(to, readFileSync(at(to)));
      ok(id, strike);
    }),
  );
}
