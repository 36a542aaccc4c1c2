/** Two partners of one vendor, each with an institution code of its own: what became of a refund is asked under the code of the partner that was told to refund. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { loadMappings } from "../../platform/catalogue/mappings.ts";
import { loadEventRegistry } from "../../platform/catalogue-events.ts";
import { createDialects } from "./dialects.ts";
import { loadPartners } from "./partners.ts";
import { createSealer } from "./seal.ts";

const root = join(import.meta.dirname, "../..");
const OWN = "H99990100002";

test("S1-5 an inquiry carries the constants of the destination, not of another partner of its vendor", async () => {
  const registry = await loadEventRegistry();
  const loaded = await loadMappings(root, registry);
  const partners = new Map(loadPartners(root, {}, new Set(loaded.vendors.keys())));
  const mobile = partners.get("nhsa-mobile");
  assert.ok(mobile);
  partners.set("second-campus", { ...mobile, partner: "second-campus", constants: { ...mobile.constants, fixmedinsCode: OWN } });
  const sealer = createSealer({ registry, partner: (name) => partners.get(name) });
  const { outboundDialect } = createDialects({ loaded, partners, registry, sealer });
  const refund = {
    data: { payOrdId: "ORD1" },
    ask: { payToken: "PT1", idNo: "990101199001010019", userName: "测试患者甲", idType: "01" },
  };
  const encoded = outboundDialect.encodeInquiry("nhsa/ask-6301-refund", {
    destination: "second-campus",
    key: "k1",
    kind: "refund",
    businessDate: "2026-11-20",
    sent: {
      mapping: "nhsa/call-6203",
      body: new TextEncoder().encode(JSON.stringify(refund)),
      contentType: "application/json; charset=utf-8",
    },
  });
  assert.ok(encoded.ok, JSON.stringify(encoded));
  const body = JSON.parse(new TextDecoder().decode(encoded.body)) as { data: { orgCodg: string } };
  assert.equal(body.data.orgCodg, OWN);
});
