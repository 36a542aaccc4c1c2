/**
 * A real Node-RED with a fake engine and the real ledger: what the tests of nodes and flows run on. Node-RED keeps its state in module variables, so a test
 * file has one bench.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { TOKEN_PRINCIPAL } from "../../domain/access/rights.ts";
import type { Asked, Catalogue, Choice, Engine, Fed, Found, NodeRef, Refused } from "../../domain/delivery/engine.ts";
import { createLedger, type LedgerEnd, reasonOfEnd } from "../../domain/delivery/ledger.ts";
import type { Event } from "../../domain/events/event.ts";
import type { ParkReason } from "../../domain/journal/ports.ts";
import { refusal } from "../../domain/refusals.ts";
import type { Admission } from "../../platform/node-red/gate.ts";
import { type RunningNodeRed, startNodeRed } from "../../platform/node-red/runtime.ts";
import { nodeRedSettings } from "../../platform/node-red/settings.ts";

export const PACKAGE_ROOT = resolve(import.meta.dirname, "../..");
/** Grace of the bench's ledger: shorter than in production, longer than any hop. */
const BENCH_GRACE_MS = 1_000;

/** What became of one delivery. */
export interface Outcome {
  readonly parked?: ParkReason;
  readonly end: LedgerEnd;
  /** Intents in the order recorded, e.g. "publish", "write-back insurance-result his". */
  readonly intents: readonly string[];
  /** It ended when the grace or the deadline was over, not when its last branch had. */
  readonly waited: boolean;
}

interface Live {
  readonly fed: Fed;
  readonly intents: string[];
  park?: ParkReason;
}

export interface FakeEngine extends Engine {
  /** Feeds one message to whichever node takes it, once intake is not paused, and waits for its end. */
  feed(partner: string, kind: string, events?: readonly Event[]): Promise<Outcome>;
  feedEvent(event: Event): Promise<Outcome>;
  readonly subscribed: ReadonlyMap<string, { readonly node: NodeRef; readonly kinds: readonly string[] }>;
  /** Message kinds whose translation is refused, with a list of problems. */
  readonly untranslatable: Set<string>;
  /** pause/resume calls, in order. */
  readonly calls: string[];
  asked: Asked;
  /** Longest wait of a pause, where a test does not want to wait for the cap that is asked for. */
  drainCapMs: number;
  /** Replaces `asked` when set: for questions that take their time. */
  onAsk?: (signal: AbortSignal) => Promise<Asked>;
  found: Found;
}

const choice = (value: string): Choice => ({ value, zh: value, en: value });

/** One event of a type, as small as the nodes need it. */
export const eventOf = (type: string, source = "his"): Event =>
  ({
    specversion: "1.0",
    id: `e-${type}`,
    type,
    source,
    subject: "bill:DJ1",
    time: "2026-11-20T09:00:00+08:00",
    datacontenttype: "application/json",
    dataschema: `huiliu:${type}:1`,
    data: { amount: "1650" },
  }) as unknown as Event;

const CATALOGUE: Catalogue = {
  partners: () =>
    ["his", "neusoft", "chongqing", "jkt"].map((value) => ({ ...choice(value), vendor: value, destination: value === "his" })),
  mappings: () => [{ ...choice("his/charge"), vendor: "his", message: "charge", direction: "in" }],
  eventTypes: () => [choice("payment.settled")],
  keyKinds: () => [choice("bill")],
};

const rest = (ms: number): Promise<void> => new Promise((awake) => setTimeout(awake, ms));

