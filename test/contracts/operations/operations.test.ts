/** What operators see and do, over a real PostgreSQL (issue 2; C-7). */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { WriteBackFilter } from "../../../domain/operations/ports.ts";
import { codeOf, DAY, operationsWorld, owed, PARKED, parkReason, payment, sealed, mustBe, type World } from "./world.ts";

let world: World;
before(async () => {
  world = await operationsWorld();
});
after(() => world.close());

const deed = { by: "王工", reason: "测试重放" };
const auditOf = (id: string) =>
  world.sql<{ action: string; who: string; before: { state?: string }; after: { state?: string } }>(
    "select action, who, before, after from operator_action where target_id = $1 order by id",
    [id],
  );
const stateOf = async (id: string): Promise<string | undefined> =>
  (await world.sql<{ state: string }>("select state from write_back where id = $1", [id]))[0]?.state;

/** A message parked by its flow. */
async function parkedMessage(): Promise<string> {
  const message = await world.receive();
  await world.end(message, { park: parkReason() });
  return message.id;
}
/** A write-back that its destination refused. */
async function parkedWriteBack(bill: string, to = "his", mayHaveTakenEffect = false): Promise<string> {
  const { writeBackId } = await world.pay(bill, to);
  const claim = (await world.claim(to)).find((one) => one.id === writeBackId);
  assert.ok(claim);
  await world.finish(claim, {
    outcome: mayHaveTakenEffect ? "unclear" : "rejected",
    step: "park",
    park: PARKED,
    mayHaveTakenEffect,
    reply: Buffer.from("<no/>"),
  });
  return writeBackId;
}

