/** What stored tests are played with: events, mappings, adapters and partners of one root, as they are on disk now. */
import type { Adapter } from "../../domain/partners/adapter.ts";
import type { Partner } from "../../domain/partners/profile.ts";
import { type DestinationPolicy, policyOf } from "../../domain/writeback/policy.ts";
import { loadAdapters } from "../../platform/catalogue/adapters.ts";
import { type LoadedMappings, loadMappings } from "../../platform/catalogue/mappings.ts";
import { loadEventRegistry } from "../../platform/catalogue-events.ts";
import { createDialects, type Dialects } from "../engine/dialects.ts";
import { loadPartners, PartnersRefused, withRegions } from "../engine/partners.ts";
import { createSealer, type Sealer } from "../engine/seal.ts";

export interface TestCatalogue {
  readonly partners: ReadonlyMap<string, Partner>;
  readonly adapterOf: (vendor: string) => Adapter | undefined;
  readonly policyFor: (destination: string) => DestinationPolicy | undefined;
  /** The dialects under a clock. */
  readonly at: (nowMs: () => number) => {
    readonly loaded: LoadedMappings;
    readonly partners: ReadonlyMap<string, Partner>;
    readonly dialects: Dialects;
    readonly sealer: Sealer;
  };
}

export interface LoadProblem {
  readonly at: string;
  readonly zh: string;
  readonly en: string;
}

/** Loads everything, or tells what does not load, by file and place. */
export async function loadTestCatalogue(
  root: string,
): Promise<{ readonly ok: true; readonly catalogue: TestCatalogue } | { readonly ok: false; readonly problems: readonly LoadProblem[] }> {
  const registry = await loadEventRegistry();
  const loaded = await loadMappings(root, registry);
  if (loaded.problems.length > 0)
    return {
      ok: false,
      problems: loaded.problems.map(({ file, problem }) => ({
        at: `${file}${problem.at ? `#${problem.at}` : ""}`,
        zh: problem.zh,
        en: problem.en,
      })),
    };
  const adapters = await loadAdapters();
  try {
    const partners = withRegions(loadPartners(root, {}, new Set(loaded.vendors.keys())), loaded.checks);
    const sealer = createSealer({ registry, partner: (name) => partners.get(name) });
    return {
      ok: true,
      catalogue: {
        partners,
        adapterOf: (vendor) => adapters.get(loaded.vendors.get(vendor)?.adapter ?? ""),
        policyFor: (name) => {
          const partner = partners.get(name);
          const policy = partner && policyOf(partner);
          return policy?.ok ? policy.policy : undefined;
        },
        at: (nowMs) => ({
          loaded,
          partners,
          sealer,
          dialects: createDialects({
            loaded,
            partners,
            registry,
            sealer,
            envelopes: { adapterOf: () => undefined, secretsOf: () => ({}), nowMs },
          }),
        }),
      },
    };
  } catch (error) {
    if (!(error instanceof PartnersRefused)) throw error;
    return { ok: false, problems: [{ at: "partners", zh: error.message, en: error.message }] };
  }
}
