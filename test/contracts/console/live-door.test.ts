/** The stream of changes: one look for all, only what is new, only one's own partners, no longer than the session, no more listeners than there may be. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import fastify, { type FastifyInstance } from "fastify";
import { createConsole } from "../../../console/console.ts";
import { createLive, type Live, LISTENERS_MAX, LISTENERS_PER_ACCOUNT_MAX, LIVE_URL } from "../../../console/live-door.ts";
import { type Principal, TOKEN_PRINCIPAL } from "../../../domain/access/rights.ts";
import type { Look } from "../../../domain/live/told.ts";
import type { LiveTold } from "../../../domain/live/views.ts";
import type { AlarmView } from "../../../domain/operations/views-alarms.ts";
import type { DestinationView, Status } from "../../../domain/operations/views.ts";
import { createMetrics } from "../../../platform/metrics.ts";
import { operationsWorld } from "../operations/world.ts";

const silent = (): void => undefined;
const log = { debug: silent, info: silent, warn: silent, error: silent };
const LOOK_MS = 20;
const BEAT_MS = 60;
const backlog = { held: 0, queued: 0, waiting: 0, sending: 0, deferred: 0, parked: 0 };
const destination = (name: string, more: Partial<DestinationView> = {}): DestinationView => ({
  destination: name,
  known: true,
  paused: false,
  backlog,
  unclear: 0,
  blockedLanes: 0,
  fen: "0",
  ...more,
});
const status: Status = {
  at: "",
  messages: { received: 7, awaitingPart: 0, parked: 0, storedEstimate: 7 },
  writeBacks: { ...backlog, queued: 12 },
  eventDeliveries: { received: 0, parked: 0 },
  outbox: 0,
  services: { postgres: { up: true }, broker: { up: true }, redis: { up: true } },
  deliveries: { live: 0, queued: 0, waitingTurn: 0 },
  workers: [],
  paused: ["his", "lis"],
  refusedFlows: [],
};
const alarm = (id: string, kind: string, subject: string): AlarmView => ({
  id,
  kind,
  subject,
  severity: "page",
  text: { zh: "", en: "" },
  next: { zh: "", en: "" },
  runbook: "",
  open: true,
  startedAt: "",
  seenAt: "",
  details: { oldestSeconds: 1 },
  told: [],
});
const limited: Principal = { id: "a-1", name: "王工", roles: ["viewer"], partners: ["his"], via: "session" };

interface Told {
  readonly event: string;
  readonly data: unknown;
}

/** Reads a stream as a browser would. */
function listening(url: string, headers: Readonly<Record<string, string>> = {}) {
  const stop = new AbortController();
  const told: Told[] = [];
  let ended = false;
  const answer = fetch(url, { signal: stop.signal, headers });
  const reading = answer.then(async (response) => {
    let rest = "";
    for await (const chunk of response.body ?? []) {
      const parts = (rest + Buffer.from(chunk).toString("utf8")).split("\n\n");
      rest = parts.pop() ?? "";
      for (const part of parts) {
        const [event = "", data = ""] = part.split("\n");
        told.push({ event: event.slice("event: ".length), data: JSON.parse(data.slice("data: ".length)) });
      }
    }
    ended = true;
  });
  reading.catch(() => {
    ended = true;
  });
  const last = <T extends keyof LiveTold>(topic: T): LiveTold[T] | undefined =>
    told.findLast(({ event }) => event === topic)?.data as LiveTold[T] | undefined;
  return { answer, told, last, ended: () => ended, stop: () => stop.abort() };
}

async function until(what: string, ask: () => boolean, ms = 60_000): Promise<void> {
  const end = Date.now() + ms;
  while (!ask()) {
    if (Date.now() > end) assert.fail(`not within ${ms} ms: ${what}`);
    await sleep(5);
  }
}

