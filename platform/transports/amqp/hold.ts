/**
 * What a door does while the journal takes nothing. Messages are held in place, because giving them back counts towards the queue's delivery limit and a
 * requeue loop spins at 1,000 a second (reference/reliability.md section 2). After a while all but one are given back, once, and consuming stops; the one
 * is tried again until the journal takes it. Only an accept that succeeded proves that the journal is back.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../../../domain/log.ts";
import { jittered } from "../../rabbit/connection.ts";
import type { Consumer, Delivery } from "../../rabbit/consumer.ts";

/** A message that the journal did not take, and the way to try it again. */
export interface Held {
  readonly delivery: Delivery;
  /** True: the journal took it. False: still not. Never rejects. */
  readonly again: () => Promise<boolean>;
}

export interface Hold {
  /** Takes a message over. */
  hold(held: Held): void;
  /** The journal took a message that was not held. */
  proved(): void;
  /** True while the journal is known not to take messages. */
  isHolding(): boolean;
  stop(): void;
}

/** How long everything is held in place: a busy journal is back within it. */
const HOLD_ALL_MS = 10_000;
const FIRST_WAIT_MS = 50;
const LAST_WAIT_MS = 5_000;

/** One per consumer; its `resume` must do nothing while the door is paused. */
export function createHold(consumer: Pick<Consumer, "pause" | "resume">, log: Log, queue: string, holdAllMs = HOLD_ALL_MS): Hold {
  const stopping = new AbortController();
  let held: Held[] = [];
  let running = false;
  let probing = false;
  let proof = false;

  const live = (): Held[] => {
    held = held.filter((one) => one.delivery.isLive());
    return held;
  };
  /** Stops consuming and keeps one message to try the journal with. */
  const startProbing = async (): Promise<void> => {
    probing = true;
    log.warn({ queue, held: live().length }, "the journal takes nothing: consuming paused, messages are back in the queue");
    await consumer.pause();
    const [, ...others] = live();
    held = held.slice(0, 1);
    for (const one of others) one.delivery.requeue();
  };
  const loop = async (): Promise<void> => {
    const since = performance.now();
    let wait = FIRST_WAIT_MS;
    proof = false;
    while (!stopping.signal.aborted) {
      await sleep(jittered(wait), undefined, { signal: stopping.signal }).catch(() => undefined); // an abort ends the wait; the condition sees it
      if (stopping.signal.aborted) return;
      wait = Math.min(wait * 2, LAST_WAIT_MS);
      const first = live()[0];
      if (first === undefined) {
        if (!probing || proof) break; // the channel broke, the broker delivers again; or the message tried with was taken
        await consumer.resume(1); // a new message to try with
        continue;
      }
      if (await first.again()) {
        held = held.filter((one) => one !== first);
        break;
      }
      if (!probing && performance.now() - since >= holdAllMs) await startProbing();
    }
    if (stopping.signal.aborted) return;
    if (probing) {
      await consumer.pause(); // the prefetch of one ends with its consumer
      probing = false;
      log.info({ queue }, "the journal takes messages again: consuming");
    }
    const rest = live();
    held = [];
    await Promise.all(
      rest.map(async (one) => {
        if (!(await one.again())) held.push(one);
      }),
    );
  };
  const run = async (): Promise<void> => {
    if (running) return;
    running = true;
    while (held.length > 0 && !stopping.signal.aborted) await loop();
    running = false;
    await consumer.resume(); // paused here, or by the door while messages were held
  };
  return {
    hold(one) {
      if (stopping.signal.aborted) return; // unsettled: the broker delivers it again
      if (probing && held.length > 0) {
        one.delivery.requeue();
        return;
      }
      held.push(one);
      void run();
    },
    proved() {
      proof = true;
    },
    isHolding: () => running,
    stop() {
      stopping.abort();
      held = [];
    },
  };
}
