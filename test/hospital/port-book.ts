/** The ports that partners had, in `<data>/<partner>.ports.json`: a hospital that comes back is found where it was. */
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Addresses } from "./told.ts";
import { writeWhole } from "./whole-file.ts";

export interface PortBook {
  /** A partner's ports that are still free. */
  of(name: string): Promise<Readonly<Record<string, number>>>;
  remember(name: string, at: Addresses): void;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

export function openPortBook(dataDir: string): PortBook {
  const fileOf = (name: string): string => join(dataDir, `${name}.ports.json`);
  return {
    async of(name) {
      const file = fileOf(name);
      const known = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Record<string, number>) : {};
      const free: Record<string, number> = {};
      for (const [door, port] of Object.entries(known)) if (await isFree(port)) free[door] = port;
      return free;
    },
    remember(name, { url, faults, mllp, dicom, sftp }) {
      const ports: Record<string, number> = {};
      for (const [door, address] of Object.entries({ url, control: faults, mllp, dicom, sftp })) {
        const port = address === undefined || !URL.canParse(address) ? 0 : Number(new URL(address).port);
        if (port > 0) ports[door] = port;
      }
      writeWhole(fileOf(name), JSON.stringify(ports));
    },
  };
}
