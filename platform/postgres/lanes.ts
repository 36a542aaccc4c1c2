/** Lanes in people's hands (domain/lanes/ports.ts). Locks as everywhere: the lane first, then the row; a row that a worker holds at this instant is in flight. */
import type { HeadDeed, LaneFilter, LaneName, Lanes, SkipDeed } from "../../domain/lanes/ports.ts";
import { failpoint } from "../../domain/failpoint.ts";
import { type Deed, PAGE_DEFAULT, READ_TIMEOUT_MS } from "../../domain/operations/ports.ts";
import { type Answered, answered, refused } from "../../domain/operations/refusals.ts";
import { signed } from "../../domain/operations/rules.ts";
import type { Done, Page } from "../../domain/operations/views.ts";
import type { LaneRow } from "../../domain/operations/views-lanes.ts";
import { parkedDraft } from "../../domain/writeback/events.ts";
import type { WriteBackState } from "../../domain/writeback/ports.ts";
import { parkReason } from "../../domain/writeback/reasons.ts";
import { at } from "./clock.ts";
import type { Tx } from "./group-commit.ts";
import { doing, note } from "./operations-deeds.ts";
import type { OperationsDeps } from "./operations-deps.ts";
import { pageOf } from "./operations-rows.ts";
import { isUuid, moment, present, reading } from "./operations-sql.ts";
import { type LockedWriteBack, lockWriteBack, publishDeed, type ResolveDeed } from "./operations-write-back-deeds.ts";
import { promoteHeads } from "./overtaken.ts";
import { lockTexts, orderLock, run } from "./sql.ts";
import { isHead, LANE_BEHIND_MAX } from "./write-back-sql.ts";
import { factsOf } from "./write-back-facts.ts";

/** Queued ones are counted and summed so far: no answer waits for a lane of a hundred thousand. */
const BEHIND_MAX = 10_000;

const AGE = (since: string): string => `floor(extract(epoch from (select huiliu_now()) - ${since}))::integer`;
const behind = (row: string): string => `cross join lateral (
    select count(*)::integer as n, coalesce(sum(q.amount_fen), 0)::text as fen from (select q.amount_fen from write_back q
      where q.destination = ${row}.destination and q.lane = ${row}.lane and q.state = 'queued' limit ${BEHIND_MAX}) as q) as b`;
/** Lanes with a parked write-back that blocks them, or that they go on past. $1 destinations or null, $2 $3 cursor, $4 limit. */
const parkedLanes = (blocks: boolean): string => `select p.*, b.n as behind, b.fen as "amountBehind" from (
    select w.destination, w.lane, w.id as head, w.state as "headState", w.kind, w.park->>'code' as code, w.amount_fen::text as amount, ${AGE("w.owed_at")} as "ageSeconds"
    from write_back w where ${blocks ? "w.blocks" : "not w.blocks"} and w.state = 'parked' and ($1::text[] is null or w.destination = any($1))
      and (w.destination, w.id) > ($2::text, $3::uuid) order by w.destination, w.id limit $4) as p ${behind("p")}
  order by p.destination, p.head`;
/** $1 destinations or null, $2 $3 cursor, $4 limit. */
const HELD_LANES = `select k.destination, k.lane, h.id as head, h.state as "headState", h.kind, h.code, h.amount, k.held_by as "heldBy", k.reason, ${moment("k.held_at")} as "heldAt",
    ${AGE("k.held_at")} as "ageSeconds", b.n as behind, b.fen as "amountBehind"
  from (select * from lane_hold l where ($1::text[] is null or l.destination = any($1)) and (l.destination, l.lane) > ($2::text, $3::text)
    order by l.destination, l.lane limit $4) as k
  left join lateral (select w.id, w.state, w.kind, w.park->>'code' as code, w.amount_fen::text as amount from write_back w
    where w.destination = k.destination and w.lane = k.lane and ${isHead("w")} limit 1) as h on true ${behind("k")}
  order by k.destination, k.lane`;

const HEAD = `select w.id, w.state, w.park->>'code' as code from write_back w where w.destination = $1 and w.lane = $2 and ${isHead("w")}`;
const PASS = "update write_back w set blocks = false where w.id = $1 and w.state = 'parked'";
const BEHIND = `select count(*)::integer as n from (select 1 from write_back q where q.destination = $1 and q.lane = $2 and q.state = 'queued' limit ${LANE_BEHIND_MAX}) as n`;
const PARK =
  "update write_back w set state = 'parked', park = $2::jsonb, next_at = null, because = null, token = w.token + 1 where w.id = $1";
const PARK_IN_TURN = "update write_back w set action = 'park', because = 'person' where w.id = $1 and w.state = 'queued'";
const HOLD = `insert into lane_hold (destination, lane, held_by, held_at, reason) values ($1, $2, $3, ${at("$5")}, $4) on conflict do nothing returning lane`;
const RELEASE = "delete from lane_hold where destination = $1 and lane = $2 returning held_by, reason";

