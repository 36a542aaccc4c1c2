/** Messages on their way back to the journal: all that have gathered while the last ones were being given back go together. */
import type { JournalStore } from "../journal/ports.ts";

interface Item {
  readonly id: string;
  readonly token: number;
}

export interface GiveBack {
  /** Never rejects: what cannot be given back now comes back when its lease has run out. */
  give(item: Item): void;
  /** True while some are on their way: what is fetched meanwhile may lack them. */
  busy(): boolean;
}

export function createGiveBack(journal: Pick<JournalStore, "release">, failed: (messages: number, error: unknown) => void): GiveBack {
  const waiting: Item[] = [];
  let busy = false;
  const run = async (): Promise<void> => {
    busy = true;
    // The callers of one commit come in one turn of the event loop.
    await Promise.resolve();
    while (waiting.length > 0) {
      const items = waiting.splice(0);
      try {
        await journal.release(items);
      } catch (error) {
        failed(items.length, error);
      }
    }
    busy = false;
  };
  return {
    give: (item) => {
      waiting.push(item);
      if (!busy) void run();
    },
    busy: () => busy,
  };
}
