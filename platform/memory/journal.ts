/** The journal in memory: the promises of domain/journal/ports.ts, held by test/contracts/journal.ts. */
import type { ParkedEventOf } from "../../domain/delivery/ports.ts";
import { identityGiven, identityTaken } from "../../domain/journal/identity.ts";
import {
  type Inbound,
  type Journaled,
  JournalBusy,
  type JournaledMessage,
  type JournalStore,
  type MessageState,
  type ParkReason,
} from "../../domain/journal/ports.ts";
import { refusal } from "../../domain/refusals.ts";
import { chinaDateTimeOf } from "../../domain/time.ts";
import { fingerprintOf, key, uuid7 } from "./ids.ts";
import type { MemoryMessage } from "./rows.ts";
import type { MemoryWorld } from "./world.ts";

type Open<T> = { -readonly [K in keyof T]: T[K] };

export interface MemoryJournalDeps {
  /** The worker's number in the world. */
  readonly me: number;
  readonly parkedEvent: ParkedEventOf;
  readonly leaseMs: number;
  readonly queueRowsMax?: number;
}

/** The journals of all workers of one world: they share its identities. */
export function createMemoryJournals(world: MemoryWorld): (deps: MemoryJournalDeps) => JournalStore {
  const { messages, move, free, nowMs } = world;
  const alone = new Map<string, number>();
  const identities = new Map<string, string>();
  const conflicts = new Map<string, string>();
  const exchanges = new Map<string, string>();

  return (deps) => {
    const { me } = deps;
    let waiting = 0;

    const lease = (row: MemoryMessage): JournaledMessage => {
      row.worker = me;
      row.leaseUntilMs = nowMs() + deps.leaseMs;
      row.message.token += 1;
      return { ...row.message };
    };
    const parkedEvent = (row: MemoryMessage, reason: ParkReason): void => {
      world.storeEvent(row.message.id, deps.parkedEvent({ ...row.message }, reason, []));
    };
    const add = (
      inbound: Inbound,
      state: MessageState,
      identity: string | undefined,
      park?: ParkReason,
      duplicateOf?: string,
    ): MemoryMessage => {
      const { exchange, refusal: _, identity: __, raw, ...rest } = inbound;
      const returnValue = exchange?.returnValue ?? inbound.returnValue;
      const message: Open<JournaledMessage> = {
        ...rest,
        id: uuid7(nowMs()),
        seq: world.nextSeq(),
        raw: exchange?.part === "reply" ? new Uint8Array() : raw,
        ...(exchange?.part === "reply" ? { reply: raw } : {}),
        ...(identity === undefined ? {} : { identity }),
        ...(returnValue === undefined ? {} : { returnValue }),
        receivedAt: chinaDateTimeOf(nowMs()),
        token: 0,
        run: 1,
        replayed: false,
      };
      const row: MemoryMessage = {
        message,
        state,
        receivedMs: nowMs(),
        fingerprint: fingerprintOf(inbound.kind, raw, inbound.reply, returnValue),
        parts: new Map(),
        leaseUntilMs: 0,
        history: [],
        ...(park ? { park } : {}),
        ...(duplicateOf === undefined ? {} : { duplicateOf }),
      };
      messages.set(message.id, row);
      move(row, state, park?.code);
      if (park) parkedEvent(row, park);
      return row;
    };
    const again = (inbound: Inbound, name: string, owner: MemoryMessage, known: string, given: string): Journaled => {
      if (inbound.refusal && owner.state === "parked") return { kind: "parked", messageId: owner.message.id, reason: inbound.refusal };
      if (known === given) {
        const reason = owner.state === "parked" && owner.park ? { reason: owner.park } : {};
        return { kind: "duplicate", messageId: owner.message.id, state: owner.state, ...reason };
      }
      const conflict = key(inbound.partner, name, given);
      const id = conflicts.get(conflict) ?? add(inbound, "parked", name, refusal("IDENTITY_CONFLICT"), owner.message.id).message.id;
      conflicts.set(conflict, id);
      return { kind: "conflict", messageId: id, with: owner.message.id };
    };
    const appendPart = (inbound: Inbound, exchange: NonNullable<Inbound["exchange"]>): Journaled => {
      const given = fingerprintOf(inbound.raw, undefined, exchange.returnValue);
      const name = key(inbound.partner, inbound.kind, exchange.id);
      const row = messages.get(exchanges.get(name) ?? "");
      if (!row) {
        const made = add(inbound, "awaiting-part", `exchange:${exchange.id}`);
        made.parts.set(exchange.part, given);
        exchanges.set(name, made.message.id);
        return { kind: "awaiting-part", messageId: made.message.id };
      }
      const known = row.parts.get(exchange.part);
      if (known !== undefined) return again(inbound, `exchange:${exchange.id}:${exchange.part}`, row, known, given);
      row.parts.set(exchange.part, given);
      if (exchange.part === "reply")
        Object.assign(row.message, { reply: inbound.raw }, exchange.returnValue === undefined ? {} : { returnValue: exchange.returnValue });
      else {
        const { contentType, charset, headers, raw } = inbound;
        Object.assign(
          row.message,
          { raw, headers },
          contentType === undefined ? {} : { contentType },
          charset === undefined ? {} : { charset },
        );
      }
      if (row.state === "parked") row.message.run += 1;
      delete row.park;
      move(row, "received", "exchange complete");
      return { kind: "accepted", message: lease(row) };
    };
    const append = (inbound: Inbound): Journaled => {
      if (inbound.exchange && !inbound.refusal) return appendPart(inbound, inbound.exchange);
      const given = fingerprintOf(inbound.kind, inbound.raw, inbound.reply, inbound.exchange?.returnValue ?? inbound.returnValue);
      const name = identityTaken(inbound, given);
      if (name !== undefined) {
        const owner = messages.get(identities.get(key(inbound.partner, name)) ?? "");
        if (owner) return again(inbound, name, owner, owner.fingerprint, given);
      }
      const row = add(inbound, inbound.refusal ? "parked" : "received", identityGiven(inbound), inbound.refusal);
      if (name !== undefined) identities.set(key(inbound.partner, name), row.message.id);
      return inbound.refusal
        ? { kind: "parked", messageId: row.message.id, reason: inbound.refusal }
        : { kind: "accepted", message: lease(row) };
    };

    const ours = ({ id, token }: { readonly id: string; readonly token: number }): MemoryMessage | undefined => {
      const row = messages.get(id);
      return row?.state === "received" && row.message.token === token && row.worker === me ? row : undefined;
    };
    return {
      append: async (inbound) => {
        if (waiting >= (deps.queueRowsMax ?? Number.POSITIVE_INFINITY)) throw new JournalBusy("the queue is full");
        waiting += 1;
        await new Promise<void>((resolve) => setImmediate(resolve));
        waiting -= 1;
        return append(inbound);
      },
      reclaim: async (limit, held = []) => {
        const open = [...messages.values()]
          .filter((row) => row.state === "received" && free(row) && !held.includes(row.message.id))
          .slice(0, limit);
        return open.map((row) => {
          row.message.run += 1;
          return lease(row);
        });
      },
      regain: async (id) => {
        const row = messages.get(id);
        return row?.state === "received" && (row.worker === me || free(row)) ? lease(row).token : undefined;
      },
      inDoubt: () => false,
      fedAlone: async (messageId) => {
        alone.set(messageId, (alone.get(messageId) ?? 0) + 1);
        return alone.get(messageId) ?? 1;
      },
      disown: async (held) => {
        for (const row of messages.values())
          if (row.state === "received" && row.worker === me && !held.includes(row.message.id)) delete row.worker;
      },
      release: async (items) => {
        for (const item of items) delete ours(item)?.worker;
      },
      extend: async (items) =>
        items.flatMap((item) => {
          const row = ours(item);
          if (!row) return [item.id];
          row.leaseUntilMs = nowMs() + deps.leaseMs;
          return [];
        }),
      parkLonelyParts: async (olderThanMs) => {
        const lonely = [...messages.values()].filter((row) => row.state === "awaiting-part" && row.receivedMs < nowMs() - olderThanMs);
        for (const row of lonely) {
          row.park = refusal("EXCHANGE_INCOMPLETE");
          move(row, "parked", row.park.code);
          parkedEvent(row, row.park);
        }
        return lonely.map((row) => row.message.id);
      },
      close: async () => undefined,
    };
  };
}
