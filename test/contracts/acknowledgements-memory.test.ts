import { createMemoryAcknowledgements } from "../../platform/memory/acknowledgements.ts";
import { createVirtualClock } from "../../platform/memory/clock.ts";
import { createMemoryWriteBacks } from "../../platform/memory/write-backs.ts";
import { acknowledgementContract } from "./acknowledgements.ts";

acknowledgementContract("memory", async () => {
  const clock = createVirtualClock();
  const writeBacks = createMemoryWriteBacks(clock);
  const store = createMemoryAcknowledgements(writeBacks);
  let messages = 0;
  return {
    store,
    writeBacks,
    owe: async (about) => {
      const { id, serial = "" } = writeBacks.owe(about);
      return { id, serial };
    },
    message: async (partner) => {
      messages += 1;
      const id = `message-${messages}`;
      store.journaled(id, 1);
      return {
        id,
        seq: BigInt(messages),
        partner,
        kind: "answer",
        door: "http",
        headers: {},
        raw: Uint8Array.of(1),
        receivedAt: "2026-11-20T10:00:00.000+08:00",
        token: 1,
        run: 1,
        replayed: false,
      };
    },
    row: async (id) => {
      const row = writeBacks.rows().find((one) => one.id === id);
      const { how, park } = store.done(id);
      return (
        row && {
          state: row.state,
          ...(how === undefined ? {} : { how }),
          ...(park === undefined ? {} : { park }),
          mayHaveTakenEffect: row.mayHaveTakenEffect,
        }
      );
    },
    recorded: async (messageId) => {
      const { state, writeBackId, message, code } = store.recorded(messageId);
      return {
        ...(state === undefined ? {} : { state }),
        ...(writeBackId === undefined ? {} : { writeBackId }),
        message,
        ...(code === undefined ? {} : { code }),
      };
    },
    events: async (id) => store.done(id).events,
    openAttempts: async () => 0,
    advance: (ms) => clock.advance(ms),
    close: async () => undefined,
  };
});
