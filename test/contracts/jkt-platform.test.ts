/** Our calls to the simulated 12320 platform, through couriers, adapter and mapping: neither shares code with the other. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createCouriers } from "../../bin/engine/couriers.ts";
import { createDialects } from "../../bin/engine/dialects.ts";
import { createSealer } from "../../bin/engine/seal.ts";
import type { Partner } from "../../domain/partners/profile.ts";
import type { CallResult } from "../../domain/writeback/ports.ts";
import { loadAdapters } from "../../platform/catalogue/adapters.ts";
import { loadMappings } from "../../platform/catalogue/mappings.ts";
import { loadEventRegistry } from "../../platform/catalogue-events.ts";
import { createCourier } from "../../platform/transports/http/courier.ts";
import { startJkt } from "../hospital/jkt/jkt.ts";
import { readLedger } from "../hospital/ledger.ts";
import type { RunningPartner } from "../hospital/partner.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
let folder: string;
let platform: RunningPartner;
let partner: Partner;
let secrets: Readonly<Record<string, string>>;
let world: Awaited<ReturnType<typeof make>>;

async function make() {
  const registry = await loadEventRegistry();
  const loaded = await loadMappings(ROOT, registry);
  const adapters = await loadAdapters();
  const http = createCourier({ tls: () => undefined });
  const partners = new Map([[partner.partner, partner]]);
  const adapterOf = (vendor: string) => adapters.get(loaded.vendors.get(vendor)?.adapter ?? "");
  const sealer = createSealer({ registry, partner: (name) => partners.get(name) });
  const couriers = createCouriers({
    wires: { "http:": http },
    partner: (name) => partners.get(name),
    adapterOf,
    secretsOf: () => secrets,
    nowMs: Date.now,
    log: { warn: () => undefined },
  });
  return { loaded, couriers, dialects: createDialects({ loaded, partners, registry, sealer }) };
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "jkt-platform-"));
  platform = await startJkt({ name: "jkt-platform", dataDir: folder, mode: "strict", port: 0, controlPort: 0 });
  secrets = platform.secrets ?? {};
  partner = {
    partner: "jkt-platform",
    vendor: "jkt",
    name: { zh: "平台", en: "platform" },
    constants: { institution: "H001", hospital: "1001", userId: "TEST01" },
    destination: { url: platform.url ?? "" } as NonNullable<Partner["destination"]>,
  };
  world = await make();
});
after(async () => {
  await world?.couriers.close();
  await platform?.close();
  await rm(folder, { recursive: true, force: true });
});

const REQ = (fields: Readonly<Record<string, string>>): Uint8Array =>
  new TextEncoder().encode(
    `<REQ>${Object.entries(fields)
      .map(([name, value]) => `<${name}>${value}</${name}>`)
      .join("")}</REQ>`,
  );
const call = (message: string, body: Uint8Array): Promise<CallResult> =>
  world.couriers.call({
    url: `${platform.url}/jkt`,
    method: "POST",
    headers: { "content-type": "application/xml" },
    body,
    connectTimeoutMs: 1_000,
    replyTimeoutMs: 1_000,
    replyBytesMax: 100_000,
    about: { destination: "jkt-platform", mapping: `jkt/${message}`, key: "K" },
  } as Parameters<typeof world.couriers.call>[0]);
const interpreted = async (message: string, body: Uint8Array): Promise<string> => {
  const result = await call(message, body);
  if (result.kind !== "reply") return result.kind;
  return world.dialects.outboundDialect.interpret(`jkt/${message}`, result, { key: "K", serial: "HPI1", amountFen: 18_850n }).outcome;
};
const PAY = { HOS_ID: "1001", ORDER_ID: "HPI1", HOSP_SEQUENCE: "SEQ1", PAY_ACTUAL_FEE: "18850" };

test("C-5 S0-26 a sealed call is verified, done once, and asked about when it says already done", async () => {
  assert.equal(
    await interpreted("payment-inquiry", new TextEncoder().encode("<REQ><QUERY_ORDER><ORDER_NO>HPI1</ORDER_NO></QUERY_ORDER></REQ>")),
    "not-found",
  );
  assert.equal(await interpreted("payment-confirm", REQ(PAY)), "acknowledged");
  assert.equal(await interpreted("payment-confirm", REQ(PAY)), "unclear", "already paid may be another payment");
  assert.equal(
    await interpreted("payment-inquiry", new TextEncoder().encode("<REQ><QUERY_ORDER><ORDER_NO>HPI1</ORDER_NO></QUERY_ORDER></REQ>")),
    "acknowledged",
  );
  const effects = (await readLedger(platform.ledger)).filter((line) => line.effect);
  assert.deepEqual(
    effects.map(({ kind, order, amount }) => [kind, order, amount]),
    [["payment-confirm", "SEQ1", "18850"]],
  );
});

test("an answer that nobody signed is no answer, a call that cannot be sealed never leaves, and wrong keys do nothing", async () => {
  const order = (fault: object): Promise<Response> => fetch(platform.faults, { method: "POST", body: JSON.stringify(fault) });
  await order({ fault: "garble", count: 1 });
  assert.equal((await call("payment-confirm", REQ({ ...PAY, ORDER_ID: "HPI2" }))).kind, "no-reply");
  const good = secrets;
  secrets = {};
  assert.equal((await call("payment-confirm", REQ({ ...PAY, ORDER_ID: "HPI3" }))).kind, "unsent");
  secrets = { ...good, signKey: "other" };
  assert.equal((await call("payment-confirm", REQ({ ...PAY, ORDER_ID: "HPI3" }))).kind, "no-reply");
  secrets = good;
  const lines = await readLedger(platform.ledger);
  assert.ok(!lines.some((line) => line.effect && line.serial === "HPI3"));
  assert.equal(lines.at(-1)?.answer, "7");
});
