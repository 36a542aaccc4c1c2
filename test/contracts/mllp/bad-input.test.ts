/** The MLLP door against bad input, slow and hostile senders, and at its end. */
import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { accepted, BYTES_MAX, cleanUp, doorNow, message, msaOf, none, open, sender, world, wrapped } from "./world.ts";

afterEach(cleanUp);

describe("C-3 MLLP door: bad input", () => {
  test("a frame that is no HL7 is kept and answered NAK; the connection goes on", async () => {
    await open();
    const lis = sender();
    lis.socket.write(wrapped("hello"));
    lis.socket.write(wrapped(Buffer.of(0xff, 0xfe, 0x00)));
    lis.socket.write(wrapped(message("L1")));
    const heard = await lis.until(3);
    assert.deepEqual([heard[0], heard[1], msaOf(heard[2])], ["\x15", "\x15", "MSA|AA|L1"]);
    assert.deepEqual(
      world.taken.map((one) => [one.kind, one.refusal?.code, Buffer.from(one.raw).toString("latin1").slice(0, 5)]),
      [
        ["unreadable", "BAD_REQUEST", "hello"],
        ["unreadable", "BAD_REQUEST", "\xff\xfe\x00"],
        ["dft-p03", undefined, "MSH|^"],
      ],
    );
  });

  for (const [what, bytes] of [
    ["garbage", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
    ["1 MB of garbage", Buffer.alloc(1_048_576, 0xa5)],
    ["a frame begun inside a frame", Buffer.from("\vMSH|^~\\&|LIS\r\vMSH|")],
  ] as const)
    test(`${what}: NAK, closed, logged; a neighbour is not disturbed`, async () => {
      await open();
      const neighbour = sender();
      neighbour.socket.write(wrapped(message("N1")));
      const lis = sender();
      lis.socket.write(bytes);
      await lis.until(1);
      for (let waited = 0; waited < 30_000 && !lis.closed(); waited += 10) await sleep(10);
      assert.equal(lis.closed(), true);
      assert.deepEqual(lis.heard().slice(0, 1), ["\x15"]);
      assert.ok(
        world.warned.some((one) => one.includes("cut")),
        world.warned.join("; "),
      );
      neighbour.socket.write(wrapped(message("N2")));
      assert.deepEqual((await neighbour.until(2)).map(msaOf), ["MSA|AA|N1", "MSA|AA|N2"]);
    });

  test("a message beyond the partner's limit is told so, and the connection is closed", async () => {
    await open();
    const lis = sender();
    lis.socket.write(wrapped(message("L1", { rest: `NTE|1||${"x".repeat(BYTES_MAX)}` })));
    assert.match(msaOf((await lis.until(1))[0]), /^MSA\|AR\|L1\|/);
    for (let waited = 0; waited < 30_000 && !lis.closed(); waited += 10) await sleep(10);
    assert.deepEqual([lis.closed(), world.taken.length], [true, 0]);
  });

  test("slowloris: a frame that does not end in time is cut; the others go on", async () => {
    await open({ frameMs: 150 });
    const slow = sender();
    slow.socket.write("\vMSH|");
    const drip = setInterval(() => slow.socket.write("x"), 20);
    const lis = sender();
    lis.socket.write(wrapped(message("L1")));
    await lis.until(1);
    for (let waited = 0; waited < 30_000 && !slow.closed(); waited += 10) await sleep(10);
    clearInterval(drip);
    assert.equal(slow.closed(), true);
    assert.deepEqual(slow.heard(), ["\x15"]);
    assert.deepEqual([lis.closed(), msaOf(lis.heard()[0])], [false, "MSA|AA|L1"]);
  });

  test("idle connections are closed, and connections beyond the limit dropped", async () => {
    await open({ idleMs: 150, connectionsMax: 2 });
    const all = [sender(), sender(), sender()];
    for (let waited = 0; waited < 30_000 && !all[2]?.closed(); waited += 10) await sleep(10);
    assert.equal(all[2]?.closed(), true);
    for (let waited = 0; waited < 30_000 && !all.every((one) => one.closed()); waited += 10) await sleep(10);
    assert.deepEqual(
      all.map((one) => one.closed()),
      [true, true, true],
    );
  });

  test("who comes from elsewhere is turned away unread", async () => {
    await open({ from: ["10.1.2.0/24"] });
    const lis = sender();
    lis.socket.write(wrapped(message("L1")));
    await lis.until(1);
    assert.deepEqual([lis.closed(), lis.heard(), world.taken], [true, [], []]);
    assert.ok(world.warned.some((one) => one.includes("turned away")));
    await doorNow().close();
    await assert.rejects(open({ from: ["nowhere"] }), /nowhere/);
  });

  test("a sender that does not wait: no more than so many are under way at once, all are answered", async () => {
    await open({ unansweredMax: 3 });
    let live = 0;
    let most = 0;
    world.journal = async () => {
      live += 1;
      most = Math.max(most, live);
      await sleep(2);
      live -= 1;
      return accepted("m1");
    };
    const lis = sender();
    for (let number = 0; number < 60; number += 1) {
      lis.socket.write(wrapped(message(`L${number}`)));
      await sleep(0);
    }
    const heard = await lis.until(60);
    assert.deepEqual(
      heard.map(msaOf),
      Array.from({ length: 60 }, (_, number) => `MSA|AA|L${number}`),
    );
    // What one chunk brought is world.taken whole: the limit holds from chunk to chunk.
    assert.ok(most < 60, `${most} at once`);
  });
});

describe("C-3 MLLP door: ends", () => {
  test("stop while a message is under way: it is journaled and answered, half a frame is not world.taken, nothing new comes in", async () => {
    await open();
    let finish: () => void = none;
    world.journal = () =>
      new Promise((resolve) => {
        finish = () => resolve(accepted("m1"));
      });
    const lis = sender();
    lis.socket.write(wrapped(message("L1")));
    const half = sender();
    half.socket.write("\vMSH|^~\\&|LIS");
    while (world.taken.length === 0) await sleep(5);
    const paused = doorNow().pause();
    setTimeout(finish, 50);
    await paused;
    assert.deepEqual((await lis.until(1)).map(msaOf), ["MSA|AA|L1"]);
    for (let waited = 0; waited < 30_000 && !(lis.closed() && half.closed()); waited += 10) await sleep(10);
    assert.deepEqual([lis.closed(), half.closed(), half.heard(), world.taken.length], [true, true, [], 1]);
    const late = sender();
    await late.until(1);
    assert.equal(late.closed(), true);
  });

  test("a flow that has not ended does not hold a stop up", async () => {
    await open({ waitMs: 60_000 });
    world.verdict = () => new Promise(none);
    const lis = sender();
    lis.socket.write(wrapped(message("L1")));
    lis.socket.write(wrapped(message("L2", { ack: "AL|AL" })));
    while (world.taken.length < 2) await sleep(5);
    const since = performance.now();
    await doorNow().pause();
    assert.ok(performance.now() - since < 30_000, "the flow's minute was waited for");
    assert.deepEqual((await lis.until(2)).map(msaOf), ["MSA|AA|L1", "MSA|CA|L2"]);
  });

  test("a sender that closes its side still gets its answer", async () => {
    await open();
    world.verdict = async () => {
      await sleep(50);
      return { verdict: "accepted", messageId: "m1" };
    };
    const lis = sender();
    lis.socket.end(wrapped(message("L1")));
    assert.deepEqual((await lis.until(1)).map(msaOf), ["MSA|AA|L1"]);
  });
});