describe("messages", () => {
  test("are found by any business key, identity, id; filters and pages compose", async () => {
    const paid = await world.pay("B-FIND");
    const other = await world.pay("B-OTHER");
    const one = mustBe(await world.operations.messages({ keys: ["B-FIND"] }));
    assert.deepEqual(
      one.items.map((row) => row.id),
      [paid.messageId],
    );
    assert.equal(one.items[0]?.state, "settled");
    const several = mustBe(await world.operations.messages({ keys: ["B-FIND", "B-OTHER", "B-NONE"] }));
    assert.deepEqual(
      several.items.map((row) => row.id),
      [other.messageId, paid.messageId],
      "newest first",
    );
    const message = await world.receive({ identity: "the-sender's-own" });
    assert.deepEqual(
      mustBe(await world.operations.messages({ keys: ["the-sender's-own"] })).items.map((row) => row.id),
      [message.id],
    );
    assert.deepEqual(
      mustBe(await world.operations.messages({ keys: [message.id] })).items.map((row) => row.id),
      [message.id],
    );
    assert.deepEqual(mustBe(await world.operations.messages({ keys: ["B-FIND"], state: "parked" })).items, []);
    assert.deepEqual(mustBe(await world.operations.messages({ keys: ["B-FIND"], partner: "his" })).items, []);
    assert.deepEqual(mustBe(await world.operations.messages({ keys: ["B-FIND"], kind: "pay-order", fromMs: 0, toMs: 1 })).items, []);
    const seen: string[] = [];
    for (let cursor: string | undefined, page = 0; page < 100; page += 1) {
      const found = mustBe(await world.operations.messages({ limit: 2, ...(cursor === undefined ? {} : { after: cursor }) }));
      seen.push(...found.items.map((row) => row.id));
      cursor = found.after;
      if (cursor === undefined) break;
    }
    assert.equal(new Set(seen).size, seen.length, "no row twice");
    const all = (await world.sql<{ n: number }>("select count(*)::integer as n from message"))[0]?.n;
    assert.equal(seen.length, all, "every row once");
    assert.deepEqual(seen, [...seen].sort().reverse());
  });

  test("one message shows everything, masked; unmasking is on record first", async () => {
    const paid = await world.pay("B-ALL");
    const detail = mustBe(await world.operations.message(paid.messageId));
    assert.equal(detail.masked, true);
    assert.equal(detail.raw?.base64, undefined, "bytes cannot be masked");
    assert.equal(detail.raw?.text, "<REQ><PATIENT_NAME>李**</PATIENT_NAME><TEL>13*****8000</TEL></REQ>");
    assert.deepEqual(
      detail.history.map((one) => one.state),
      ["received", "settled"],
    );
    assert.ok(detail.keys.some((key) => key.kind === "bill" && key.value === "B-ALL"));
    assert.equal((detail.events[0]?.event as { data?: { patient?: { name: string } } } | undefined)?.data?.patient?.name, "张*");
    assert.equal(detail.writeBacks[0]?.writeBack.id, paid.writeBackId);
    assert.equal(detail.writeBacks[0]?.writeBack.amount, "1650");
    assert.equal(codeOf(await world.operations.message(paid.messageId, { by: "王工" })), "REASON_REQUIRED");
    assert.equal(codeOf(await world.operations.message(paid.messageId, { reason: "核对" })), "BY_REQUIRED");
    assert.deepEqual(await auditOf(paid.messageId), []);
    const whole = mustBe(await world.operations.message(paid.messageId, { by: "王工", reason: "患者来电核对" }));
    assert.match(whole.raw?.text ?? "", /李四光.*13800138000/);
    assert.match(Buffer.from(whole.raw?.base64 ?? "", "base64").toString(), /李四光/);
    assert.deepEqual(
      (await auditOf(paid.messageId)).map((row) => row.action),
      ["unmask"],
    );
    assert.equal(whole.actions[0]?.reason, "患者来电核对");
    assert.equal(codeOf(await world.operations.message("018f0000-0000-7000-8000-000000000000")), "UNKNOWN_MESSAGE");
    assert.equal(codeOf(await world.operations.message("nonsense")), "UNKNOWN_MESSAGE");
  });

  test("bytes of another charset than declared are decoded, bytes of none are shown as bytes", async () => {
    const gbk = await world.receive({ charset: "utf-8", raw: Buffer.from("b3c9b9a6", "hex") });
    assert.deepEqual(mustBe(await world.operations.message(gbk.id)).raw, { bytes: 4, charset: "gb18030", text: "成功", cut: false });
    const none = await world.receive({ raw: Buffer.from("ff80ff", "hex") });
    assert.deepEqual(mustBe(await world.operations.message(none.id)).raw, { bytes: 3, cut: false });
  });
});

