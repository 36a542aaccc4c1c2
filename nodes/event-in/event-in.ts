/** Starts a flow with events that were committed: each is handed over once per node, until its flow has ended well. */
import { listOf, wholeOf } from "../kit/config.ts";
import { handOut } from "../kit/delivery.ts";
import { defineFeed } from "../kit/node.ts";

/** Longest a delivery may take, in seconds. */
const DEADLINE_S = { least: 1, most: 600 };

interface Config {
  readonly types: readonly string[];
  readonly deadlineMs: number;
}

export default defineFeed<Config>({
  type: "huiliu-event-in",
  version: 1,
  outputs: ["event"],
  config: (raw) => {
    const types = listOf(raw, "types");
    if (types.length === 0) return { ok: false, zh: "未选择事件类型", en: "no event type is chosen" };
    const deadline = wholeOf(raw, "deadlineSeconds", DEADLINE_S);
    if (!deadline.ok) return deadline;
    return { ok: true, value: { types, deadlineMs: deadline.value * 1000 } };
  },
  subscribe: (engine, node, config, feed) =>
    engine.subscribeEvents(node, config, (fed) =>
      feed(fed.token, {
        topic: fed.kind,
        payload: fed.event === undefined ? undefined : handOut(fed.event),
        huiliu: { delivery: fed.token, messageId: fed.messageId, partner: fed.partner, kind: fed.kind },
      }),
    ),
});
