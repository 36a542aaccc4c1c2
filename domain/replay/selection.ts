/** What a replay job is asked to do again: named items, a failure group, or all since a moment. */
import { type OperationRefused, refused } from "../operations/refusals.ts";
import type { ReplayOf } from "./job.ts";
import { SELECTION_IDS_MAX } from "./job.ts";

/** States that "all since" may ask for. Write-backs that wait are tried again by the engine itself; a job only hurries them or asks first. */
const SINCE_STATES: Readonly<Record<ReplayOf, readonly string[]>> = {
  "write-backs": ["parked", "waiting", "deferred"],
  messages: ["parked"],
};

export type Selection =
  | { readonly by: "ids"; readonly ids: readonly string[] }
  | { readonly by: "group"; readonly group: string }
  | {
      readonly by: "since";
      /** Milliseconds since 1970 of the receipt of the message; `toMs` exclusive. */
      readonly fromMs: number;
      readonly toMs?: number;
      /** The destination of write-backs, the sender of messages. */
      readonly partner?: string;
      readonly kind?: string;
      readonly state: string;
      /** Our park code or the partner's last code. */
      readonly code?: string;
    };

/** What a caller gives. */
export interface SelectionGiven {
  readonly ids?: readonly string[];
  readonly group?: string;
  readonly sinceMs?: number;
  readonly untilMs?: number;
  readonly partner?: string;
  readonly kind?: string;
  readonly state?: string;
  readonly code?: string;
}

const wrong = (at: string, zh: string, en: string): OperationRefused => refused("BAD_REQUEST", { problems: [{ at, zh, en }] });

/** One way of selecting, whole and bounded; ids without repeats, in one order for everybody. */
export function selectionOf(of: ReplayOf, given: SelectionGiven): { readonly ok: true; readonly selection: Selection } | OperationRefused {
  const ways = [given.ids, given.group, given.sinceMs].filter((way) => way !== undefined).length;
  if (ways !== 1) return refused("SELECTION_MIXED");
  const filters = [given.partner, given.kind, given.state, given.code, given.untilMs];
  if (given.sinceMs === undefined && filters.some((one) => one !== undefined))
    return wrong(
      "/select",
      "partner、kind、state、code、until 只能与 since 同用",
      "partner, kind, state, code and until go with since only",
    );
  if (given.ids !== undefined) {
    const ids = [...new Set(given.ids)].sort();
    if (ids.length === 0 || ids.length > SELECTION_IDS_MAX)
      return wrong("/select/ids", `1 至 ${SELECTION_IDS_MAX} 个编号`, `1 to ${SELECTION_IDS_MAX} ids`);
    return { ok: true, selection: { by: "ids", ids } };
  }
  if (given.group !== undefined) return { ok: true, selection: { by: "group", group: given.group } };
  const state = given.state ?? "parked";
  if (!SINCE_STATES[of].includes(state))
    return wrong("/select/state", `可选：${SINCE_STATES[of].join("、")}`, `one of ${SINCE_STATES[of].join(", ")}`);
  const { sinceMs = 0, untilMs, partner, kind, code } = given;
  return {
    ok: true,
    selection: {
      by: "since",
      fromMs: sinceMs,
      state,
      ...(untilMs === undefined ? {} : { toMs: untilMs }),
      ...(partner === undefined ? {} : { partner }),
      ...(kind === undefined ? {} : { kind }),
      ...(code === undefined ? {} : { code }),
    },
  };
}
