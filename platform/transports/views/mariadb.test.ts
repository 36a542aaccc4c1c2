/** A server that greets with what is no greeting: an error of this view, never the end of the engine. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { createMariadbSource } from "./mariadb.ts";

const CUT_MS = 100;
const GREETINGS: readonly (readonly [string, Buffer])[] = [
  ["an error without words", Buffer.from([0x03, 0, 0, 0, 0xff, 0xff, 0xff])],
  ["one that is cut", Buffer.from([0x05, 0, 0, 0, 10, 0x31, 0x30, 0x2e, 0x30])],
  ["one of nothing but 0xff", Buffer.concat([Buffer.from([0x20, 0, 0, 0, 10]), Buffer.alloc(31, 0xff)])],
  ["another protocol", Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")],
  ["line ends", Buffer.alloc(400, 0x0a)],
];

for (const [what, greeting] of GREETINGS)
  test(`a view of MariaDB whose server greets with ${what}`, async () => {
    const server = createServer((socket) => {
      socket.on("error", () => socket.destroy());
      socket.write(greeting);
      setTimeout(() => socket.destroy(), CUT_MS);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const about = { url: `mariadb://huiliu@127.0.0.1:${port}/lis`, view: "v_charge", watermark: "updated_at", key: "charge_no" };
    const source = createMariadbSource({
      door: { ...about, columns: ["charge_no"], message: "charge-row", everyMs: 1_000, rowsMax: 10 },
      password: "x",
    });
    await assert.rejects(source.page(undefined));
    await source.close();
    server.close();
  });
