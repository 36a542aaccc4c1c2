/** Records the verdict for a sender who waits: an AMQP reply-to, or HTTP in the partner's own dialect. */
import { notChosen, textOf } from "../kit/config.ts";
import { defineNode } from "../kit/node.ts";

/** Longest text a sender is answered with. */
const TEXT_MAX = 200;

interface Config {
  readonly verdict: "accepted" | "refused";
  readonly text?: string;
}

export default defineNode<Config>({
  type: "huiliu-answer-sender",
  version: 1,
  outputs: ["answered"],
  config: (raw) => {
    const verdict = textOf(raw, "verdict");
    const text = textOf(raw, "text");
    if (verdict !== "accepted" && verdict !== "refused") return notChosen("答复", "verdict");
    if (text.length > TEXT_MAX)
      return { ok: false, zh: `答复文字超过 ${TEXT_MAX} 字`, en: `the text is longer than ${TEXT_MAX} characters` };
    return { ok: true, value: text === "" ? { verdict } : { verdict, text } };
  },
  call: ({ config, token, node, engine }) => {
    const result = engine.answer(token, node, config);
    return result.ok ? { ok: true, to: "answered", recorded: "intent" } : result;
  },
});
