/** A folder on an SFTP server. The server is proved by its pinned host key; without one nothing is said to it, least of all a password. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { SFTPWrapper } from "ssh2";
import SftpClient from "ssh2-sftp-client";
import { LIMITS } from "./limits.ts";
import { checkedPath, type Entry, type FileStore, folderOf, type OpenStore, StoreError, within } from "./store.ts";

const PORT = 22;
/** SSH_FX_NO_SUCH_FILE. */
const NO_SUCH_FILE = 2;
/** SSH_FX_OP_UNSUPPORTED. */
const OP_UNSUPPORTED = 8;
const CHUNK_BYTES = 32_768;
const KEEPALIVE_MS = 10_000;
/** How long a server may take to say goodbye. */
const CLOSE_MS = 2_000;
const READ_ONLY = "r";
const CREATE_NEW = "wx";

type Callback<T> = (error: Error | null | undefined, value: T) => void;
const called = <T>(work: (done: Callback<T>) => unknown): Promise<T> =>
  new Promise((resolve, reject) => {
    work((error, value) => (error ? reject(error) : resolve(value)));
  });
const isGone = (error: unknown): boolean => (error as { readonly code?: unknown }).code === NO_SUCH_FILE;
/** The server's answer, or the library's where the server has not offered the extension. */
const isUnsupported = (error: unknown): boolean =>
  (error as { readonly code?: unknown }).code === OP_UNSUPPORTED || /does not support this extended request/i.test(String(error));

