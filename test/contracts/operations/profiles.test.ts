/** Destination profiles in the database: seeded, changed, taken back, followed (issue 3). */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createProfileBook } from "../../../bin/engine/profiles.ts";
import type { Destination, Partner } from "../../../domain/partners/profile.ts";
import { changedProfiles, seedProfiles } from "../../../platform/postgres/profiles.ts";
import { auditOf, codeOf, mustBe, operationsWorld, PARTNERS, type World } from "./world.ts";

let world: World;
const seed = PARTNERS[0]?.destination as Destination;
const seeds = (of: Destination): ReadonlyMap<string, Destination> => new Map([["his", of]]);
const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const start = (of: Destination): Promise<readonly string[]> => seedProfiles({ pool: world.postgres.pool, log }, seeds(of));
const deed = { by: "王工", reason: "调整并发" };
const present = async () => mustBe(await world.operations.profiles.get("his"));

before(async () => {
  world = await operationsWorld();
});
after(() => world.close());

describe("destination profiles", { concurrency: false }, () => {
  test("seeded once at start, by several workers at once; on record", async () => {
    assert.equal(codeOf(await world.operations.profiles.get("his")), "NOT_A_DESTINATION", "no row before a start");
    assert.equal(codeOf(await world.operations.profiles.get("jkt")), "NOT_A_DESTINATION");
    assert.equal(codeOf(await world.operations.profiles.get("nobody")), "UNKNOWN_PARTNER");
    await Promise.all([start(seed), start(seed), start(seed)]);
    const { version, profile, fromSeed, seedChanged } = await present();
    assert.deepEqual([version, profile, fromSeed, seedChanged], [1, seed, [], false]);
    assert.deepEqual(
      (await auditOf(world, "his")).map((row) => [row.who, row.action]),
      [["engine", "seed-profile"]],
    );
  });

  test("a row that a pause made before it was seeded keeps its pause", async () => {
    await world.operations.gates.pause("old", deed);
    const old = PARTNERS[1]?.destination as Destination;
    await seedProfiles({ pool: world.postgres.pool, log }, new Map([["old", old]]));
    const [row] = await world.sql<{ mode: string; messages: string }>(
      "select mode, profile->>'messages' as messages from destination where name = 'old'",
    );
    assert.deepEqual([row?.mode, row?.messages !== null], ["paused", true]);
  });

  test("changed under its version: the audit holds before and after, this process reads at once; a stale version is told both", async () => {
    const read = world.told.profilesRead;
    const changed = { ...seed, parallel: 3 };
    assert.equal(mustBe(await world.operations.profiles.set("his", { ...deed, version: 1, profile: changed })).state, "2");
    assert.equal(world.told.profilesRead, read + 1);
    const stale = await world.operations.profiles.set("his", { ...deed, version: 1, profile: changed });
    assert.deepEqual([codeOf(stale), stale.ok ? "" : stale.state], ["VERSION_CHANGED", "2"]);
    assert.match(stale.ok ? "" : (stale.problems?.[0]?.en ?? ""), /version 1 .* 2/);
    assert.equal(codeOf(await world.operations.profiles.set("his", { version: 2, profile: changed, by: "王工" })), "REASON_REQUIRED");
    const wrong = await world.operations.profiles.set("his", { ...deed, version: 2, profile: { ...changed, parallel: 0 } });
    assert.deepEqual([codeOf(wrong), wrong.ok ? [] : wrong.problems?.map((one) => one.at)], ["PROFILE_REFUSED", ["/parallel"]]);
    const { version, fromSeed } = await present();
    assert.deepEqual([version, fromSeed], [2, [{ at: "/parallel", before: 8, after: 3 }]]);
  });

  test("two people at once: one wins, nothing is lost", async () => {
    const told = await Promise.all(
      [4, 5].map((parallel) => world.operations.profiles.set("his", { ...deed, version: 2, profile: { ...seed, parallel } })),
    );
    assert.deepEqual(told.map(codeOf).sort(), ["VERSION_CHANGED", "ok"]);
    assert.equal((await present()).version, 3);
  });

  test("a file that changed: taken over where nobody changed the profile, told as a difference where somebody did", async () => {
    const file = { ...seed, replyTimeoutMs: 2_000 };
    assert.deepEqual(await start(file), ["his"]);
    const { profile, version } = await present();
    assert.deepEqual([profile.replyTimeoutMs, version], [1_000, 3]);
    mustBe(await world.operations.profiles.revert("his", { ...deed, version: 3, to: 1 }));
    assert.deepEqual((await present()).fromSeed, []);
    assert.deepEqual(await start(file), []);
    assert.equal((await present()).profile.replyTimeoutMs, 2_000);
  });

  test("history, newest first, and taken back to any version", async () => {
    const { items, after: more } = mustBe(await world.operations.profiles.history("his", { limit: 3 }));
    assert.deepEqual(
      items.map((one) => [one.version, one.action, one.by, one.changes.map((change) => change.at)]),
      [
        [5, "seed-profile", "engine", ["/replyTimeoutMs"]],
        [4, "revert-profile", "王工", ["/parallel"]],
        [3, "set-profile", "王工", ["/parallel"]],
      ],
    );
    assert.equal(mustBe(await world.operations.profiles.history("his", { after: more ?? "" })).items.length, 2);
    assert.equal(codeOf(await world.operations.profiles.revert("his", { ...deed, version: 5, to: 9 })), "UNKNOWN_VERSION");
    mustBe(await world.operations.profiles.revert("his", { ...deed, version: 5, to: 2 }));
    const { version, profile } = await present();
    assert.deepEqual([version, profile.parallel, profile.replyTimeoutMs], [6, 3, 1_000]);
  });

  test("a process follows, keeps the address its settings gave, and sends nothing by a profile that does not hold there", async () => {
    const partner = PARTNERS[0] as Partner;
    const { url: _, tls: __, ...rest } = seed;
    const plain: Destination = { ...rest, url: "http://127.0.0.1:9" };
    const partners = new Map([["his", { ...partner, destination: { ...plain, url: "http://127.0.0.1:7777" } }]]);
    const changed: string[] = [];
    const book = createProfileBook({
      partners,
      seeds: new Map([["his", { ...partner, destination: plain }]]),
      urls: { his: "http://127.0.0.1:7777" },
      profile: "development",
      hasOutbound: () => true,
    });
    await world.sql("delete from destination where name = 'his'");
    const stop = await book.open({ pool: world.postgres.pool, log: log as never, changed: (name) => void changed.push(name) });
    try {
      assert.equal(partners.get("his")?.destination?.url, "http://127.0.0.1:7777");
      const stored = await changedProfiles(world.postgres.pool, new Map());
      assert.equal(
        (stored.find((one) => one.name === "his")?.profile as Destination | undefined)?.url,
        "http://127.0.0.1:9",
        "the override is not written",
      );
      const until = async (what: string, is: () => boolean): Promise<void> => {
        const started = performance.now();
        while (!is()) {
          assert.ok(performance.now() - started < 60_000, `${what}: not within a minute`);
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      };
      mustBe(await world.operations.profiles.set("his", { ...deed, version: 1, profile: { ...plain, parallel: 2 } }));
      await until("followed", () => partners.get("his")?.destination?.parallel === 2);
      assert.deepEqual(changed, ["his"]);
      const missing = { ...plain, tls: { ca: "/nowhere/ca.pem" } };
      assert.deepEqual(book.check("his", missing), {
        ok: false,
        problems: [{ at: "/tls/ca", zh: "文件不可读（ENOENT）：/nowhere/ca.pem", en: "the file cannot be read (ENOENT): /nowhere/ca.pem" }],
      });
      mustBe(await world.operations.profiles.set("his", { ...deed, version: 2, profile: missing }));
      await until("stopped", () => book.broken("his"));
      mustBe(await world.operations.profiles.revert("his", { ...deed, version: 3, to: 2 }));
      await until("mended", () => !book.broken("his"));
    } finally {
      stop();
    }
  });

  const rules: readonly { name: string; profile: "development" | "production"; over: Partial<Destination>; at: string | undefined }[] = [
    { name: "plain http off this machine in development", profile: "development", over: { url: "http://his.example" }, at: undefined },
    { name: "plain http off this machine in production", profile: "production", over: { url: "http://his.example" }, at: "/url" },
    { name: "https in production", profile: "production", over: { url: "https://his.example" }, at: undefined },
    { name: "an account in the address", profile: "development", over: { url: "http://a:b@127.0.0.1:1" }, at: "/url" },
    { name: "a query in the address", profile: "development", over: { url: "http://127.0.0.1:1/?x=1" }, at: "/url" },
    { name: "a lease shorter than its attempt", profile: "development", over: { leaseMs: 1_000 }, at: "/leaseMs" },
    {
      name: "a message that no mapping writes",
      profile: "development",
      over: { messages: { "payment-confirm": "nothing" } },
      at: "/messages/payment-confirm",
    },
    { name: "a certificate without its key", profile: "development", over: { tls: { cert: import.meta.filename } }, at: "/tls" },
    {
      name: "another's address with other certificates",
      profile: "development",
      over: { url: "https://old.example", tls: { serverName: "x" } },
      at: "/tls",
    },
  ];
  for (const { name, profile, over, at } of rules)
    test(`${name}: ${at === undefined ? "taken" : `refused at ${at}`}`, () => {
      const { tls: _, ...plain } = seed;
      const partner = PARTNERS[0] as Partner;
      const his = { ...partner, destination: { ...plain, url: "http://127.0.0.1:9" } };
      const old: Partner = { ...partner, partner: "old", destination: { ...his.destination, url: "https://old.example" } };
      const partners = new Map([
        ["his", his as Partner],
        ["old", old],
      ]);
      const book = createProfileBook({
        partners,
        seeds: partners,
        urls: {},
        profile,
        hasOutbound: (_vendor, message) => message !== "nothing",
      });
      const checked = book.check("his", { ...his.destination, ...over });
      assert.deepEqual(checked.ok ? [] : checked.problems.map((one) => one.at), at === undefined ? [] : [at]);
    });
});