describe("C-7 replaying a message", () => {
  test("is open again under a further run, fenced from the runs before, audited", async () => {
    const id = await parkedMessage();
    const wakes = world.told.wakes;
    const parked = mustBe(await world.operations.messages({ state: "parked" })).items.find((row) => row.id === id);
    assert.equal(parked?.parked?.code, "NOT_TRANSLATABLE");
    assert.match(parked?.parked?.next?.zh ?? "", /映射/);
    const done = mustBe(await world.operations.replayMessage(id, deed));
    assert.equal(done.state, "received");
    assert.equal(world.told.wakes, wakes + 1);
    const again = (await world.journal.reclaim(500)).find((one) => one.id === id);
    assert.ok(again, "the reclaim loop picks it up");
    assert.equal(again.run, 2);
    assert.equal(again.replayed, true);
    const [row] = await auditOf(id);
    assert.deepEqual([row?.action, row?.who, row?.before.state, row?.after.state], ["replay", "王工", "parked", "received"]);
    assert.equal(codeOf(await world.operations.replayMessage(id, deed)), "MESSAGE_IN_WORK", "the second person is told");
    await world.end(again, { events: [sealed(payment("jkt", "B-MENDED", "100"))] });
    assert.deepEqual(
      mustBe(await world.operations.message(id)).history.map((one) => one.state),
      ["received", "parked", "received", "settled"],
    );
  });

  test("a late settlement of the run before changes nothing", async () => {
    const message = await world.receive();
    await world.end(message, { park: parkReason() });
    mustBe(await world.operations.replayMessage(message.id, deed));
    await assert.rejects(world.end(message, { events: [sealed(payment("jkt", "B-LATE", "100"))] }), /fenced/);
  });

  const refusals: readonly (readonly [what: string, make: () => Promise<string>, deed: { by?: string; reason?: string }, code: string])[] =
    [
      ["without a reason", parkedMessage, { by: "王工" }, "REASON_REQUIRED"],
      ["with a blank reason", parkedMessage, { by: "王工", reason: "  " }, "REASON_REQUIRED"],
      ["without a person", parkedMessage, { reason: "测试" }, "BY_REQUIRED"],
      ["nobody knows", async () => "018f0000-0000-7000-8000-000000000000", deed, "UNKNOWN_MESSAGE"],
      ["in work", async () => (await world.receive()).id, deed, "MESSAGE_IN_WORK"],
      [
        "closed by a person",
        async () => {
          const id = await parkedMessage();
          mustBe(await world.operations.resolveMessage(id, deed));
          return id;
        },
        deed,
        "MESSAGE_RESOLVED",
      ],
      [
        "without its request",
        async () => {
          await world.journal.append({
            door: "amqp",
            partner: "jkt",
            kind: "settle",
            headers: {},
            raw: Buffer.from("reply"),
            exchange: { id: `x-${Math.random()}`, part: "reply", returnValue: "0" },
          });
          return (await world.journal.parkLonelyParts(-1))[0] ?? "";
        },
        deed,
        "MESSAGE_INCOMPLETE",
      ],
    ];
  for (const [what, make, how, code] of refusals) {
    test(`refused: ${what}`, async () => {
      const id = await make();
      const before = await auditOf(id);
      assert.equal(codeOf(await world.operations.replayMessage(id, how)), code);
      assert.deepEqual(await auditOf(id), before, "nothing is recorded of what was not done");
    });
  }

  test("after a mended mapping owes no second effect for an acknowledged one and shows the difference", async () => {
    const paid = await world.pay("B-TWICE");
    const claim = (await world.claim("his")).find((one) => one.id === paid.writeBackId);
    assert.ok(claim);
    const receipt = { code: "0", partnerNo: "HIS1", amountFen: 1650n };
    await world.finish(claim, { outcome: "acknowledged", step: "finish", how: "reply", receipt });
    mustBe(await world.operations.replayMessage(paid.messageId, deed));
    const again = (await world.journal.reclaim(500)).find((one) => one.id === paid.messageId);
    assert.ok(again);
    const mended = owed(paid.event.event, "his", 1650n, "<confirm mended='1'/>");
    await world.end(again, { events: [paid.event], writeBacks: [mended] });
    const detail = mustBe(await world.operations.message(paid.messageId));
    assert.equal(detail.writeBacks.length, 1);
    assert.equal(detail.writeBacks[0]?.writeBack.state, "acknowledged");
    assert.deepEqual(
      detail.differences.map(({ writeBackId, changed }) => ({ writeBackId, changed })),
      [{ writeBackId: paid.writeBackId, changed: ["body"] }],
    );
    assert.deepEqual(await world.claim("his").then((claims) => claims.filter((one) => one.id === paid.writeBackId)), []);
  });

  test("preview tells what the present mapping would make and changes nothing", async () => {
    const paid = await world.pay("B-PREVIEW");
    const { event } = paid.event;
    const changed = { ...event, data: { ...event.data, total: "1651", bills: [{ no: "B-NEW" }] } };
    const fresh = payment("jkt", "B-PREVIEW", "5");
    world.translation = { mapping: "jkt/pay-order", result: { ok: true, events: [sealed(changed), sealed(fresh)], keys: [] } };
    const preview = mustBe(await world.operations.previewMessage(paid.messageId));
    assert.deepEqual(
      preview.events.map(({ id, stored, changed }) => ({ id, stored, changed })),
      [
        { id: event.id, stored: true, changed: ["data.bills.0.no", "data.total"] },
        { id: fresh.id, stored: false, changed: [] },
      ],
    );
    assert.deepEqual(preview.gone, []);
    world.translation = { mapping: "jkt/pay-order", result: { ok: true, events: [], keys: [] } };
    assert.deepEqual(mustBe(await world.operations.previewMessage(paid.messageId)).gone, [{ id: event.id, type: event.type }]);
    const problem = { code: "missing" as const, at: "/a", place: "a", zh: "a：必填项缺失", en: "a: is required" };
    world.translation = { mapping: "jkt/pay-order", result: { ok: false, problems: [problem], keys: [] } };
    assert.deepEqual(mustBe(await world.operations.previewMessage(paid.messageId)).problems, [problem]);
    world.translation = undefined;
    assert.equal(codeOf(await world.operations.previewMessage(paid.messageId)), "NO_MAPPING");
    assert.equal(mustBe(await world.operations.message(paid.messageId)).message.state, "settled");
  });

  test("closing: only a parked one, without any effect", async () => {
    const id = await parkedMessage();
    assert.equal(mustBe(await world.operations.resolveMessage(id, deed)).state, "resolved");
    const paid = await world.pay("B-CLOSE");
    const refusal = await world.operations.resolveMessage(paid.messageId, deed);
    assert.equal(codeOf(refusal), "MESSAGE_NOT_PARKED");
    assert.equal(refusal.ok ? "" : refusal.state, "settled", "the present state is told");
  });

  test("an event whose flow parked is handed over again, or closed", async () => {
    world.settle.setSubscribers([{ id: "flow/n9", types: ["payment.settled"] }]);
    const paid = await world.pay("B-EVENT");
    const paid2 = await world.pay("B-EVENT2");
    world.settle.setSubscribers([]);
    const id = paid.event.event.id;
    await world.sql("update event_delivery set state = 'parked', park = $1 where subscriber = 'flow/n9'", [JSON.stringify(parkReason())]);
    const parked = mustBe(await world.operations.parkedEventDeliveries()).items;
    assert.ok(parked.some((one) => one.eventId === id && one.parked?.code === "NOT_TRANSLATABLE" && one.messageId === paid.messageId));
    assert.equal(mustBe(await world.operations.replayEventDelivery("flow/n9", id, deed)).state, "received");
    const again = await world.settle.reclaimEvents(["flow/n9"], 10);
    assert.deepEqual(
      again.map((one) => one.event.id),
      [id],
    );
    assert.equal(codeOf(await world.operations.replayEventDelivery("flow/n9", id, deed)), "DELIVERY_IN_WORK");
    assert.equal(mustBe(await world.operations.resolveEventDelivery("flow/n9", paid2.event.event.id, deed)).state, "resolved");
    assert.equal(codeOf(await world.operations.resolveEventDelivery("flow/n9", paid2.event.event.id, deed)), "UNKNOWN_EVENT_DELIVERY");
    await world.sql("delete from event_delivery");
  });
});

