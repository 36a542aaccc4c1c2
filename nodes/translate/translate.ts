/** Turns a message's bytes into events by its mapping document, or lists what is wrong with them. */
import { textOf } from "../kit/config.ts";
import { handOut } from "../kit/delivery.ts";
import { defineNode } from "../kit/node.ts";

interface Config {
  /** `<vendor>/<message>`; absent = the mapping of the message's own kind. */
  readonly mapping?: string;
}

export default defineNode<Config>({
  type: "huiliu-translate",
  version: 1,
  outputs: ["events", "problems"],
  config: (raw) => {
    const mapping = textOf(raw, "mapping");
    return { ok: true, value: mapping === "" ? {} : { mapping } };
  },
  call: ({ config, token, node, engine }) => {
    const result = engine.translate(token, node, config);
    // The problems are the list of the mapping engine; a refusal without problems (unknown message) has none, and its own sentence says it all.
    if (!result.ok) return { ...result, to: "problems", payload: result.reason.problems ?? [] };
    return { ok: true, to: "events", payload: result.events.map(handOut) };
  },
});
