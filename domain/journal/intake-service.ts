/** The intake: journals what a door brings and hands it to its flow; remembers nothing itself. */
import type { Deliveries } from "../delivery/deliveries.ts";
import { refusal } from "../refusals.ts";
import type { DoorPolicy, Intake, Verdict } from "./intake.ts";
import type { Journaled, JournalStore } from "./ports.ts";

/** `policies` is read at every call, so that a changed partner holds at once. */
export function createIntake(deps: {
  readonly journal: JournalStore;
  readonly deliveries: Pick<Deliveries, "offer" | "verdict">;
  readonly policies: () => ReadonlyMap<string, DoorPolicy>;
}): Intake {
  const verdictNow = (journaled: Journaled): Verdict | undefined => {
    switch (journaled.kind) {
      case "accepted":
        return undefined;
      case "awaiting-part":
        return { verdict: "accepted", messageId: journaled.messageId, pending: true };
      case "duplicate":
        // A sender who was refused and sends the same again must not hear that all is well.
        if (journaled.state === "parked" && journaled.reason) {
          return { verdict: "refused", messageId: journaled.messageId, reason: journaled.reason };
        }
        return { verdict: "duplicate", messageId: journaled.messageId };
      case "conflict":
        return { verdict: "refused", messageId: journaled.messageId, reason: refusal("IDENTITY_CONFLICT") };
      case "parked":
        return { verdict: "refused", messageId: journaled.messageId, reason: journaled.reason };
    }
  };
  return {
    policy: (partner) => deps.policies().get(partner),
    partners: () => [...deps.policies().values()],
    accept: async (inbound) => {
      const journaled = await deps.journal.append(inbound);
      if (journaled.kind === "accepted") deps.deliveries.offer(journaled.message);
      return journaled;
    },
    verdict: async (journaled, withinMs) => {
      const now = verdictNow(journaled);
      // Sent again while it is worked on: whoever has time is told what becomes of it, as the first sender is.
      if (journaled.kind === "duplicate" && journaled.state === "received" && withinMs > 0) {
        const ended = await deps.deliveries.verdict(journaled.messageId, withinMs);
        return ended.verdict === "refused" ? ended : (now ?? ended);
      }
      if (now) return now;
      return deps.deliveries.verdict(journaled.kind === "accepted" ? journaled.message.id : journaled.messageId, withinMs);
    },
  };
}
