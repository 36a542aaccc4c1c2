/** The store behind an address. A protocol's library is loaded when the first address asks for it: most hospitals need one of them. */
import { type OpenStore, StoreError } from "./store.ts";

const sftp = async (): Promise<OpenStore> => (await import("./sftp.ts")).openSftp;
const ftp = async (): Promise<OpenStore> => (await import("./ftp.ts")).openFtp;
const disk = async (): Promise<OpenStore> => (await import("./disk.ts")).openDisk;
const BY_PROTOCOL: Readonly<Record<string, () => Promise<OpenStore>>> = { "file:": disk, "ftp:": ftp, "ftps:": ftp, "sftp:": sftp };

export const openStore: OpenStore = async (address) => {
  const opener = BY_PROTOCOL[new URL(address.url).protocol];
  if (!opener) throw new StoreError("not an address of files");
  return (await opener())(address);
};

/** What an address is reached with, by the names of a partner's secrets: `<prefix>Password`, `<prefix>Key`, `<prefix>Passphrase`, `<prefix>HostKey`. */
export function accountOf(
  secretOf: (name: string) => string | undefined,
  prefix: string,
): { readonly password?: string; readonly key?: string; readonly passphrase?: string; readonly hostKey?: string } {
  const [password, key, passphrase, hostKey] = ["Password", "Key", "Passphrase", "HostKey"].map((name) => secretOf(prefix + name));
  return {
    ...(password === undefined ? {} : { password }),
    ...(key === undefined ? {} : { key }),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(hostKey === undefined ? {} : { hostKey }),
  };
}