/** `SHA256:` and the base64 of the key's hash, as ssh-keygen -l prints it. */
const fingerprintOf = (key: Uint8Array): string => `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;

function isPinned(key: Uint8Array, pinned: string): boolean {
  const [is, wanted] = [fingerprintOf(key), pinned].map((one) => createHash("sha256").update(one).digest());
  return is !== undefined && wanted !== undefined && timingSafeEqual(is, wanted);
}

/** Opens it. Rejects with StoreError: which host key was shown instead, which way of signing in was refused … */
export const openSftp: OpenStore = async (address) => {
  const { hostKey, password, key, passphrase, connectMs } = address;
  const url = new URL(address.url);
  if (hostKey === undefined) throw new StoreError("no host key is pinned for this server");
  const quiet = () => undefined; // without them the library writes to the console
  const client = new SftpClient("huiliu", { error: quiet, end: quiet, close: quiet });
  let shown: string | undefined;
  const loss = createLoss();
  for (const event of ["error", "end", "close"]) client.on(event, loss.lose);
  const wire = await within(
    connectMs,
    "sftp connect",
    client.connect({
      host: url.hostname.replace(/^\[|\]$/g, ""),
      port: url.port === "" ? PORT : Number(url.port),
      username: decodeURIComponent(url.username),
      readyTimeout: connectMs,
      keepaliveInterval: KEEPALIVE_MS,
      retries: 0,
      hostVerifier: (offered: Buffer) => {
        shown = fingerprintOf(offered);
        return isPinned(offered, hostKey);
      },
      ...(password === undefined ? {} : { password }),
      ...(key === undefined ? {} : { privateKey: key }),
      ...(passphrase === undefined ? {} : { passphrase }),
    }),
    () => void client.end().catch(() => undefined),
  ).catch((error: unknown) => {
    const text = error instanceof Error ? error.message : String(error);
    throw new StoreError(shown !== undefined && shown !== hostKey ? `the server showed the host key ${shown}, not the pinned one` : text);
  });
  return storeOver(client, wire, folderOf(url), loss);
};

/** The end of a connection: steps that wait for an answer then reject at once, which the library does not see to. */
interface Loss {
  readonly lost: Promise<never>;
  lose(): void;
}
function createLoss(): Loss {
  let lose: () => void = () => undefined;
  const lost = new Promise<never>((_, reject) => {
    lose = () => reject(new StoreError("the connection was lost"));
  });
  lost.catch(() => undefined); // nobody may be waiting
  return { lost, lose: () => lose() };
}

function storeOver(client: SftpClient, wire: SFTPWrapper, folder: string, { lost, lose }: Loss): FileStore {
  const at = (name: string): string => `${folder === "/" ? "" : folder}/${checkedPath(name)}`;
  const hangUp = (): void => {
    lose();
    client.end().catch(() => undefined); // it is gone already
  };
  const waiting = <T>(what: string, work: Promise<T>): Promise<T> =>
    within(LIMITS.stepMs, `sftp ${what}`, Promise.race([work, lost]), hangUp);
  const step = <T>(what: string, work: (done: Callback<T>) => unknown): Promise<T> => waiting(what, called(work));
  const handled = async <T>(path: string, flags: string, work: (handle: Buffer) => Promise<T>): Promise<T> => {
    const handle = await step<Buffer>("open", (done) => wire.open(path, flags as "r", done));
    try {
      return await work(handle);
    } finally {
      await step<void>("close", (done) => wire.close(handle, done as Callback<unknown> as (error: Error | null | undefined) => void)).catch(
        () => undefined,
      );
    }
  };
  const stat = async (name: string): Promise<Entry | undefined> => {
    try {
      const found = await step<{ size: number; mtime: number; isFile(): boolean }>("stat", (done) => wire.lstat(at(name), done as never));
      return found.isFile() ? { name, size: found.size, modified: String(found.mtime) } : undefined;
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  };
  return {
    stat,
    list: async () => {
      const found = await waiting("list", client.list(folder));
      if (found.length > LIMITS.entries) throw new StoreError(`more than ${LIMITS.entries} files in the folder`);
      const files = found.filter(({ type }) => type === "-");
      const readable = files.filter(({ name }) => !name.includes("\uFFFD"));
      return {
        files: readable.map(({ name, size, modifyTime }) => ({ name, size, modified: String(Math.floor(modifyTime / 1000)) })),
        unreadable: files.length - readable.length,
      };
    },
    read: async (name, max) => {
      try {
        return await handled(at(name), READ_ONLY, (handle) => readAll(handle, max));
      } catch (error) {
        if (isGone(error)) return undefined;
        throw error;
      }
    },
    write: (name, bytes) =>
      handled(at(name), CREATE_NEW, async (handle) => {
        for (let from = 0; from < bytes.length; from += CHUNK_BYTES) {
          const piece = Buffer.from(bytes.subarray(from, from + CHUNK_BYTES));
          await step<void>("write", (done) => wire.write(handle, piece, 0, piece.length, from, done as never));
        }
        // An extension of OpenSSH: where the server has it not, the file is as safe as the server keeps it. A disk that fails is no such server.
        await step<void>("fsync", (done) => wire.ext_openssh_fsync(handle, done as never)).catch((error: unknown) => {
          if (!isUnsupported(error)) throw error;
        });
      }),
    // SSH_FXP_RENAME of version 3 refuses a name that is taken; a server that does not say why is asked.
    rename: async (from, to) => {
      if ((await stat(to)) !== undefined) return false;
      try {
        await step<void>("rename", (done) => wire.rename(at(from), at(to), done as never));
        return true;
      } catch (error) {
        if ((await stat(to)) !== undefined) return false;
        throw error;
      }
    },
    remove: async (name) => {
      await step<void>("remove", (done) => wire.unlink(at(name), done as never)).catch((error: unknown) => {
        if (!isGone(error)) throw error;
      });
    },
    folder: async (name) => {
      const there = await waiting("exists", client.exists(at(name)));
      if (there === false) await waiting("mkdir", client.mkdir(at(name)));
    },
    close: async () => {
      const ended = client.end();
      lose();
      await within(CLOSE_MS, "sftp end", ended, () => undefined).catch(() => undefined); // it is gone already, or will be
    },
  };

  async function readAll(handle: Buffer, max: number): Promise<Uint8Array> {
    const pieces: Buffer[] = [];
    let size = 0;
    while (size <= max) {
      const piece = Buffer.alloc(Math.min(CHUNK_BYTES, max + 1 - size));
      const count = await step<number>("read", (done) => {
        wire.read(handle, piece, 0, piece.length, size, (error, read) => done(isEnd(error) ? undefined : error, isEnd(error) ? 0 : read));
      });
      if (count === 0) break;
      pieces.push(piece.subarray(0, count));
      size += count;
    }
    return Buffer.concat(pieces);
  }
}

/** SSH_FX_EOF. */
const isEnd = (error: unknown): boolean => (error as { readonly code?: unknown } | null | undefined)?.code === 1;
