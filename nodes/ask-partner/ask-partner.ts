/** Asks a partner, without effect there; what it told us chooses the output. */
import { notChosen, textOf, wholeOf } from "../kit/config.ts";
import { defineNode } from "../kit/node.ts";

interface Config {
  readonly partner: string;
  readonly kind: string;
  readonly cacheSeconds: number;
}

/** A day: what changes more often than that is no reference data. */
const CACHE_S = { least: 0, most: 86_400 };

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
    const cache = raw.cacheSeconds === undefined ? ({ ok: true, value: 0 } as const) : wholeOf(raw, "cacheSeconds", CACHE_S);
    if (!cache.ok) return cache;
    return { ok: true, value: { partner, kind, cacheSeconds: cache.value } };
  },
  call: async ({ config, token, node, engine, signal }) => {
    const asked = await engine.ask(token, node, { ...config, signal });
    if (asked.outcome === "refused") return { ok: false, reason: asked.reason };
    const to = asked.outcome === "busy" || asked.outcome === "unsent" ? "unclear" : asked.outcome;
    return { ok: true, to, payload: asked };
  },
});
