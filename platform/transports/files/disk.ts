/** A folder on a disk of ours, or of a gap (网闸) that carries what lies there to the other side. Links are not followed: they lead out of the folder. */
import { constants } from "node:fs";
import { link, lstat, mkdir, open, readdir, rename, rm, stat as statOf } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LIMITS } from "./limits.ts";
import { checkedPath, type Entry, type FileStore, type OpenStore, StoreError } from "./store.ts";

const codeOf = (error: unknown): unknown => (error as { readonly code?: unknown }).code;
const ABSENT = new Set<unknown>(["ENOENT", "ELOOP"]);
/** Some file systems (CIFS, FAT) have no hard links. */
const NO_LINKS = new Set<unknown>(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"]);

async function synced(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } catch (error) {
    if (codeOf(error) !== "EINVAL") throw error; // a file system that cannot
  } finally {
    await handle.close();
  }
}

/** Opens it. Rejects when there is no such folder. */
export const openDisk: OpenStore = async ({ url }) => {
  const folder = fileURLToPath(url);
  const found = await statOf(folder).catch((error: unknown) => {
    throw new StoreError(`the folder cannot be read: ${String(codeOf(error))}`);
  });
  if (!found.isDirectory()) throw new StoreError("not a folder");
  return storeOver(folder);
};

function storeOver(folder: string): FileStore {
  const at = (name: string): string => join(folder, checkedPath(name));
  const stat = async (name: string): Promise<Entry | undefined> => {
    try {
      const found = await lstat(at(name), { bigint: true });
      return found.isFile() ? { name, size: Number(found.size), modified: String(found.mtimeNs) } : undefined;
    } catch (error) {
      if (ABSENT.has(codeOf(error))) return undefined;
      throw error;
    }
  };
  return {
    stat,
    list: async () => {
      const names = await readdir(folder, { encoding: "buffer" });
      if (names.length > LIMITS.entries) throw new StoreError(`more than ${LIMITS.entries} files in the folder`);
      const files: Entry[] = [];
      let unreadable = 0;
      for (const bytes of names) {
        const name = bytes.toString("utf8");
        if (!Buffer.from(name, "utf8").equals(bytes)) unreadable += 1;
        else {
          const entry = await stat(name);
          if (entry) files.push(entry);
        }
      }
      return { files, unreadable };
    },
    read: async (name, max) => {
      try {
        const handle = await open(at(name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
        try {
          const bytes = Buffer.alloc(Math.min((await handle.stat()).size + 1, max + 1));
          let size = 0;
          for (let read = -1; read !== 0 && size < bytes.length; size += read)
            ({ bytesRead: read } = await handle.read(bytes, size, bytes.length - size));
          return bytes.subarray(0, size);
        } finally {
          await handle.close();
        }
      } catch (error) {
        if (ABSENT.has(codeOf(error))) return undefined;
        throw error;
      }
    },
    write: async (name, bytes) => {
      const handle = await open(at(name), "wx", 0o640);
      try {
        await handle.writeFile(bytes);
        await handle.sync();
      } finally {
        await handle.close();
      }
    },
    rename: async (from, to) => {
      try {
        await link(at(from), at(to)); // refuses a name that is taken, which rename does not
      } catch (error) {
        if (codeOf(error) === "EEXIST") return false;
        if (!NO_LINKS.has(codeOf(error))) throw error;
        if ((await stat(to)) !== undefined) return false;
        await rename(at(from), at(to));
        await synced(folder);
        return true;
      }
      await rm(at(from));
      await synced(join(at(to), ".."));
      return true;
    },
    remove: async (name) => rm(at(name), { force: true }),
    folder: async (name) => {
      await mkdir(at(name), { recursive: true });
    },
    close: async () => undefined,
  };
}
