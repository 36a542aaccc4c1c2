/**
 * One worker at a time feeds flows (docs/decisions/011-one-feeder.md): work that shares a business key is translated one at a time, in journal order, across workers
 * (design.md decision 6). Every worker journals; the one with the lead fetches what all have journaled, in its order. Alone it is handed what it journals in process.
 *
 * The lead is a lease. It is trusted by the monotonic clock of the moment before it was asked for: a process that slept finds it run out before it does anything else.
 * A new leader takes every lease of open messages away first, token and all, so that nothing an earlier one still had in hand can be committed beside it.
 */
import type { Verdict } from "../journal/intake.ts";
import type { JournaledMessage } from "../journal/ports.ts";
import type { Deliveries } from "./deliveries.ts";
import type { Live } from "./live.ts";

export interface FeederLimits {
  /** How long a leader that fell silent is waited for. A dead one is not. */
  readonly leaseMs: number;
  readonly renewMs: number;
  /** The last other worker must have been gone this long before messages are handed over in process again: its last commits are over. */
  readonly quietMs: number;
  /** Flows that are down for longer than a deploy takes: another worker may feed. */
  readonly deployMs: number;
  /** What flows have in hand may take this long to end before the lead is handed over. */
  readonly handOverMs: number;
  /** What is journaled for the journal's sake is fetched after this long, together with what came meanwhile. */
  readonly gatherMs: number;
  /** How often the state of messages is read that senders wait for and another worker feeds. */
  readonly verdictMs: number;
}
export const FEEDER_LIMITS: FeederLimits = {
  leaseMs: 3_000,
  renewMs: 1_000,
  quietMs: 2_000,
  deployMs: 15_000,
  handOverMs: 8_000,
  gatherMs: 5,
  verdictMs: 40,
};

/** What the lead's table said when it was asked for. */
export interface Asked {
  /** The fencing token; undefined: another worker leads. */
  readonly token: bigint | undefined;
  readonly living: readonly number[];
  /** A living worker that asks for the lead. */
  readonly wish: number | undefined;
}

/** The lead and what feeding across workers needs of the database. Everything rejects while it is away. */
export interface FeederStore {
  readonly worker: number;
  take(leaseMs: number): Promise<Asked>;
  /** Says whom the leader knows: a newcomer journals nothing before it is among them. */
  see(living: readonly number[]): Promise<void>;
  give(): Promise<void>;
  /** Asks for the lead: who has it hands it over. */
  wish(): Promise<void>;
  /** True once whoever leads knows us, or nobody does. */
  isSeen(): Promise<boolean>;
  /** Takes away every lease of open messages and events, whoever has it. */
  takeOver(): Promise<void>;
  noteAnswer(messageId: string, answer: NonNullable<Live["answer"]>): Promise<void>;
  /** What became of those that have ended. */
  verdicts(messageIds: readonly string[]): Promise<readonly Verdict[]>;
}

/** The flows of this worker, as far as feeding cares. */
export interface FlowFiles {
  /** True when the files differ from what runs here. */
  changed(): Promise<boolean>;
  /** Loads them anew; intake is paused and resumed on the way, as in a deploy. */
  reload(): Promise<void>;
}

export interface FeederDeps {
  readonly store: FeederStore;
  readonly deliveries: Deliveries;
  /** The worker at which flows are edited: it gets the lead whenever it can have it. */
  readonly preferred: boolean;
  readonly flows?: FlowFiles;
  /** Tells the other workers at once; what is lost is found by the clock. */
  readonly tell: (what: "journal" | "lead") => void;
  readonly clock: { readonly tickMs: () => number; readonly after: (ms: number, run: () => void) => () => void };
  readonly log: (level: "info" | "warn", text: string, fields: Readonly<Record<string, unknown>>) => void;
  readonly limits?: FeederLimits;
}