describe("C-7 a write-back in a person's hands", () => {
  test("found by bill, state, destination, key, serial of its message, id", async () => {
    const id = await parkedWriteBack("W-FIND");
    const [row] = await world.sql<{ key: string; message_id: string }>("select key, message_id from write_back where id = $1", [id]);
    const filters: WriteBackFilter[] = [
      { keys: ["W-FIND"] },
      { keys: [id] },
      { keys: [row?.key ?? ""] },
      { keys: [row?.message_id ?? ""] },
      { keys: ["W-FIND"], state: "parked", destination: "his", kind: "payment-confirm", businessDate: DAY },
    ];
    for (const filter of filters)
      assert.deepEqual(
        mustBe(await world.operations.writeBacks(filter)).items.map((one) => one.id),
        [id],
        JSON.stringify(filter),
      );
    assert.deepEqual(mustBe(await world.operations.writeBacks({ keys: ["W-FIND"], state: "waiting" })).items, []);
    const detail = mustBe(await world.operations.writeBack(id));
    assert.equal(detail.writeBack.parked?.code, "REJECTED");
    assert.equal(detail.body?.text, "<confirm/>");
    assert.deepEqual(
      detail.attempts.map(({ n, outcome, step, reply }) => ({ n, outcome, step, reply: reply?.text })),
      [{ n: 1, outcome: "rejected", step: "park", reply: "<no/>" }],
    );
    assert.deepEqual(detail.allowed, { replay: "ask", resolve: true, cancel: true });
  });

  test("replay asks first where the partner can be asked", async () => {
    const id = await parkedWriteBack("W-ASK");
    const done = mustBe(await world.operations.replayWriteBack(id, deed));
    assert.deepEqual([done.state, done.action], ["waiting", "ask"]);
    assert.deepEqual(world.told.after.at(-1)?.destinations, ["his"], "the dispatcher is told");
    const claim = (await world.claim("his")).find((one) => one.id === id);
    assert.deepEqual([claim?.action, claim?.because], ["ask", "replay"]);
    const busy = await world.operations.replayWriteBack(id, deed);
    assert.deepEqual([codeOf(busy), busy.ok ? "" : busy.state], ["IN_FLIGHT", "sending"]);
    const [row] = await auditOf(id);
    assert.deepEqual([row?.action, row?.before.state, row?.after.state], ["replay", "parked", "waiting"]);
    assert.equal(mustBe(await world.operations.writeBack(id)).writeBack.replays, 1);
  });

  test("replay where nobody can be asked needs the person to have looked", async () => {
    const id = await parkedWriteBack("W-LOOK", "old", true);
    assert.equal(codeOf(await world.operations.replayWriteBack(id, deed)), "CONFIRM_REQUIRED");
    assert.equal(codeOf(await world.operations.replayWriteBack(id, { by: "王工", confirmedChecked: true })), "REASON_REQUIRED");
    assert.equal(mustBe(await world.operations.replayWriteBack(id, { ...deed, confirmedChecked: true })).action, "send");
    assert.equal(mustBe(await world.operations.writeBack(id)).writeBack.mayHaveTakenEffect, true, "doubt is kept");
  });

  test("done by hand: receipt, event and audit in one transaction, the lane goes on", async () => {
    const first = await parkedWriteBack("W-HAND");
    const second = (await world.pay("W-HAND")).writeBackId;
    assert.equal(await stateOf(second), "queued");
    const resolve = { ...deed, decision: "done-by-hand" as const };
    assert.equal(codeOf(await world.operations.resolveWriteBack(first, resolve)), "RECEIPT_REQUIRED");
    const before = world.told.after.length;
    assert.equal(mustBe(await world.operations.resolveWriteBack(first, { ...resolve, hisReceiptNo: "HIS-7788" })).state, "resolved");
    assert.equal(await stateOf(second), "waiting", "the next of the lane is its head");
    const done = world.told.after.at(-1);
    assert.equal(world.told.after.length, before + 1);
    assert.deepEqual(done?.destinations, ["his"]);
    assert.equal(done?.outbox[0]?.event.type, "writeback.resolved");
    const stored = await world.sql<{ body: string }>("select body from outbox where event_id = $1", [done?.outbox[0]?.event.id]);
    const { data } = JSON.parse(stored[0]?.body ?? "{}") as { data: Record<string, unknown> };
    assert.deepEqual([data.decision, data.hisReceiptNo, data.by, data.reason], ["done-by-hand", "HIS-7788", { name: "王工" }, "测试重放"]);
    const { writeBack, actions } = mustBe(await world.operations.writeBack(first));
    assert.deepEqual([writeBack.how, writeBack.hisReceiptNo, writeBack.resolvedBy], ["person", "HIS-7788", "王工"]);
    assert.deepEqual(
      actions.map((one) => one.action),
      ["resolve"],
    );
    assert.equal(codeOf(await world.operations.resolveWriteBack(first, { ...resolve, hisReceiptNo: "X" })), "ALREADY_CLOSED");
    assert.equal(codeOf(await world.operations.replayWriteBack(first, deed)), "ALREADY_CLOSED");
  });

  test("cancelling one in doubt needs the person to have looked; a queued one leaves its lane alone", async () => {
    const first = await parkedWriteBack("W-CANCEL", "his", true);
    const second = (await world.pay("W-CANCEL")).writeBackId;
    const third = (await world.pay("W-CANCEL")).writeBackId;
    const cancel = { ...deed, decision: "cancelled" as const };
    assert.equal(codeOf(await world.operations.replayWriteBack(second, deed)), "NOT_HEAD");
    assert.equal(mustBe(await world.operations.resolveWriteBack(second, cancel)).state, "resolved");
    assert.deepEqual([await stateOf(first), await stateOf(third)], ["parked", "queued"]);
    assert.equal(codeOf(await world.operations.resolveWriteBack(first, cancel)), "CONFIRM_REQUIRED");
    mustBe(await world.operations.resolveWriteBack(first, { ...cancel, confirmedChecked: true }));
    assert.deepEqual([await stateOf(first), await stateOf(third)], ["resolved", "waiting"]);
  });

  test("two people at once: one deed, the other is told the present state", async () => {
    const id = await parkedWriteBack("W-RACE");
    const resolve = { ...deed, decision: "done-by-hand" as const, hisReceiptNo: "H1" };
    const answers = await Promise.all([1, 2, 3, 4].map(() => world.operations.resolveWriteBack(id, resolve)));
    assert.deepEqual(answers.map(codeOf).sort(), ["ALREADY_CLOSED", "ALREADY_CLOSED", "ALREADY_CLOSED", "ok"]);
    assert.equal((await auditOf(id)).length, 1);
    const events = await world.sql("select 1 from event e where e.type = 'writeback.resolved' and e.body like '%' || $1 || '%'", [id]);
    assert.equal(events.length, 1);
  });

  test("a row that a worker holds at this instant is in flight, not waited for", async () => {
    const id = await parkedWriteBack("W-HELD");
    const client = await world.postgres.pool.connect();
    try {
      await client.query("begin");
      await client.query("select 1 from write_back where id = $1 for update", [id]);
      assert.equal(codeOf(await world.operations.replayWriteBack(id, deed)), "IN_FLIGHT");
    } finally {
      await client.query("rollback");
      client.release();
    }
  });
});

