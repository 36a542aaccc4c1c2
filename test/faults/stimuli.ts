/** Things that a load of good messages alone never brings about, so that kill points behind them are reached: deploys, stops, partners that fail, people's deeds. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Row } from "../journeys/harness.ts";
import { alive, type World } from "./world.ts";

export interface Stimulus {
  readonly what: string;
  run(world: World): Promise<void>;
}

/** As the editor does it: reads the flows with their revision, moves them, posts them. */
async function deploy({ huiliu }: World): Promise<void> {
  const { editor } = huiliu.run();
  const headers = { "Node-RED-API-Version": "v2", "content-type": "application/json" };
  const signal = AbortSignal.timeout(15_000);
  const { flows, rev } = (await (await fetch(new URL("flows", editor), { headers, signal })).json()) as { flows: Row[]; rev: string };
  const shift = Date.now() % 2 === 0 ? 10 : -10;
  const moved = flows.map((node) => (typeof node.x === "number" ? { ...node, x: node.x + shift } : node));
  const answer = await fetch(new URL("flows", editor), {
    method: "POST",
    headers: { ...headers, "Node-RED-Deployment-Type": "full" },
    body: JSON.stringify({ flows: moved, rev }),
    signal,
  });
  if (!answer.ok) throw new Error(`HTTP ${answer.status} ${(await answer.text()).slice(0, 200)}`);
  await answer.body?.cancel();
}

async function stopInOrder(world: World): Promise<void> {
  const pid = world.enginePid();
  if (pid !== undefined && alive(pid)) process.kill(pid, "SIGTERM");
}

async function lostReplies({ huiliu }: World): Promise<void> {
  await huiliu.fault({ fault: "drop-reply", count: 12 });
}

/** Long enough for a breaker to open and to probe. */
async function partnerAway({ huiliu }: World): Promise<void> {
  await huiliu.fault({ fault: "refuse", ms: 2_500 });
  await sleep(2_500);
}

export const STIMULI: readonly Stimulus[] = [
  { what: "a deploy from the editor", run: deploy },
  { what: "replies of the HIS are lost", run: lostReplies },
  { what: "a stop in good order", run: stopInOrder },
  { what: "the HIS refuses connections", run: partnerAway },
];
