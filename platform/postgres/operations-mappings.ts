/** Mappings on stored messages: the message comes from the journal, what is saved is on record. */
import type { MappingBench, MappingShelf } from "../../domain/operations/mapping-bench.ts";
import { answered, refused } from "../../domain/operations/refusals.ts";
import { signed } from "../../domain/operations/rules.ts";
import { doing, note } from "./operations-deeds.ts";
import type { OperationsDeps } from "./operations-deps.ts";
import { createStoredMessages } from "./stored-message.ts";

const unknown = async () => refused("UNKNOWN_MAPPING");
/** Where nothing is mapped. */
export const NO_SHELF: MappingShelf = {
  list: async () => answered({ items: [], editable: false }),
  read: unknown,
  tryOn: unknown,
  prepare: unknown,
};

export function createMappingBench(deps: OperationsDeps, shelf: MappingShelf): MappingBench {
  const stored = createStoredMessages(deps.reads);
  return {
    list: () => shelf.list(),
    read: (id) => shelf.read(id),
    tryOn: async ({ id, document, messageId }) => {
      const message = await stored(messageId);
      return message.ok ? shelf.tryOn(id, document, message.value) : message;
    },
    saveExample: async ({ id, name, messageId }, deed) => {
      const sign = signed(deed);
      if (!sign.ok) return sign;
      const message = await stored(messageId);
      if (!message.ok) return message;
      const prepared = await shelf.prepare(id, name, message.value);
      if (!prepared.ok) return prepared;
      const { write, ...example } = prepared.value;
      const done = await doing(deps, async (tx) => {
        const entry = { who: sign.by, action: "example", targetKind: "mapping" as const, targetId: id, reason: sign.reason };
        const auditId = await note(tx, { ...entry, after: { ...example, messageId } });
        await write();
        return { ok: true, done: { id, kind: "mapping", state: "saved", auditId } };
      });
      return done.ok ? answered(example) : done;
    },
  };
}