describe("the audit", () => {
  test("is paged, filtered, and nobody can change it", async () => {
    const id = await parkedMessage();
    await world.operations.resolveMessage(id, { by: "李工", reason: "对方作废" });
    const [row] = mustBe(await world.operations.audit({ who: "李工" })).items;
    assert.deepEqual([row?.action, row?.targetKind, row?.targetId, row?.reason], ["resolve", "message", id, "对方作废"]);
    const first = mustBe(await world.operations.audit({ limit: 1 }));
    const second = mustBe(await world.operations.audit({ limit: 1, after: first.after ?? "" }));
    assert.ok(Number(first.items[0]?.id) > Number(second.items[0]?.id));
    for (const text of ["update operator_action set who = 'x'", "delete from operator_action", "truncate operator_action"]) {
      await assert.rejects(world.sql(text), /append-only/);
    }
  });
});

describe("how it stands", () => {
  test("destinations: backlog, age, failure, pause that outlives a restart", async () => {
    const row = async () => mustBe(await world.operations.destinations()).find((one) => one.destination === "his");
    assert.equal(codeOf(await world.operations.pause("nobody", deed)), "UNKNOWN_PARTNER");
    assert.equal(codeOf(await world.operations.pause("jkt", deed)), "NOT_A_DESTINATION");
    assert.equal(codeOf(await world.operations.pause("his", { by: "王工" })), "REASON_REQUIRED");
    mustBe(await world.operations.pause("his", deed));
    assert.deepEqual(await world.operations.pausedDestinations(), ["his"]);
    assert.deepEqual(world.told.held, ["pause his"]);
    await new Promise((resolve) => setTimeout(resolve, 2_100)); // LOOK_MS
    const his = await row();
    const counted = await world.sql<{ state: string; n: number; fen: string }>(
      "select state, count(*)::integer as n, sum(amount_fen)::text as fen from write_back where destination = 'his' and state not in ('acknowledged', 'resolved') group by state",
    );
    for (const { state, n } of counted) assert.equal(his?.backlog[state as "parked"], n, state);
    assert.equal(his?.fen, counted.reduce((sum, one) => sum + BigInt(one.fen), 0n).toString());
    assert.equal(his?.paused, true);
    assert.ok((his?.oldestAgeSeconds ?? -1) >= 0);
    assert.ok(his?.lastFailure?.outcome);
    assert.ok((await row())?.known);
    mustBe(await world.operations.resume("his", deed));
    assert.deepEqual(await world.operations.pausedDestinations(), []);
  });

  test("status and sample tell counts, services, workers", async () => {
    const status = mustBe(await world.operations.status());
    assert.deepEqual(status.services, { postgres: { up: true }, broker: { up: true }, redis: { up: false, why: "ECONNREFUSED" } });
    assert.ok(status.workers.some((one) => one.id === world.postgres.worker.id && one.alive));
    const [counted] = await world.sql<{ n: number }>("select count(*)::integer as n from message where state = 'parked'");
    assert.equal(status.messages.parked, counted?.n);
    const sample = await world.operations.sample();
    assert.equal(sample.messages.parked, counted?.n);
    assert.ok(sample.outbox > 0);
  });

  test("partners are shown without secrets", async () => {
    const his = mustBe(await world.operations.partner("his"));
    assert.equal(his.destination?.url, "http://127.0.0.1:1/api");
    assert.doesNotMatch(JSON.stringify(mustBe(await world.operations.partners())), /secret|\.key/);
    assert.equal(codeOf(await world.operations.partner("nobody")), "UNKNOWN_PARTNER");
  });

  test("a search that takes too long is stopped", async () => {
    const client = await world.postgres.pool.connect();
    try {
      await client.query("begin");
      await client.query("lock table business_key in access exclusive mode");
      assert.equal(codeOf(await world.operations.messages({ keys: ["B-FIND"] })), "TOO_SLOW");
    } finally {
      await client.query("rollback");
      client.release();
    }
  });
});

