/** What people do with a destination's gate: pause, resume, let it drain for a while. Row and audit in one transaction; every worker obeys within a second. */
import { type Deed, DRAIN_MINUTES_MAX, type DestinationGates } from "../../domain/operations/ports.ts";
import { type Answered, refused } from "../../domain/operations/refusals.ts";
import { signed } from "../../domain/operations/rules.ts";
import type { Done } from "../../domain/operations/views.ts";
import { chinaDateTimeOf } from "../../domain/time.ts";
import type { GateRow } from "../../domain/writeback/gates.ts";
import { lockGate, writeGate } from "./gates.ts";
import { doing, note } from "./operations-deeds.ts";
import type { OperationsDeps } from "./operations-deps.ts";
import { run } from "./sql.ts";

const MINUTE_MS = 60_000;
/** People's changes move the version that editors of the profile compare, too. */
const VERSION = "update destination set version = version + 1 where name = $1";

type Change = (row: GateRow, nowMs: number) => GateRow;

const seen = ({ mode, breaker, drainUntilMs }: GateRow): Readonly<Record<string, unknown>> => ({
  mode,
  breaker,
  ...(drainUntilMs === undefined ? {} : { drainUntil: chinaDateTimeOf(drainUntilMs) }),
});

export function createGateDeeds(deps: OperationsDeps): DestinationGates {
  const doIt = async (destination: string, deed: Deed, action: "pause" | "resume" | "drain", change: Change): Promise<Answered<Done>> => {
    const sign = signed(deed);
    if (!sign.ok) return sign;
    const profile = deps.partners().find((one) => one.partner === destination);
    if (!profile) return refused("UNKNOWN_PARTNER");
    if (!profile.destination) return refused("NOT_A_DESTINATION");
    return doing(deps, async (tx) => {
      const { row, nowMs } = await lockGate(tx.client, destination);
      const next = change(row, nowMs);
      await writeGate(tx.client, next);
      await run(tx.client, "gate_version", VERSION, [destination]);
      const entry = { who: sign.by, action, targetKind: "destination" as const, targetId: destination, reason: sign.reason };
      const auditId = await note(tx, { ...entry, before: seen(row), after: seen(next) });
      const state = action === "drain" ? "draining" : next.mode;
      const committed = (): void => void deps.dispatcher.refresh();
      return { ok: true, done: { id: destination, kind: "destination", state, auditId }, committed };
    });
  };

  return {
    // A pause means now: a window that was opened before is closed with it.
    pause: (destination, deed) => doIt(destination, deed, "pause", (row) => ({ ...row, mode: "paused", drainUntilMs: undefined })),
    resume: (destination, deed) => doIt(destination, deed, "resume", (row) => ({ ...row, mode: "running", drainUntilMs: undefined })),
    drain: async (destination, { minutes, ...deed }) => {
      if (!Number.isInteger(minutes) || minutes < 1 || minutes > DRAIN_MINUTES_MAX) {
        const problem = { at: "/minutes", zh: `1 至 ${DRAIN_MINUTES_MAX} 分钟`, en: `1 to ${DRAIN_MINUTES_MAX} minutes` };
        return refused("BAD_REQUEST", { problems: [problem] });
      }
      return doIt(destination, deed, "drain", (row, nowMs) => ({ ...row, drainUntilMs: nowMs + minutes * MINUTE_MS }));
    },
  };
}
