/** A folder somewhere: on a server that is spoken to by SFTP or FTP, or on a disk. What pollers and couriers do with it, whatever it is. */

export interface Entry {
  readonly name: string;
  readonly size: number;
  /** When it was last written, in the words of whoever keeps it; equal words, unchanged file. */
  readonly modified: string;
}

export interface Listing {
  readonly files: readonly Entry[];
  /** Names that are no UTF-8: nobody can fetch them under the name they have. */
  readonly unreadable: number;
}

/** Names are of one folder, without slashes; `done/a.txt` is in a folder below. Everything rejects when the server is away or says no. */
export interface FileStore {
  /** Plain files alone: no folders, no links. */
  list(): Promise<Listing>;
  /** Undefined: it is not there (any more). */
  stat(name: string): Promise<Entry | undefined>;
  /** At most `max` + 1 bytes: more than `max` says that it is larger. Undefined: it is not there. */
  read(name: string, max: number): Promise<Uint8Array | undefined>;
  /** A new file, on the disk where that can be asked for. Rejects when one of this name is there. */
  write(name: string, bytes: Uint8Array): Promise<void>;
  /** Never over another file where the server can be held to that. False: the new name is taken. */
  rename(from: string, to: string): Promise<boolean>;
  remove(name: string): Promise<void>;
  /** Makes a folder below, where it is not there yet. */
  folder(name: string): Promise<void>;
  close(): Promise<void>;
}

/** How to reach one. */
export interface StoreAddress {
  /** sftp://, ftp://, ftps://, file:// */
  readonly url: string;
  readonly password?: string;
  /** PEM. */
  readonly key?: string;
  readonly passphrase?: string;
  /** `SHA256:…`, sftp. */
  readonly hostKey?: string;
  /** ftps: PEM of the authorities that are trusted; absent: the system's. */
  readonly ca?: string;
  readonly connectMs: number;
}

export type OpenStore = (address: StoreAddress) => Promise<FileStore>;

/** A server's own words, without what it may have quoted of ours. */
export class StoreError extends Error {
  override readonly name = "StoreError";
}

const plainName = /^[^/\\\0]{1,}$/;

/** A name that stays in its folder; throws for any other. */
function checkedName(name: string): string {
  if (!plainName.test(name) || name === "." || name === ".." || Buffer.byteLength(name) > 255) throw new StoreError("not a name of a file");
  return name;
}

/** `done/a.txt`: each part checked. */
export const checkedPath = (path: string): string => path.split("/").map(checkedName).join("/");

/** The folder of an address; `/~/in` is below the account's own folder. */
export function folderOf(url: URL): string {
  const path = decodeURIComponent(url.pathname).replace(/\/+$/, "");
  return path.startsWith("/~") ? `.${path.slice(2)}` : path || "/";
}

/** Resolves as the work does, or rejects when it takes longer; `late` then ends what hangs. */
export async function within<T>(ms: number, what: string, work: Promise<T>, late: () => void): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      late();
      reject(new StoreError(`${what}: no answer within ${ms} ms`));
    }, ms);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
