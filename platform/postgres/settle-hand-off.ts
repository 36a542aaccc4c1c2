/**
 * Born claimed (domain/writeback/ports.ts, HandOff): heads for which the dispatcher has places on the wire are inserted as claimed by us, in the settlement's own
 * transaction, and go to it in memory once that is committed. Claim, its transaction and its reading of bodies are left for the rest.
 */
import type { Plan } from "../../domain/delivery/judge.ts";
import { failpoint } from "../../domain/failpoint.ts";
import { chinaDateTimeOf } from "../../domain/time.ts";
import type { Claimed, HandOff } from "../../domain/writeback/ports.ts";
import type { Tx } from "./group-commit.ts";
import type { LanesSeen } from "./settle-lanes.ts";
import { LANE_BEHIND_MAX } from "./write-back-sql.ts";

type WriteBack = Plan["writeBacks"][number] & { readonly messageId: string };

/** The heads of a batch that are claimed as they are born. Ended by exactly one of `handOver` and `abandon`. */
export interface Born {
  /** Lease of a head that is inserted as `sending`; undefined for one that waits to be claimed. */
  leaseMs(id: string): number | undefined;
  /** After the commit. `laneSeqs`: the numbers they were given. */
  handOver(laneSeqs: ReadonlyMap<string, bigint>): void;
  /** Nothing was committed, or nobody knows: the places are free again. */
  abandon(): void;
}

const NONE: Born = { leaseMs: () => undefined, handOver: () => undefined, abandon: () => undefined };

interface Reserved {
  readonly destination: string;
  readonly calls: number;
  readonly leaseMs: number;
  readonly heads: readonly WriteBack[];
}

const laneOf = ({ owed }: WriteBack): string => JSON.stringify([owed.destination, owed.lane]);

/** The first attempt of a write-back that was born claimed, as a claim would have given it. */
const claimedOf = (one: WriteBack, laneSeq: bigint, leaseMs: number, laneBehind: number, owedAt: string): Claimed => ({
  id: one.id,
  key: one.owed.key,
  messageId: one.messageId,
  destination: one.owed.destination,
  kind: one.owed.kind,
  mapping: one.owed.mapping,
  lane: one.owed.lane,
  laneSeq,
  cause: one.owed.cause,
  body: one.owed.body,
  contentType: one.owed.contentType,
  charset: one.owed.charset,
  ...(one.owed.amountFen === undefined ? {} : { amountFen: one.owed.amountFen }),
  ...(one.owed.serial === undefined ? {} : { serial: one.owed.serial }),
  businessDate: one.owed.businessDate,
  token: 1,
  attempt: 1,
  owedAt,
  action: "send",
  laneBehind,
  leaseMs,
  ...(one.owed.traceparent === undefined ? {} : { traceparent: one.owed.traceparent }),
});

/** Reserves places for the heads that these plans make; none for a destination whose gate is shut, or a lane that a person holds. */
export async function bornClaimed(
  handOff: HandOff | undefined,
  tx: Tx,
  plans: readonly Plan[],
  lanes: Pick<LanesSeen, "shut">,
): Promise<Born> {
  if (handOff === undefined) return NONE;
  const all = plans.flatMap((plan) => plan.writeBacks.map((one): WriteBack => ({ ...one, messageId: plan.messageId })));
  const heads = all.filter((one) => one.state === "waiting" && one.waitMs === undefined);
  if (heads.length === 0) return NONE;
  const pairOf = ({ owed }: WriteBack) => ({ one: owed.destination, two: owed.lane });
  const shut = await lanes.shut(heads.map(pairOf));
  const open = heads.filter((one) => !shut(pairOf(one)));
  const reserved = [...Map.groupBy(open, (one) => one.owed.destination)].map(([destination, ours]): Reserved => {
    const { calls, leaseMs } = handOff.reserve(destination, ours.length);
    return { destination, calls, leaseMs, heads: ours.slice(0, calls) };
  });
  const leases = new Map(reserved.flatMap((one) => one.heads.map((head) => [head.id, one.leaseMs] as const)));
  let ended = false;
  const end = (claims: (one: Reserved) => readonly Claimed[]): void => {
    if (ended) return;
    ended = true;
    for (const one of reserved) handOff.take(one.destination, claims(one), one.calls, tx.beforeTickMs);
  };
  return {
    leaseMs: (id) => leases.get(id),
    handOver: (laneSeqs) => {
      failpoint("settle.before-hand-over");
      const owedAt = chinaDateTimeOf(tx.nowMs);
      const behind = new Map<string, number>();
      for (const one of all) if (one.state === "queued") behind.set(laneOf(one), (behind.get(laneOf(one)) ?? 0) + 1);
      const laneBehind = (one: WriteBack): number => Math.min(behind.get(laneOf(one)) ?? 0, LANE_BEHIND_MAX);
      end((one) => one.heads.map((head) => claimedOf(head, laneSeqs.get(head.id) ?? 0n, one.leaseMs, laneBehind(head), owedAt)));
    },
    abandon: () => end(() => []),
  };
}
