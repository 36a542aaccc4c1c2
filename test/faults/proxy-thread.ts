/** A proxy on a thread of its own: the load of a run, which shares a process with it, must not be what slows the wires down. */
import { setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { type Mode, openProxy } from "./proxy.ts";

export type Order = { readonly set: Mode; readonly number: number } | { readonly reset: true } | { readonly close: true };

/** What both threads see: struck since the last mode was set, connections accepted, connections open, number of that mode. */
export const COUNTERS = 4;
const TELL_EVERY_MS = 10;
/** A wire waits for nobody: on a busy machine a thread that does is 10 ms late at every statement, and the engine is as slow as its wires. */
const FIRST_OF_ALL = -10;

function hurry(): void {
  try {
    setPriority(0, FIRST_OF_ALL); // on Linux: of this thread alone
  } catch (error) {
    if ((error as { code?: string }).code !== "ERR_SYSTEM_ERROR") throw error; // only root may; then the wires are as late as everybody
  }
}

if (parentPort !== null) {
  const port = parentPort;
  const { target, counters } = workerData as { target: { host: string; port: number }; counters: SharedArrayBuffer };
  const shared = new Int32Array(counters);
  hurry();
  const proxy = await openProxy(target);
  const tell = (): void => {
    Atomics.store(shared, 0, proxy.struck());
    Atomics.store(shared, 1, proxy.opened());
    Atomics.store(shared, 2, proxy.open());
  };
  const telling = setInterval(tell, TELL_EVERY_MS);
  const close = async (): Promise<void> => {
    clearInterval(telling);
    await proxy.close();
    port.close(); // with nothing left to do the thread ends by itself
  };
  port.on("message", (order: Order) => {
    if ("set" in order) {
      proxy.set("pattern" in order.set ? { ...order.set, pattern: Buffer.from(order.set.pattern) } : order.set);
      tell();
      Atomics.store(shared, 3, order.number);
    } else if ("reset" in order) proxy.reset();
    else void close();
    tell();
  });
  port.postMessage(proxy.port);
}
