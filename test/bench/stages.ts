/** Where the engine's time goes: samples of its main thread, taken over the inspector while a round runs, told apart by the file that the work belongs to. */
import { setTimeout as sleep } from "node:timers/promises";

const SAMPLE_US = 1_000;

interface Frame {
  readonly functionName: string;
  readonly url: string;
}
interface ProfileNode {
  readonly id: number;
  readonly callFrame: Frame;
  readonly children?: readonly number[];
}
export interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Whose file a sample belongs to: the innermost frame that matches says it, so that what a stage calls in node's own code counts as the stage. */
const STAGES: readonly (readonly [string, RegExp])[] = [
  ["RabbitMQ client", /amqplib|platform\/rabbit\/|transports\/amqp/],
  ["HTTP to the HIS", /undici|transports\/http\/courier/],
  ["PostgreSQL client", /\/pg\/|pg-pool|pg-protocol|pg-types|postgres\/(batch|binary|group-commit)/],
  ["events: seal, check, hash", /engine\/seal|events\/|\/ajv/],
  ["mapping", /engine\/dialects|domain\/mapping|saxes|fast-xml/],
  ["write-backs", /domain\/writeback|postgres\/write-back/],
  ["flow: Node-RED and nodes", /@node-red|node-red|lodash|\/nodes\//],
  ["settle", /postgres\/settle|delivery\/judge|domain\/orders/],
  ["journal", /postgres\/journal|domain\/journal/],
  ["deliveries", /domain\/delivery/],
  ["PostgreSQL, the rest", /platform\/postgres/],
  ["numbers and log", /metrics|prom-client|pino|platform\/log/],
];

const OTHER = "node itself";

/** Share of each stage in the samples that were not idle; they add up to 1. Largest first. */
export function stagesOf(profile: Profile): Readonly<Record<string, number>> {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(profile.nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id] as const)));
  const known = new Map<number, string | undefined>();
  const stageOf = (id: number): string | undefined => {
    if (known.has(id)) return known.get(id);
    const node = nodes.get(id);
    const name = node?.callFrame.functionName;
    const own =
      name === "(idle)"
        ? undefined
        : name === "(garbage collector)"
          ? "garbage collector"
          : STAGES.find(([, files]) => files.test(node?.callFrame.url ?? ""))?.[0];
    const parent = parents.get(id);
    const stage = own ?? (name === "(idle)" ? undefined : parent === undefined ? OTHER : stageOf(parent));
    known.set(id, stage);
    return stage;
  };
  const used = new Map<string, number>();
  let total = 0;
  profile.samples.forEach((id, index) => {
    const stage = stageOf(id);
    if (stage === undefined) return;
    const us = Math.max(profile.timeDeltas[index] ?? 0, 0);
    used.set(stage, (used.get(stage) ?? 0) + us);
    total += us;
  });
  return Object.fromEntries([...used].sort((a, b) => b[1] - a[1]).map(([stage, us]) => [stage, us / total]));
}

interface Answer {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

const OPEN_TRIES = 50;
const OPEN_PAUSE_MS = 100;

/** Has a process listen for its inspector, which it does not carry along before: it would be memory and time that nobody has in production. */
async function inspected(pid: number, port: number): Promise<Response> {
  process.kill(pid, "SIGUSR1");
  for (let tries = 1; ; tries += 1) {
    try {
      return await fetch(`http://127.0.0.1:${port}/json/list`);
    } catch (error) {
      if (tries === OPEN_TRIES) throw error;
      await sleep(OPEN_PAUSE_MS);
    }
  }
}

/** Samples a Node process that was started with --inspect-port while `work` runs. */
export async function profiled<T>(
  pid: number,
  port: number,
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly profile: Profile }> {
  const listed = await inspected(pid, port);
  const [target] = (await listed.json()) as readonly { readonly webSocketDebuggerUrl: string }[];
  if (target === undefined) throw new Error("the engine's inspector lists nothing");
  const socket = new WebSocket(target.webSocketDebuggerUrl);
  const answers = new Map<number, (answer: Answer) => void>();
  socket.addEventListener("message", (event) => {
    const told = JSON.parse(String(event.data)) as Answer;
    if (told.id !== undefined) answers.get(told.id)?.(told);
  });
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve(), { once: true });
    socket.addEventListener("error", () => reject(new Error("the engine's inspector does not answer")), { once: true });
  });
  let last = 0;
  const ask = (method: string, params: object = {}): Promise<unknown> =>
    new Promise((resolve, reject) => {
      last += 1;
      answers.set(last, ({ result, error }) => (error ? reject(new Error(error.message)) : resolve(result)));
      socket.send(JSON.stringify({ id: last, method, params }));
    });
  try {
    await ask("Profiler.enable");
    await ask("Profiler.setSamplingInterval", { interval: SAMPLE_US });
    await ask("Profiler.start");
    const result = await work();
    const { profile } = (await ask("Profiler.stop")) as { readonly profile: Profile };
    return { result, profile };
  } finally {
    socket.close();
  }
}
