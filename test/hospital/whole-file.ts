/** Small files that a partner keeps beside its ledger. */
import { renameSync, writeFileSync } from "node:fs";

/** A partner that is killed amid this leaves the file as it was, or as it shall be; only its owner reads it. */
export function writeWhole(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.new`;
  writeFileSync(temporary, text, { mode: 0o600, flush: true });
  renameSync(temporary, path);
}
