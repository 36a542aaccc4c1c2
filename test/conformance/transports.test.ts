/**
 * One exam for the transports: every folder under platform/transports/ says where it is examined for hostile replies, limits, charsets, cancellation and clean stop, and the
 * tests that it names are there. Couriers over TCP are called against the same hostile peers here, so that a new one is examined by one entry.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { COURIERS, type Couriered, requestOf } from "./transports/couriers.ts";
import { ASPECTS, PROOFS } from "./transports/proofs.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const folders = readdirSync(join(ROOT, "platform", "transports"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);
/** A call ends by its own time-outs, and a moment for the machine. */
const ENDS_MS = 60_000;
const CLOSES_MS = 60_000;
const FLOOD = 1_048_576;

describe("transports, as folders", () => {
  test("the suite sees them all, and none that is gone", () => assert.deepEqual(Object.keys(PROOFS).sort(), [...folders].sort()));

  for (const [folder, proofs] of Object.entries(PROOFS))
    test(`${folder}: hostile replies, limits, charsets, cancellation and clean stop are examined where it says`, () => {
      const wrong: string[] = [];
      for (const aspect of ASPECTS) {
        const proof = proofs[aspect];
        if ("because" in proof) {
          if (proof.because.length < 20) wrong.push(`${aspect}: no reason`);
          continue;
        }
        const file = join(ROOT, proof.file);
        if (!existsSync(file)) wrong.push(`${aspect}: ${proof.file} is not there`);
        else if (!readFileSync(file, "utf8").includes(proof.title)) wrong.push(`${aspect}: ${proof.file} has no “${proof.title}”`);
      }
      assert.deepEqual(wrong, []);
    });
});

type Peer = (socket: Socket, wire: Couriered) => void;

/** What a peer may do once something was written to it. None of it is a reply. */
const NO_REPLY: readonly (readonly [string, Peer])[] = [
  ["says nothing", () => undefined],
  ["hangs up", (socket) => socket.end()],
  ["resets", (socket) => socket.resetAndDestroy()],
  ["sends half a reply and hangs up", (socket, { reply }) => socket.end(reply.subarray(0, reply.length >> 1))],
  ["sends half a reply and waits", (socket, { reply }) => void socket.write(reply.subarray(0, reply.length >> 1))],
  ["sends noise", (socket) => socket.end(Buffer.from(Array.from({ length: 2_000 }, (_, index) => (index * 7_919) % 256)))],
  ["speaks another protocol", (socket) => socket.end("220 mail.example ESMTP\r\n")],
  ["never stops", (socket) => void socket.write(Buffer.alloc(FLOOD, "HTTP/1.1 200 OK\r\nx: "))],
  ["sends zeros", (socket) => void socket.write(Buffer.alloc(FLOOD))],
];

async function peer(
  wire: Couriered,
  behave: Peer,
): Promise<{ readonly port: number; readonly requests: () => number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  let requests = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined); // the courier hangs up on what it does not understand
    socket.once("data", () => {
      requests += 1;
      behave(socket, wire);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  return {
    port: typeof bound === "object" && bound !== null ? bound.port : 0,
    requests: () => requests,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const within = async <T>(ms: number, what: string, work: Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${ms} ms`)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
};

for (const [name, wire] of Object.entries(COURIERS))
  describe(`C-5 courier ${name} against hostile peers`, () => {
    test("a whole reply is a reply, as it was sent", async () => {
      const good = await peer(wire, (socket, { reply }) => void socket.write(reply));
      const courier = wire.create();
      const result = await within(ENDS_MS, "the call", courier.call(requestOf(wire, good.port)));
      assert.equal(result.kind, "reply", JSON.stringify(result));
      await courier.close();
      await good.close();
    });

    for (const [what, behave] of NO_REPLY)
      test(`a peer that ${what}: no reply, one request, the next call is served`, async () => {
        const bad = await peer(wire, behave);
        const good = await peer(wire, (socket, { reply }) => void socket.write(reply));
        const courier = wire.create();
        const result = await within(ENDS_MS, "the call", courier.call(requestOf(wire, bad.port)));
        assert.equal(result.kind, "no-reply", JSON.stringify(result).slice(0, 300));
        assert.equal(bad.requests(), 1, "a courier never sends twice");
        assert.equal((await courier.call(requestOf(wire, good.port))).kind, "reply");
        await within(CLOSES_MS, "closing", courier.close());
        await bad.close();
        await good.close();
      });

    test("nobody there is unsent; a closed courier sends nothing, and closes while a call is out", async () => {
      const silent = await peer(wire, () => undefined);
      const courier = wire.create();
      assert.equal((await courier.call(requestOf(wire, 1))).kind, "unsent");
      const out = courier.call(requestOf(wire, silent.port, { replyTimeoutMs: 2_000 }));
      await within(ENDS_MS, "closing", Promise.all([courier.close(), out.then((result) => assert.notEqual(result.kind, "reply"))]));
      const after = await within(ENDS_MS, "a call after closing", courier.call(requestOf(wire, silent.port)));
      assert.notEqual(after.kind, "reply");
      await silent.close();
    });
  });
