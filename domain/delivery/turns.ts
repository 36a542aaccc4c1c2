/**
 * Turns: work that shares a business key is done one at a time, in the order in which it asked (design.md decision 6).
 * A ticket stands in the line of each of its keys at once, so two tickets can never wait for each other.
 */

interface Ticket {
  readonly keys: readonly string[];
  readonly go: () => void;
  /** Lines in which somebody stands before it. */
  blockedBy: number;
}

export interface Turns {
  /** Calls `go` when the ticket is first in all its lines (at once when nobody is before it). Returns the release; releasing twice is harmless. */
  take(keys: readonly string[], go: () => void): () => void;
  /** Tickets that wait. */
  waiting(): number;
}

export function createTurns(): Turns {
  const lines = new Map<string, Ticket[]>();
  let waiting = 0;

  const leave = (ticket: Ticket): void => {
    const ready: Ticket[] = [];
    for (const key of ticket.keys) {
      const line = lines.get(key);
      if (!line) continue;
      const wasHead = line[0] === ticket;
      const at = line.indexOf(ticket);
      if (at >= 0) line.splice(at, 1);
      if (line.length === 0) lines.delete(key);
      else if (wasHead && line[0]) {
        line[0].blockedBy -= 1;
        if (line[0].blockedBy === 0) ready.push(line[0]);
      }
    }
    for (const next of ready) {
      waiting -= 1;
      next.go();
    }
  };

  return {
    take: (keys, go) => {
      const ticket: Ticket = { keys: [...new Set(keys)], go, blockedBy: 0 };
      for (const key of ticket.keys) {
        const line = lines.get(key);
        if (line) {
          line.push(ticket);
          ticket.blockedBy += 1;
        } else lines.set(key, [ticket]);
      }
      let released = false;
      if (ticket.blockedBy === 0) go();
      else waiting += 1;
      return () => {
        if (released) return;
        released = true;
        if (ticket.blockedBy > 0) waiting -= 1;
        leave(ticket);
      };
    },
    waiting: () => waiting,
  };
}
