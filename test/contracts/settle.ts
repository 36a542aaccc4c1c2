/** What every SettleStore promises (domain/delivery/ports.ts). Run for memory and PostgreSQL. */
import { after, before, describe } from "node:test";
import { factTests } from "./settle-facts.ts";
import { orderTests } from "./settle-orders.ts";
import { workerTests } from "./settle-workers.ts";
import { arriveAt, type Scene, type SettleWorker, type SettleWorld } from "./settle-world.ts";

export function settleContract(name: string, make: () => Promise<SettleWorld>): void {
  describe(`settle contract: ${name}`, () => {
    let world: SettleWorld;
    let one: SettleWorker;
    before(async () => {
      world = await make();
      one = await world.worker();
    });
    after(() => world.close());

    const scene: Scene = {
      world: () => world,
      one: () => one,
      arrive: (worker = one) => arriveAt(worker),
      settle: (settlement) => one.settle.settle(settlement),
    };
    factTests(scene);
    orderTests(scene);
    workerTests(scene);
  });
}
