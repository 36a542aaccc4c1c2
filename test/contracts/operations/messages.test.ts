/** Messages as operators see them and do them again, over a real PostgreSQL (issue 2; C-7). */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { auditOf, codeOf, mustBe, operationsWorld, owed, parkedMessage, parkReason, payment, sealed, type World } from "./world.ts";

let world: World;
before(async () => {
  world = await operationsWorld();
});
after(() => world.close());

const deed = { by: "王工", reason: "测试重放" };

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

  test("keys that no message bears are named, in their order and whatever else is asked; to an account of some partners the others' are such, too", async () => {
    const paid = await world.pay("B-KNOWN");
    const message = await world.receive({ identity: "an-identity-of-its-own" });
    const nobody = "018f0000-0000-7000-8000-0000000000aa";
    const keys = ["B-NONE-2", "B-KNOWN", nobody, paid.messageId, "an-identity-of-its-own", message.id, "B-NONE-1"];
    const parked = mustBe(await world.operations.messages({ keys, state: "parked" }));
    assert.deepEqual([parked.items, parked.unknown], [[], ["B-NONE-2", nobody, "B-NONE-1"]]);
    const theirs = mustBe(await world.operations.messages({ keys, partners: ["his"] }));
    assert.deepEqual([theirs.items, theirs.unknown], [[], keys]);
    assert.equal(mustBe(await world.operations.messages({ keys: ["B-KNOWN"] })).unknown, undefined);
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
    assert.deepEqual(await auditOf(world, paid.messageId), []);
    const whole = mustBe(await world.operations.message(paid.messageId, { by: "王工", reason: "患者来电核对" }));
    assert.match(whole.raw?.text ?? "", /李四光.*13800138000/);
    assert.match(Buffer.from(whole.raw?.base64 ?? "", "base64").toString(), /李四光/);
    assert.deepEqual(
      (await auditOf(world, paid.messageId)).map((row) => row.action),
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
    const id = await parkedMessage(world);
    const wakes = world.told.wakes;
    const parked = mustBe(await world.operations.messages({ state: "parked" })).items.find((row) => row.id === id);
    assert.equal(parked?.parked?.code, "NOT_TRANSLATABLE");
    assert.match(parked?.parked?.next?.zh ?? "", /重发/);
    const done = mustBe(await world.operations.replayMessage(id, deed));
    assert.equal(done.state, "received");
    assert.equal(world.told.wakes, wakes + 1);
    const again = (await world.journal.reclaim(500)).find((one) => one.id === id);
    assert.ok(again, "the reclaim loop picks it up");
    assert.equal(again.run, 2);
    assert.equal(again.replayed, true);
    const [row] = await auditOf(world, id);
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
      ["without a reason", () => parkedMessage(world), { by: "王工" }, "REASON_REQUIRED"],
      ["with a blank reason", () => parkedMessage(world), { by: "王工", reason: "  " }, "REASON_REQUIRED"],
      ["without a person", () => parkedMessage(world), { reason: "测试" }, "BY_REQUIRED"],
      ["nobody knows", async () => "018f0000-0000-7000-8000-000000000000", deed, "UNKNOWN_MESSAGE"],
      ["in work", async () => (await world.receive()).id, deed, "MESSAGE_IN_WORK"],
      [
        "closed by a person",
        async () => {
          const id = await parkedMessage(world);
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
      const before = await auditOf(world, id);
      assert.equal(codeOf(await world.operations.replayMessage(id, how)), code);
      assert.deepEqual(await auditOf(world, id), before, "nothing is recorded of what was not done");
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
    const id = await parkedMessage(world);
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
