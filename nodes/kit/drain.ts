/**
 * The second half of a safe deploy (reference/nodered.md 3.4): the flow storage pauses intake and drains before nodes stop; here intake goes on again once
 * the new flows run. A "reload" saves nothing, so intake is paused here too: without a flow a message would be parked.
 */
import { failpoint } from "../../domain/failpoint.ts";
import type { Engine } from "../../domain/delivery/engine.ts";
import type { Red } from "./red.ts";

/** How long a stop that was not drained before may wait for what is live, in milliseconds. */
const LATE_DRAIN_MS = 1_000;

const installed = new WeakSet<Engine>();

/** Pauses intake whenever flows stop and resumes it when they have started and subscribed, once per engine. */
export function installDrain(red: Red, engine: Engine): void {
  if (installed.has(engine)) return;
  installed.add(engine);
  /** Which pause the flows that start next were stopped under. */
  let pausedAt = 0;
  red.events.on("flows:stopping", () => {
    failpoint("flows.before-pause");
    engine.pauseIntake("flows stop", LATE_DRAIN_MS).catch((error: unknown) => {
      red.log.error(`收报没有暂停 (intake could not be paused, it goes on): ${String(error)}`);
      engine.resumeIntake();
    });
    pausedAt = engine.pauses();
  });
  red.events.on("runtime-event", (event) => {
    const { error, types } = event.payload ?? {};
    if (error === undefined) return;
    const missing = (types ?? []).map((one) => (typeof one === "string" ? one : one.type)).join(", ");
    red.log.error(`流程没有启动，来文暂不处理 (the flows did not start, intake stays paused): ${error} ${missing}`);
  });
  // Feeding nodes subscribe in a microtask after they were made; a message fed before that would find no flow. A deploy answers before its flows have started: where
  // the next one has paused intake meanwhile it must not go on under its hands, or messages are fed to nodes that are closing, and park.
  red.events.on("flows:started", () =>
    setImmediate(() => {
      failpoint("flows.before-resume");
      engine.resumeIntake(pausedAt);
    }),
  );
}