describe("totals", () => {
  const outbound = async () => {
    const totals = mustBe(await world.operations.totals({ businessDate: DAY }));
    return { totals, row: totals.rows.find((one) => one.direction === "outbound" && one.partner === "his") };
  };

  test("owed = acknowledged + waiting + parked + resolved, in counts and fen", async () => {
    const { totals, row } = await outbound();
    assert.ok(row?.direction === "outbound");
    assert.equal(totals.balanced, true, JSON.stringify(totals.rows.filter((one) => !one.balanced)));
    const parts = [row.acknowledged, row.waiting, row.parked, row.resolved];
    assert.equal(
      parts.reduce((sum, one) => sum + one.count, 0),
      row.owed.count,
    );
    assert.equal(parts.reduce((sum, one) => sum + BigInt(one.fen), 0n).toString(), row.owed.fen);
    const [counted] = await world.sql<{ n: number; fen: string }>(
      "select count(*)::integer as n, sum(amount_fen)::text as fen from write_back where business_date = $1 and destination = 'his'",
      [DAY],
    );
    assert.deepEqual(row.owed, { count: counted?.n, fen: counted?.fen });
    for (const part of parts) assert.ok(part.count > 0);
    assert.deepEqual(mustBe(await world.operations.totals({ businessDate: "2020-01-01" })).rows, []);
  });

  const breakages: readonly (readonly [code: string, breaking: string, mending: string])[] = [
    [
      "RECEIPT_AMOUNT",
      `update write_back set receipt = jsonb_set(receipt, '{amountFen}', '"1649"') where state = 'acknowledged'`,
      `update write_back set receipt = jsonb_set(receipt, '{amountFen}', '"1650"') where state = 'acknowledged'`,
    ],
    [
      "NO_RECEIPT",
      "update write_back set his_receipt_no = receipt::text, receipt = null where state = 'acknowledged'",
      "update write_back set receipt = his_receipt_no::jsonb, his_receipt_no = null where state = 'acknowledged'",
    ],
    [
      "NOT_AUDITED",
      "update write_back set state = 'resolved', closed_at = owed_at, resolved_by = 'nobody' where state = 'acknowledged'",
      "update write_back set state = 'acknowledged', resolved_by = null where resolved_by = 'nobody'",
    ],
  ];
  for (const [code, breaking, mending] of breakages) {
    test(`a difference is an alarm: ${code}`, async () => {
      await world.sql(breaking);
      try {
        const { totals, row } = await outbound();
        assert.equal(totals.balanced, false);
        assert.deepEqual(
          row?.differences.map((one) => one.code),
          [code],
        );
        const alarm = world.told.logged.at(-1);
        assert.equal((alarm?.fields as { alarm?: string } | undefined)?.alarm, "totals");
        assert.deepEqual(world.told.unbalanced.at(-1), { day: DAY, kind: "payment-confirm", differences: 1 });
      } finally {
        await world.sql(mending);
      }
      assert.equal((await outbound()).totals.balanced, true);
      assert.deepEqual(world.told.unbalanced.at(-1), { day: DAY, kind: "payment-confirm", differences: 0 }, "and is taken back");
    });
  }

  test("a write-back or a message that vanished is an alarm", async () => {
    const paid = await world.pay("T-GONE");
    await world.sql("delete from write_back where id = $1", [paid.writeBackId]);
    await world.sql("delete from message where id = $1", [paid.messageId]);
    const today = (await world.postgres.now()).day;
    const wrong = mustBe(await world.operations.totals({ businessDate: today })).rows.filter((one) => !one.balanced);
    assert.deepEqual(
      wrong.map((one) => [one.direction, one.differences[0]?.code, one.differences[0]?.count]),
      [
        ["inbound", "VANISHED", 1],
        ["outbound", "VANISHED", 1],
      ],
    );
  });
});

