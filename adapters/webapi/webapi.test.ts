import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { AdapterContext } from "../../domain/partners/adapter.ts";
import { adapter } from "./index.ts";

const context: AdapterContext = {
  partner: "webapi",
  message: "payment-confirm",
  constants: { customId: "TEST01" },
  secrets: { customSecret: "s" },
  nowMs: Date.parse("2026-11-20T09:22:01+08:00"),
  random: (count) => new Uint8Array(count),
  key: "k1",
  session: { token: "T1" },
};
const body = (value: unknown): { readonly body: Uint8Array } => ({ body: new TextEncoder().encode(JSON.stringify(value)) });

test("every header of the call, signed over all of them and the body", () => {
  const sealed = adapter.seal?.({ headers: { code: "payconfirm" }, body: new TextEncoder().encode('{"a":"测"}') }, context);
  assert.ok(sealed?.ok);
  const { msgid, sign, ...rest } = sealed.sealed.headers;
  assert.deepEqual(rest, {
    code: "payconfirm",
    customid: "TEST01",
    clienttype: "third",
    token: "T1",
    reqtime: "20261120092201",
    "content-type": "application/json; charset=utf-8",
  });
  const text = `clienttype=third&code=payconfirm&customid=TEST01&msgid=${msgid}&param={"a":"测"}&reqtime=20261120092201&token=T1`;
  assert.equal(sign, createHash("md5").update(text).digest("hex"));
  const inquiry = adapter.seal?.({ headers: {}, body: new Uint8Array() }, { ...context, message: "payment-inquiry" });
  assert.ok(inquiry?.ok && inquiry.sealed.headers.msgid !== msgid, "a number for each call");
  assert.equal(adapter.seal?.({ headers: {}, body: new Uint8Array() }, { ...context, constants: {} })?.ok, false);
});

test("an answer to another call is no answer; a lost token is told, a given one kept", () => {
  const sealed = adapter.seal?.({ headers: {}, body: new Uint8Array() }, context);
  const remsgid = sealed?.ok === true ? sealed.sealed.headers.msgid : "";
  assert.equal(adapter.open?.(body({ remsgid, success: 1 }), context)?.ok, true);
  for (const wrong of [{ remsgid: "other" }, {}, [], null]) assert.equal(adapter.open?.(body(wrong), context)?.ok, false);
  for (const [success, lost] of [
    ["1001", true],
    [1002, true],
    ["1", false],
    ["2001", false],
  ] as const)
    assert.equal(adapter.session?.lost(body({ success })), lost);
  assert.deepEqual(adapter.session?.read(body({ success: 1, dateset: { token: "T2" } })), { token: "T2" });
  for (const refused of [{ success: 1001 }, { success: 1, dateset: {} }, { success: 1, dateset: null }, {}])
    assert.equal(adapter.session?.read(body(refused)), undefined);
});
