/** Records that the events of this delivery are to be published; settling commits it. */
import { listOf } from "../kit/config.ts";
import { defineNode } from "../kit/node.ts";

interface Config {
  /** Absent = all translated events. */
  readonly types?: readonly string[];
}

export default defineNode<Config>({
  type: "huiliu-publish-event",
  version: 1,
  outputs: ["published"],
  config: (raw) => {
    const types = listOf(raw, "types");
    return { ok: true, value: types.length === 0 ? {} : { types } };
  },
  call: ({ config, token, node, engine }) => {
    const result = engine.publish(token, node, config);
    return result.ok
      ? { ok: true, to: "published", recorded: result.count > 0 || result.eventless === true ? "intent" : "nothing" }
      : result;
  },
});
