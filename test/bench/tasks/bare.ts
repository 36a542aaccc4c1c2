/** The script's floor: the same mappings as the flow, bytes → sealed event → write-back bytes, in a loop without broker, database and Node-RED. */
import { createDialects } from "../../../bin/engine/dialects.ts";
import { loadPartners } from "../../../bin/engine/partners.ts";
import { createSealer } from "../../../bin/engine/seal.ts";
import type { JournaledMessage } from "../../../domain/journal/ports.ts";
import { loadEventRegistry } from "../../../platform/catalogue-events.ts";
import { loadMappings } from "../../../platform/catalogue/mappings.ts";
import { messagesOf, type Plan } from "../messages.ts";

const TO = { destination: "his", kind: "payment-confirm" };

export async function bare(options: { readonly root: string }): Promise<(plan: Plan) => Promise<{ readonly perSecond: number }>> {
  const registry = await loadEventRegistry();
  const loaded = await loadMappings(options.root, registry);
  const partners = loadPartners(options.root, {}, new Set(loaded.vendors.keys()));
  const dialects = createDialects({
    loaded,
    partners,
    registry,
    sealer: createSealer({ registry, partner: (name) => partners.get(name) }),
  });
  return async (plan) => {
    const messages = messagesOf(plan).map(
      (one, index): JournaledMessage => ({
        id: "00000000-0000-7000-8000-000000000000",
        seq: BigInt(index),
        partner: "his",
        kind: "payment",
        door: "amqp",
        identity: one.id,
        charset: "utf-8",
        headers: {},
        raw: one.bytes,
        receivedAt: `${plan.date}T12:00:00+08:00`,
        token: 1,
        run: 1,
        replayed: false,
      }),
    );
    const started = performance.now();
    for (const message of messages) {
      const translated = dialects.translateByDefault(message)?.result;
      if (!translated?.ok) throw new Error(`not translated: ${JSON.stringify(translated?.problems)}`);
      for (const { event } of translated.events) {
        const owed = dialects.encodeWriteBack(event, TO);
        if (!owed.ok) throw new Error(`not encoded: ${owed.reason.en}`);
      }
    }
    return { perSecond: (messages.length * 1_000) / (performance.now() - started) };
  };
}
