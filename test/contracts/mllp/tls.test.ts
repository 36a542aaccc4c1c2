/** The MLLP door behind TLS with client certificates. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import type { MllpDoor } from "../../../platform/transports/mllp/door.ts";
import { cleanUp, doorNow, message, msaOf, open, sender, world, wrapped, type Sender } from "./world.ts";

afterEach(cleanUp);

describe("C-3 S1-15 MLLP door: TLS", () => {
  const folder = mkdtempSync(join(tmpdir(), "huiliu-mllp-"));
  const file = (name: string): string => join(folder, name);
  const pem = (name: string): string => readFileSync(file(name), "utf8");
  const openssl = (...args: string[]): void => void execFileSync("openssl", args, { stdio: "ignore", cwd: folder });
  before(() => {
    for (const ca of ["ca", "other"])
      openssl(
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        `${ca}.key`,
        "-out",
        `${ca}.pem`,
        "-days",
        "2",
        "-subj",
        `/CN=${ca}`,
      );
    for (const [name, ca, subject] of [
      ["server", "ca", "localhost"],
      ["client", "ca", "lis"],
      ["stranger", "other", "lis"],
      ["namesake", "ca", "ris"],
    ] as const) {
      openssl(
        "req",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        `${name}.key`,
        "-out",
        `${name}.csr`,
        "-subj",
        `/CN=${subject}`,
      );
      openssl(
        "x509",
        "-req",
        "-in",
        `${name}.csr`,
        "-CA",
        `${ca}.pem`,
        "-CAkey",
        `${ca}.key`,
        "-CAcreateserial",
        "-out",
        `${name}.pem`,
        "-days",
        "2",
      );
    }
  });
  after(() => rmSync(folder, { recursive: true }));
  const tlsSender = (name?: string): Sender =>
    sender(
      connectTls({
        port: Number(new URL(doorNow().address).port),
        host: "127.0.0.1",
        servername: "localhost",
        ca: pem("ca.pem"),
        ...(name === undefined ? {} : { cert: pem(`${name}.pem`), key: pem(`${name}.key`) }),
      }),
    );
  const openTls = (): Promise<MllpDoor> =>
    open({ tls: { cert: pem("server.pem"), key: pem("server.key"), ca: pem("ca.pem"), names: ["lis"] } });

  test("a client certificate of the authority with the right name is let in", async () => {
    await openTls();
    assert.match(doorNow().address, /^mllps:/);
    const lis = tlsSender("client");
    lis.socket.write(wrapped(message("L1")));
    assert.deepEqual((await lis.until(1)).map(msaOf), ["MSA|AA|L1"]);
  });
  for (const name of [undefined, "stranger", "namesake"])
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
});
