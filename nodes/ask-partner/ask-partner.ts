/** Asks a partner, without effect there; what it told us chooses the output. */
import { notChosen, textOf } from "../kit/config.ts";
import { defineNode } from "../kit/node.ts";

interface Config {
  readonly partner: string;
  readonly kind: string;
}

export default defineNode<Config>({
  type: "huiliu-ask-partner",
  version: 1,
  // `unclear` is everything that tells us nothing about the question: no reply, an unreadable one, a busy or unreachable partner.
  outputs: ["acknowledged", "rejected", "not-found", "unclear"],
  config: (raw) => {
    const partner = textOf(raw, "partner");
    const kind = textOf(raw, "kind");
    if (partner === "") return notChosen("伙伴", "partner");
    if (kind === "") return notChosen("查询报文", "inquiry");
    return { ok: true, value: { partner, kind } };
  },
  call: async ({ config, token, node, engine, signal }) => {
    const asked = await engine.ask(token, node, { ...config, signal });
    if (asked.outcome === "refused") return { ok: false, reason: asked.reason };
    const to = asked.outcome === "busy" || asked.outcome === "unsent" ? "unclear" : asked.outcome;
    return { ok: true, to, payload: asked };
  },
});
