/** Which of a partner's messages are acknowledgements that come on their own way, and how they are read: looked up in vendor.json and the outbound mappings. */
import type { AcknowledgementDialect } from "../../domain/acknowledgements/service.ts";
import type { OutboundMapping } from "../../domain/mapping/mapping.ts";
import type { Partner } from "../../domain/partners/profile.ts";
import type { OutboundDialect } from "../../domain/writeback/dialect.ts";
import { because } from "../../domain/writeback/why.ts";
import type { LoadedMappings } from "./dialects.ts";

/** Kinds of acknowledgement that a partner may send: those of its vendor, where we write to it at all. */
export const acknowledgementKinds = (loaded: LoadedMappings, partner: Partner): readonly string[] =>
  partner.destination ? Object.keys(loaded.vendors.get(partner.vendor)?.acknowledgements ?? {}) : [];

export function laterDialect(
  loaded: LoadedMappings,
  partners: ReadonlyMap<string, Partner>,
  interpret: OutboundDialect["interpret"],
): AcknowledgementDialect {
  const outbound = (id: string): OutboundMapping | undefined => {
    const mapping = loaded.mappings.get(id);
    return mapping?.direction === "outbound" ? mapping : undefined;
  };
  return {
    declared: (name, kind) => {
      const partner = partners.get(name);
      if (!partner || !acknowledgementKinds(loaded, partner).includes(kind)) return undefined;
      const declared = loaded.vendors.get(partner.vendor)?.acknowledgements?.[kind];
      return declared && { by: declared.by, mapping: `${partner.vendor}/${declared.acknowledges}` };
    },
    names: (id, body) => outbound(id)?.names(body) ?? { ok: false, why: because("no-outbound-mapping", id) },
    // It was sent to us: no status says anything. The contract's first readable one stands for it.
    read: (id, body, sent) => interpret(id, { ...body, status: outbound(id)?.document.reply.ack.statuses[0] ?? 200 }, sent),
  };
}
