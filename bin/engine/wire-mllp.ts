/** The MLLP doors of the partners whose profile asks for one. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Partner } from "../../domain/partners/profile.ts";
import { type MllpDoor, type MllpTls, openMllpDoor } from "../../platform/transports/mllp/door.ts";
import type { OpenWire, WireDoor } from "./wires.ts";

type Door = NonNullable<NonNullable<NonNullable<Partner["inbound"]>["doors"]>["mllp"]>;

const LOOPBACK = /^(?:127\.|::1$)/;

/** The files a profile names, relative to the project's folder. Throws with the file that cannot be read. */
function certificatesOf(root: string, tls: NonNullable<Door["tls"]>): MllpTls {
  const read = (file: string): string => readFileSync(resolve(root, file), "utf8");
  const { names } = tls;
  return {
    cert: read(tls.cert),
    key: read(tls.key),
    ...(tls.ca === undefined ? {} : { ca: read(tls.ca) }),
    ...(names === undefined ? {} : { names }),
  };
}

export const openMllpDoors: OpenWire = async ({ host, shared, root, partners, intake, rates, log }) => {
  const doors: WireDoor[] = [];
  const problems: string[] = [];
  for (const { partner, inbound } of partners) {
    const profile = inbound?.doors?.mllp;
    if (!profile) continue;
    const { tls, ...rest } = profile;
    try {
      const door: MllpDoor = await openMllpDoor({
        ...rest,
        ...(tls === undefined ? {} : { tls: certificatesOf(root, tls) }),
        partner,
        host,
        // On a port of its own choice each worker has its own.
        shared: shared && rest.port !== 0,
        intake,
        ...(rates === undefined ? {} : { rates }),
        log,
        nowMs: Date.now,
      });
      doors.push({ partner, wire: "mllp", ...door });
      if (tls === undefined && !rest.from.every((one) => LOOPBACK.test(one)))
        log.warn({ partner, from: rest.from }, "an MLLP door without TLS: its sender is proved by its address alone");
    } catch (error) {
      problems.push(`${partner}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (problems.length === 0) return doors;
  await Promise.all(doors.map((one) => one.close()));
  throw new Error(`MLLP doors refused / MLLP 端口未能打开:\n- ${problems.join("\n- ")}`);
};
