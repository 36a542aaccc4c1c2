/** Parks the whole delivery on purpose: none of its intents is committed, and a person must look. */
import { textOf } from "../kit/config.ts";
import { refusalOf } from "../kit/delivery.ts";
import { defineNode } from "../kit/node.ts";
import type { Message } from "../kit/red.ts";

/** Longest reason, in characters. */
const REASON_MAX = 200;

interface Config {
  /** Absent = what the message itself tells: the engine's refusal, or the error of a Catch node. */
  readonly reason?: string;
}

/** What a Catch node says about the error it caught. */
function caught(message: Message): string | undefined {
  const error = message.error as { message?: unknown; source?: { name?: unknown; type?: unknown } } | undefined;
  if (typeof error?.message !== "string") return undefined;
  const source = error.source?.name ?? error.source?.type;
  return typeof source === "string" ? `${source}: ${error.message}` : error.message;
}

export default defineNode<Config>({
  type: "huiliu-park",
  version: 1,
  outputs: ["parked"],
  config: (raw) => {
    const reason = textOf(raw, "reason");
    if (reason.length > REASON_MAX)
      return { ok: false, zh: `原因超过 ${REASON_MAX} 字`, en: `the reason is longer than ${REASON_MAX} characters` };
    return { ok: true, value: reason === "" ? {} : { reason } };
  },
  call: ({ config, token, node, engine, message }) => {
    const refusal = refusalOf(message);
    const reason = config.reason ?? refusal?.zh ?? caught(message) ?? "流程主动挂起 (parked by the flow)";
    // A reason given in the editor is the person's own word and stands alone; without one the engine's refusal is kept, with its code and problems.
    const options = config.reason === undefined && refusal !== undefined ? { reason, refusal } : { reason: reason.slice(0, REASON_MAX) };
    const result = engine.park(token, node, options);
    return result.ok ? { ok: true, to: "parked", recorded: "intent" } : result;
  },
});