describe("the stream of changes", () => {
  const closing: (() => Promise<unknown>)[] = [];
  after(async () => {
    for (const close of closing) await close();
  });

  /** A server whose one route listens as `who` says by a header. */
  async function serve(look: () => Promise<Look>, still: () => boolean = () => true) {
    const app: FastifyInstance = fastify({ forceCloseConnections: true });
    const live: Live = createLive({ look, still: async () => still(), log, lookEveryMs: LOOK_MS, beatEveryMs: BEAT_MS });
    app.get("/live", (request, reply) => {
      const name = String(request.headers["x-who"] ?? "token");
      const who = name === "limited" ? limited : { ...TOKEN_PRINCIPAL, id: name };
      const answer = live.listen(who, request, reply);
      if (!answer.ok) void reply.code(429).send({ code: answer.code });
    });
    const url = `${await app.listen({ host: "127.0.0.1", port: 0 })}/live`;
    closing.push(async () => {
      live.close();
      await app.close();
    });
    return { live, url };
  }

  test("one look serves everybody, and there is none while nobody listens", async () => {
    let looks = 0;
    const { live, url } = await serve(async () => {
      looks += 1;
      return { destinations: [destination("his")] };
    });
    await sleep(3 * LOOK_MS);
    assert.equal(looks, 0);
    const all = Array.from({ length: 5 }, (_, n) => listening(url, { "x-who": `person-${n}` }));
    await until("everybody was told", () => all.every((one) => one.last("destinations") !== undefined));
    const [before, since] = [looks, Date.now()];
    await sleep(10 * LOOK_MS);
    assert.ok(looks - before <= (Date.now() - since) / LOOK_MS + 2, `${looks - before} looks in ${Date.now() - since} ms`);
    for (const one of all) one.stop();
    await until("nobody listens", () => live.listeners() === 0);
    await sleep(2 * LOOK_MS);
    const rest = looks;
    await sleep(5 * LOOK_MS);
    assert.equal(looks, rest);
  });

  test("a topic is told once and again when it has changed; an age that ticks is no change", async () => {
    let look: Look = { destinations: [destination("his", { oldestOwedAt: "t", oldestAgeSeconds: 1 })], alarms: [] };
    let tick = 1;
    const { url } = await serve(async () => {
      tick += 1;
      return { ...look, destinations: (look.destinations ?? []).map((one) => ({ ...one, oldestAgeSeconds: tick })) };
    });
    const one = listening(url);
    await until("told", () => one.last("destinations") !== undefined && one.last("alarms") !== undefined);
    await sleep(8 * LOOK_MS);
    const count = (topic: string): number => one.told.filter(({ event }) => event === topic).length;
    assert.deepEqual([count("destinations"), count("alarms")], [1, 1]);
    look = { destinations: [destination("his", { paused: true })], alarms: [] };
    await until("the pause is told", () => one.last("destinations")?.[0]?.paused === true);
    assert.deepEqual([count("destinations"), count("alarms")], [2, 1]);
    await until("a beat", () => count("beat") >= 1);
    one.stop();
  });

  test("an account of one partner is told nothing of the others, not even their names", async () => {
    const { url } = await serve(async () => ({
      status,
      destinations: [
        destination("his", { backlog: { ...backlog, queued: 2 } }),
        destination("lis", { backlog: { ...backlog, queued: 10 } }),
      ],
      alarms: [alarm("1", "write-back-age", "his"), alarm("2", "write-back-age", "lis"), alarm("3", "disk-low", "database")],
      failures: [],
    }));
    const one = listening(url, { "x-who": "limited" });
    await until("told", () => one.last("failures") !== undefined);
    assert.deepEqual(
      one.last("destinations")?.map((each) => each.destination),
      ["his"],
    );
    assert.deepEqual(
      one.last("alarms")?.items.map(({ id }) => id),
      ["1", "3"],
    );
    assert.equal(one.last("alarms")?.open, 2);
    assert.deepEqual(one.last("status")?.writeBacks, { ...backlog, queued: 2 });
    assert.deepEqual([one.last("status")?.messages, one.last("status")?.paused], [undefined, ["his"]]);
    assert.ok(!JSON.stringify(one.told).includes("lis"), JSON.stringify(one.told));
    one.stop();
  });

  test("a look that fails or is refused leaves what was told; the next one goes on", async () => {
    let broken = false;
    const { url } = await serve(async () => {
      if (broken) throw new Error("the database is away");
      return { destinations: [destination("his")] };
    });
    const one = listening(url);
    await until("told", () => one.last("destinations") !== undefined);
    broken = true;
    await sleep(4 * LOOK_MS);
    broken = false;
    await sleep(4 * LOOK_MS);
    assert.equal(one.told.filter(({ event }) => event === "destinations").length, 1);
    assert.equal(one.ended(), false);
    one.stop();
  });

  test("the stream says that it ends, and ends, with the session", async () => {
    let signedIn = true;
    const { live, url } = await serve(
      async () => ({ alarms: [] }),
      () => signedIn,
    );
    const one = listening(url);
    await until("told", () => one.last("alarms") !== undefined);
    signedIn = false;
    await until("ended", () => one.ended());
    assert.equal(one.told.at(-1)?.event, "end");
    assert.equal(live.listeners(), 0);
  });

  test(`no more than ${LISTENERS_PER_ACCOUNT_MAX} of an account and ${LISTENERS_MAX} in all`, async () => {
    const { live, url } = await serve(async () => ({ alarms: [] }));
    const all = Array.from({ length: LISTENERS_PER_ACCOUNT_MAX }, () => listening(url, { "x-who": "one" }));
    await Promise.all(all.map((one) => one.answer));
    const refusedOne = await fetch(url, { headers: { "x-who": "one" } });
    assert.deepEqual([refusedOne.status, await refusedOne.json()], [429, { code: "TOO_MANY_LISTENERS" }]);
    for (let n = 0; live.listeners() < LISTENERS_MAX; n += 1) {
      const one = listening(url, { "x-who": `other-${n}` });
      all.push(one);
      await one.answer;
    }
    const refusedAll = await fetch(url, { headers: { "x-who": "somebody" } });
    assert.equal(refusedAll.status, 429);
    await refusedAll.body?.cancel();
    all[0]?.stop();
    await until("one has left", () => live.listeners() === LISTENERS_MAX - 1);
    const again = listening(url, { "x-who": "somebody" });
    assert.equal((await again.answer).status, 200);
    for (const one of [...all, again]) one.stop();
  });

  test("at the console: closed to strangers, told of a real engine, and a pause within two looks", async () => {
    const world = await operationsWorld();
    const metrics = createMetrics();
    const token = "live_test_token";
    const app = createConsole({
      operations: world.operations,
      auth: { token },
      readiness: async () => [],
      metrics,
      log,
      host: "127.0.0.1",
      port: 0,
    });
    const url = `${await app.listen()}${LIVE_URL}`;
    closing.push(async () => {
      await app.close();
      await world.close();
    });
    const stranger = await fetch(url);
    assert.equal(stranger.status, 401);
    await stranger.body?.cancel();
    const head = await fetch(url, { method: "HEAD", headers: { authorization: `Bearer ${token}` } });
    assert.equal(head.status, 404, "HEAD would hold a stream open that nobody reads");

    const one = listening(url, { authorization: `Bearer ${token}` });
    const { status: code, headers } = await one.answer;
    assert.equal(code, 200);
    assert.match(headers.get("content-type") ?? "", /^text\/event-stream/);
    assert.equal(headers.get("cache-control"), "no-store");
    await until("every topic", () =>
      (["status", "destinations", "alarms", "failures"] as const).every((topic) => one.last(topic) !== undefined),
    );
    const paused = await world.operations.gates.pause("his", { by: "王工", reason: "对方停机检修" });
    assert.ok(paused.ok);
    await until("the pause is told", () => one.last("destinations")?.find((each) => each.destination === "his")?.paused === true);
    one.stop();
    assert.doesNotMatch(await metrics.text(), /console_request_seconds[^\n]*live/, "a stream is no slow request");
  });
});
