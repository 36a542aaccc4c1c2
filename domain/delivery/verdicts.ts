/** Senders who wait to hear what became of their message. Nothing here is remembered: a verdict nobody waits for is dropped. */
import type { Verdict } from "../journal/intake.ts";

export interface Verdicts {
  /** Resolves with the verdict, or with `pending` after `withinMs`. */
  wait(messageId: string, withinMs: number): Promise<Verdict>;
  tell(messageId: string, verdict: Verdict): void;
}

export function createVerdicts(after: (ms: number, run: () => void) => () => void): Verdicts {
  const waiters = new Map<string, ((verdict: Verdict) => void)[]>();
  return {
    tell: (messageId, verdict) => {
      for (const waiter of waiters.get(messageId) ?? []) waiter(verdict);
      waiters.delete(messageId);
    },
    wait: (messageId, withinMs) =>
      new Promise<Verdict>((resolve) => {
        let cancel: () => void = () => undefined;
        const done = (verdict: Verdict): void => {
          cancel();
          resolve(verdict);
        };
        const waiting = waiters.get(messageId);
        if (waiting) waiting.push(done);
        else waiters.set(messageId, [done]);
        cancel = after(withinMs, () => {
          const left = (waiters.get(messageId) ?? []).filter((one) => one !== done);
          if (left.length > 0) waiters.set(messageId, left);
          else waiters.delete(messageId);
          resolve({ verdict: "accepted", messageId, pending: true });
        });
      }),
  };
}
