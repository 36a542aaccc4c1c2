/** The MLLP courier against receivers of every kind: what may have left us, what was acknowledged, and nothing said twice. */
import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { CallRequest, CallResult, Courier } from "../../../domain/writeback/ports.ts";
import { connectOnce } from "../http/connect.ts";
import { createMllpCourier } from "./courier.ts";

const frame = (text: string): Buffer => Buffer.from(`\v${text}\x1c\r`);
const MESSAGE = "MSH|^~\\&|HUILIU|PAY|RIS|RAD|20261120||ORM^O01|K1|P|2.5.1\rPID|1\r";
const ENHANCED = "MSH|^~\\&|HUILIU|PAY|RIS|RAD|20261120||ORM^O01|K1|P|2.5.1|||AL|AL\rPID|1\r";
const ack = (code: string): string => `MSH|^~\\&|RIS|RAD|HUILIU|PAY|20261120||ACK|R1|P|2.5.1\rMSA|${code}|K1\r`;

let server: Server;
let courier: Courier;
let connections: Socket[] = [];
let heard: string[] = [];
/** A receiver that does with every whole frame what the test says. */
async function receiver(answer: (socket: Socket, text: string) => void): Promise<string> {
  connections = [];
  heard = [];
  server = createServer((socket) => {
    connections.push(socket);
    let bytes = "";
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      bytes += chunk.toString("utf8");
      for (let end = bytes.indexOf("\x1c\r"); end >= 0; end = bytes.indexOf("\x1c\r")) {
        const text = bytes.slice(1, end);
        bytes = bytes.slice(end + 2);
        heard.push(text);
        answer(socket, text);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  courier = createMllpCourier();
  return `mllp://127.0.0.1:${typeof bound === "object" ? bound?.port : 0}`;
}
afterEach(async () => {
  await courier.close();
  for (const socket of connections) socket.destroy();
  server.close();
});

const call = (url: string, more: Partial<CallRequest> = {}): Promise<CallResult> =>
  courier.call({
    url: `${url}/`,
    method: "POST",
    headers: {},
    body: Buffer.from(MESSAGE),
    connectTimeoutMs: 3_000,
    replyTimeoutMs: 1_200,
    replyBytesMax: 10_000,
    ...more,
  });
const told = (result: CallResult): string => (result.kind === "reply" ? Buffer.from(result.body).toString() : result.kind);

describe("C-3 MLLP courier", () => {
  test("one frame out, one acknowledgement in; the connection serves the next message", async () => {
    const url = await receiver((socket) => socket.write(frame(ack("AA"))));
    for (let round = 0; round < 3; round += 1) assert.equal(told(await call(url)), ack("AA"));
    assert.deepEqual([heard.length, heard[0], connections.length], [3, MESSAGE, 1]);
  });

  test("calls at once have a connection each, and no acknowledgement goes to another", async () => {
    const url = await receiver((socket, text) => {
      const id = /\|K(\d+)\|/.exec(text)?.[1] ?? "";
      setTimeout(() => socket.write(frame(ack("AA").replace("K1", `K${id}`))), 20 - Number(id));
    });
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, number) => call(url, { body: Buffer.from(MESSAGE.replace("|K1|", `|K${number}|`)) })),
    );
    assert.deepEqual(
      results.map((one) => /MSA\|AA\|(K\d+)/.exec(told(one))?.[1]),
      Array.from({ length: 20 }, (_, number) => `K${number}`),
    );
  });

  test("an acknowledgement in pieces; a release 2 commit block before it", async () => {
    const url = await receiver((socket) => {
      socket.write(Buffer.concat([frame("\x06"), frame(ack("AA")).subarray(0, 10)]));
      setTimeout(() => socket.write(frame(ack("AA")).subarray(10)), 20);
    });
    assert.equal(told(await call(url)), ack("AA"));
  });

  test("enhanced mode: the application's answer is waited for, and the commit told when it does not come", async () => {
    let application = true;
    const url = await receiver((socket) => {
      socket.write(frame(ack("CA")));
      if (application) setTimeout(() => socket.write(frame(ack("AE"))), 30);
    });
    const body = Buffer.from(ENHANCED);
    assert.equal(told(await call(url, { body })), ack("AE"));
    application = false;
    assert.equal(told(await call(url, { body })), ack("CA"));
  });

  for (const [what, answer, kind] of [
    ["closes without an answer", (socket: Socket) => void socket.end(), "no-reply"],
    ["resets", (socket: Socket) => void socket.resetAndDestroy(), "no-reply"],
    ["never answers", () => undefined, "no-reply"],
    ["sends half an answer", (socket: Socket) => void socket.end("\vMSH|^~"), "no-reply"],
    ["answers what is no frame", (socket: Socket) => void socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"), "no-reply"],
    ["answers more than is read", (socket: Socket) => void socket.write(frame("x".repeat(20_000))), "no-reply"],
  ] as const)
    test(`a receiver that ${what} leaves it unclear, and its connection is not used again`, async () => {
      const url = await receiver(answer);
      assert.equal((await call(url)).kind, kind);
      await call(url);
      assert.equal(connections.length, 2);
    });

  test("nobody there, no address, a byte of the frame inside, closed: nothing has left us", async () => {
    const url = await receiver(() => undefined);
    assert.equal((await call("mllp://127.0.0.1:1")).kind, "unsent");
    assert.equal((await call("mllp://")).kind, "unsent");
    assert.equal((await call(url, { body: Buffer.from("MSH\x1c") })).kind, "unsent");
    assert.equal((await call(url, { method: "GET", body: new Uint8Array(0) })).kind, "unsent");
    const aborted = AbortSignal.abort();
    assert.equal((await call(url, { signal: aborted })).kind, "unsent");
    await courier.close();
    assert.equal((await call(url)).kind, "unsent");
    assert.deepEqual(heard, []);
  });

  test("aborted while the receiver thinks: unclear", async () => {
    const url = await receiver(() => undefined);
    const abort = new AbortController();
    const result = call(url, { signal: abort.signal });
    for (let waited = 0; heard.length === 0 && waited < 3_000; waited += 1) await sleep(10);
    abort.abort();
    assert.equal((await result).kind, "no-reply");
  });

  test("a kept connection on which something unasked comes is closed, not read as the next answer", async () => {
    const url = await receiver((socket) => {
      socket.write(frame(ack("AA")));
      setTimeout(() => socket.write(frame(ack("AE"))), 30);
    });
    assert.equal(told(await call(url)), ack("AA"));
    await sleep(400);
    assert.equal(told(await call(url)), ack("AA"));
    assert.equal(connections.length, 2);
  });

  test("a probe connects and sends nothing", async () => {
    const url = await receiver(() => undefined);
    assert.equal(await connectOnce(url, 500), undefined);
    assert.deepEqual(heard, []);
  });
});
