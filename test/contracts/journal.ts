/** What every JournalStore promises (domain/journal/ports.ts). Run for memory and PostgreSQL. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Inbound, Journaled, JournalStore } from "../../domain/journal/ports.ts";
import { refusal } from "../../domain/refusals.ts";

/** One process of the engine. */
export interface JournalWorker {
  readonly journal: JournalStore;
  /** As `kill -9`: nothing is given back. */
  kill(): Promise<void>;
}

/** A store's whole world, shared by its workers. */
export interface JournalWorld {
  /** Lease of messages: LEASE_MS. */
  worker(options?: { readonly queueRowsMax?: number }): Promise<JournalWorker>;
  /** Moves the clock forward. */
  advance(ms: number): Promise<void>;
  message(id: string): Promise<
    | {
        readonly state: string;
        readonly code?: string;
        readonly duplicateOf?: string;
        readonly history: readonly string[];
        readonly raw: string;
        readonly reply?: string;
      }
    | undefined
  >;
  /** `message.parked` events owed to the broker, by message. */
  parkedEvents(): Promise<readonly string[]>;
  close(): Promise<void>;
}

export const LEASE_MS = 60_000;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
let counter = 0;
const fresh = (): string => {
  counter += 1;
  return `m-${counter}`;
};

export const inbound = (over: Partial<Inbound> = {}): Inbound => ({
  door: "amqp",
  partner: "his",
  kind: "charge",
  identity: fresh(),
  contentType: "application/xml",
  charset: "gbk",
  headers: { "x-a": "甲" },
  raw: bytes("<a>1</a>"),
  ...over,
});

const accepted = (journaled: Journaled) => {
  assert.equal(journaled.kind, "accepted");
  if (journaled.kind !== "accepted") throw new Error("not accepted");
  return journaled.message;
};

const idOf = (journaled: Journaled): string => (journaled.kind === "accepted" ? journaled.message.id : journaled.messageId);

