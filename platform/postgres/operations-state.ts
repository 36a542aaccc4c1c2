/** How the engine stands now: backlog of every destination, open work, services, workers. Counts use the partial indexes of open states only. */
import { refusedFlowWords } from "../../domain/flowtests/release.ts";
import { READ_TIMEOUT_MS, type Sample } from "../../domain/operations/ports.ts";
import { type Answered, answered, refused } from "../../domain/operations/refusals.ts";
import type { DestinationView, PartnerView, Status } from "../../domain/operations/views.ts";
import type { Partner } from "../../domain/partners/profile.ts";
import { gateView } from "../../domain/operations/views-gates.ts";
import { policyOf } from "../../domain/writeback/policy.ts";
import { readGates } from "./gates.ts";
import type { OperationsDeps } from "./operations-deps.ts";
import { whyView } from "./operations-rows.ts";
import { moment, present, reading } from "./operations-sql.ts";
import type { Client } from "./pool.ts";

/** Status, destinations and metrics share one look at the database this long. */
const LOOK_MS = 2_000;
const WORKERS_MAX = 50;
/** A worker of an earlier run is shown this long after it was last seen. */
const WORKER_SHOWN = "interval '1 day'";

const OPEN = ["held", "queued", "waiting", "sending", "deferred", "parked"] as const;
type Open = (typeof OPEN)[number];

interface Look {
  readonly messages: Sample["messages"];
  readonly oldestMessageSeconds: number;
  readonly outbox: number;
  readonly eventDeliveries: Sample["eventDeliveries"];
  readonly destinations: readonly DestinationView[];
  readonly oldestWriteBackSeconds: number | undefined;
  readonly at: string;
}

/** One part a state: each is answered by that state's partial index, however many closed ones there are. */
const BACKLOG = OPEN.map(
  (state) => `select w.destination, '${state}' as state, count(*)::integer as n, coalesce(sum(w.amount_fen), 0)::text as fen,
    (count(*) filter (where w.last_outcome = 'unclear' and w.may_have_taken_effect))::integer as unclear,
    (count(*) filter (where w.state = 'parked' and w.blocks))::integer as blocking, ${moment("min(w.owed_at)")} as oldest, floor(extract(epoch from (select huiliu_now()) - min(w.owed_at)))::integer as age
  from write_back w where w.state = '${state}' group by w.destination`,
).join(" union all ");
/** The last attempt that did not end well, of those write-backs that are still owed. */
const FAILURES = `select distinct on (destination) destination, id as "writeBackId", ${moment("last_at")} as at, last_outcome as outcome, last_code as code, last_why as why
  from (select w.destination, w.id, w.last_at, w.last_outcome, w.last_code, w.last_why from write_back w
    where w.state in ('waiting', 'deferred', 'parked') and w.last_outcome is not null and w.last_outcome <> 'acknowledged') as open
  order by destination, last_at desc`;
const MESSAGES = `select ${moment("(select huiliu_now())")} as at,
    (select count(*)::integer from message m where m.state = 'received') as received,
    (select count(*)::integer from message m where m.state = 'awaiting-part') as awaiting,
    (select count(*)::integer from message m where m.state = 'parked') as parked,
    (select floor(extract(epoch from (select huiliu_now()) - m.received_at))::integer from message m where m.state = 'received' order by m.seq limit 1) as oldest,
    (select count(*)::integer from outbox) as outbox,
    (select count(*)::integer from event_delivery d where d.state = 'received') as deliveries,
    (select count(*)::integer from event_delivery d where d.state = 'parked') as parked_deliveries`;
const ESTIMATE = `select coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint::text as n from pg_inherits i join pg_class c on c.oid = i.inhrelid
  where i.inhparent = 'message'::regclass`;
const WORKERS = `select w.id, w.name, ${moment("w.started_at")} as "startedAt", ${moment("w.seen_at")} as "seenAt",
    exists (select 1 from lead l where l.task = 'feeder' and l.worker = w.id and l.until >= (select huiliu_now())) as feeder from worker w
  where w.id = any($1::integer[]) or w.seen_at > (select huiliu_now()) - ${WORKER_SHOWN} order by w.id desc limit ${WORKERS_MAX}`;

interface BacklogRow {
  readonly destination: string;
  readonly state: Open;
  readonly n: number;
  readonly fen: string;
  readonly unclear: number;
  /** Parked heads that hold their lane; a lane has one head. */
  readonly blocking: number;
  readonly oldest: string;
  readonly age: number;
}

