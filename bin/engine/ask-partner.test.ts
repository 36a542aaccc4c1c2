import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { CallRequest, Courier } from "../../domain/writeback/ports.ts";
import { loadMappings } from "../../platform/catalogue/mappings.ts";
import { loadEventRegistry } from "../../platform/catalogue-events.ts";
import { createDialects } from "./dialects.ts";
import { loadPartners } from "./partners.ts";
import { createSealer } from "./seal.ts";

const root = join(import.meta.dirname, "../..");

/** A HIS that answers inquiries as told, and a cache that keeps everything. */
async function world(code: "0" | "4") {
  const registry = await loadEventRegistry();
  const loaded = await loadMappings(root, registry);
  const partners = loadPartners(root, {}, new Set(loaded.vendors.keys()));
  const dialects = createDialects({
    loaded,
    partners,
    registry,
    sealer: createSealer({ registry, partner: (name) => partners.get(name) }),
  });
  const kept = new Map<string, { value: string; ttlMs: number }>();
  let calls = 0;
  const courier: Courier = {
    call: async (request: CallRequest) => {
      calls += 1;
      const key = /key="([^"]+)"/.exec(new TextDecoder().decode(request.body))?.[1] ?? "";
      const done = code === "0" ? "<ReceiptNo>HIS1</ReceiptNo><Amount>188.50</Amount><Serial>HPI20261120000002</Serial>" : "";
      const body = new TextEncoder().encode(`<Answer><Code>${code}</Code><Text>x</Text><Key>${key}</Key>${done}</Answer>`);
      return { kind: "reply", status: 200, contentType: "text/xml; charset=UTF-8", body, ms: 1 };
    },
    close: async () => undefined,
  };
  const ask = dialects.askPartner(courier, {
    get: async (name) => kept.get(name)?.value,
    set: async (name, value, ttlMs) => void kept.set(name, { value, ttlMs }),
  });
  const signal = new AbortController().signal;
  // The payment of jkt's sample: the HIS is asked about its confirm.
  const payOrder = loaded.mappings.get("jkt/pay-order");
  assert.ok(payOrder?.direction === "inbound");
  const raw = readFileSync(join(root, "mappings/jkt/pay-order/examples/sample-paid/in.xml"));
  const read = payOrder.translate({ raw, partner: "jkt", constants: partners.get("jkt")?.constants ?? {} });
  assert.ok(read.ok);
  const [paid] = read.events;
  assert.ok(paid);
  const sealed = registry.seal({ id: "e1", type: paid.type, source: "jkt", subject: paid.subject, data: paid.data });
  assert.ok(sealed.ok);
  const { event } = sealed;
  return {
    kept,
    calls: () => calls,
    ask: (cacheSeconds: number) => ask({ partner: "his", kind: "inquiry", cacheSeconds, signal }, event),
  };
}

test("S3-27 an acknowledged answer may be as old as the flow says; without that every question is asked", async () => {
  const { ask, calls, kept } = await world("0");
  assert.equal((await ask(0)).outcome, "acknowledged");
  assert.equal((await ask(0)).outcome, "acknowledged");
  assert.deepEqual([calls(), kept.size], [2, 0]);
  const first = await ask(60);
  const again = await ask(60);
  assert.deepEqual(again, first);
  assert.deepEqual([calls(), [...kept.values()][0]?.ttlMs], [3, 60_000]);
});

test("S3-27 what is not acknowledged is never cached", async () => {
  const { ask, calls, kept } = await world("4");
  assert.equal((await ask(60)).outcome, "not-found");
  assert.equal((await ask(60)).outcome, "not-found");
  assert.deepEqual([calls(), kept.size], [2, 0]);
});
