/** Starts a flow with the messages of a partner: one node takes a partner's kind (design.md section 3). */
import { listOf, notChosen, textOf, wholeOf } from "../kit/config.ts";
import { defineFeed } from "../kit/node.ts";

/** Longest a delivery may take, in seconds: a message is never held for a person or a slow retry. */
const DEADLINE_S = { least: 1, most: 600 };

interface Config {
  /** "*" takes every partner's. */
  readonly partner: string;
  /** Empty takes every kind. */
  readonly kinds: readonly string[];
  readonly deadlineMs: number;
}

export default defineFeed<Config>({
  type: "huiliu-message-in",
  version: 1,
  outputs: ["message"],
  config: (raw) => {
    const partner = textOf(raw, "partner");
    if (partner === "") return notChosen("伙伴", "partner");
    const deadline = wholeOf(raw, "deadlineSeconds", DEADLINE_S);
    if (!deadline.ok) return deadline;
    return { ok: true, value: { partner, kinds: listOf(raw, "kinds"), deadlineMs: deadline.value * 1000 } };
  },
  subscribe: (engine, node, config, feed) =>
    engine.subscribeMessages(node, config, (fed) =>
      feed(fed.token, {
        topic: `${fed.partner}.${fed.kind}`,
        payload: { messageId: fed.messageId, partner: fed.partner, kind: fed.kind },
        huiliu: { delivery: fed.token, messageId: fed.messageId, partner: fed.partner, kind: fed.kind },
      }),
    ),
});
