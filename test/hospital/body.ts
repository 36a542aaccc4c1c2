/** Bodies of HTTP requests as every partner with an HTTP door reads them. */
import type { IncomingMessage } from "node:http";

const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** What can be read in nobody's charset and parsed by nobody. */
export const GARBAGE = Buffer.from([0x1f, 0x8b, 0xff, 0xfe, 0x00, 0xc3, 0x28, 0xa0, 0xa1, 0x3c, 0x43, 0x6f, 0x64, 0x80]);

/** The whole body, at most {@link MAX_BODY_BYTES}; aborted when the client went away before its end. */
export function bodyOf(request: IncomingMessage): Promise<Buffer | "too-large" | "aborted"> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    let size = 0;
    request.on("data", (piece: Buffer) => {
      size += piece.length;
      if (size > MAX_BODY_BYTES) resolve("too-large");
      else pieces.push(piece);
    });
    request.on("end", () => resolve(pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces)));
    request.on("error", () => resolve("aborted"));
    request.on("close", () => resolve("aborted"));
  });
}

/** The charset of the content type, or else of the XML declaration, or else UTF-8. */
export function charsetOf(contentType: string, body: Buffer): string {
  const labelled =
    /charset="?([\w-]+)/i.exec(contentType)?.[1] ?? /^\s*<\?xml[^>]*encoding=["']([\w-]+)/.exec(body.toString("latin1", 0, 200))?.[1];
  return labelled ?? "utf-8";
}