export interface LanesDeps extends OperationsDeps {
  readonly resolve: (id: string, deed: ResolveDeed) => Promise<Answered<Done>>;
}

const laneId = ({ destination, lane }: LaneName): string => `${destination} ${lane}`;
const cursorOf = (after: string | undefined): readonly [string, string] => {
  const [destination = "", rest = ""] = (JSON.parse(Buffer.from(after ?? "WyIiLCIiXQ", "base64url").toString()) as string[]) ?? [];
  return [destination, rest];
};
const cursor = (destination: string, rest: string): string => Buffer.from(JSON.stringify([destination, rest])).toString("base64url");
const FIRST_UUID = "00000000-0000-0000-0000-000000000000";

/** The destination asked for, where it is among those that may be seen. */
const namedIn = (destination: string, among: readonly string[] | undefined): readonly string[] =>
  among === undefined || among.includes(destination) ? [destination] : [];

/** The cursor of a page before; undefined when it is none of ours. */
function read(filter: LaneFilter): readonly [string, string] | undefined {
  try {
    const [destination, rest] = cursorOf(filter.after);
    const held = filter.state === "held";
    if (typeof destination !== "string" || typeof rest !== "string") return undefined;
    if (held) return [destination, rest];
    return rest === "" ? [destination, FIRST_UUID] : isUuid(rest) ? [destination, rest] : undefined;
  } catch {
    return undefined;
  }
}