export function journalContract(name: string, make: () => Promise<JournalWorld>): void {
  describe(`journal contract: ${name}`, () => {
    let world: JournalWorld;
    let one: JournalWorker;
    before(async () => {
      world = await make();
      one = await world.worker();
    });
    after(() => world.close());

    test("an accepted message carries what was sent and a lease", async () => {
      const sent = inbound({
        raw: Uint8Array.of(0, 255, 0xb2, 0xe2),
        reply: bytes("r"),
        returnValue: "0",
        traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01`,
      });
      const message = accepted(await one.journal.append(sent));
      assert.deepEqual(Buffer.from(message.raw), Buffer.from(sent.raw));
      assert.deepEqual(Buffer.from(message.reply ?? []), Buffer.from("r"));
      assert.deepEqual(
        [
          message.partner,
          message.kind,
          message.door,
          message.identity,
          message.contentType,
          message.charset,
          message.headers,
          message.returnValue,
          message.traceparent,
        ],
        ["his", "charge", "amqp", sent.identity, "application/xml", "gbk", { "x-a": "甲" }, "0", sent.traceparent],
      );
      assert.equal(message.run, 1);
      assert.equal(message.replayed, false);
      assert.match(message.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
      assert.match(message.receivedAt, /\+08:00$/);
      assert.deepEqual((await world.message(message.id))?.history, ["received"]);
    });

    test("messages of one caller are in journal order", async () => {
      const journaled = await Promise.all(Array.from({ length: 600 }, () => one.journal.append(inbound())));
      const seqs = journaled.map((each) => accepted(each).seq);
      assert.deepEqual(
        seqs,
        [...seqs].sort((a, b) => (a < b ? -1 : 1)),
      );
      assert.equal(new Set(seqs).size, 600);
    });

    test("absent stays absent", async () => {
      const { identity: _, contentType: __, charset: ___, ...bare } = inbound();
      const message = accepted(await one.journal.append(bare));
      for (const field of ["identity", "contentType", "charset", "reply", "returnValue", "traceparent"])
        assert.equal(field in message, false, field);
    });

    for (const together of [false, true]) {
      const when = together ? "in one batch" : "later";
      test(`the same identity ${when}: same bytes are a duplicate, other bytes a parked conflict, once`, async () => {
        const identity = fresh();
        const send = [
          inbound({ identity }),
          inbound({ identity }),
          inbound({ identity, raw: bytes("other") }),
          inbound({ identity, raw: bytes("other") }),
        ];
        const told: Journaled[] = [];
        if (together) told.push(...(await Promise.all(send.map((each) => one.journal.append(each)))));
        else for (const each of send) told.push(await one.journal.append(each));
        const [first, again, other, otherAgain] = told as [Journaled, Journaled, Journaled, Journaled];
        const { id } = accepted(first);
        assert.deepEqual(again, { kind: "duplicate", messageId: id, state: "received" });
        assert.equal(other.kind, "conflict");
        assert.deepEqual(otherAgain, other);
        const parked = await world.message(idOf(other));
        assert.deepEqual([parked?.state, parked?.code, parked?.duplicateOf], ["parked", "IDENTITY_CONFLICT", id]);
        assert.deepEqual(
          (await world.parkedEvents()).filter((of) => of === idOf(other)),
          [idOf(other)],
        );
      });
    }

    test("identities are a partner's own", async () => {
      const identity = fresh();
      accepted(await one.journal.append(inbound({ identity })));
      accepted(await one.journal.append(inbound({ identity, partner: "jkt", raw: bytes("x") })));
    });

    test("two workers sent the same message: one accepts, the other answers duplicate", async () => {
      const two = await world.worker();
      const all = Array.from({ length: 100 }, () => inbound());
      const [a, b] = await Promise.all([
        Promise.all(all.map((m) => one.journal.append(m))),
        Promise.all(all.map((m) => two.journal.append(m))),
      ]);
      all.forEach((_, index) => {
        const kinds = [a[index]?.kind, b[index]?.kind].sort();
        assert.deepEqual(kinds, ["accepted", "duplicate"]);
        assert.equal(idOf(a[index] as Journaled), idOf(b[index] as Journaled));
      });
      await two.kill();
    });

    test("what was refused at the door does not hold its name: refused again it is the same row, put right it is a message", async () => {
      const reason = refusal("UNKNOWN_MESSAGE");
      const wrong = inbound({ identity: "typo-1", kind: "chrage", refusal: reason });
      const first = await one.journal.append(wrong);
      const again = await one.journal.append(wrong);
      assert.deepEqual([first.kind, again.kind], ["parked", "parked"]);
      assert.equal(again.kind === "parked" && again.messageId, first.kind === "parked" && first.messageId);
      const right = await one.journal.append(inbound({ identity: "typo-1", kind: "charge" }));
      assert.equal(right.kind, "accepted");
      assert.equal((await one.journal.append(inbound({ identity: "typo-1", kind: "charge" }))).kind, "duplicate");
      const late = await one.journal.append({ ...inbound({ identity: "typo-1", kind: "charge" }), refusal: refusal("SENDER_MISMATCH") });
      assert.equal(late.kind, "parked");
    });
    test("a part refused at the door does not stand in the way of the exchange", async () => {
      const part = inbound({ exchange: { id: "poisoned", part: "request" } });
      assert.equal((await one.journal.append({ ...part, refusal: refusal("SENDER_MISMATCH") })).kind, "parked");
      assert.equal((await one.journal.append(part)).kind, "awaiting-part");
      assert.equal((await one.journal.append(inbound({ exchange: { id: "poisoned", part: "reply" } }))).kind, "accepted");
    });
    test("one name and the same bytes as another kind is a conflict, no duplicate", async () => {
      assert.equal((await one.journal.append(inbound({ identity: "two-kinds", kind: "charge" }))).kind, "accepted");
      assert.equal((await one.journal.append(inbound({ identity: "two-kinds", kind: "payment" }))).kind, "conflict");
    });
    test("the same again of a message that is parked is answered with its reason: its sender must not hear that all is well", async () => {
      const part = inbound({ exchange: { id: "lonely-again", part: "request" } });
      await one.journal.append(part);
      await world.advance(120_000);
      await one.journal.parkLonelyParts(60_000);
      const again = await one.journal.append(part);
      assert.deepEqual(again.kind === "duplicate" && [again.state, again.reason?.code], ["parked", "EXCHANGE_INCOMPLETE"]);
    });
    test("a door's refusal is journaled as parked, with its event", async () => {
      const reason = refusal("UNKNOWN_MESSAGE");
      const journaled = await one.journal.append(inbound({ refusal: reason }));
      assert.deepEqual([journaled.kind, journaled.kind === "parked" && journaled.reason.code], ["parked", "UNKNOWN_MESSAGE"]);
      assert.equal((await world.message(idOf(journaled)))?.state, "parked");
      assert.ok((await world.parkedEvents()).includes(idOf(journaled)));
    });

    const part = (id: string, which: "request" | "reply", raw: string): Inbound => {
      const { identity: _, ...rest } = inbound({ kind: "settle", raw: bytes(raw), contentType: `text/${which}` });
      return { ...rest, exchange: { id, part: which, ...(which === "reply" ? { returnValue: "0" } : {}) } };
    };

    for (const order of [
      ["request", "reply"],
      ["reply", "request"],
    ] as const) {
      for (const together of [false, true]) {
        test(`an exchange is whole when both parts are here: ${order.join(" then ")}${together ? ", in one batch" : ""}`, async () => {
          const id = fresh();
          const sent = order.map((which) => part(id, which, which === "request" ? "问" : "答"));
          const told: Journaled[] = [];
          if (together) told.push(...(await Promise.all(sent.map((each) => one.journal.append(each)))));
          else for (const each of sent) told.push(await one.journal.append(each));
          assert.equal(told[0]?.kind, "awaiting-part");
          const message = accepted(told[1] as Journaled);
          assert.equal(message.id, idOf(told[0] as Journaled));
          assert.deepEqual(
            [
              Buffer.from(message.raw).toString(),
              Buffer.from(message.reply ?? []).toString(),
              message.returnValue,
              message.identity,
              message.contentType,
            ],
            ["问", "答", "0", `exchange:${id}`, "text/request"],
          );
          const twice = await one.journal.append(part(id, "reply", "答"));
          assert.deepEqual(twice, { kind: "duplicate", messageId: message.id, state: "received" });
          const other = await one.journal.append(part(id, "reply", "别的"));
          assert.deepEqual([other.kind, (await world.message(idOf(other)))?.duplicateOf], ["conflict", message.id]);
          const stored = await world.message(message.id);
          assert.deepEqual([stored?.raw, stored?.reply], ["问", "答"]);
        });
      }
    }

    test("two workers get one part each at the same time: the exchange is whole, once", async () => {
      const two = await world.worker();
      const ids = Array.from({ length: 200 }, fresh);
      const [requests, replies] = await Promise.all([
        Promise.all(ids.map((id) => one.journal.append(part(id, "request", "问")))),
        Promise.all(ids.map((id) => two.journal.append(part(id, "reply", "答")))),
      ]);
      ids.forEach((_, index) => {
        const pair = [requests[index] as Journaled, replies[index] as Journaled];
        assert.deepEqual(pair.map((each) => each.kind).sort(), ["accepted", "awaiting-part"]);
        assert.equal(new Set(pair.map(idOf)).size, 1);
      });
      await two.kill();
    });

    test("lonely parts park after their time; the other part opens them again", async () => {
      const id = fresh();
      const young = fresh();
      const waiting = await one.journal.append(part(id, "reply", "答"));
      await world.advance(61_000);
      await one.journal.append(part(young, "request", "问"));
      assert.deepEqual(await one.journal.parkLonelyParts(60_000), [idOf(waiting)]);
      const parked = await world.message(idOf(waiting));
      assert.deepEqual([parked?.state, parked?.code], ["parked", "EXCHANGE_INCOMPLETE"]);
      assert.ok((await world.parkedEvents()).includes(idOf(waiting)));
      const message = accepted(await one.journal.append(part(id, "request", "问")));
      assert.deepEqual([message.id, message.run, Buffer.from(message.raw).toString()], [idOf(waiting), 2, "问"]);
      assert.deepEqual((await world.message(message.id))?.history, ["awaiting-part", "parked", "received"]);
    });

    test("a dead worker's messages are taken at once, a living one's only when its lease is over; tokens fence", async () => {
      const two = await world.worker();
      const mine = accepted(await one.journal.append(inbound()));
      const theirs = accepted(await two.journal.append(inbound()));
      await two.kill();
      const taken = await one.journal.reclaim(10_000);
      const reclaimed = taken.find((message) => message.id === theirs.id);
      assert.deepEqual([reclaimed?.run, (reclaimed?.token ?? 0) > theirs.token], [2, true]);
      assert.equal(
        taken.some((message) => message.id === mine.id),
        false,
        "a living worker's message was taken",
      );
      const three = await world.worker();
      assert.deepEqual(await three.journal.extend([{ id: mine.id, token: mine.token }]), [mine.id], "not three's to extend");
      await world.advance(LEASE_MS / 2);
      assert.deepEqual(await one.journal.extend([mine, { id: theirs.id, token: theirs.token }]), [theirs.id]);
      await world.advance(LEASE_MS / 2 + 1_000);
      assert.equal(
        (await three.journal.reclaim(10_000)).some((message) => message.id === mine.id),
        false,
        "an extended lease was taken",
      );
      await world.advance(LEASE_MS);
      const again = (await three.journal.reclaim(10_000)).find((message) => message.id === mine.id);
      assert.equal(again?.run, 2);
      assert.deepEqual(await one.journal.extend([mine]), [mine.id]);
      await three.kill();
    });

    test("what a worker holds is not leased anew under its hand, and regained where its lease is nobody else's", async () => {
      const two = await world.worker();
      const message = accepted(await one.journal.append(inbound()));
      await world.advance(2 * LEASE_MS);
      assert.equal(
        (await one.journal.reclaim(10_000, [message.id])).some((each) => each.id === message.id),
        false,
        "its own message was leased anew",
      );
      const token = await one.journal.regain(message.id);
      assert.ok(token !== undefined && token > message.token);
      assert.deepEqual(await one.journal.extend([message]), [message.id], "the token before is fenced off");
      assert.deepEqual(await one.journal.extend([{ id: message.id, token }]), []);
      assert.equal(await two.journal.regain(message.id), undefined, "a living worker's message was taken");
      await world.advance(2 * LEASE_MS);
      assert.ok((await two.journal.regain(message.id)) !== undefined, "its lease is over");
      assert.equal(await one.journal.regain(message.id), undefined);
      await two.kill();
    });

    test("released messages are open to all, oldest first", async () => {
      const two = await world.worker();
      const sent = (await Promise.all(Array.from({ length: 5 }, () => one.journal.append(inbound())))).map(accepted);
      await one.journal.release(sent);
      const ids = new Set(sent.map((message) => message.id));
      const taken = (await two.journal.reclaim(10_000)).filter((message) => ids.has(message.id));
      assert.deepEqual(
        taken.map((message) => message.id),
        sent.map((message) => message.id),
      );
      await two.kill();
    });

    test("I13 a suspect fed alone is counted, for every worker, before it is fed", async () => {
      const one = await world.worker();
      const message = accepted(await one.journal.append(inbound()));
      assert.equal(await one.journal.fedAlone(message.id), 1);
      assert.equal(await one.journal.fedAlone(message.id), 2);
      const other = await world.worker();
      assert.equal(await other.journal.fedAlone(message.id), 3);
    });

    test("a full queue is busy, never ok (I12)", async () => {
      const small = await world.worker({ queueRowsMax: 8 });
      const told = await Promise.allSettled(Array.from({ length: 40 }, () => small.journal.append(inbound())));
      const refused = told.filter((each) => each.status === "rejected").map((each) => (each.status === "rejected" ? each.reason.name : ""));
      assert.ok(refused.length >= 20, `${refused.length} were refused`);
      assert.deepEqual(new Set(refused), new Set(["JournalBusy"]));
      assert.ok(told.some((each) => each.status === "fulfilled"));
      await small.kill();
    });
  });
}