/** The deliveries of a worker among others: the same, but that they are fed only where the lead is. */
export interface Feeder extends Deliveries {
  /** False while what is journaled here may be handed over in process. */
  shared(): boolean;
  /** True while this worker feeds. */
  leads(): boolean;
  /** The fencing token of the lead, while it may be trusted and this worker feeds. */
  lead(): bigint | undefined;
  /** True while this worker knows of others. */
  amongOthers(): boolean;
  noteAnswer: FeederStore["noteAnswer"];
  /** Something changed hands: look now. */
  look(): void;
  /** Resolves when what this worker journals cannot be overtaken any more by whoever feeds. Rejects after `withinMs`. */
  announced(withinMs: number): Promise<void>;
}

/** Starts asking for the lead once flows are up (`resume`). */
export function createFeeder(deps: FeederDeps): Feeder {
  const { store, deliveries, clock, log } = deps;
  const limits = deps.limits ?? FEEDER_LIMITS;
  let token: bigint | undefined;
  let validUntil = Number.NEGATIVE_INFINITY;
  let othersAt = Number.NEGATIVE_INFINITY;
  let downSince = clock.tickMs();
  let seen = "";
  let flowsUp = false;
  let running = false;
  /** What we let go of is ours no longer: before we feed again every lease is taken away, ours too. */
  let letGoOf = true;
  let leaving = false;
  let stopped = false;
  let looking: Promise<void> | undefined;
  let lookAgain = false;

  const isValid = (): boolean => clock.tickMs() < validUntil;
  const isAlone = (): boolean => clock.tickMs() - othersAt > limits.quietMs;
  const shared = (): boolean => stopped || leaving || !running || !isValid() || !isAlone();

  const lost = async (): Promise<void> => {
    token = undefined;
    validUntil = Number.NEGATIVE_INFINITY;
    if (!running) return;
    running = false;
    letGoOf = true;
    log("warn", "another worker feeds flows now; what was in hand here is fed there", {});
    await deliveries.letGo(0);
  };
  const handOver = async (why: string): Promise<void> => {
    if (leaving) return;
    leaving = true;
    log("info", "handing over the feeding of flows", { why });
    try {
      if (running) await deliveries.letGo(limits.handOverMs);
      running = false;
      letGoOf = true;
      token = undefined;
      validUntil = Number.NEGATIVE_INFINITY;
      await store.give();
      deps.tell("lead");
    } finally {
      leaving = false;
    }
  };
  const begin = async (): Promise<void> => {
    if (deps.flows && (await deps.flows.changed())) {
      log("info", "flows were changed at another worker: loading them", {});
      await deps.flows.reload(); // pauses and resumes: whoever resumes looks again
      return;
    }
    if (letGoOf) await store.takeOver();
    if (!flowsUp || stopped || leaving || token === undefined || !isValid()) return;
    letGoOf = false;
    running = true;
    deliveries.resume();
  };
  const lookOnce = async (): Promise<void> => {
    if (stopped || (!flowsUp && token === undefined)) return;
    const sent = clock.tickMs();
    const asked = await store.take(limits.leaseMs);
    if (asked.token === undefined) {
      await lost();
      if (deps.preferred && flowsUp) await store.wish();
      return;
    }
    if (asked.token !== token) {
      await lost(); // somebody led meanwhile
      letGoOf = true;
    }
    token = asked.token;
    if (asked.living.some((id) => id !== store.worker)) othersAt = clock.tickMs(); // before they hear that we know them
    validUntil = sent + limits.leaseMs;
    const living = [...asked.living].sort((a, b) => a - b).join();
    if (living !== seen || letGoOf) await store.see(asked.living);
    seen = living;
    if (leaving) return;
    if (asked.wish !== undefined && asked.wish !== store.worker && !deps.preferred) void background(handOver("another worker asks for it"));
    else if (!flowsUp && clock.tickMs() - downSince > limits.deployMs) void background(handOver("flows are down"));
    else if (flowsUp && !running) await begin();
  };
  const background = (work: Promise<void>): Promise<void> =>
    work.catch((error: unknown) => log("warn", "handing over failed; the lease runs out", { error: String(error) }));
  const look = (): void => {
    if (looking) {
      lookAgain = true;
      return;
    }
    looking = lookOnce()
      .catch((error: unknown) => log("warn", "the lead could not be asked for; tried again", { error: String(error) }))
      .finally(() => {
        looking = undefined;
        if (lookAgain && !stopped) look();
        lookAgain = false;
      });
  };
  let cancelTimer: () => void = () => undefined;
  const turn = (): void => {
    cancelTimer = clock.after(limits.renewMs, () => {
      look();
      turn();
    });
  };
  turn();

  let gathering = false;
  const wake = (): void => {
    if (!running) {
      deps.tell("journal");
      return;
    }
    if (gathering) return;
    gathering = true;
    clock.after(limits.gatherMs, () => {
      gathering = false;
      if (running) deliveries.wake();
    });
  };

  const verdicts = createVerdictWatch(deps, limits);
  return {
    shared,
    leads: () => running && isValid(),
    lead: () => (running && isValid() ? token : undefined),
    amongOthers: () => !isAlone() || token === undefined,
    noteAnswer: store.noteAnswer,
    look,
    offer: (message: JournaledMessage) => {
      if (message.unleased) wake();
      else deliveries.offer(message);
    },
    offerEvents: deliveries.offerEvents,
    room: deliveries.room,
    get: deliveries.get,
    wake,
    verdict: (messageId, withinMs) => {
      const here = deliveries.verdict(messageId, withinMs);
      return shared() ? verdicts(messageId, here) : here;
    },
    resume: () => {
      flowsUp = true;
      if (running) deliveries.resume();
      else look();
    },
    pause: (capMs) => {
      flowsUp = false;
      downSince = clock.tickMs();
      running = false;
      return deliveries.pause(capMs);
    },
    stop: async (capMs) => {
      leaving = true; // nothing is handed over in process from here on; the lease is renewed until all is let go
      try {
        await deliveries.stop(capMs);
      } finally {
        const led = token !== undefined;
        stopped = true;
        running = false;
        cancelTimer();
        await looking;
        if (led) await store.give();
        deps.tell("lead");
      }
    },
    letGo: deliveries.letGo,
    feeding: () => flowsUp && !stopped,
    counts: deliveries.counts,
    announced: async (withinMs) => {
      const until = clock.tickMs() + withinMs;
      while (!(await store.isSeen())) {
        if (clock.tickMs() > until)
          throw new Error(
            "the worker that feeds flows did not notice this one; see its log / 负责流程的工作进程没有发现本进程，请查看它的日志",
          );
        await new Promise<void>((resolve) => clock.after(limits.verdictMs, resolve));
      }
    },
  };
}

