/** A disk that fills up in the middle of a line: the call is not made, and what is written afterwards is read again. */
import assert from "node:assert/strict";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openRecord, RecordRefused } from "./record.ts";

const call = (key: string) =>
  ({ key, attempt: 1, role: "send", function: "F", request: new Uint8Array([1]), sha256: "00", args: {} }) as const;
const done = { kind: "done", ok: true, reply: new Uint8Array([0x31]), outs: {} } as const;

test("S1-5 half a line is no line: a call that could not be written down does not begin, and the next one is not lost with it", (t) => {
  const folder = fs.mkdtempSync(join(tmpdir(), "record-"));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const options = { file: join(folder, "calls"), create: true, name: "n", nowIso: () => "2026-11-20T09:00:00+08:00" };
  const record = openRecord(options);
  record.begin(call("k1"));
  record.end(call("k1"), done);
  const whole = fs.writeSync;
  const short = t.mock.method(fs, "writeSync", (descriptor: number, bytes: Buffer) => whole(descriptor, bytes.subarray(0, 20)));
  syncBuiltinESMExports();
  assert.throws(() => record.begin(call("k2")), RecordRefused);
  short.mock.restore();
  syncBuiltinESMExports();
  assert.deepEqual(record.of("k2"), []);
  record.begin(call("k3"));
  record.end(call("k3"), done);
  assert.deepEqual(record.resultOf(call("k3")), done, "places in the file are as they were");
  record.close();
  const again = openRecord({ ...options, create: false });
  t.after(() => again.close());
  assert.deepEqual(
    ["k1", "k2", "k3"].map((key) => again.of(key).map(({ state }) => state)),
    [["done"], [], ["done"]],
  );
  assert.deepEqual(again.resultOf(call("k3")), done);
});
