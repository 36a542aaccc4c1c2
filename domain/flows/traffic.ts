/** How many messages each flow ended per minute, at this worker, for the editor's sidebar. Held in memory: what is stored is counted by the console. */

/** Minutes kept, the running one among them. */
export const TRAFFIC_MINUTES = 30;
/** Flows kept; a name beyond that is not counted (an engine has dozens). */
export const TRAFFIC_FLOWS_MAX = 500;

const MINUTE_MS = 60_000;

/** One minute of a flow. */
export interface Minute {
  /** Minutes before the running one: 0 is the running one. */
  readonly ago: number;
  readonly settled: number;
  readonly parked: number;
}

export interface Traffic {
  /** One delivery of the flow has ended; `what` is the kind of its settlement (domain/delivery/ports.ts). Others than the ones below are not counted. */
  count(what: string, flow: string | undefined): void;
  /** The last TRAFFIC_MINUTES minutes of a flow, the oldest first. */
  of(flow: string): readonly Minute[];
}

const KIND: Readonly<Record<string, "settled" | "parked">> = {
  settled: "settled",
  duplicate: "settled",
  parked: "parked",
  conflict: "parked",
};

interface Slot {
  minute: number;
  settled: number;
  parked: number;
}

/** Makes an empty count. `nowMs`: milliseconds since 1970. */
export function createTraffic(clock: { readonly nowMs: () => number }): Traffic {
  const flows = new Map<string, Slot[]>();
  const now = (): number => Math.floor(clock.nowMs() / MINUTE_MS);

  return {
    count: (what, flow) => {
      const kind = KIND[what];
      if (kind === undefined || flow === undefined || flow === "") return;
      let slots = flows.get(flow);
      if (slots === undefined) {
        if (flows.size >= TRAFFIC_FLOWS_MAX) return;
        slots = Array.from({ length: TRAFFIC_MINUTES }, () => ({ minute: -1, settled: 0, parked: 0 }));
        flows.set(flow, slots);
      }
      const minute = now();
      const slot = slots[minute % TRAFFIC_MINUTES];
      if (slot === undefined) return;
      if (slot.minute !== minute) {
        slot.minute = minute;
        slot.settled = 0;
        slot.parked = 0;
      }
      slot[kind] += 1;
    },
    of: (flow) => {
      const minute = now();
      const slots = flows.get(flow) ?? [];
      return Array.from({ length: TRAFFIC_MINUTES }, (_, index) => {
        const ago = TRAFFIC_MINUTES - 1 - index;
        const slot = slots.find((one) => one.minute === minute - ago);
        return { ago, settled: slot?.settled ?? 0, parked: slot?.parked ?? 0 };
      });
    },
  };
}
