/**
 * The process that holds the library. It does what its parent says, one thing at a time, and ends with it. Nothing here protects against the library: the parent does,
 * by watching and killing this process.
 */
import type { Description } from "./description.ts";
import { type LibraryCall, loadLibrary } from "./library.ts";

/** From the parent. */
export type ToChild =
  | { readonly kind: "load"; readonly description: Description }
  | ({ readonly kind: "call"; readonly no: number } & LibraryCall);

/** To the parent. */
export type FromChild =
  | { readonly kind: "loaded" }
  | { readonly kind: "failed"; readonly no?: number; readonly why: string }
  | {
      readonly kind: "returned";
      readonly no: number;
      readonly returned?: number;
      readonly reply: Uint8Array;
      readonly outs: Readonly<Record<string, Uint8Array>>;
      readonly overrun: boolean;
      readonly ended: boolean;
    };

const tell = (message: FromChild): void => {
  process.send?.(message);
};
const said = (error: unknown): string => (error instanceof Error ? error.message : String(error));

let library: ReturnType<typeof loadLibrary> | undefined;

process.on("message", (message: ToChild) => {
  try {
    if (message.kind === "load") {
      if (message.description.folder !== undefined) process.chdir(message.description.folder);
      library = loadLibrary({ ...message.description, folder: "." });
      tell({ kind: "loaded" });
    } else if (library) tell({ kind: "returned", no: message.no, ...library.call(message) });
    else tell({ kind: "failed", no: message.no, why: "nothing is loaded" });
  } catch (error) {
    tell({ kind: "failed", why: said(error), ...(message.kind === "call" ? { no: message.no } : {}) });
  }
});
process.on("disconnect", () => process.exit(0));
// The parent ends us; a Ctrl-C that goes to the whole group must not cut a call short.
process.on("SIGINT", () => undefined);
