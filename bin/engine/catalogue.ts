/** What is loaded from folders at start: events, mappings, partners. A folder that does not load refuses the start, with every problem. */
import type { EventRegistry } from "../../domain/events/event.ts";
import type { Partner } from "../../domain/partners/profile.ts";
import { type DestinationPolicy, policyOf } from "../../domain/writeback/policy.ts";
import type { Adapter } from "../../domain/partners/adapter.ts";
import { loadAdapters } from "../../platform/catalogue/adapters.ts";
import { folderProblemLine, loadMappings } from "../../platform/catalogue/mappings.ts";
import { loadEventRegistry } from "../../platform/catalogue-events.ts";
import type { Config } from "../../platform/config.ts";
import { createDialects, type Dialects } from "./dialects.ts";
import { type Credentials, loadCredentials, loadPartners, withRegions } from "./partners.ts";
import { createProfileBook, type ProfileBook } from "./profiles.ts";
import { createSealer, type Sealer } from "./seal.ts";

export interface Catalogued {
  readonly registry: EventRegistry;
  /** Destinations in it follow their profiles in the database. */
  readonly partners: ReadonlyMap<string, Partner>;
  readonly profiles: ProfileBook;
  readonly credentials: Credentials;
  /** The adapter of a vendor; undefined: its envelopes are plain. */
  adapterOf(vendor: string): Adapter | undefined;
  secretsOf(partner: string): Readonly<Record<string, string>>;
  readonly sealer: Sealer;
  readonly dialects: Dialects;
  /** As the dispatcher reads it before every claim. Undefined: no usable destination of that name. */
  policyFor(destination: string): DestinationPolicy | undefined;
}

export async function loadCatalogue(config: Config): Promise<Catalogued> {
  const registry = await loadEventRegistry();
  const loaded = await loadMappings(config.root, registry);
  if (loaded.problems.length > 0) throw new Error(`Mappings refused / 映射有误:\n- ${loaded.problems.map(folderProblemLine).join("\n- ")}`);
  const adapters = await loadAdapters();
  for (const [name, { adapter }] of loaded.vendors) {
    if (adapter !== undefined && !adapters.has(adapter))
      throw new Error(`mappings/${name}/vendor.json: there is no adapters/${adapter} / 没有该适配器`);
  }
  const vendors = new Set(loaded.vendors.keys());
  const partners = new Map(withRegions(loadPartners(config.root, config.partnerUrls, vendors), loaded.checks));
  const profiles = createProfileBook({
    partners,
    seeds: loadPartners(config.root, {}, vendors),
    urls: config.partnerUrls,
    profile: config.profile,
    hasOutbound: (vendor, message) => loaded.mappings.get(`${vendor}/${message}`)?.direction === "outbound",
  });
  const sealer = createSealer({ registry, partner: (name) => partners.get(name) });
  const credentials = loadCredentials(config.credentialsFile);
  const adapterOf = (vendor: string): Adapter | undefined => adapters.get(loaded.vendors.get(vendor)?.adapter ?? "");
  const secretsOf = (partner: string): Readonly<Record<string, string>> => credentials.partners[partner]?.secrets ?? {};
  // A changed profile is another partner's object (profiles.ts). Asked five times a message.
  const policies = new WeakMap<Partner, ReturnType<typeof policyOf>>();
  const policyNow = (partner: Partner): ReturnType<typeof policyOf> => {
    if (!policies.has(partner)) policies.set(partner, policyOf(partner));
    return policies.get(partner);
  };
  return {
    registry,
    partners,
    profiles,
    credentials,
    adapterOf,
    secretsOf,
    sealer,
    dialects: createDialects({ loaded, partners, registry, sealer, envelopes: { adapterOf, secretsOf, nowMs: Date.now } }),
    policyFor: (name) => {
      const partner = profiles.broken(name) ? undefined : partners.get(name);
      const policy = partner && policyNow(partner);
      return policy?.ok ? policy.policy : undefined;
    },
  };
}
