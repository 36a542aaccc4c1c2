/** Which lane a write-back keeps to: chosen in the node, else by the destination's profile, else its order; what is open of an order names the order beside the lane. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import type { Event } from "../../domain/events/event.ts";
import type { EncodeWriteBack } from "../../domain/delivery/node-calls.ts";
import { patientKey } from "../../domain/orders/rules.ts";
import type { Partner } from "../../domain/partners/profile.ts";
import { loadMappings } from "../../platform/catalogue/mappings.ts";
import { loadEventRegistry } from "../../platform/catalogue-events.ts";
import { createDialects } from "./dialects.ts";
import { loadPartners } from "./partners.ts";
import { createSealer } from "./seal.ts";

const root = join(import.meta.dirname, "../..");
const EXAMPLE = join(root, "domain/events/payment.settled/examples/accepted-wechat.json");

let encodeBy: (lane: "order" | "patient" | undefined) => EncodeWriteBack;
let payment: (change: Readonly<Record<string, unknown>>) => Event;
before(async () => {
  const registry = await loadEventRegistry();
  const loaded = await loadMappings(root, registry);
  const seeds = loadPartners(root, {}, new Set(loaded.vendors.keys()));
  const { default: example } = (await import(EXAMPLE, { with: { type: "json" } })) as { default: { data: Record<string, unknown> } };
  payment = (change) => {
    const data: Record<string, unknown> = { ...example.data, bills: [{ no: "B1" }], ...change };
    for (const [name, value] of Object.entries(data)) if (value === undefined) delete data[name];
    return {
      specversion: "1.0",
      id: "e1",
      type: "payment.settled",
      source: "his",
      subject: "bill:B1",
      time: "2026-11-20T09:00:00+08:00",
      datacontenttype: "application/json",
      dataschema: "urn:huiliu:event:payment.settled:1",
      data,
    };
  };
  encodeBy = (lane) => {
    const partners = new Map(seeds);
    const his = seeds.get("his") as Partner;
    if (his.destination) partners.set("his", { ...his, destination: { ...his.destination, ...(lane === undefined ? {} : { lane }) } });
    return createDialects({ loaded, partners, registry, sealer: createSealer({ registry, partner: (name) => partners.get(name) }) })
      .encodeWriteBack;
  };
});

const patient = { no: "P1", numberSystem: "his" };
const visit = { no: "V1", kind: "outpatient" };
const rows: readonly {
  name: string;
  profile?: "order" | "patient";
  node?: "" | "order" | "patient";
  change: Readonly<Record<string, unknown>>;
  lane: string;
  order?: string;
}[] = [
  { name: "nobody says: by order", change: { patient, visit }, lane: "bill:B1" },
  { name: "the profile says by patient", profile: "patient", change: { patient, visit }, lane: "patient:P1", order: "bill:B1" },
  {
    name: "the node leaves it to the profile",
    profile: "patient",
    node: "",
    change: { patient, visit },
    lane: "patient:P1",
    order: "bill:B1",
  },
  { name: "the node overrules the profile", profile: "patient", node: "order", change: { patient, visit }, lane: "bill:B1" },
  { name: "the node says by patient", node: "patient", change: { patient, visit }, lane: "patient:P1", order: "bill:B1" },
  { name: "no patient: by visit", node: "patient", change: { patient: undefined, visit }, lane: "visit:V1", order: "bill:B1" },
  { name: "neither patient nor visit: by order", node: "patient", change: { patient: undefined, visit: undefined }, lane: "bill:B1" },
  {
    name: "a number of another system is another key",
    node: "patient",
    change: { patient: { no: "P1", numberSystem: "card" }, visit },
    lane: "patient:card:P1",
    order: "bill:B1",
  },
];

describe("the lane of a write-back", () => {
  for (const { name, profile, node, change, lane, order } of rows)
    test(`${name} → ${lane}`, () => {
      const choice = node === undefined ? {} : { lane: node };
      const encoded = encodeBy(profile)(payment(change), { destination: "his", kind: "payment-confirm", ...choice });
      assert.ok(encoded.ok);
      assert.deepEqual([encoded.writeBack.lane, encoded.writeBack.order], [lane, order]);
    });

  test("an event that names nobody has no patient key", () => assert.equal(patientKey({}), undefined));
});
