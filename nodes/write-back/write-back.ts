/** Records what a destination is owed for the events of this delivery; it is sent until the destination acknowledges it. */
import { listOf, notChosen, textOf } from "../kit/config.ts";
import { defineNode } from "../kit/node.ts";

interface Config {
  readonly destination: string;
  readonly kind: string;
  /** Empty = for each event. */
  readonly types: readonly string[];
  /** `bill-paid` holds it until insurance parts plus captured payments equal the bill (design.md decision 21). */
  readonly when: "now" | "bill-paid";
  /** Which key keeps it in order; empty: as the destination's profile says. */
  readonly lane: "" | "order" | "patient";
}

export default defineNode<Config>({
  type: "huiliu-write-back",
  version: 1,
  outputs: ["owed"],
  config: (raw) => {
    const destination = textOf(raw, "destination");
    const kind = textOf(raw, "kind");
    const when = textOf(raw, "when");
    if (destination === "") return notChosen("回写目标", "destination");
    if (kind === "") return notChosen("回写种类", "kind of write-back");
    if (when !== "now" && when !== "bill-paid") return notChosen("发送时机", "time of sending");
    const lane = textOf(raw, "lane");
    if (lane !== "" && lane !== "order" && lane !== "patient") return notChosen("排队方式", "lane");
    return { ok: true, value: { destination, kind, types: listOf(raw, "types"), when, lane } };
  },
  call: ({ config, token, node, engine }) => {
    const result = engine.oweWriteBack(token, node, config);
    return result.ok ? { ok: true, to: "owed", recorded: result.count > 0 ? "intent" : "nothing" } : result;
  },
});
