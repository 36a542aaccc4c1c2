/** Acknowledgements in memory, over the memory's write-backs: same promises as PostgreSQL's (domain/acknowledgements/ports.ts). */
import type { AcknowledgementStore, Arrived } from "../../domain/acknowledgements/ports.ts";
import { type AcknowledgementState, rule } from "../../domain/acknowledgements/ruling.ts";
import { refusal } from "../../domain/refusals.ts";
import { receiptOf } from "../../domain/writeback/judge.ts";
import type { Receipt } from "../../domain/writeback/ports.ts";
import type { MemoryStores } from "./stores.ts";
import type { MemoryWriteBack, MemoryWriteBacks } from "./write-backs.ts";

export interface MemoryAcknowledgements extends AcknowledgementStore {
  /** Journals a message: until it is applied, it is this worker's. */
  journaled(messageId: string, token: number): void;
  recorded(messageId: string): {
    readonly state?: AcknowledgementState;
    readonly writeBackId?: string;
    readonly message: string;
    readonly code?: string;
  };
  /** What it did to a write-back. */
  done(id: string): { readonly how?: string; readonly park?: string; readonly events: readonly string[] };
}

/** The journal whose messages are acknowledgements, and who seals the events of what they end. Absent: only what `journaled` was told of is open. */
export interface AcknowledgedJournal extends Pick<MemoryStores, "isOpen" | "close"> {
  readonly ended: (row: MemoryWriteBack, how: "acknowledged" | "parked", receipt: Receipt) => void;
}

export function createMemoryAcknowledgements(writeBacks: MemoryWriteBacks, journal?: AcknowledgedJournal): MemoryAcknowledgements {
  const open = new Map<string, number>();
  const records = new Map<string, { state: AcknowledgementState; writeBackId?: string; message: string; code?: string }>();
  const dones = new Map<string, { how?: string; park?: string; receipt?: Receipt; events: string[] }>();
  const doneOf = (id: string) => dones.get(id) ?? { events: [] };

  const standing = (row: MemoryWriteBack) => {
    const done = doneOf(row.id);
    const last = row.ends.at(-1);
    const parked = done.park ?? last?.park?.code;
    const receipt = done.receipt ?? row.ends.find((end) => end.receipt)?.receipt;
    const sendingNow = row.state === "sending" && row.action === "send";
    return {
      state: row.state,
      sent: row.firstSentAt !== undefined || sendingNow,
      firstSend: sendingNow && row.firstSentAt === undefined,
      ...(parked === undefined ? {} : { parked }),
      ...(receipt === undefined ? {} : { receipt }),
    };
  };

  const named = (row: MemoryWriteBack, by: "key" | "serial" | "reference"): string | undefined =>
    by === "reference" ? row.ends.find((end) => end.reference !== undefined)?.reference : row[by];

  const apply = (arrived: Arrived): ReturnType<typeof rule> => {
    const row = writeBacks.rows().find((one) => one.id === arrived.writeBackId);
    if (!row) return { state: "unexpected", move: "none" };
    const receipt = receiptOf(arrived.reading, 0);
    const ruling = rule(arrived.saying, standing(row), receipt);
    const done = { ...doneOf(row.id) };
    if (ruling.move === "finish") Object.assign(done, { how: "message", receipt, events: [...done.events, "writeback.acknowledged"] });
    else if (ruling.move !== "none") {
      const park = ruling.move.endsWith("rejected") ? "REJECTED" : "RECEIPT_DIFFERS";
      Object.assign(done, { park, events: row.state === "parked" ? done.events : [...done.events, "writeback.parked"] });
    }
    if (ruling.move !== "none") {
      const how = ruling.move === "finish" ? "acknowledged" : "parked";
      if (row.state !== how) journal?.ended(row, how, receipt);
      writeBacks.move(row.id, how);
      row.firstSentAt ??= row.owedAt;
    }
    dones.set(row.id, done);
    return ruling;
  };

  return {
    journaled: (messageId, token) => void open.set(messageId, token),
    recorded: (messageId) => records.get(messageId) ?? { message: open.has(messageId) ? "received" : "unknown" },
    done: (id) => doneOf(id),
    find: async (destination, { by, value }) =>
      writeBacks
        .rows()
        .filter((row) => row.destination === destination && named(row, by) === value)
        .map(({ id, key, serial, owed: { mapping, amountFen } }) => ({
          id,
          key,
          mapping,
          ...(amountFen === undefined ? {} : { amountFen }),
          ...(serial === undefined ? {} : { serial }),
        })),
    apply: async (arrived) => {
      await Promise.resolve();
      const { message } = arrived;
      if (journal ? !journal.isOpen(message) : open.get(message.id) !== message.token) return { settled: { kind: "fenced" } };
      open.delete(message.id);
      const ruling = arrived.unreadable ? ({ state: "unclear", move: "none" } as const) : apply(arrived);
      const parks = ruling.state === "unexpected" || ruling.state === "unclear" || (ruling.state === "differs" && ruling.move === "none");
      const codes = {
        unexpected: "UNEXPECTED_ACKNOWLEDGEMENT",
        unclear: "ACKNOWLEDGEMENT_UNCLEAR",
        differs: "ACKNOWLEDGEMENT_DIFFERS",
      } as const;
      const code = parks ? codes[ruling.state as keyof typeof codes] : undefined;
      const about = arrived.writeBackId === undefined ? {} : { writeBackId: arrived.writeBackId };
      records.set(message.id, {
        state: ruling.state,
        ...about,
        message: parks ? "parked" : "settled",
        ...(code === undefined ? {} : { code }),
      });
      const reason = code === undefined ? undefined : refusal(code);
      journal?.close(message, reason === undefined ? "settled" : "parked", reason);
      const settled =
        reason === undefined ? ({ kind: "settled", events: [], writeBacks: [] } as const) : ({ kind: "parked", reason } as const);
      return { settled, ...ruling };
    },
    close: async () => undefined,
  };
}
