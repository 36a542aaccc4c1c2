/** A folder on an FTP server, in clear (ftp://) or under TLS asked for by AUTH TLS (ftps://). FTP cannot be held to refuse a name that is taken: it is asked before. */
import { Readable, Writable } from "node:stream";
import { Client, type FileInfo, FTPError } from "basic-ftp";
import { LIMITS } from "./limits.ts";
import { checkedPath, type Entry, type FileStore, folderOf, type OpenStore, StoreError } from "./store.ts";

const PORT = 21;
const IMPLICIT_PORT = 990;
/** File unavailable: not there, or not allowed. */
const UNAVAILABLE = 550;

const isGone = (error: unknown): boolean => error instanceof FTPError && error.code === UNAVAILABLE;

/** Opens it. Rejects when the server cannot be reached, is not the one its certificate should name, or refuses the account. */
export const openFtp: OpenStore = async ({ url: text, password, ca, connectMs }) => {
  const url = new URL(text);
  const client = new Client(Math.max(connectMs, LIMITS.stepMs));
  const port = url.port === "" ? PORT : Number(url.port);
  try {
    await client.access({
      host: url.hostname.replace(/^\[|\]$/g, ""),
      port,
      user: decodeURIComponent(url.username) || "anonymous",
      password: password ?? "",
      secure: url.protocol === "ftps:" ? (port === IMPLICIT_PORT ? "implicit" : true) : false,
      ...(ca === undefined ? {} : { secureOptions: { ca } }),
    });
  } catch (error) {
    client.close();
    throw new StoreError(error instanceof Error ? error.message : String(error));
  }
  return storeOver(client, folderOf(url));
};

const modifiedOf = (file: FileInfo): string => file.modifiedAt?.toISOString() ?? file.rawModifiedAt;

function storeOver(client: Client, folder: string): FileStore {
  const base = folder.startsWith(".") ? folder.replace(/^\.\/?/, "") : folder;
  const at = (name: string): string => `${base === "" || base.endsWith("/") ? base : `${base}/`}${checkedPath(name)}`;
  const listed = async (): Promise<readonly FileInfo[]> => {
    const found = await client.list(base === "" ? "." : base);
    if (found.length > LIMITS.entries) throw new StoreError(`more than ${LIMITS.entries} files in the folder`);
    return found.filter((one) => one.isFile);
  };
  const stat = async (name: string): Promise<Entry | undefined> => {
    try {
      const size = await client.size(at(name));
      const modified = await client.lastMod(at(name)).catch(() => undefined); // not every server has MDTM
      return { name, size, modified: modified?.toISOString() ?? "" };
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  };
  return {
    stat,
    list: async () => {
      const files = await listed();
      const readable = files.filter(({ name }) => !name.includes("\uFFFD"));
      return {
        files: readable.map((one) => ({ name: one.name, size: one.size, modified: modifiedOf(one) })),
        unreadable: files.length - readable.length,
      };
    },
    read: async (name, max) => {
      const pieces: Buffer[] = [];
      let size = 0;
      const into = new Writable({
        write(chunk: Buffer, _encoding, done) {
          size += chunk.length;
          if (size <= max + 1) pieces.push(chunk);
          done(size > max ? new StoreError("larger than allowed") : null);
        },
      });
      try {
        await client.downloadTo(into, at(name));
      } catch (error) {
        if (isGone(error)) return undefined;
        if (size > max) return Buffer.alloc(max + 1); // what it holds does not matter: it is too large
        throw error;
      }
      return Buffer.concat(pieces);
    },
    write: async (name, bytes) => {
      if ((await stat(name)) !== undefined) throw new StoreError("a file of this name is there");
      await client.uploadFrom(Readable.from([Buffer.from(bytes)]), at(name));
    },
    rename: async (from, to) => {
      if ((await stat(to)) !== undefined) return false;
      await client.rename(at(from), at(to));
      return true;
    },
    remove: async (name) => {
      await client.remove(at(name)).catch((error: unknown) => {
        if (!isGone(error)) throw error;
      });
    },
    folder: async (name) => {
      await client.send(`MKD ${at(name)}`, true); // "it is there" is an answer too
    },
    close: async () => client.close(),
  };
}
