/**
 * Accepting alone: the engine's own AMQP door and journal, in a process without flows, on queues and a database of their own. A message is accepted
 * when its bytes are committed and it has been acknowledged to the broker.
 */
import type { DoorPolicy } from "../../../domain/journal/intake.ts";
import { createPostgres } from "../../../platform/postgres/index.ts";
import { createConnection } from "../../../platform/rabbit/connection.ts";
import { createPublisher } from "../../../platform/rabbit/publisher.ts";
import { declareTopology, namesOf } from "../../../platform/rabbit/topology.ts";
import { openAmqpDoor } from "../../../platform/transports/amqp/door.ts";

const NAMES = namesOf("huiliu-bench");
export const ACCEPT_EXCHANGE = NAMES.inbound;
const POLICY: DoorPolicy = {
  partner: "his",
  vendor: "his",
  bytesMax: 1_048_576,
  perSecond: 1_000_000,
  charset: "UTF-8",
  kinds: new Set(["payment"]),
  exchanges: new Set(),
};
const QUIET = { debug: () => undefined, info: () => undefined, warn: complain, error: complain };

function complain(fields: Readonly<Record<string, unknown>>, text: string): void {
  process.stderr.write(`accept: ${text} ${JSON.stringify(fields)}\n`);
}

export interface Accepted {
  readonly endedMs: number;
  /** When each was committed, by its message-id (ms since 1970). */
  readonly committedMs: Readonly<Record<string, number>>;
}

/** Go: answer when `count` messages have been journaled and acknowledged. */
export async function accept(options: {
  readonly amqpUrl: string;
  readonly postgresUrl: string;
}): Promise<(go: { readonly count: number }) => Promise<Accepted>> {
  const postgres = await createPostgres({ url: options.postgresUrl, workerName: "bench-accept" });
  const journal = postgres.journal({
    parkedEvent: () => {
      throw new Error("the benchmark's messages do not park");
    },
  });
  const prepare = (open: Parameters<typeof declareTopology>[0]): Promise<void> => declareTopology(open, NAMES, [POLICY.partner]);
  const connection = createConnection({ url: options.amqpUrl, name: "bench accept", log: QUIET, prepare });
  const publishing = createConnection({ url: options.amqpUrl, name: "bench accept verdicts", log: QUIET });
  let committedMs: Record<string, number> = {};
  let left = Number.POSITIVE_INFINITY;
  let finish = (): void => undefined;
  await connection.ready(30_000);
  const door = openAmqpDoor({
    connection,
    publisher: createPublisher({ connection: publishing, log: QUIET }),
    names: NAMES,
    log: QUIET,
    maySpeakFor: () => true,
    intake: {
      policy: (partner) => (partner === POLICY.partner ? POLICY : undefined),
      partners: () => [POLICY],
      accept: async (inbound) => {
        const journaled = await journal.append(inbound);
        if (journaled.kind !== "accepted") throw new Error(`a message of the benchmark was ${journaled.kind}`);
        committedMs[inbound.identity ?? ""] = Date.now();
        left -= 1;
        if (left === 0) setImmediate(drained);
        return journaled;
      },
      verdict: async (journaled) => ({ verdict: "accepted", messageId: journaled.kind === "accepted" ? journaled.message.id : "" }),
    },
  });
  /** The last one is committed: done once its acknowledgement has left, too. */
  const drained = (): void => {
    const open = Object.values(door.status()).some((lane) => lane.inFlight > 0);
    if (open) setImmediate(drained);
    else finish();
  };
  return ({ count }) =>
    new Promise((resolve) => {
      committedMs = {};
      left = count;
      finish = () => resolve({ endedMs: Date.now(), committedMs });
    });
}