export function createLanes(deps: LanesDeps): Lanes {
  const list = async (filter: LaneFilter): Promise<Answered<Page<LaneRow>>> => {
    const limit = filter.limit ?? PAGE_DEFAULT;
    const from = read(filter);
    if (from === undefined)
      return refused("BAD_REQUEST", { problems: [{ at: "querystring/after", zh: "不是本列表的游标", en: "is no cursor of this list" }] });
    const wanted = filter.destination === undefined ? (filter.destinations ?? null) : namedIn(filter.destination, filter.destinations);
    const text = filter.state === "held" ? HELD_LANES : parkedLanes(filter.state === "blocked");
    return reading(deps.reads, READ_TIMEOUT_MS, async (client) => {
      const found = await client.query<Record<string, unknown>>(text, [wanted, ...from, limit + 1]);
      const rest = (row: Record<string, unknown>): string => String(filter.state === "held" ? row.lane : row.head);
      const view = (row: Record<string, unknown>): LaneRow => {
        const shown = present(row) as unknown as LaneRow;
        return { ...shown, ageSeconds: Math.max(0, shown.ageSeconds) };
      };
      return answered(pageOf(found.rows, limit, view, (row) => cursor(String(row.destination), rest(row))));
    });
  };

  const known = (destination: string) => {
    const profile = deps.partners().find((one) => one.partner === destination);
    if (!profile) return refused("UNKNOWN_PARTNER");
    return profile.destination ? undefined : refused("NOT_A_DESTINATION");
  };
  const headOf = async (tx: Tx, { destination, lane }: LaneName) => {
    const [row] = await run<{ id: string; state: WriteBackState; code: string | null }>(tx.client, "lane_head", HEAD, [destination, lane]);
    return row;
  };
  const poke = (destinations: readonly string[]) => () => deps.after({ outbox: [], destinations, eventDeliveries: [] });

  const unblock = async (deed: HeadDeed): Promise<Answered<Done>> => {
    const sign = signed(deed);
    if (!sign.ok) return sign;
    return doing(deps, async (tx) => {
      await lockTexts(tx.client, [orderLock(deed.lane)]);
      const head = await headOf(tx, deed);
      if (head?.id !== deed.head) return refused("HEAD_CHANGED", head === undefined ? {} : { state: head.state });
      if (head.state !== "parked") return refused("LANE_NOT_BLOCKED", { state: head.state });
      await run(tx.client, "lane_pass", PASS, [head.id]);
      const due = await promoteHeads(tx, [deed]);
      const about = { head: head.id, ...(head.code === null ? {} : { code: head.code }) };
      const auditId = await note(tx, {
        who: sign.by,
        action: "unblock",
        targetKind: "lane",
        targetId: laneId(deed),
        reason: sign.reason,
        before: { state: "blocked", ...about },
        after: { state: "passed", ...about },
      });
      failpoint("lane.before-unblock-commit");
      return { ok: true, done: { id: laneId(deed), kind: "lane", state: "passed", auditId }, committed: poke(due) };
    });
  };

  const skip = async ({ destination, lane, head, ...deed }: SkipDeed): Promise<Answered<Done>> => {
    const [row] = await run<{ id: string; state: WriteBackState }>(deps.pool, "lane_head", HEAD, [destination, lane]);
    if (row?.id !== head) return refused("HEAD_CHANGED", row === undefined ? {} : { state: row.state });
    return deps.resolve(head, deed);
  };

  /** Parks it now, with its event. */
  const parkNow = async (tx: Tx, row: LockedWriteBack, by: string): Promise<Awaited<ReturnType<typeof publishDeed>>> => {
    const reason = parkReason("PARKED_BY_PERSON", by);
    await run(tx.client, "lane_park", PARK, [row.id, JSON.stringify(reason)]);
    const [queued] = await run<{ n: number }>(tx.client, "lane_behind", BEHIND, [row.destination, row.lane]);
    const draft = parkedDraft(factsOf(row), {
      park: reason,
      outcome: row.state === "deferred" ? "deferred" : "unsent",
      mayHaveTakenEffect: row.may_have_taken_effect,
      atMs: tx.nowMs,
      laneBehind: queued?.n ?? 0,
    });
    // No attempt's end: the same attempt may have parked it before. The time tells them apart.
    const sealed = deps.sealWriteBack({ ...draft, ordinal: Math.floor(tx.nowMs) });
    if (sealed.ok) return publishDeed(tx, row.message_id, sealed.event, deps.subscribers);
    deps.log.error(
      { writeBackId: row.id, problems: sealed.problems },
      "writeback.parked could not be sealed; it is parked without its event",
    );
    return [];
  };

  const park = async (id: string, deed: Deed): Promise<Answered<Done>> => {
    const sign = signed(deed);
    if (!sign.ok) return sign;
    if (!isUuid(id)) return refused("UNKNOWN_WRITE_BACK");
    return doing(deps, async (tx) => {
      const row = await lockWriteBack(tx, id);
      if ("ok" in row) return row;
      if (row.state === "sending") return refused("IN_FLIGHT", { state: row.state });
      if (row.state === "acknowledged" || row.state === "resolved") return refused("ALREADY_CLOSED", { state: row.state });
      if (row.state === "parked") return refused("ALREADY_PARKED", { state: row.state });
      if (row.state === "held") return refused("NOT_DUE", { state: row.state });
      const inTurn = row.state === "queued";
      if (inTurn) await run(tx.client, "lane_park_in_turn", PARK_IN_TURN, [id]);
      const outbox = inTurn ? [] : await parkNow(tx, row, sign.by);
      const state = inTurn ? "queued" : "parked";
      const auditId = await note(tx, {
        who: sign.by,
        action: "park",
        targetKind: "write-back",
        targetId: id,
        reason: sign.reason,
        before: { state: row.state, action: row.action },
        after: { state, ...(inTurn ? { action: "park" } : {}) },
      });
      failpoint("lane.before-park-commit");
      return {
        ok: true,
        done: { id, kind: "write-back", state, action: "park", auditId },
        committed: () => deps.after({ outbox, destinations: [], eventDeliveries: [] }),
      };
    });
  };

  const hold = async (deed: Deed & LaneName): Promise<Answered<Done>> => {
    const sign = signed(deed);
    if (!sign.ok) return sign;
    const no = known(deed.destination);
    if (no) return no;
    return doing(deps, async (tx) => {
      await lockTexts(tx.client, [orderLock(deed.lane)]);
      const taken = await run(tx.client, "lane_hold", HOLD, [deed.destination, deed.lane, sign.by, sign.reason, tx.nowMs]);
      if (taken.length === 0) return refused("LANE_HELD");
      const entry = { who: sign.by, action: "hold", targetKind: "lane" as const, targetId: laneId(deed), reason: sign.reason };
      const auditId = await note(tx, { ...entry, after: { state: "held" } });
      failpoint("lane.before-hold-commit");
      return { ok: true, done: { id: laneId(deed), kind: "lane", state: "held", auditId } };
    });
  };

  const release = async (deed: Deed & LaneName): Promise<Answered<Done>> => {
    const sign = signed(deed);
    if (!sign.ok) return sign;
    return doing(deps, async (tx) => {
      await lockTexts(tx.client, [orderLock(deed.lane)]);
      const [was] = await run<{ held_by: string; reason: string }>(tx.client, "lane_release", RELEASE, [deed.destination, deed.lane]);
      if (!was) return refused("LANE_NOT_HELD");
      const auditId = await note(tx, {
        who: sign.by,
        action: "release",
        targetKind: "lane",
        targetId: laneId(deed),
        reason: sign.reason,
        before: { state: "held", by: was.held_by, reason: was.reason },
        after: { state: "released" },
      });
      failpoint("lane.before-release-commit");
      return { ok: true, done: { id: laneId(deed), kind: "lane", state: "released", auditId }, committed: poke([deed.destination]) };
    });
  };

  return { list, unblock, skip, park, hold, release };
}
