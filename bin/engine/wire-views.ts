/** The view doors of the partners whose profile asks for one. A driver is loaded only where it is needed. */
import { createDoorStore } from "../../platform/postgres/doors.ts";
import { createLead } from "../../platform/postgres/lead.ts";
import type { ViewDoor } from "../../domain/partners/doors/views.ts";
import type { SourceOptions, ViewSource } from "../../platform/transports/views/source.ts";
import type { OpenWire } from "./wires.ts";

const PASSWORD = "viewPassword";

async function sourceOf(options: SourceOptions): Promise<ViewSource> {
  if (options.door.url.startsWith("mariadb:"))
    return (await import("../../platform/transports/views/mariadb.ts")).createMariadbSource(options);
  return (await import("../../platform/transports/views/postgres.ts")).createPostgresSource(options);
}

/** A password in a profile would be shown to everybody who may read profiles. */
const faultOf = (partner: string, { url }: ViewDoor): string | undefined => {
  if (!URL.canParse(url)) return `${partner}: ${url} is no address / 地址不合法`;
  return new URL(url).password === ""
    ? undefined
    : `${partner}: a view's password belongs into credentials.json / 视图口令须写入 credentials.json`;
};

export const openViewDoors: OpenWire = async ({ partners, intake, secretOf, postgres, log }) => {
  const wanted = partners.flatMap(({ partner, inbound }) => (inbound?.doors?.views ?? []).map((door) => ({ partner, door })));
  if (wanted.length === 0) return [];
  const faults = wanted.map(({ partner, door }) => faultOf(partner, door)).filter((one) => one !== undefined);
  if (faults.length > 0) throw new Error(`Views refused / 视图配置有误:\n- ${faults.join("\n- ")}`);
  const { openViewDoor } = await import("../../platform/transports/views/door.ts");
  const { createMarks } = await import("../../platform/transports/views/marks.ts");
  const lead = createLead(postgres.pool, postgres.worker);
  const doors = createDoorStore(postgres.pool);
  return Promise.all(
    wanted.map(async ({ partner, door }) => {
      const task = `view:${partner}:${door.view}`;
      const source = await sourceOf({ door, password: secretOf(partner, door.secret ?? PASSWORD) });
      const marks = createMarks(postgres.pool, { partner, view: door.view }, task);
      const changed = (why: string | undefined): Promise<void> =>
        (why === undefined ? doors.back(task) : doors.away(task, partner, why)).catch((error: unknown) =>
          log.warn({ partner, view: door.view, error: String(error) }, "what is wrong with the view could not be written down"),
        );
      const opened = openViewDoor({ partner, door, source, marks, lead, task, worker: postgres.worker.id, intake, changed, log });
      return { partner, wire: "view", up: opened.up, pause: opened.pause, close: opened.close };
    }),
  );
};
