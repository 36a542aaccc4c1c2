/** The proxies as a run holds them: each on a thread of its own, told by messages, counted in shared memory. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { Mode, Wire } from "./proxy.ts";
import { COUNTERS, type Order } from "./proxy-thread.ts";

export type Cable = Pick<Wire, "port" | "set" | "struck" | "open" | "opened" | "close"> & { reset(): void };

/** Opens a proxy in front of `target` on a free loopback port. */
export async function openCable(target: { readonly host: string; readonly port: number }): Promise<Cable> {
  const counters = new SharedArrayBuffer(COUNTERS * Int32Array.BYTES_PER_ELEMENT);
  const shared = new Int32Array(counters);
  const thread = new Worker(new URL("./proxy-thread.ts", import.meta.url), { workerData: { target, counters } });
  const [port] = (await once(thread, "message")) as [number];
  let number = 0;
  const tell = (order: Order): void => thread.postMessage(order);
  return {
    port,
    set: (mode: Mode) => {
      number += 1;
      tell({ set: mode, number });
    },
    reset: () => tell({ reset: true }),
    // Until the thread has heard of the mode, its count is of the one before.
    struck: () => (Atomics.load(shared, 3) === number ? Atomics.load(shared, 0) : 0),
    opened: () => Atomics.load(shared, 1),
    open: () => Atomics.load(shared, 2),
    close: async () => {
      // Not terminate(): Node 24 then spins for ever in the thread when sockets of it were reset and not yet closed (seen in CI for 87 minutes).
      const gone = once(thread, "exit");
      tell({ close: true });
      await gone;
    },
  };
}
