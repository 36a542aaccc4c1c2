/** The fault proxies do what they are told: a proxy that is kinder than its name proves nothing. */
import assert from "node:assert/strict";
import { createServer as createHttp } from "node:http";
import { type AddressInfo, connect, createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import { openHttpProxy } from "./http.ts";
import type { Mode } from "./proxy.ts";
import { type Cable, openCable } from "./wire.ts";

const WAIT_MS = 250;
const echo = createServer((socket) => {
  socket.on("error", () => undefined); // resets are the point
  socket.on("data", (bytes) => socket.write(bytes));
});
let cable: Cable;

/** What comes back within a while, and how it ended. */
function ask(text: string): Promise<{ back: string; end: string }> {
  return new Promise((resolve) => {
    let back = "";
    const socket = connect(cable.port, "127.0.0.1", () => socket.write(text));
    const over = (end: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ back, end });
    };
    const timer = setTimeout(() => over("silence"), WAIT_MS);
    socket.on("data", (bytes) => {
      back += bytes.toString();
    });
    socket.on("error", () => over("reset"));
    socket.on("end", () => over("end"));
  });
}

const CASES: readonly { readonly mode: Mode; readonly text: string; readonly back: string; readonly end: string }[] = [
  { mode: { kind: "pass" }, text: "hello", back: "hello", end: "silence" },
  { mode: { kind: "refuse" }, text: "hello", back: "", end: "reset" },
  { mode: { kind: "hang" }, text: "hello", back: "", end: "silence" },
  { mode: { kind: "drop", direction: "down" }, text: "hello", back: "", end: "silence" },
  { mode: { kind: "delay", ms: 60, direction: "up" }, text: "hello", back: "hello", end: "silence" },
  { mode: { kind: "trickle", ms: 400, direction: "down" }, text: "hello", back: "", end: "silence" },
  { mode: { kind: "cut", bytes: 3, direction: "down", how: "reset", times: 1 }, text: "hello", back: "hel", end: "reset" },
  { mode: { kind: "cut", bytes: 3, direction: "down", how: "end", times: 1 }, text: "hello", back: "hel", end: "end" },
  {
    mode: { kind: "cut-at", pattern: Buffer.from("commit"), times: 1, skip: 0, after: "before-reply" },
    text: "commit",
    back: "",
    end: "reset",
  },
  {
    mode: { kind: "cut-at", pattern: Buffer.from("commit"), times: 1, skip: 1, after: "before-reply" },
    text: "commit",
    back: "commit",
    end: "silence",
  },
  { mode: { kind: "flip", at: 1, bit: 0, direction: "down", times: 1 }, text: "hello", back: "hdllo", end: "silence" },
];

describe("fault proxies", { concurrency: false }, () => {
  before(async () => {
    await new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", resolve));
    cable = await openCable({ host: "127.0.0.1", port: (echo.address() as AddressInfo).port });
  });
  after(async () => {
    await cable.close();
    echo.close();
  });

  for (const { mode, text, back, end } of CASES)
    test(`${mode.kind}${"how" in mode ? ` ${mode.how}` : ""}${"skip" in mode ? `, ${mode.skip} let go` : ""}`, async () => {
      cable.set(mode);
      assert.deepEqual(await ask(text), { back, end });
    });

  test("answers are swapped: one request gets none, the next gets the first one's", async () => {
    const server = createHttp((request, response) => response.end(request.url));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const proxy = await openHttpProxy(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, () => 0);
    const get = async (path: string): Promise<string> => {
      try {
        return await (await fetch(`http://127.0.0.1:${proxy.port}${path}`, { method: "POST", body: "x" })).text();
      } catch {
        return "cut";
      }
    };
    assert.equal(await get("/a"), "/a");
    proxy.set([{ spoil: "swap-answers", percent: 100 }]);
    assert.deepEqual([await get("/b"), await get("/c")], ["cut", "/b"]);
    proxy.set([{ spoil: "cut-answer", percent: 100 }]);
    assert.equal(await get("/d"), "cut");
    assert.deepEqual(proxy.counts(), { "swap-answers": 2, "cut-answer": 1 });
    await proxy.close();
    server.closeAllConnections();
    server.close();
  });
});