export function createFakeEngine(): FakeEngine {
  let timeIsOver = false;
  const ledger = createLedger({
    after: (ms, fn) => {
      const timer = setTimeout(() => {
        timeIsOver = true;
        try {
          fn();
        } finally {
          timeIsOver = false;
        }
      }, ms);
      return () => clearTimeout(timer);
    },
    graceMs: BENCH_GRACE_MS,
  });
  const live = new Map<string, Live>();
  const messages = new Map<
    string,
    { node: NodeRef; partner: string; kinds: readonly string[]; deadlineMs: number; feed: (fed: Fed) => void }
  >();
  const events = new Map<string, { node: NodeRef; types: readonly string[]; deadlineMs: number; feed: (fed: Fed) => void }>();
  const translated = new Map<string, readonly Event[]>();
  const calls: string[] = [];
  let count = 0;
  // As the real one: nothing is fed before the flows have started.
  let paused = true;
  let pauses = 0;
  const over = (): Refused => ({ ok: false, reason: refusal("DELIVERY_OVER") });
  const record = (token: string, text: string): { readonly ok: true; readonly count: number } | Refused => {
    const one = live.get(token);
    if (one === undefined) return over();
    one.intents.push(text);
    return { ok: true, count: 1 };
  };
  const start = (to: { node: NodeRef; deadlineMs: number; feed: (fed: Fed) => void }, fed: Fed): Promise<Outcome> => {
    const one: Live = { fed, intents: [] };
    live.set(fed.token, one);
    return new Promise((resolveEnd) => {
      ledger.open(fed.token, to, (end) => {
        live.delete(fed.token);
        translated.delete(fed.token);
        const parked = one.park ?? reasonOfEnd(end);
        resolveEnd({ ...(parked ? { parked } : {}), end, intents: one.intents, waited: timeIsOver });
      });
      to.feed(fed);
    });
  };
  const engine: FakeEngine = {
    ready: Promise.resolve(),
    catalogue: CATALOGUE,
    ledger,
    calls,
    untranslatable: new Set(["bad"]),
    drainCapMs: 60_000,
    asked: { outcome: "acknowledged" },
    found: { messages: [], events: [], writeBacks: [] },
    get subscribed() {
      return messages;
    },
    subscribeMessages: (node, filter, feed) => {
      messages.set(node.id, { node, ...filter, feed });
      return { ok: true, stop: () => messages.delete(node.id) };
    },
    subscribeEvents: (node, filter, feed) => {
      events.set(node.id, { node, ...filter, feed });
      return { ok: true, stop: () => events.delete(node.id) };
    },
    translate: (token, node) => {
      const one = live.get(token);
      if (one === undefined) return over();
      if (!engine.untranslatable.has(one.fed.kind)) return { ok: true, events: translated.get(token) ?? [eventOf("payment.settled")] };
      const at = { node };
      const problems = [{ code: "missing", at: "/1", place: "出参第1项", zh: "出参第1项：缺失", en: "item 1: missing" }];
      return { ok: false, reason: { ...refusal("NOT_TRANSLATABLE"), ...at, problems } };
    },
    publish: (token) => record(token, "publish"),
    oweWriteBack: (token, _node, options) => {
      const present = translated.get(token) ?? [eventOf("payment.settled")];
      const wanted = options.types.length === 0 ? present : present.filter((event) => options.types.includes(event.type));
      for (const _event of wanted) {
        const done = record(token, `write-back ${options.kind} ${options.destination} ${options.when}`);
        if (!done.ok) return done;
      }
      return { ok: true, count: wanted.length };
    },
    answer: (token, _node, options) => record(token, `answer ${options.verdict}`),
    ask: async (_token, _node, { signal }) => (engine.onAsk === undefined ? engine.asked : engine.onAsk(signal)),
    find: async () => engine.found,
    park: (token, node, options) => {
      const one = live.get(token);
      if (one === undefined) return over();
      one.park ??= { node, ...(options.refusal ?? refusal("PARKED_BY_FLOW", { zh: options.reason, en: options.reason })) };
      return { ok: true };
    },
    pauseIntake: async (why, capMs) => {
      paused = true;
      pauses += 1;
      calls.push(`pause ${why}`);
      for (const until = performance.now() + Math.min(capMs, engine.drainCapMs); live.size > 0 && performance.now() < until; )
        await rest(10);
      return { live: live.size };
    },
    resumeIntake: (unlessPausedSince) => {
      if (unlessPausedSince !== undefined && unlessPausedSince !== pauses) return;
      paused = false;
      calls.push("resume");
    },
    pauses: () => pauses,
    live: () => live.size,
    feed: async (partner, kind, given) => {
      while (paused) await rest(5);
      const to = [...messages.values()].find(
        (one) => (one.partner === partner || one.partner === "*") && (one.kinds.length === 0 || one.kinds.includes(kind)),
      );
      if (to === undefined) throw new Error(`nobody takes ${partner}.${kind}`);
      const token = `t${++count}`;
      if (given !== undefined) translated.set(token, given);
      return start(to, { token, messageId: `m${count}`, partner, kind });
    },
    feedEvent: async (event) => {
      const to = [...events.values()].find((one) => one.types.includes(event.type));
      if (to === undefined) throw new Error(`nobody takes ${event.type}`);
      const token = `t${++count}`;
      translated.set(token, [event]);
      return start(to, { token, messageId: `m${count}`, partner: event.source, kind: event.type, event });
    },
  };
  return engine;
}