/** Reads the state of messages that senders wait for here while they are fed elsewhere. */
function createVerdictWatch(
  { store, clock, log }: FeederDeps,
  limits: FeederLimits,
): (messageId: string, here: Promise<Verdict>) => Promise<Verdict> {
  const waiting = new Map<string, ((verdict: Verdict) => void)[]>();
  let reading = false;
  const read = async (): Promise<void> => {
    for (const verdict of await store.verdicts([...waiting.keys()])) {
      for (const tell of waiting.get(verdict.messageId) ?? []) tell(verdict);
      waiting.delete(verdict.messageId);
    }
  };
  const start = (): void => {
    if (reading || waiting.size === 0) return;
    reading = true;
    clock.after(limits.verdictMs, () => {
      read()
        .catch((error: unknown) => log("warn", "verdicts could not be read; tried again", { error: String(error) }))
        .finally(() => {
          reading = false;
          start();
        });
    });
  };
  return (messageId, here) =>
    new Promise((resolve) => {
      const others = waiting.get(messageId);
      if (others) others.push(resolve);
      else waiting.set(messageId, [resolve]);
      start();
      void here.then((verdict) => {
        const left = (waiting.get(messageId) ?? []).filter((one) => one !== resolve);
        if (left.length > 0) waiting.set(messageId, left);
        else waiting.delete(messageId);
        resolve(verdict);
      });
    });
}
