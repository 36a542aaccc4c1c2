/** Who sends on which wire: couriers by the protocol of a destination's address. */
import type { Courier } from "../../domain/writeback/ports.ts";
import { BRIDGE_KEY, createDllCourier } from "../../platform/transports/dll/courier.ts";
import { createFileCourier } from "../../platform/transports/files/courier.ts";
import { accountOf, openStore } from "../../platform/transports/files/open.ts";
import { createCourier } from "../../platform/transports/http/courier.ts";
import { createMllpCourier } from "../../platform/transports/mllp/courier.ts";
import type { Catalogued } from "./catalogue.ts";

/** Secrets of a destination that files are put to begin so: `filesPassword`, `filesKey`, `filesHostKey`. */
const FILES = "files";

export function courierWires({ profiles: { tls }, secretsOf }: Catalogued): Readonly<Record<string, Courier>> {
  const http = createCourier({ tls });
  const mllp = createMllpCourier({ tls });
  const dll = createDllCourier({ tls, keyOf: (destination) => secretsOf(destination)[BRIDGE_KEY] });
  const files = createFileCourier({ open: openStore, accountOf: (name) => accountOf((secret) => secretsOf(name)[secret], FILES) });
  return {
    ...{ "http:": http, "https:": http, "dll:": dll, "dlls:": dll, "mllp:": mllp, "mllps:": mllp },
    ...{ "sftp:": files, "ftp:": files, "ftps:": files, "file:": files },
  };
}
