/** What the metrics count anyway, counted for the console's trends, too. */
import type { Metrics } from "../../platform/metrics.ts";
import type { TrendCounter } from "../../platform/postgres/trends.ts";

/** Acknowledgements that came on their own way and, nearly always, closed their write-back (domain/acknowledgements/ruling.ts). */
const ACKNOWLEDGED: ReadonlySet<string> = new Set(["applied", "early", "late"]);

export function countedFor(trends: Pick<TrendCounter, "count">, metrics: Metrics): Metrics {
  return {
    ...metrics,
    accepted: (door, partner, kind) => {
      metrics.accepted(door, partner, kind);
      if (kind === "accepted") trends.count(partner, "accepted");
    },
    delivery: (...told) => {
      metrics.delivery(...told);
      if (told[0] === "parked" || told[0] === "conflict") trends.count("", "parked");
    },
    acknowledgement: (destination, state) => {
      metrics.acknowledgement(destination, state);
      if (ACKNOWLEDGED.has(state)) trends.count(destination, "acknowledged");
    },
    dispatcher: {
      ...metrics.dispatcher,
      attempt: (end) => {
        metrics.dispatcher.attempt(end);
        if (end.settled !== "settled") return; // whoever has the lease now counts it
        if (end.step === "finish") trends.count(end.destination, "acknowledged");
        else if (end.step === "park") trends.count(end.destination, "parked");
      },
    },
  };
}
