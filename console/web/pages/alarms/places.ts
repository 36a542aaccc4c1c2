/** Where an alarm's cause is looked at and mended: pages of this console, the likeliest first. Pure. */
import type { Right } from "../../../../domain/access/rights.ts";
import type { AlarmView } from "../../../../domain/operations/views-alarms.ts";

export interface Place {
  /** Texts key under `alarms`. */
  readonly text: string;
  readonly to: string;
  /** Needed to open it; absent: `look`. */
  readonly right?: Right;
}

const query = (of: Readonly<Record<string, string>>): string => new URLSearchParams(of).toString();
const destination = (name: string): Place => ({ text: "go.destination", to: `/destinations/${encodeURIComponent(name)}` });
const failures = (partner: string, of: string): Place => ({ text: "go.failures", to: `/failures?${query({ of, partner })}` });
const lanes = (name: string): Place => ({ text: "go.lanes", to: `/destinations?${query({ tab: "lanes", destination: name })}` });
const REPLAYS: Place = { text: "go.replays", to: "/replays" };

export function placesOf({ kind, subject, details }: Pick<AlarmView, "kind" | "subject" | "details">): readonly Place[] {
  switch (kind) {
    case "write-back-age":
      return [destination(subject), failures(subject, "write-backs")];
    case "backlog":
    case "breaker-open":
      return [destination(subject)];
    case "duplicates-answered":
      return [{ text: "go.outcomes", to: `/destinations/${encodeURIComponent(subject)}?tab=outcomes` }];
    case "lanes-blocked":
      return [lanes(subject), failures(subject, "write-backs")];
    case "write-back-parked":
      return [failures(subject, "write-backs"), destination(subject), REPLAYS];
    case "unclear":
      return [{ ...failures(subject, "write-backs"), text: "go.unclear" }, destination(subject)];
    case "message-not-fed":
      return [{ text: "go.waiting", to: "/search?state=received&span=all" }];
    case "message-parked":
      return [
        failures(subject, "messages"),
        { text: "go.parked", to: `/search?${query({ partner: subject, state: "parked", span: "all" })}` },
        REPLAYS,
      ];
    case "not-written-back": {
      const first = details.firstMessage;
      if (typeof first === "string") return [{ text: "go.message", to: `/messages/${encodeURIComponent(first)}` }];
      return [destination(subject)];
    }
    case "event-parked":
      return [{ text: "go.events", to: "/failures?tab=events" }];
    case "flow-not-loaded":
      return [{ text: "go.failures", to: "/failures?of=messages" }];
    case "sink-down":
      return [{ text: "go.sinks", to: "/alarms" }];
    case "audit-broken":
      return [{ text: "go.audit", to: "/audit", right: "audit" }];
    case "sign-in-held":
      return [{ text: "go.accounts", to: "/accounts", right: "account" }];
    default:
      return [];
  }
}
