/** Where an alarm's cause is looked at and mended: pages of this console, the likeliest first. Pure. */
import type { AlarmView } from "../../../../domain/operations/views-alarms.ts";

export interface Place {
  /** Texts key under `alarms`. */
  readonly text: string;
  readonly to: string;
}

const query = (of: Readonly<Record<string, string>>): string => new URLSearchParams(of).toString();
const destination = (name: string): Place => ({ text: "go.destination", to: `/destinations/${encodeURIComponent(name)}` });
const failures = (partner: string, of: string): Place => ({ text: "go.failures", to: `/failures?${query({ of, partner })}` });

export function placesOf({ kind, subject, details }: Pick<AlarmView, "kind" | "subject" | "details">): readonly Place[] {
  switch (kind) {
    case "write-back-age":
    case "backlog":
    case "breaker-open":
    case "duplicates-answered":
      return [destination(subject)];
    case "lanes-blocked":
      return [{ text: "go.lanes", to: `/destinations?${query({ tab: "lanes", destination: subject })}` }, failures(subject, "write-backs")];
    case "write-back-parked":
    case "unclear":
      return [failures(subject, "write-backs"), destination(subject)];
    case "message-parked":
      return [
        failures(subject, "messages"),
        { text: "go.parked", to: `/search?${query({ partner: subject, state: "parked", span: "all" })}` },
      ];
    case "not-written-back": {
      const first = details.firstMessage;
      if (typeof first === "string") return [{ text: "go.message", to: `/messages/${encodeURIComponent(first)}` }];
      return [destination(subject)];
    }
    case "event-parked":
      return [{ text: "go.failures", to: "/failures?tab=events" }];
    default:
      return [];
  }
}
