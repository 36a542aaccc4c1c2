import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConsumeMessage } from "amqplib";
import type { DoorPolicy } from "../../../domain/journal/intake.ts";
import { namesOf } from "../../rabbit/topology.ts";
import { readMessage } from "./inbound.ts";

const policy: DoorPolicy = {
  partner: "neusoft",
  vendor: "neusoft",
  bytesMax: 1_000,
  perSecond: 10,
  charset: "gbk",
  kinds: new Set(["settle", "note"]),
  exchanges: new Set(["settle"]),
};

function message(
  routingKey: string,
  properties: object = {},
  body: Buffer = Buffer.from("a^b"),
  exchange = "huiliu.inbound",
): ConsumeMessage {
  return {
    content: body,
    fields: { routingKey, exchange, deliveryTag: 1, redelivered: false, consumerTag: "c" },
    properties: { headers: {}, ...properties },
  } as unknown as ConsumeMessage;
}
const read = (one: ConsumeMessage, partner: string | undefined = "neusoft") =>
  readMessage(one, {
    names: namesOf(),
    partner,
    policy: (name) => (name === "neusoft" ? policy : undefined),
    maySpeakFor: (user, name) => user === name || user === "huiliu",
  });

test("routing key, properties and headers of an AMQP message", () => {
  const full = read(
    message("neusoft.settle", {
      messageId: "m-1",
      contentType: "text/plain; charset=GBK",
      userId: "neusoft",
      replyTo: "q",
      headers: { "huiliu-exchange": "e1", "huiliu-part": "reply", "huiliu-return": -1, window: "3", "x-death": [{}], nested: { a: 1 } },
    }),
  );
  assert.deepEqual(full, {
    door: "amqp",
    partner: "neusoft",
    kind: "settle",
    identity: "m-1",
    contentType: "text/plain; charset=GBK",
    charset: "gbk",
    exchange: { id: "e1", part: "reply", returnValue: "-1" },
    headers: { window: "3" },
    raw: Buffer.from("a^b"),
  });
});

test("who may say what, by which key", () => {
  const cases: readonly (readonly [string, ConsumeMessage, string | undefined, string, string, string | undefined])[] = [
    ["plain", message("neusoft.note"), "neusoft", "neusoft", "note", undefined],
    ["the engine's own user", message("neusoft.note", { userId: "huiliu" }), "neusoft", "neusoft", "note", undefined],
    ["another partner's user", message("neusoft.note", { userId: "his" }), "neusoft", "neusoft", "note", "SENDER_MISMATCH"],
    ["another partner's key", message("his.note"), "neusoft", "neusoft", "note", "SENDER_MISMATCH"],
    ["straight into the queue", message("huiliu.inbound.neusoft"), "neusoft", "neusoft", "inbound.neusoft", "SENDER_MISMATCH"],
    [
      "through an exchange of the sender's own (bound to ours, or ours as its alternate)",
      message("neusoft.note", {}, Buffer.from("a"), "reply.his.x"),
      "neusoft",
      "neusoft",
      "note",
      "SENDER_MISMATCH",
    ],
    [
      "dead-lettered from a queue of the sender's own",
      message("neusoft.note", { headers: { "x-death": [{ queue: "huiliu.inbound.neusoft" }, { queue: "reply.his.x" }] } }),
      "neusoft",
      "neusoft",
      "note",
      "SENDER_MISMATCH",
    ],
    [
      "given up by our queue and moved back",
      message("neusoft.note", { headers: { "x-death": [{ queue: "huiliu.inbound.neusoft" }] } }),
      "neusoft",
      "neusoft",
      "note",
      undefined,
    ],
    ["no kind", message("neusoft"), "neusoft", "neusoft", "unknown", "UNKNOWN_MESSAGE"],
    ["kind of several words", message("neusoft.note.more"), "neusoft", "neusoft", "note.more", "UNKNOWN_MESSAGE"],
    ["kind with NUL", message("neusoft.no\u0000te"), "neusoft", "neusoft", "no te", "UNKNOWN_MESSAGE"],
    ["stranger", message("stranger.note"), undefined, "stranger", "note", "UNKNOWN_PARTNER"],
    ["stranger with no name", message("A B.c"), undefined, "unknown", "c", "UNKNOWN_PARTNER"],
    ["a known name in the queue of strangers: its own was not bound yet", message("neusoft.note"), undefined, "neusoft", "note", undefined],
    ["the same by another's user", message("neusoft.note", { userId: "his" }), undefined, "neusoft", "note", "SENDER_MISMATCH"],
    ["the same on a detour", message("neusoft.note", {}, Buffer.from("a"), "reply.his.x"), undefined, "neusoft", "note", "SENDER_MISMATCH"],
    ["gzip", message("neusoft.note", { contentEncoding: "gzip" }), "neusoft", "neusoft", "note", "UNSUPPORTED_ENCODING"],
  ];
  for (const [name, one, queue, partner, kind, code] of cases) {
    const inbound =
      queue === undefined
        ? readMessage(one, {
            names: namesOf(),
            partner: undefined,
            policy: (of) => (of === "neusoft" ? policy : undefined),
            maySpeakFor: (user) => user !== "his",
          })
        : read(one, queue);
    assert.deepEqual([inbound.partner, inbound.kind, inbound.refusal?.code], [partner, kind, code], name);
    assert.deepEqual(inbound.raw, one.content, name);
  }
});
