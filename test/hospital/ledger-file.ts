/** Writing a ledger: append only, fsynced in groups, so that an answer never leaves before its line is on the disk. */
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import type { LedgerLine } from "./ledger.ts";

export interface LedgerFile {
  readonly file: string;
  /** Resolves once the line, and every line appended before it, is on the disk. Rejects when the disk refuses; nothing may be answered then. */
  append(line: LedgerLine): Promise<void>;
  /** The text from a byte offset (start of a line) up to the last line on the disk, at most `limit` bytes, cut at a line end; and the offset to go on from. */
  read(since: number, limit: number): Promise<{ text: string; next: number }>;
  /** Bytes on the disk. */
  size(): number;
  /** Flushes what waits and closes. */
  close(): Promise<void>;
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const TAIL_BLOCK = 65_536;

/** Opens or creates a ledger. A torn last line (killed amid a write, so never answered for) is cut off. */
export async function openLedgerFile(file: string): Promise<LedgerFile> {
  await mkdir(dirname(file), { recursive: true });
  const handle = await open(file, "a+");
  let durable = await cutTornLine(handle);
  let lines: string[] = [];
  let waiting: Waiting[] = [];
  let flushing: Promise<void> | null = null;

  async function flush(): Promise<void> {
    while (lines.length > 0) {
      const bytes = Buffer.from(lines.join(""));
      const mine = waiting;
      lines = [];
      waiting = [];
      try {
        for (let sent = 0; sent < bytes.length; ) sent += (await handle.write(bytes, sent)).bytesWritten;
        await handle.datasync();
      } catch (error) {
        for (const one of mine) one.reject(error);
        continue;
      }
      durable += bytes.length;
      for (const one of mine) one.resolve();
    }
    flushing = null;
  }

  return {
    file,
    append(line) {
      lines.push(`${JSON.stringify(line)}\n`);
      return new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        flushing ??= flush();
      });
    },
    async read(since, limit) {
      const length = Math.max(0, Math.min(limit, durable - since));
      const bytes = Buffer.alloc(length);
      const { bytesRead } = await handle.read(bytes, 0, length, since);
      const end = bytes.subarray(0, bytesRead).lastIndexOf(0x0a) + 1;
      return { text: bytes.toString("utf8", 0, end), next: since + end };
    },
    size: () => durable,
    async close() {
      while (flushing !== null) await flushing;
      await handle.close();
    },
  };
}

async function cutTornLine(handle: FileHandle): Promise<number> {
  const { size } = await handle.stat();
  const block = Buffer.alloc(TAIL_BLOCK);
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - TAIL_BLOCK);
    const { bytesRead } = await handle.read(block, 0, end - start, start);
    const at = block.subarray(0, bytesRead).lastIndexOf(0x0a);
    if (at >= 0) {
      const keep = start + at + 1;
      if (keep < size) await handle.truncate(keep);
      return keep;
    }
    end = start;
  }
  if (size > 0) await handle.truncate(0);
  return 0;
}
