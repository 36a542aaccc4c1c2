/** Mappings on stored messages and write-backs: what they are run on comes from the journal, what is saved is on record. */
import type { Event } from "../../domain/events/event.ts";
import type { MappingBench, MappingShelf, OutboundSource, PreparedExample, StoredFrom } from "../../domain/operations/mapping-bench.ts";
import { type Deed, READ_TIMEOUT_MS } from "../../domain/operations/ports.ts";
import { type Answered, answered, refused } from "../../domain/operations/refusals.ts";
import { signed } from "../../domain/operations/rules.ts";
import type { SavedExample } from "../../domain/operations/views-mappings.ts";
import { doing, note } from "./operations-deeds.ts";
import type { OperationsDeps } from "./operations-deps.ts";
import { isUuid, reading } from "./operations-sql.ts";
import { createOrderFacts } from "./order-facts.ts";
import { eventTextOf, unpack } from "./packed.ts";
import { createStoredMessages } from "./stored-message.ts";

const unknown = async () => refused("UNKNOWN_MAPPING");
/** Where nothing is mapped. */
export const NO_SHELF: MappingShelf = {
  list: async () => answered({ items: [], editable: false }),
  read: unknown,
  tryOn: unknown,
  prepare: unknown,
  write: unknown,
  prepareWritten: unknown,
};

const WRITE_BACK = `select w.key, w.destination, w.kind, w.mapping, w.message_id, w.cause_event_id, w.content_type, w.charset, b.body
  from write_back w left join write_back_body b on b.message_id = w.message_id and b.write_back_id = w.id where w.id = $1`;
/** By the index of the table: (message_id, hash of the id). */
const EVENT = `select e.id, e.partner, e.body from event e
  where e.message_id = $1 and hashtextextended(e.id, 0) = hashtextextended($2::text, 0) and e.id = $2::text`;

interface WriteBackRow {
  readonly key: string;
  readonly destination: string;
  readonly kind: string;
  readonly mapping: string;
  readonly message_id: string;
  readonly cause_event_id: string;
  readonly content_type: string;
  readonly charset: string;
  readonly body: Buffer | null;
}
interface EventRow {
  readonly id: string;
  readonly partner: string;
  readonly body: Buffer | null;
}
interface EventSource {
  readonly partner: string;
  readonly source: Pick<OutboundSource, "event" | "order">;
}

/** What an outbound document is run on, as it is stored. */
const createSources =
  ({ reads }: OperationsDeps) =>
  (from: StoredFrom, within: readonly string[] | undefined): Promise<Answered<OutboundSource>> =>
    reading(reads, READ_TIMEOUT_MS, async (client) => {
      const owns = (partner: string): boolean => within === undefined || within.includes(partner);
      const eventOf = async (messageId: string, id: string): Promise<EventSource | undefined> => {
        const row = (await client.query<EventRow>(EVENT, [messageId, id])).rows[0];
        if (row === undefined || row.body === null) return undefined;
        const event = JSON.parse(eventTextOf({ id: row.id, body: row.body })) as Event;
        const order = (await createOrderFacts(client)([event])).get(event.id)?.told;
        return { partner: row.partner, source: order === undefined ? { event } : { event, order } };
      };
      if ("eventId" in from) {
        const found = isUuid(from.messageId) ? await eventOf(from.messageId, from.eventId) : undefined;
        return found !== undefined && owns(found.partner) ? answered(found.source) : refused("EVENT_NOT_STORED");
      }
      const row = isUuid(from.writeBackId) ? (await client.query<WriteBackRow>(WRITE_BACK, [from.writeBackId])).rows[0] : undefined;
      if (row === undefined || !owns(row.destination)) return refused("UNKNOWN_WRITE_BACK");
      const { key, destination, kind, mapping, charset, content_type: contentType, body } = row;
      const cause = await eventOf(row.message_id, row.cause_event_id);
      const sent = body === null ? {} : { body: new Uint8Array(unpack(body)) };
      return answered({ ...cause?.source, writeBack: { key, destination, kind, mapping, charset, contentType, ...sent } });
    });

export function createMappingBench(deps: OperationsDeps, shelf: MappingShelf): MappingBench {
  const stored = createStoredMessages(deps.reads);
  const sourceOf = createSources(deps);
  /** Writes a prepared example, on record as made of `of`. */
  const save = async (
    id: string,
    { by, reason }: { readonly by: string; readonly reason: string },
    prepared: PreparedExample,
    of: object,
  ): Promise<Answered<SavedExample>> => {
    const { write, ...example } = prepared;
    const done = await doing(deps, async (tx) => {
      const entry = { who: by, action: "example", targetKind: "mapping" as const, targetId: id, reason };
      const auditId = await note(tx, { ...entry, after: { ...example, ...of } });
      await write();
      return { ok: true, done: { id, kind: "mapping", state: "saved", auditId } };
    });
    return done.ok ? answered(example) : done;
  };
  return {
    list: () => shelf.list(),
    read: (id) => shelf.read(id),
    tryOn: async ({ id, document, messageId }) => {
      const message = await stored(messageId);
      return message.ok ? shelf.tryOn(id, document, message.value) : message;
    },
    write: async ({ id, document, from, within }) => {
      if ("example" in from) return shelf.write(id, document, from);
      const source = await sourceOf(from, within);
      return source.ok ? shelf.write(id, document, source.value) : source;
    },
    saveExample: async ({ id, name, messageId }, deed: Deed) => {
      const sign = signed(deed);
      if (!sign.ok) return sign;
      const message = await stored(messageId);
      if (!message.ok) return message;
      const prepared = await shelf.prepare(id, name, message.value);
      return prepared.ok ? save(id, sign, prepared.value, { messageId }) : prepared;
    },
    saveWritten: async ({ id, name, from, within }, deed) => {
      const sign = signed(deed);
      if (!sign.ok) return sign;
      const source = await sourceOf(from, within);
      if (!source.ok) return source;
      const prepared = await shelf.prepareWritten(id, name, source.value);
      return prepared.ok ? save(id, sign, prepared.value, from) : prepared;
    },
  };
}
