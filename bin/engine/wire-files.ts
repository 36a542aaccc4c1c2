/** The folders that partners' profiles say are looked into. */
import { readFileSync } from "node:fs";
import type { Partner } from "../../domain/partners/profile.ts";
import { createDoorStore } from "../../platform/postgres/doors.ts";
import { createLead } from "../../platform/postgres/lead.ts";
import { LIMITS } from "../../platform/transports/files/limits.ts";
import { accountOf, openStore } from "../../platform/transports/files/open.ts";
import { createPoller } from "../../platform/transports/files/poller.ts";
import type { StoreAddress } from "../../platform/transports/files/store.ts";
import type { OpenWire, WireDeps, WireDoor } from "./wires.ts";

type Door = NonNullable<NonNullable<NonNullable<Partner["inbound"]>["doors"]>["files"]>[number];

/** Secrets whose name begins so, where the profile names no other. */
const PREFIX = "files";

export const openFileDoors: OpenWire = async (deps) => {
  const wanted = deps.partners.flatMap(({ partner, inbound }) =>
    (inbound?.doors?.files ?? []).map((door, index) => ({ partner, door, index })),
  );
  const unsafe = wanted.filter(({ door }) => new URL(door.url).password !== "");
  if (unsafe.length > 0) {
    const named = unsafe.map(({ partner, index }) => `partners/${partner}.json inbound.doors.files.${index}`);
    throw new Error(`A password belongs into the credentials / 口令应放在凭证文件中：${named.join(", ")}`);
  }
  return wanted.flatMap(({ partner, door, index }) => {
    const lacking = lackingOf(deps, partner, door);
    if (lacking.length === 0) return [opened(deps, partner, door, index)];
    // The engine's other doors are not held up by what one partner has not handed over yet.
    deps.log.error({ partner, door: index, lacking }, "a folder is not looked into: something is lacking / 缺少凭证，未开启文件接入");
    return [];
  });
};

/** What must be there before a server is spoken to. */
function lackingOf({ secretOf }: WireDeps, partner: string, door: Door): readonly string[] {
  if (new URL(door.url).protocol !== "sftp:") return [];
  const prefix = door.secret ?? PREFIX;
  const secret = (name: string): string | undefined => secretOf(partner, prefix + name);
  return [
    ...(door.hostKey === undefined && secret("HostKey") === undefined ? [`hostKey, or secret ${prefix}HostKey`] : []),
    ...(secret("Password") === undefined && secret("Key") === undefined ? [`secret ${prefix}Password or ${prefix}Key`] : []),
  ];
}

function opened(deps: WireDeps, partner: string, door: Door, index: number): WireDoor {
  const { log, intake, postgres, secretOf } = deps;
  const lead = createLead(postgres.pool, postgres.worker);
  const doors = createDoorStore(postgres.pool);
  const task = `files:${partner}:${index}`;
  const where = new URL(door.url);
  where.username = "";
  const address: StoreAddress = {
    ...accountOf((name) => secretOf(partner, name), door.secret ?? PREFIX),
    ...(door.hostKey === undefined ? {} : { hostKey: door.hostKey }),
    ...(door.ca === undefined ? {} : { ca: readFileSync(door.ca, "utf8") }),
    url: door.url,
    connectMs: LIMITS.connectMs,
  };
  const poller = createPoller({
    options: { ...door, partner, where: where.toString() },
    open: () => openStore(address),
    policy: () => intake.policy(partner),
    accept: intake.accept,
    lead: async (ms) => (await lead.take(task, ms)) !== undefined,
    give: () => lead.give(task),
    changed: (why) =>
      (why === undefined ? doors.back(task) : doors.away(task, partner, why)).catch((error: unknown) =>
        log.warn(
          { partner, error: String(error) },
          "whether the folder can be looked into could not be written down; written with the next look",
        ),
      ),
    log,
  });
  const up = (): boolean | undefined => {
    const { state } = poller.state();
    return state === "elsewhere" ? undefined : state === "up";
  };
  return { partner, wire: "file", up, pause: poller.pause, close: poller.close };
}
