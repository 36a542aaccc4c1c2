/** MLLP over TLS, the door and the courier: client certificates of the right authority and name, and nobody else. */
import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { createMllpCourier } from "../../../platform/transports/mllp/courier.ts";
import type { MllpDoor } from "../../../platform/transports/mllp/door.ts";
import { createAuthority } from "../../fakes/certificates.ts";
import { cleanUp, doorNow, message, msaOf, open, type Sender, sender, world, wrapped } from "./world.ts";

afterEach(cleanUp);

const hospital = createAuthority("hospital authority");
const other = createAuthority("another authority");
const own = hospital.sign("localhost");
const CLIENTS = { lis: hospital.sign("lis"), stranger: other.sign("lis"), namesake: hospital.sign("ris") };

const openTls = (): Promise<MllpDoor> => open({ tls: { ...own, ca: hospital.cert, names: ["lis"] } });
const tlsSender = (name?: keyof typeof CLIENTS): Sender =>
  sender(
    connectTls({
      port: Number(new URL(doorNow().address).port),
      host: "127.0.0.1",
      servername: "localhost",
      ca: hospital.cert,
      ...(name === undefined ? {} : CLIENTS[name]),
    }),
  );

describe("C-3 S1-15 MLLP over TLS", () => {
  test("a client certificate of the authority with the right name is let in", async () => {
    await openTls();
    assert.match(doorNow().address, /^mllps:/);
    const lis = tlsSender("lis");
    lis.socket.write(wrapped(message("L1")));
    assert.deepEqual((await lis.until(1)).map(msaOf), ["MSA|AA|L1"]);
  });

  for (const name of [undefined, "stranger", "namesake"] as const)
    test(`${name ?? "no certificate"} is turned away`, async () => {
      await openTls();
      const lis = tlsSender(name);
      lis.socket.write(wrapped(message("L1")));
      await lis.until(1);
      assert.deepEqual([lis.closed(), lis.heard(), world.taken], [true, [], []]);
    });

  test("who speaks no TLS is turned away", async () => {
    await openTls();
    const lis = sender();
    lis.socket.write(wrapped(message("L1")));
    await lis.until(1);
    assert.deepEqual([lis.closed(), world.taken], [true, []]);
  });

  test("our courier shows its certificate, and sends nothing to whom it does not know", async () => {
    await openTls();
    const trusting = createMllpCourier({ tls: () => ({ ca: hospital.cert, ...CLIENTS.lis, serverName: "localhost" }) });
    const doubting = createMllpCourier({ tls: () => ({ ca: other.cert, ...CLIENTS.lis, serverName: "localhost" }) });
    const request = {
      url: `${doorNow().address}/`,
      method: "POST",
      headers: {},
      body: Buffer.from(message("L1")),
      connectTimeoutMs: 2_000,
      replyTimeoutMs: 2_000,
      replyBytesMax: 10_000,
    } as const;
    const told = await trusting.call(request);
    assert.equal(told.kind === "reply" && msaOf(Buffer.from(told.body).toString()), "MSA|AA|L1");
    assert.equal((await doubting.call(request)).kind, "unsent");
    assert.equal(world.taken.length, 1);
    await Promise.all([trusting.close(), doubting.close()]);
  });
});
