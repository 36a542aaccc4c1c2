/** The operators' side over PostgreSQL: see domain/operations/ports.ts for what it promises. */
import type { Deed, Operations, Unmask } from "../../domain/operations/ports.ts";
import { type Answered, answered, refused } from "../../domain/operations/refusals.ts";
import { signed } from "../../domain/operations/rules.ts";
import { createAcknowledgementReads } from "./operations-acknowledgements.ts";
import { createAcceptRestore } from "./audit-restore.ts";
import { type AuditEntry, createMessageDeeds } from "./operations-deeds.ts";
import type { OperationsDeps } from "./operations-deps.ts";
import { createGateDeeds } from "./operations-gates.ts";
import { createInspection } from "./inspection.ts";
import { createFailures } from "./failure-groups-reads.ts";
import { createLanes } from "./lanes.ts";
import { createProfiles } from "./profiles.ts";
import { createMessageReads } from "./operations-messages.ts";
import { MASKED, type Shown, WHOLE } from "./operations-rows.ts";
import { createMappingBench, NO_SHELF } from "./operations-mappings.ts";
import { createReplays } from "./replay.ts";
import { createEdits } from "./replay-edits.ts";
import { createState } from "./operations-state.ts";
import { createAlarms } from "./alarms-operations.ts";
import { createRetention } from "./retention.ts";
import { createTotals } from "./operations-totals.ts";
import { createTrendReads } from "./trends.ts";
import { createSubscriberOperations } from "./subscribers-operations.ts";
import { createWriteBackDeeds } from "./operations-write-back-deeds.ts";
import { createWriteBackReads } from "./operations-write-backs.ts";

export type { OperationsDeps } from "./operations-deps.ts";

export function createOperations(deps: OperationsDeps): Operations {
  const reads = createMessageReads(deps);
  const writeBackReads = createWriteBackReads(deps);
  const messageDeeds = createMessageDeeds(deps);
  const writeBackDeeds = createWriteBackDeeds(deps);
  const state = createState(deps);

  /** Looks masked first; whole only once the look is on record, and only at what is there. */
  const shown = async <T>(
    kind: AuditEntry["targetKind"],
    id: string,
    unmask: Unmask | undefined,
    look: (how: Shown) => Promise<Answered<T>>,
  ): Promise<Answered<T>> => {
    if (unmask === undefined) return look(MASKED);
    const sign = signed(unmask);
    if (!sign.ok) return sign;
    const there = await look(MASKED);
    if (!there.ok) return there;
    const noted = await messageDeeds.unmasked(kind, id, unmask);
    return noted.ok ? look(WHOLE) : noted;
  };

  return {
    gates: createGateDeeds(deps),
    profiles: createProfiles(deps),
    lanes: createLanes({ ...deps, resolve: writeBackDeeds.resolve }),
    alarms: createAlarms(deps),
    retention: createRetention(deps),
    mappings: createMappingBench(deps, deps.mappings ?? NO_SHELF),
    messages: reads.messages,
    message: (id, unmask) => shown("message", id, unmask, (how) => reads.message(id, how)),
    events: (filter, unmask) => {
      if (unmask === undefined) return reads.events(filter, MASKED);
      // What was seen must be told from the record: one message at a time.
      const { messageId } = filter;
      if (messageId === undefined) {
        const problem = { at: "/messageId", zh: "解除脱敏须指定一条报文", en: "unmasking needs one message: give messageId" };
        return Promise.resolve(refused("BAD_REQUEST", { problems: [problem] }));
      }
      return shown("message", messageId, unmask, (how) => reads.events(filter, how));
    },
    writeBacks: writeBackReads.writeBacks,
    writeBack: (id, unmask) => shown("write-back", id, unmask, (how) => writeBackReads.writeBack(id, how)),
    parkedEventDeliveries: reads.parkedEventDeliveries,
    destinations: state.destinations,
    partners: state.partners,
    partner: state.partner,
    totals: createTotals(deps),
    status: state.status,
    audit: writeBackReads.audit,
    auditReady: () => deps.audit?.ready() ?? Promise.resolve(true),
    verifyAudit: () => deps.audit?.verify() ?? Promise.resolve(refused("AUDIT_DOWN")),
    acceptRestore: createAcceptRestore(deps),
    acknowledgements: createAcknowledgementReads(deps),
    inspect: createInspection(deps, {
      messages: reads.messages,
      message: (id) => reads.message(id, MASKED),
      unmasked: messageDeeds.unmasked,
    }),
    sample: state.sample,
    subscribers: createSubscriberOperations(deps),
    replays: createReplays(deps),
    failures: createFailures(deps),
    about: async () => answered(deps.about?.() ?? { hospital: "", profile: "development", worker: "" }),
    trends: createTrendReads(deps.reads),
    edits: createEdits(deps),
    previewMessage: reads.preview,
    replayMessage: (id, deed: Deed) => messageDeeds.onMessage(id, deed, "replay"),
    resolveMessage: (id, deed: Deed) => messageDeeds.onMessage(id, deed, "resolve"),
    replayEventDelivery: (subscriber, eventId, deed) => messageDeeds.onDelivery(subscriber, eventId, deed, "replay"),
    resolveEventDelivery: (subscriber, eventId, deed) => messageDeeds.onDelivery(subscriber, eventId, deed, "resolve"),
    replayWriteBack: writeBackDeeds.replay,
    resolveWriteBack: writeBackDeeds.resolve,
  };
}
