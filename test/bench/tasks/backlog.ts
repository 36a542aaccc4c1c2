/** 200,000 write-backs owed in 20,000 lanes, worked off by the engine's own store: claim, settle, promote. Nobody is called: what is measured is the database's share. */
import pg from "pg";
import type { AttemptEnd, Claimed } from "../../../domain/writeback/ports.ts";
import { createPostgres } from "../../../platform/postgres/index.ts";
import { uuidFloor } from "../../../platform/postgres/partitions.ts";
import { percentile } from "../numbers.ts";

const DESTINATION = "backlog";
const LEASE_MS = 60_000;
/** As many as a destination of the development profile takes at once. */
const CLAIM = 128;
/** Claims that are settled while the next one is under way. */
const SIDE_BY_SIDE = 2;

export interface Backlog {
  readonly perSecond: number;
  readonly claims: number;
  readonly claimP50Ms: number;
  readonly claimP99Ms: number;
  readonly settled: number;
}

/** `PREFIX`: 24 characters of a UUID of today; the last 12 count. */
const SEED = [
  `insert into write_back (id, key, message_id, destination, kind, mapping, lane, lane_seq, cause_event_id, cause_type, content_type, charset, amount_fen, serial,
     business_date, flow, node, state, next_at, owed_at)
   select ('PREFIX' || lpad(to_hex(n), 12, '0'))::uuid, 'backlog ' || n, ('PREFIX' || lpad(to_hex(n), 12, '0'))::uuid, '${DESTINATION}', 'payment-confirm',
     'his/payment-confirm', 'bill:' || n % LANES, n, 'event ' || n, 'payment.settled', 'application/xml', 'utf-8', 1650, 'S' || n, current_date, 'f', 'n',
     case when n < LANES then 'waiting' else 'queued' end, case when n < LANES then huiliu_now() end, huiliu_now() from generate_series(0, PENDING - 1) n`,
  "insert into write_back_body select message_id, id, '\\x00' || convert_to(repeat('x', 512), 'UTF8') from write_back",
  "analyze",
];

const endOf = (claimed: Claimed): AttemptEnd => ({
  id: claimed.id,
  messageId: claimed.messageId,
  token: claimed.token,
  attempt: claimed.attempt,
  action: "send",
  outcome: "acknowledged",
  step: "finish",
  mayHaveTakenEffect: true,
  status: 200,
  code: "0",
  why: "acknowledged",
  how: "reply",
  receipt: { code: "0", amountFen: 1_650n },
  reply: new TextEncoder().encode("<Response><Code>0</Code></Response>"),
});

/** Go: seeds (nothing when `pending` is 0), then works off at most `count`. */
export async function backlog(options: {
  readonly postgresUrl: string;
}): Promise<(how: { readonly pending: number; readonly lanes: number; readonly count: number }) => Promise<Backlog>> {
  const postgres = await createPostgres({ url: options.postgresUrl, workerName: "bench-backlog" });
  return async ({ pending, lanes, count }) => {
    const prefix = uuidFloor((await postgres.now()).ms).slice(0, 24);
    const seeding = new pg.Client({ connectionString: options.postgresUrl });
    await seeding.connect();
    for (const text of pending === 0 ? [] : SEED) {
      await seeding.query(text.replaceAll("PREFIX", prefix).replaceAll("LANES", String(lanes)).replaceAll("PENDING", String(pending)));
    }
    await seeding.end();
    const store = postgres.writeBacks({});
    const latencies: number[] = [];
    let settled = 0;
    const work = async (): Promise<void> => {
      while (settled < count) {
        const before = performance.now();
        const claims = await store.claim(DESTINATION, CLAIM, LEASE_MS, "ask");
        latencies.push(performance.now() - before);
        if (claims.length === 0) return;
        settled += claims.length;
        for (const answer of await Promise.all(claims.map((claimed) => store.settle(endOf(claimed))))) {
          if (answer !== "settled") throw new Error(`an end was ${answer}`);
        }
      }
    };
    const started = performance.now();
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, work));
    const seconds = (performance.now() - started) / 1_000;
    return {
      perSecond: settled / seconds,
      claims: latencies.length,
      claimP50Ms: percentile(latencies, 50),
      claimP99Ms: percentile(latencies, 99),
      settled,
    };
  };
}
