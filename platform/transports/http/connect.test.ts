import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import type { AddressInfo } from "node:net";
import { describe, test } from "node:test";
import { connectOnce } from "./connect.ts";

const listening = (server: Server): Promise<number> =>
  new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)));

void describe("C-6 a bare connect", () => {
  test("stands, and nothing is sent; refused, silent and nonsense say why", async () => {
    let bytes = 0;
    const server = createServer((socket) => {
      socket.on("data", (data) => {
        bytes += data.length;
      });
      socket.on("error", () => undefined);
    });
    const port = await listening(server);
    assert.equal(await connectOnce(`http://127.0.0.1:${port}/api`, 2_000), undefined);
    assert.match((await connectOnce(`https://127.0.0.1:${port}`, 100)) ?? "", /within 100 ms/, "no TLS is spoken there");
    await new Promise((resolve) => server.close(resolve));
    assert.match((await connectOnce(`http://127.0.0.1:${port}`, 2_000)) ?? "", /ECONNREFUSED/);
    assert.match((await connectOnce("not an address", 100)) ?? "", /not an address/);
    assert.match((await connectOnce("gopher://127.0.0.1", 100)) ?? "", /gopher/);
    assert.ok(bytes === 0 || bytes > 100, "a plain connect sends nothing; a TLS one its hello");
  });
});