type Gates = Awaited<ReturnType<typeof readGates>>;

const waiting = (rows: readonly BacklogRow[]): number =>
  rows.reduce((sum, row) => sum + (row.state === "queued" || row.state === "waiting" ? row.n : 0), 0);

export function createState(deps: OperationsDeps) {
  let last: { readonly atMs: number; readonly look: Promise<Answered<Look>> } | undefined;

  const destinationsOf = (
    backlog: readonly BacklogRow[],
    failures: readonly Record<string, unknown>[],
    gates: Gates,
  ): DestinationView[] => {
    const loops = new Map(deps.dispatcher.state().map((one) => [one.destination, one]));
    const profiled = deps.partners().filter((one) => one.destination !== undefined);
    const names = new Set([...profiled.map((one) => one.partner), ...backlog.map((row) => row.destination)]);
    return [...names].sort().map((destination) => {
      const own = backlog.filter((row) => row.destination === destination);
      const oldest = own.reduce<BacklogRow | undefined>(
        (first, row) => (first === undefined || row.oldest < first.oldest ? row : first),
        undefined,
      );
      const loop = loops.get(destination);
      const gate = gates.rows.find((one) => one.name === destination);
      const failure = failures.find((row) => row.destination === destination);
      const { destination: _, why, ...failed } = failure === undefined ? { destination: "", why: undefined } : present(failure);
      const lastFailure = { ...failed, ...(typeof why === "string" ? whyView(why) : {}) };
      return {
        destination,
        known: deps.policy(destination) !== undefined,
        paused: gate?.mode === "paused",
        backlog: Object.fromEntries(OPEN.map((state) => [state, own.find((row) => row.state === state)?.n ?? 0])) as Record<Open, number>,
        fen: own.reduce((sum, row) => sum + BigInt(row.fen), 0n).toString(),
        unclear: own.reduce((sum, row) => sum + row.unclear, 0),
        blockedLanes: own.reduce((sum, row) => sum + row.blocking, 0),
        ...(oldest === undefined ? {} : { oldestOwedAt: oldest.oldest, oldestAgeSeconds: Math.max(0, oldest.age) }),
        ...(loop === undefined ? {} : { onWire: loop.onWire }),
        ...(gate === undefined ? {} : { gate: gateView(gate, deps.policy(destination), waiting(own), gates.nowMs) }),
        ...(failure === undefined ? {} : { lastFailure: lastFailure as unknown as NonNullable<DestinationView["lastFailure"]> }),
      };
    });
  };

  const lookNow = (): Promise<Answered<Look>> =>
    reading(deps.reads, READ_TIMEOUT_MS, async (client) => {
      const backlog = (await client.query<BacklogRow>(BACKLOG)).rows;
      const failures = (await client.query<Record<string, unknown>>(FAILURES)).rows;
      const counts = (await client.query<Record<string, number> & { at: string }>(MESSAGES)).rows[0];
      const ages = backlog.map((row) => row.age);
      return answered({
        at: counts?.at ?? "",
        messages: { received: counts?.received ?? 0, "awaiting-part": counts?.awaiting ?? 0, parked: counts?.parked ?? 0 },
        oldestMessageSeconds: Math.max(0, counts?.oldest ?? 0),
        outbox: counts?.outbox ?? 0,
        eventDeliveries: { received: counts?.deliveries ?? 0, parked: counts?.parked_deliveries ?? 0 },
        destinations: destinationsOf(backlog, failures, await readGates(client)),
        oldestWriteBackSeconds: ages.length === 0 ? undefined : Math.max(0, ...ages),
      });
    });

  /** One look for everybody who asks within LOOK_MS. A look that failed is not kept. */
  const look = async (): Promise<Answered<Look>> => {
    if (last !== undefined && performance.now() - last.atMs < LOOK_MS) return last.look;
    const mine = { atMs: performance.now(), look: lookNow() };
    last = mine;
    const forget = (): void => {
      if (last === mine) last = undefined;
    };
    try {
      const answer = await mine.look;
      if (!answer.ok) forget();
      return answer;
    } catch (error) {
      forget();
      throw error;
    }
  };

  const workersOf = async (client: Client): Promise<Status["workers"]> => {
    const living = await deps.worker.living();
    const rows = (await client.query<Omit<Status["workers"][number], "alive">>(WORKERS, [living])).rows;
    return rows.map((row) => ({ ...row, alive: living.includes(row.id) }));
  };

  const status = async (): Promise<Answered<Status>> => {
    const seen = await look();
    if (!seen.ok) return seen;
    const { at, messages, destinations, eventDeliveries, outbox } = seen.value;
    const health = await deps.health();
    const more = await reading(deps.reads, READ_TIMEOUT_MS, async (client) => {
      const estimate = (await client.query<{ n: string }>(ESTIMATE)).rows[0]?.n ?? "0";
      return answered({ estimate: Number(estimate), workers: await workersOf(client) });
    });
    if (!more.ok) return more;
    const sum = (state: Open): number => destinations.reduce((total, one) => total + one.backlog[state], 0);
    return answered({
      at,
      messages: {
        received: messages.received,
        awaitingPart: messages["awaiting-part"],
        parked: messages.parked,
        ...(messages.received === 0 ? {} : { oldestReceivedAgeSeconds: seen.value.oldestMessageSeconds }),
        storedEstimate: more.value.estimate,
      },
      writeBacks: {
        ...(Object.fromEntries(OPEN.map((state) => [state, sum(state)])) as Record<Open, number>),
        ...(seen.value.oldestWriteBackSeconds === undefined ? {} : { oldestAgeSeconds: seen.value.oldestWriteBackSeconds }),
      },
      eventDeliveries,
      outbox,
      services: { postgres: { up: true }, ...health },
      deliveries: deps.deliveries(),
      workers: more.value.workers,
      paused: destinations.filter((one) => one.paused).map((one) => one.destination),
      refusedFlows: Object.entries(deps.refusedFlows?.() ?? {}).map(([flow, code]) => ({ flow, code, ...refusedFlowWords(code) })),
    });
  };

  const sample = async (): Promise<Sample> => {
    const [seen, health] = await Promise.all([look(), deps.health()]);
    const services = { postgres: seen.ok ? { up: true } : { up: false, why: seen.code }, ...health };
    const { messages, oldestMessageSeconds, outbox, eventDeliveries, destinations } = seen.ok ? seen.value : NOTHING;
    return { messages, oldestMessageSeconds, outbox, eventDeliveries, destinations, services, deliveries: deps.deliveries() };
  };

  const destinations = async (): Promise<Answered<readonly DestinationView[]>> => {
    const seen = await look();
    return seen.ok ? answered(seen.value.destinations) : seen;
  };

  const partnerView = (profile: Partner, gates: Gates): PartnerView => {
    const policy = policyOf(profile);
    return {
      partner: profile.partner,
      vendor: profile.vendor,
      name: profile.name,
      ...(profile.inbound === undefined ? {} : { inbound: { ...profile.inbound } }),
      ...(profile.destination === undefined ? {} : { destination: destinationOf(profile.destination) }),
      paused: gates.rows.some((one) => one.name === profile.partner && one.mode === "paused"),
      problems: policy === undefined || policy.ok ? [] : policy.problems.map(({ at, zh, en }) => ({ at, zh, en })),
    };
  };

  const gatesNow = (): Promise<Answered<Gates>> =>
    reading(deps.reads, READ_TIMEOUT_MS, async (client) => answered(await readGates(client)));

  const partner = async (name: string): Promise<Answered<PartnerView>> => {
    const profile = deps.partners().find((one) => one.partner === name);
    if (profile === undefined) return refused("UNKNOWN_PARTNER");
    const gates = await gatesNow();
    return gates.ok ? answered(partnerView(profile, gates.value)) : gates;
  };

  const partners = async (): Promise<Answered<readonly PartnerView[]>> => {
    const gates = await gatesNow();
    return gates.ok ? answered(deps.partners().map((profile) => partnerView(profile, gates.value))) : gates;
  };

  return { status, sample, destinations, partner, partners };
}

const NOTHING: Omit<Look, "at" | "oldestWriteBackSeconds"> = {
  messages: { received: 0, "awaiting-part": 0, parked: 0 },
  oldestMessageSeconds: 0,
  outbox: 0,
  eventDeliveries: { received: 0, parked: 0 },
  destinations: [],
};

/** No secrets: not where key files lie, and no account inside the address. */
function destinationOf(destination: NonNullable<Partner["destination"]>): Record<string, unknown> {
  const { tls, url, ...rest } = destination;
  const address = URL.canParse(url) ? new URL(url) : undefined;
  if (address) [address.username, address.password, address.search] = ["", "", ""];
  return {
    ...rest,
    url: address?.href ?? "",
    ...(tls === undefined ? {} : { tls: { serverName: tls.serverName, mutual: tls.cert !== undefined } }),
  };
}
