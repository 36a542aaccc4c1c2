/** The DICOM doors of the partners whose profile asks for one. The protocol's library is loaded for them alone. */
import { createSteps } from "../../platform/postgres/steps.ts";
import type { OpenWire, WireDoor } from "./wires.ts";

export const openDicomDoors: OpenWire = async ({ host, shared, partners, intake, postgres, log }) => {
  const wanted = partners.flatMap(({ partner, inbound }) => (inbound?.doors?.dicom ? [{ partner, door: inbound.doors.dicom }] : []));
  if (wanted.length === 0) return [];
  const { openDicomDoor } = await import("../../platform/transports/dicom/door.ts");
  const instances = createSteps(postgres.pool);
  await instances.forget();
  const doors: WireDoor[] = [];
  try {
    for (const { partner, door } of wanted) {
      const opened = await openDicomDoor({ ...door, partner, host, shared, intake, instances, log });
      doors.push({ partner, wire: "dicom", ...opened });
    }
  } catch (error) {
    await Promise.all(doors.map((one) => one.close()));
    throw error;
  }
  return doors;
};