export interface Bench {
  readonly engine: FakeEngine;
  readonly red: RunningNodeRed;
  /** Holds flows/. */
  readonly root: string;
  /** What the runtime logged. */
  readonly log: string[];
  /** GET of the admin API. */
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Response>;
  /** POST of JSON to the admin API. */
  post(path: string, body: unknown): Promise<Response>;
  /** Full deploy, as the editor does it. */
  deploy(flows: readonly object[], headers?: Readonly<Record<string, string>>): Promise<Response>;
  stop(): Promise<void>;
}

/** Starts Node-RED on flows given as folders; `root` uses a folder that has flows/ already and is left alone. */
export async function startBench(given: {
  readonly flows?: Readonly<Record<string, readonly object[]>>;
  readonly root?: string;
  readonly admission?: Admission;
  /** Who plays stored tests when somebody deploys; absent: nobody. */
  readonly flowTests?: Parameters<typeof nodeRedSettings>[0]["flowTests"];
}): Promise<Bench> {
  const scratch = mkdtempSync(join(tmpdir(), "huiliu-red-"));
  const root = given.root ?? scratch;
  for (const [folder, nodes] of Object.entries(given.flows ?? {})) {
    mkdirSync(join(root, "flows", folder), { recursive: true });
    writeFileSync(join(root, "flows", folder, "flow.json"), JSON.stringify(nodes));
  }
  const log: string[] = [];
  const engine = createFakeEngine();
  const settings = nodeRedSettings({
    root,
    dataDir: join(scratch, "data"),
    profile: "development",
    engine,
    editorPort: 0,
    // Who may come in has tests of its own (test/contracts/access/editor.test.ts).
    admission: given.admission ?? { who: async () => TOKEN_PRINCIPAL, leave: async () => undefined, consolePort: () => "1" },
    ...(given.flowTests === undefined ? {} : { flowTests: given.flowTests }),
    log: (level, text, detail) => log.push(`${level} ${text} ${detail === undefined ? "" : JSON.stringify(detail)}`),
    nodesDirs: [...(root === PACKAGE_ROOT ? [] : [PACKAGE_ROOT]), join(import.meta.dirname, "third-party")],
  });
  const red = await startNodeRed(settings);
  // Feeding nodes subscribe in a microtask after the flows have started.
  await new Promise((settled) => setTimeout(settled, 20));
  const base = red.editor ?? "";
  return {
    engine,
    red,
    root,
    log,
    get: (path, headers = {}) => fetch(new URL(path, base), { headers }),
    post: (path, body) =>
      fetch(new URL(path, base), { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
    deploy: (flows, headers = {}) =>
      fetch(new URL("flows", base), {
        method: "POST",
        headers: { "content-type": "application/json", "node-red-deployment-type": "full", ...headers },
        body: JSON.stringify(flows),
      }),
    stop: async () => {
      await red.stop();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}
