/** The doors beside AMQP and HTTP (design.md section 3): each wire opens one for every partner whose profile asks for it. */
import type { Intake } from "../../domain/journal/intake.ts";
import type { Partner } from "../../domain/partners/profile.ts";
import type { RateGate } from "../../domain/partners/rates.ts";
import type { Postgres } from "../../platform/postgres/index.ts";
import type { EngineLog } from "../../platform/log.ts";
import { openDicomDoors } from "./wire-dicom.ts";
import { openFileDoors } from "./wire-files.ts";
import { openMllpDoors } from "./wire-mllp.ts";
import { openViewDoors } from "./wire-views.ts";

/** One partner's door on one wire. */
export interface WireDoor {
  readonly partner: string;
  /** `mllp`, `dicom`, `file`, `view`: with the partner, its name in run.json. */
  readonly wire: string;
  /** Where it listens; absent for doors that go and look. */
  readonly address?: string;
  /** Of a door that goes and looks: whether what it looks into is there. Undefined: another worker looks. */
  up?(): boolean | undefined;
  /** Takes nothing new; what is being journaled ends. */
  pause(): Promise<void>;
  close(): Promise<void>;
}

export interface WireDeps {
  readonly host: string;
  /** Other workers of this machine listen on the same ports. */
  readonly shared: boolean;
  readonly root: string;
  readonly partners: readonly Partner[];
  readonly intake: Intake;
  /** Inbound rates, for the wires that can tell a sender to wait. */
  readonly rates?: RateGate;
  /** Undefined: not there. The door then refuses to open, and says which. */
  readonly secretOf: (partner: string, name: string) => string | undefined;
  /** Watermarks and what was taken already live in PostgreSQL. */
  readonly postgres: Pick<Postgres, "pool" | "worker">;
  readonly log: EngineLog;
}

/** Opens the doors of one wire. Rejects with every problem when one cannot be opened as its profile says. */
export type OpenWire = (deps: WireDeps) => Promise<readonly WireDoor[]>;

/** Every wire; one line each. */
const WIRES: readonly OpenWire[] = [openDicomDoors, openFileDoors, openMllpDoors, openViewDoors];

export interface Wires {
  /** `{"mllp": {"lis": "mllp://127.0.0.1:2575"}}` */
  readonly addresses: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Doors that go and look, where this worker looks. */
  states(): readonly { readonly partner: string; readonly wire: string; readonly up: boolean }[];
  pause(): Promise<void>;
  close(): Promise<void>;
}

export async function openWires(deps: WireDeps): Promise<Wires> {
  const doors: WireDoor[] = [];
  const all = async (work: (door: WireDoor) => Promise<void>): Promise<void> => {
    await Promise.all(doors.map(work));
  };
  for (const open of WIRES) {
    try {
      doors.push(...(await open(deps)));
    } catch (error) {
      await all((door) => door.close());
      throw error;
    }
  }
  const addresses: Record<string, Record<string, string>> = {};
  for (const { wire, partner, address } of doors) {
    if (address !== undefined) addresses[wire] = { ...addresses[wire], [partner]: address };
  }
  const states = (): ReturnType<Wires["states"]> =>
    doors.flatMap(({ partner, wire, up }) => {
      const now = up?.();
      return now === undefined ? [] : [{ partner, wire, up: now }];
    });
  return { addresses, states, pause: () => all((door) => door.pause()), close: () => all((door) => door.close()) };
}
