/** How a fault strikes an HTTP request: the same for every partner that answers by HTTP. The partner's own code is `work`. */
import type { ServerResponse } from "node:http";
import { GARBAGE } from "./body.ts";
import type { Plan } from "./faults.ts";
import type { Timers } from "./timers.ts";

export interface Answered {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
}

export interface Struck {
  readonly plan: Plan;
  readonly timers: Timers;
  readonly response: ServerResponse;
  /** Nothing is done: a ledger line with this answer (`none`, `503`). */
  undone(answer: string): Promise<void>;
  /** Does the work, writes the line, and says what is answered. */
  work(): Promise<Answered>;
}

export async function strike({ plan, timers, response, undone, work }: Struck): Promise<void> {
  const silent = (ms: number | undefined): void => {
    if (ms !== undefined) timers.after(ms, () => response.destroy());
  };
  if (plan.hang !== undefined && plan.hang.after === undefined) {
    await undone("none");
    return silent(plan.hang.ms);
  }
  if (plan["503"] !== undefined) {
    await undone("503");
    response.writeHead(503, { "content-type": "text/plain; charset=UTF-8" }).end("系统繁忙");
    return;
  }
  if (plan.slow !== undefined) await timers.wait(plan.slow.ms ?? 0);
  const { status, contentType, body } = await work();
  if (plan.hang !== undefined) return silent(plan.hang.ms);
  if (plan["drop-reply"] !== undefined) {
    response.destroy();
    return;
  }
  const bytes = plan.garble === undefined ? body : Buffer.concat([body.subarray(0, body.length >> 1), GARBAGE]);
  response.writeHead(status, { "content-type": contentType, "content-length": bytes.length }).end(bytes);
}
