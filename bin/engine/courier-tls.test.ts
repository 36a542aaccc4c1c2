/** Mutual TLS of the courier with certificates as a destination's profile names them (issue 3: `tls` of a profile is wired). */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createProfileBook } from "./profiles.ts";
import type { Destination, Partner } from "../../domain/partners/profile.ts";
import type { CallResult, Courier } from "../../domain/writeback/ports.ts";
import { createAuthority } from "../../test/fakes/certificates.ts";
import { createCourier } from "../../platform/transports/http/courier.ts";

const hospital = createAuthority("hospital authority");
const stranger = createAuthority("another authority");
const folder = mkdtempSync(join(tmpdir(), "huiliu-tls-"));
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
};
const ours = hospital.sign("huiliu");
const theirs = stranger.sign("huiliu");
const FILES = {
  ca: file("ca.pem", hospital.cert),
  otherCa: file("other.pem", stranger.cert),
  cert: file("our.pem", ours.cert),
  key: file("our.key", ours.key),
  strangerCert: file("stranger.pem", theirs.cert),
  strangerKey: file("stranger.key", theirs.key),
};

let server: Server;
let url = "";
const callers: string[] = [];
before(async () => {
  const own = hospital.sign("his.hospital");
  server = createServer({ ...own, ca: hospital.cert, requestCert: true, rejectUnauthorized: true }, (request, response) => {
    callers.push(String((request.socket as import("node:tls").TLSSocket).getPeerCertificate().subject.CN));
    response.end("ok");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => {
  server.close();
  server.closeAllConnections();
  rmSync(folder, { recursive: true, force: true });
});

/** What one call comes to with this profile's tls. */
async function called(tls: Destination["tls"]): Promise<CallResult> {
  const seed = {
    url,
    connectTimeoutMs: 2_000,
    replyTimeoutMs: 2_000,
    leaseMs: 15_000,
    parallel: 1,
    duplicates: "none",
    trustNotFoundAfterMs: 0,
    retry: { firstMs: 100, maxMs: 100 },
    messages: {},
    ...(tls === undefined ? {} : { tls }),
  } satisfies Destination;
  const partner: Partner = { partner: "his", vendor: "his", name: { zh: "院", en: "HIS" }, constants: {}, destination: seed };
  const partners = new Map([["his", partner]]);
  const book = createProfileBook({ partners, seeds: partners, urls: {}, profile: "production", hasOutbound: () => true });
  const checked = book.check("his", seed);
  assert.equal(checked.ok, true, JSON.stringify(checked));
  book.apply("his", 1, seed, { error: () => undefined });
  const courier: Courier = createCourier({ tls: book.tls });
  try {
    return await courier.call({
      url: `${url}/xml`,
      method: "POST",
      headers: {},
      body: Uint8Array.of(1),
      connectTimeoutMs: 2_000,
      replyTimeoutMs: 2_000,
      replyBytesMax: 100,
    });
  } finally {
    await courier.close();
  }
}

describe("mutual TLS by the profile", () => {
  const { ca, cert, key, otherCa, strangerCert, strangerKey } = FILES;
  const serverName = "his.hospital";

  test("both sides prove themselves: the partner sees our certificate", async () => {
    const result = await called({ ca, cert, key, serverName });
    assert.deepEqual([result.kind, result.kind === "reply" ? result.status : result.why, callers.at(-1)], ["reply", 200, "huiliu"]);
  });

  const refusals: readonly { name: string; tls: Destination["tls"] }[] = [
    { name: "the partner's certificate bears another name", tls: { ca, cert, key, serverName: "lis.hospital" } },
    { name: "its authority is not the one we trust", tls: { ca: otherCa, cert, key, serverName } },
    { name: "no authority is given and the system knows none of it", tls: { cert, key, serverName } },
    { name: "we show no certificate", tls: { ca, serverName } },
    {
      name: "our certificate is of an authority that the partner does not trust",
      tls: { ca, cert: strangerCert, key: strangerKey, serverName },
    },
  ];
  for (const { name, tls } of refusals)
    test(`refused, and no byte of a request reaches the partner: ${name}`, async () => {
      const before = callers.length;
      const result = await called(tls);
      assert.notEqual(result.kind, "reply");
      assert.equal(callers.length, before);
    });

  test("a wrong name is known before anything is sent: unsent", async () => {
    const result = await called({ ca, cert, key, serverName: "lis.hospital" });
    assert.deepEqual([result.kind, result.kind === "unsent" && /ALTNAME|altname/.test(result.why)], ["unsent", true]);
  });
});
