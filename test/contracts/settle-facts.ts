/** What a settlement commits, all or nothing, and which facts are new, known or in conflict (design.md decisions 5 and 6). */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Settled } from "../../domain/delivery/ports.ts";
import { refusal } from "../../domain/refusals.ts";
import { fact, fresh, owed, paid, type Scene, settlement, states, testEvent } from "./settle-world.ts";

export function factTests({ world, one, arrive, settle }: Scene): void {
  test("every intent is committed with the message's state, and told to the process", async () => {
    const message = await arrive();
    const told = fact({ key: "B-1" });
    const kept = fact({ publish: false });
    const back = owed(told, "bill:first");
    const before = one().afters.length;
    const settled = await settle(
      settlement(message, { events: [told, kept], writeBacks: [back], keys: [{ kind: "patient", value: "P-1" }] }),
    );
    assert.equal(settled.kind, "settled");
    assert.deepEqual(settled.kind === "settled" && settled.events, [told.event.id, kept.event.id]);
    assert.deepEqual(states(settled), ["waiting"]);
    assert.equal((await world().message(message.id))?.state, "settled");
    assert.deepEqual(await world().events(message.id), [told.event.id, kept.event.id]);
    const outbox = await world().outbox();
    assert.deepEqual([outbox.includes(told.event.id), outbox.includes(kept.event.id)], [true, false]);
    assert.deepEqual([await world().found("B-1"), await world().found("P-1")], [[message.id], [message.id]]);
    const done = one().afters.slice(before);
    assert.deepEqual(
      done.flatMap((each) => each.outbox.map((row) => row.event.id)),
      [told.event.id],
    );
    assert.deepEqual(
      done.flatMap((each) => each.destinations),
      ["his"],
    );
  });

  for (const together of [false, true]) {
    test(`a stale token and a second settlement commit nothing (decision 6)${together ? ", in one batch" : ""}`, async () => {
      const message = await arrive();
      const [a, b] = [fact(), fact()];
      const stale = settlement({ ...message, token: message.token - 1 }, { events: [fact()], writeBacks: [owed(a, "bill:stale")] });
      const good = settlement(message, { events: [a] });
      const twice = settlement(message, { events: [b] });
      const told: Settled[] = [];
      if (together) told.push(...(await Promise.all([stale, good, twice].map((each) => settle(each)))));
      else for (const each of [stale, good, twice]) told.push(await settle(each));
      assert.deepEqual(
        told.map((each) => each.kind),
        ["fenced", "settled", "fenced"],
      );
      assert.deepEqual(await world().events(message.id), [a.event.id]);
    });
  }

  const matrix = [
    { name: "same identity, same content", second: (identity: string) => [fact({ identity })], kind: "duplicate" },
    { name: "same identity, other content", second: (identity: string) => [fact({ identity, fingerprint: "other" })], kind: "conflict" },
    {
      name: "same identity of another partner",
      second: (identity: string) => [{ ...fact({ identity }), event: testEvent(fresh("e"), "payment.settled", "jkt") }],
      kind: "settled",
    },
    { name: "one known, one new", second: (identity: string) => [fact({ identity }), fact()], kind: "settled" },
    {
      name: "one known, one in conflict",
      second: (identity: string) => [fact(), fact({ identity, fingerprint: "other" })],
      kind: "conflict",
    },
    {
      name: "an insurer's rejection known with other content",
      second: (identity: string) => [fact({ identity, type: "insurance.rejected", fingerprint: "other" })],
      kind: "conflict",
    },
    {
      name: "no identity at all",
      second: () => [{ event: testEvent(fresh("e"), "charge.posted"), fingerprint: "x", keys: [], publish: true }],
      kind: "settled",
    },
  ] as const;
  for (const row of matrix) {
    for (const together of [false, true]) {
      test(`business identity: ${row.name}${together ? ", in one batch" : ""} → ${row.kind} (decision 5)`, async () => {
        const identity = fresh("payment ");
        const [first, second] = [await arrive(), await arrive()];
        const known = fact({ identity });
        const events = row.second(identity);
        const causes = events.map((event) => owed(event, fresh("bill:")));
        const a = settlement(first, { events: [known] });
        const b = settlement(second, { events, writeBacks: causes, keys: [{ kind: "serial", value: identity }] });
        const told: Settled[] = [];
        // In one batch the later message is handed in first: journal order decides, not the order of calls.
        if (together) told.push(...(await Promise.all([b, a].map((each) => settle(each)))).reverse());
        else told.push(await settle(a), await settle(b));
        assert.equal(told[0]?.kind, "settled");
        const answer = told[1] as Settled;
        assert.equal(answer.kind, row.kind);
        const stored = await world().message(second.id);
        assert.deepEqual(await world().found(identity), [second.id]);
        if (answer.kind === "duplicate") {
          assert.equal(answer.of, first.id);
          assert.deepEqual([stored?.state, stored?.duplicateOf], ["duplicate", first.id]);
          assert.deepEqual(await world().events(second.id), []);
        } else if (answer.kind === "conflict") {
          assert.equal(answer.with, first.id);
          assert.deepEqual([stored?.state, stored?.code, stored?.duplicateOf], ["parked", "BUSINESS_CONFLICT", first.id]);
          assert.deepEqual(await world().events(second.id), [`parked-${second.id}`]);
          assert.ok((await world().outbox()).includes(`parked-${second.id}`));
        } else {
          const news = events.filter(
            (event) => !("businessIdentity" in event) || event.businessIdentity !== identity || event.event.source !== "his",
          );
          assert.deepEqual(
            await world().events(second.id),
            news.map((event) => event.event.id),
          );
          assert.equal(states(answer).length, news.length, "what a known fact causes is owed by the message that told it first");
        }
        if (answer.kind !== "settled") for (const cause of causes) assert.equal(await world().writeBack(cause.key), undefined);
      });
    }
  }

  for (const together of [false, true]) {
    test(`decision 5: another fact under an event id that is taken is a conflict: its write-back would pass for the first one's${together ? ", in one batch" : ""}`, async () => {
      const [first, second] = [await arrive(), await arrive()];
      const id = fresh("e");
      const lane = fresh("bill:");
      const [a, b] = [fact({ id }), fact({ id, fingerprint: "other" })];
      const back = owed(a, lane);
      const both = [
        () => settle(settlement(first, { events: [a], writeBacks: [back] })),
        () => settle(settlement(second, { events: [b], writeBacks: [{ ...back, serial: "S2" }] })),
      ] as const;
      const told = together ? await Promise.all([both[0](), both[1]()]) : [await both[0](), await both[1]()];
      assert.deepEqual(
        told.map((each) => each.kind),
        ["settled", "conflict"],
      );
      assert.equal((await world().message(second.id))?.code, "BUSINESS_CONFLICT");
      assert.deepEqual(await world().lane("his", lane), ["waiting"]);
    });
  }

  test("a parked delivery commits nothing but its parking", async () => {
    const message = await arrive();
    const event = fact({ key: "B-parked" });
    const back = owed(event, "bill:parked");
    const park = refusal("BRANCH_THREW");
    const told = await settle(
      settlement(message, { events: [event], writeBacks: [back], orderChanges: [paid("bill:parked", 1n, 1n)], park }),
    );
    assert.deepEqual([told.kind, (await world().message(message.id))?.code], ["parked", "BRANCH_THREW"]);
    assert.deepEqual(await world().events(message.id), [`parked-${message.id}`]);
    assert.equal(await world().writeBack(back.key), undefined);
    assert.deepEqual(await world().found("B-parked"), [message.id], "a person must find it");
  });

  test("a replay keeps its events and write-backs, owes no second effect, and notes the difference", async () => {
    const message = await arrive();
    const event = fact();
    const back = owed(event, fresh("bill:"));
    await settle(settlement(message, { events: [event], writeBacks: [back] }));
    await world().replay(message.id);
    const again = (await one().journal.reclaim(10_000)).find((each) => each.id === message.id);
    assert.deepEqual([again?.run, again?.replayed], [2, true]);
    const published = (await world().outbox()).filter((id) => id === event.event.id).length;
    const mended = { ...back, amountFen: 1_700n, body: new TextEncoder().encode("<mended/>") };
    const another = owed(event, back.lane, { kind: "insurance-result" });
    const told = await settle(settlement(again ?? message, { events: [event], writeBacks: [mended, another] }));
    assert.deepEqual(states(told), ["kept", "queued"]);
    assert.deepEqual(await world().events(message.id), [event.event.id]);
    assert.equal((await world().outbox()).filter((id) => id === event.event.id).length, published);
    const note = (await world().message(message.id))?.notes.find((each) => each.includes("kept")) ?? "[]";
    assert.deepEqual(JSON.parse(note)[0].changed, ["amountFen", "body"]);
  });
}
