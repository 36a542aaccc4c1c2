/** Finds messages, events and write-backs by a business key. */
import { refusal } from "../../domain/refusals.ts";
import { notChosen, textOf, wholeOf } from "../kit/config.ts";
import { defineNode } from "../kit/node.ts";

/** Hits of each kind. */
const LIMIT = { least: 1, most: 100 };

interface Config {
  readonly keyKind: string;
  /** Path of the message property that holds the key's value. */
  readonly property: string;
  readonly limit: number;
}

export default defineNode<Config>({
  type: "huiliu-find",
  version: 1,
  outputs: ["found", "nothing"],
  config: (raw) => {
    const keyKind = textOf(raw, "keyKind");
    const property = textOf(raw, "property");
    if (keyKind === "") return notChosen("业务号种类", "kind of business key");
    if (property === "") return notChosen("取值位置", "property");
    const limit = wholeOf(raw, "limit", LIMIT);
    if (!limit.ok) return limit;
    return { ok: true, value: { keyKind, property, limit: limit.value } };
  },
  call: async ({ config, token, node, engine, property }) => {
    const value = property(config.property);
    if (typeof value !== "string" || value === "") {
      const detail = { zh: `msg.${config.property} 不是文本`, en: `msg.${config.property} is not a text` };
      return { ok: false, reason: refusal("BAD_NODE", detail) };
    }
    const found = await engine.find(token, node, { keyKind: config.keyKind, value, limit: config.limit });
    const hits = found.messages.length + found.events.length + found.writeBacks.length;
    return { ok: true, to: hits > 0 ? "found" : "nothing", payload: structuredClone(found) };
  },
});
