/** Subscribers as people see them and what they do about them. */
import { READ_TIMEOUT_MS } from "../../domain/operations/ports.ts";
import { answered, type OperationCode, refused } from "../../domain/operations/refusals.ts";
import { signed } from "../../domain/operations/rules.ts";
import type { SubscriberDeeds, SubscriberList, SubscriberView } from "../../domain/operations/views-subscribers.ts";
import { at } from "./clock.ts";
import type { Tx } from "./group-commit.ts";
import { type Deeded, doing, note } from "./operations-deeds.ts";
import type { OperationsDeps } from "./operations-deps.ts";
import { moment, present, reading } from "./operations-sql.ts";
import { run } from "./sql.ts";
import { addSubscriber, OWE, OWE_OUTSIDER, REMOVE } from "./subscriber-store.ts";

const LIST = `select s.name, s.queue, s.patterns, s.source, s.checkpoint::text as checkpoint, ${moment("s.checkpoint_at")} as "checkpointAt",
    case when s.owed_from is not null then json_strip_nulls(json_build_object('from', s.owed_from::text, 'to', s.owed_to::text, 'why', s.owed_why,
      'since', ${moment("s.owed_since")})) end as owed,
    case when s.stalled_since is not null then json_build_object('since', ${moment("s.stalled_since")}, 'why', s.stalled_why) end as stalled,
    s.republished::text as republished
  from subscriber s where s.removed_at is null order by s.name`;
const STATE = `select (select case when q.is_called then q.last_value else 0 end from event_seq q)::text as reached, b.wipes, ${moment("b.wiped_at")} as "wipedAt" from broker_epoch b`;
const LOCK =
  "select s.queue, s.patterns, s.source, s.checkpoint::text as checkpoint from subscriber s where s.name = $1 and s.removed_at is null for update";
const CHECKPOINT = `update subscriber s set checkpoint = least($2::bigint, (select case when q.is_called then q.last_value else 0 end from event_seq q)), checkpoint_at = ${at("$3")} where s.name = $1`;
const EVENT_SEQ = "select e.seq::text as seq from event e where e.seq > $1::bigint and e.id = $2 order by e.seq desc limit 1";
/** The last mark that is certainly before the moment. */
const SEQ_AT = `select coalesce((select m.seq from event_mark m where m.at <= ${at("$1")} - interval '60 seconds' order by m.at desc limit 1), 0)::text as seq`;

interface Locked {
  readonly queue: string;
  readonly patterns: readonly string[];
  readonly source: "profile" | "api" | "outsider";
  readonly checkpoint: string;
}

/** The engine's own queue of events is called so. */
const RESERVED = new Set(["all"]);
const OUR_QUEUES = /^(huiliu$|huiliu\.|amq\.|reply\.)/;

/** `changed`: subscribers were changed, whoever looks after them looks now. */
export function createSubscriberOperations(deps: OperationsDeps): SubscriberDeeds {
  type Signed = { readonly by: string; readonly reason: string };
  const deed = async (
    given: Parameters<typeof signed>[0],
    work: (
      tx: Tx,
      sign: Signed,
    ) => Promise<{ readonly id: string; readonly action: string; readonly before?: unknown; readonly after?: unknown } | OperationCode>,
  ) => {
    const sign = signed(given);
    if (!sign.ok) return sign;
    const done = await doing(deps, async (tx): Promise<Deeded> => {
      const what = await work(tx, sign);
      if (typeof what === "string") return refused(what);
      const { id, action, before, after } = what;
      const entry = { who: sign.by, action, targetKind: "subscriber" as const, targetId: id, reason: sign.reason, before, after };
      return { ok: true, done: { id, kind: "subscriber", state: action, action, auditId: await note(tx, entry) } };
    });
    deps.subscribersChanged?.();
    return done;
  };
  const lock = async (tx: Tx, name: string): Promise<Locked | undefined> => {
    const [row] = await run<Locked>(tx.client, "subscriber_lock", LOCK, [name]);
    return row?.source === "outsider" ? undefined : row;
  };
  return {
    list: () =>
      reading(deps.reads, READ_TIMEOUT_MS, async (client) => {
        const items = (await client.query<Record<string, unknown>>(LIST)).rows.map((row) => present(row) as unknown as SubscriberView);
        const [state] = (await client.query<Record<string, unknown>>(STATE)).rows;
        return answered({ items, ...(present(state ?? {}) as unknown as Omit<SubscriberList, "items">) });
      }),
    register: ({ name, events }, given) =>
      deed(given, async (tx) => {
        if (RESERVED.has(name)) return "SUBSCRIBER_NAME";
        const before = await lock(tx, name);
        if (before?.source === "profile") return "SUBSCRIBER_OF_A_PROFILE";
        await addSubscriber(tx.client, { name, queue: `huiliu.events.${name}`, patterns: events }, "api");
        return { id: name, action: "register", ...(before ? { before: before.patterns } : {}), after: events };
      }),
    remove: (name, given) =>
      deed(given, async (tx) => {
        const before = await lock(tx, name);
        if (!before) return "UNKNOWN_SUBSCRIBER";
        if (before.source === "profile") return "SUBSCRIBER_OF_A_PROFILE";
        await run(tx.client, "subscriber_remove", REMOVE, [name]);
        return { id: name, action: "remove", before: before.patterns };
      }),
    checkpoint: (name, { eventId, seq }, given) =>
      deed(given, async (tx) => {
        const before = await lock(tx, name);
        if (!before) return "UNKNOWN_SUBSCRIBER";
        const [found] =
          eventId === undefined
            ? [{ seq: seq ?? "0" }]
            : await run<{ seq: string }>(tx.client, "subscriber_event_seq", EVENT_SEQ, [before.checkpoint, eventId]);
        if (!found) return "UNKNOWN_EVENT";
        await run(tx.client, "subscriber_checkpoint", CHECKPOINT, [name, found.seq, tx.nowMs]);
        return { id: name, action: "checkpoint", before: before.checkpoint, after: found.seq };
      }),
    republish: ({ subscriber, queue, sinceMs }, given) =>
      deed(given, async (tx) => {
        const [from] = await run<{ seq: string }>(tx.client, "subscriber_seq_at", SEQ_AT, [sinceMs]);
        const after = { sinceMs, from: from?.seq ?? "0" };
        if (queue !== undefined) {
          if (OUR_QUEUES.test(queue)) return "QUEUE_IS_OURS";
          await run(tx.client, "subscriber_owe_outsider", OWE_OUTSIDER, [`queue ${queue}`, queue, after.from]);
          return { id: queue, action: "republish", after };
        }
        const name = subscriber ?? "";
        if (!(await lock(tx, name))) return "UNKNOWN_SUBSCRIBER";
        await run(tx.client, "subscriber_owe", OWE, [name, "asked", after.from]);
        return { id: name, action: "republish", after };
      }),
  };
}
