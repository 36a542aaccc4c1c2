/**
 * The file outside of the database that signed heads are appended to, one JSON line each, synced before it counts. Whoever restores an old copy of the database, or
 * rewrites it whole, has not changed this file.
 */
import { createReadStream } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { type Head, headOfLine } from "../../domain/audit/heads.ts";

const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

export interface HeadsFile {
  readonly path: string;
  /** Resolves once the head is on the disk. Rejects when it is not. */
  append(head: Head): Promise<void>;
  /** Whether a line can be written now: it writes one. Never rejects. */
  writable(): Promise<boolean>;
  /** In the order written; undefined: there is no file. Lines that are no heads are passed over. */
  heads(): Promise<readonly Head[] | undefined>;
}

export function createHeadsFile(path: string): HeadsFile {
  /** A line that a crash cut short must not swallow the next. */
  const write = async (value: object): Promise<void> => {
    await mkdir(dirname(path), { recursive: true, mode: FOLDER_MODE });
    const file = await open(path, "a+", FILE_MODE);
    try {
      const { size } = await file.stat();
      const end = Buffer.alloc(1);
      if (size > 0) await file.read(end, 0, 1, size - 1);
      await file.appendFile(`${size > 0 && end[0] !== 0x0a ? "\n" : ""}${JSON.stringify(value)}\n`);
      await file.datasync();
    } finally {
      await file.close();
    }
  };
  return {
    path,
    append: write,
    writable: () =>
      write({ about: new Date().toISOString() }).then(
        () => true,
        () => false,
      ),
    heads: async () => {
      const found: Head[] = [];
      try {
        const lines = createInterface({ input: createReadStream(path, "utf8"), crlfDelay: Number.POSITIVE_INFINITY });
        for await (const line of lines) {
          const head = headOfLine(line);
          if (head !== undefined) found.push(head);
        }
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
        throw error;
      }
      return found;
    },
  };
}
