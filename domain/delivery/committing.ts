/** Commits what a delivery came to, until the database answers or somebody else has the message. */
import { JournalBusy, type JournaledMessage, JournalGone, type JournalStore } from "../journal/ports.ts";
import { refusal } from "../refusals.ts";
import { settlementOf } from "./ending.ts";
import type { Live } from "./live.ts";
import type { DeliverySource, ParkedEventOf, Settled, Settlement, SettleStore } from "./ports.ts";

const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 5_000;

export interface CommittingDeps {
  readonly settleStore: Pick<SettleStore, "settle">;
  readonly journal: Pick<JournalStore, "regain">;
  readonly parkedEvent: ParkedEventOf;
  readonly after: (ms: number, run: () => void) => () => void;
  readonly log: (level: "error", text: string, fields: Readonly<Record<string, unknown>>) => void;
  /** The source as it is held now: its lease may have been renewed. */
  readonly heldAs: (source: DeliverySource) => DeliverySource;
  readonly hold: (source: DeliverySource) => void;
  readonly lead: () => bigint | undefined;
  readonly stopped: () => boolean;
  /** What must be written before the settlement. */
  readonly before: (one: Live) => Promise<void>;
}

/** Answers what became of it: never before the database has said so, or the worker stops (`fenced` then: its lease will expire). */
export function createCommitting(deps: CommittingDeps): (one: Live, wanted: Settlement) => Promise<Settled> {
  /**
   * True when a fenced message is ours again: its lease ran out or was taken away in a takeover of our own. Let go of here, it would lie unfed until somebody
   * fetches it, and those behind it, which wait for its turn, would overtake it (design.md decision 6).
   */
  const regained = async (source: DeliverySource): Promise<boolean> => {
    if (deps.heldAs(source) !== source) return true;
    if (source.kind !== "message" || deps.stopped()) return false;
    const token = await deps.journal.regain(source.message.id, deps.lead());
    if (token === undefined) return false;
    const message: JournaledMessage = { ...source.message, token };
    deps.hold({ kind: "message", message });
    return true;
  };

  return async (one, wanted) => {
    let settlement = wanted;
    let refusals = 0;
    for (let wait = RETRY_FIRST_MS; ; wait = Math.min(wait * 2, RETRY_MAX_MS)) {
      try {
        await deps.before(one);
        const source = deps.heldAs(one.source);
        const settled = await deps.settleStore.settle({ ...settlement, source });
        if (settled.kind === "fenced" && (await regained(source))) continue;
        return settled;
      } catch (error) {
        // The bytes are in the journal and the lease is ours: try again until the database answers and has
        // room, or until somebody else has it (then it is fenced).
        if (!(error instanceof JournalGone || error instanceof JournalBusy)) {
          deps.log("error", "settlement refused by the store", { messageId: one.messageId, error: String(error) });
          // The same rows would be refused again for ever: a person must look, and the queue goes on. It may be the reason or the keys themselves that
          // the store cannot hold, so that a parking refused once is tried with neither.
          refusals += 1;
          if (refusals > 1 || one.park === undefined) one.park = refusal("INTERNAL");
          if (refusals > 1) one.keys.length = 0;
          settlement = settlementOf(one, { kind: "ended" }, deps.parkedEvent);
        }
        if (deps.stopped()) return { kind: "fenced" };
        await new Promise<void>((resolve) => deps.after(wait, resolve));
      }
    }
  };
}
