/** Numbers of a destination as sentences use them. Pure. */
import type { DestinationView } from "../../../../domain/operations/views.ts";

/** What would be sent now or soon, and what waits for a person. */
export function countsOf({ backlog, fen, onWire }: Pick<DestinationView, "backlog" | "fen" | "onWire">) {
  const { queued, waiting, sending, deferred, parked, held } = backlog;
  return { n: queued + waiting + sending + deferred, parked, held, wire: onWire ?? sending, fen };
}

export type GateWord = "paused" | "open" | "half-open" | "quiet" | "draining" | "closed";
/** The one word that says most about what goes out now. */
export function gateWord(view: Pick<DestinationView, "paused" | "gate">): GateWord {
  const { gate } = view;
  if (view.paused && gate?.drainUntil === undefined) return "paused";
  if (gate?.breaker === "open" || gate?.breaker === "half-open") return gate.breaker;
  if (gate?.quietUntil !== undefined) return "quiet";
  return gate?.drainingSince === undefined ? "closed" : "draining";
}
