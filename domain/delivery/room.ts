/**
 * Room for messages of a broker. What is journaled faster than flows work is given back to the journal and fetched again, which costs more than the journaling; a message
 * that waits in its broker's queue costs nothing. So a door that reads from a broker waits here, in order, and never for long: whatever holds the flows up, the journal takes it.
 */

/** Longest wait for room. */
export const ROOM_WAIT_MS = 1_000;

export interface Room {
  /** Resolves when there is room, or after ROOM_WAIT_MS; undefined when there is room now. Those who wait are let in in the order in which they asked. */
  wait(): Promise<void> | undefined;
  /** Something ended, or nothing is fed any more: lets in all who wait, where there is room. */
  look(): void;
}

export function createRoom(deps: { readonly full: () => boolean; readonly after: (ms: number, run: () => void) => () => void }): Room {
  let waiting: (() => void)[] = [];
  let cancel: () => void = () => undefined;
  const open = (): void => {
    cancel();
    const all = waiting;
    waiting = [];
    for (const letIn of all) letIn();
  };
  return {
    wait: () => {
      if (waiting.length === 0 && !deps.full()) return undefined;
      return new Promise((resolve) => {
        if (waiting.length === 0) cancel = deps.after(ROOM_WAIT_MS, open);
        waiting.push(resolve);
      });
    },
    look: () => {
      if (waiting.length > 0 && !deps.full()) open();
    },
  };
}