describe("a database that is gone", () => {
  for (const where of ["before", "after"] as const) {
    test(`a deed whose COMMIT was cut ${where} it was done is done once`, async () => {
      const cut = await operationsWorld({ wire: true });
      try {
        const { writeBackId } = await cut.pay("G-CUT");
        cut.wire?.cutNextCommit(where);
        const done = mustBe(await cut.operations.replayWriteBack(writeBackId, deed));
        assert.equal(cut.wire?.cuts(), 1);
        assert.equal(done.state, "waiting");
        const rows = await cut.sql<{ replays: number }>("select replays from write_back where id = $1", [writeBackId]);
        assert.equal(rows[0]?.replays, 1);
        assert.equal((await cut.sql("select 1 from operator_action")).length, 1);
      } finally {
        await cut.close();
      }
    });
  }

  test("is an answer, not an exception", async () => {
    const lost = await operationsWorld({ wire: true });
    const id = (await lost.pay("G-1")).writeBackId;
    lost.wire?.shut();
    const answers = [
      await lost.operations.messages({}),
      await lost.operations.message(id),
      await lost.operations.status(),
      await lost.operations.replayWriteBack(id, deed),
      await lost.operations.totals({ businessDate: DAY }),
    ];
    assert.deepEqual(
      answers.map(codeOf),
      answers.map(() => "STORE_GONE"),
    );
    assert.equal((await lost.operations.sample()).services.postgres.up, false);
    lost.wire?.open();
    await lost.close();
  });
});
