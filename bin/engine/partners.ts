/** Partners: seeds from partners/*.json, addresses overridden by settings, credentials from a file of their own. All problems at once. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Value } from "typebox/value";
import type { VendorChecks } from "../../domain/checks/checks.ts";
import type { RegionDocument } from "../../domain/checks/documents.ts";
import { Partner } from "../../domain/partners/profile.ts";
import { policyOf } from "../../domain/writeback/policy.ts";
import type { AuditCredentials } from "../../platform/audit/keys.ts";

export class PartnersRefused extends Error {
  override readonly name = "PartnersRefused";
}

/** Reads every profile; the file's name is the partner's. A profile that does not load is an error, never a silence. */
export function loadPartners(
  root: string,
  urls: Readonly<Record<string, string>>,
  vendors: ReadonlySet<string>,
): ReadonlyMap<string, Partner> {
  const folder = join(root, "partners");
  const partners = new Map<string, Partner>();
  const problems: string[] = [];
  for (const file of readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .sort()) {
    let given: unknown;
    try {
      given = JSON.parse(readFileSync(join(folder, file), "utf8"));
    } catch (error) {
      problems.push(`partners/${file}: not JSON / 不是 JSON (${String(error)})`);
      continue;
    }
    const filled = Value.Default(Partner, given);
    const wrong = [...Value.Errors(Partner, filled)].map((error) => `partners/${file}${error.instancePath}: ${error.message}`);
    if (wrong.length > 0) {
      problems.push(...wrong);
      continue;
    }
    const seed = filled as Partner;
    const url = urls[seed.partner];
    const written: Partner = seed.destination && url ? { ...seed, destination: { ...seed.destination, url } } : seed;
    const partner = lookedInto(written, urls);
    if (`${partner.partner}.json` !== file) problems.push(`partners/${file}: names partner ${partner.partner} / 文件名与伙伴名不一致`);
    if (!vendors.has(partner.vendor))
      problems.push(`partners/${file}: no vendor ${partner.vendor} in mappings/ / mappings/ 下没有厂商 ${partner.vendor}`);
    const policy = policyOf(partner);
    if (policy && !policy.ok) problems.push(...policy.problems.map((one) => `partners/${file}${one.at}: ${one.en} / ${one.zh}`));
    partners.set(partner.partner, partner);
  }
  if (partners.size === 0 && problems.length === 0) problems.push("partners/ holds no profile / partners/ 下没有伙伴档案");
  if (problems.length > 0) throw new PartnersRefused(`Partners refused / 伙伴档案有误:\n- ${problems.join("\n- ")}`);
  return partners;
}

/** Its files and views lie on the server that the settings name for it (`<partner>`, `<partner>.sftp`): files in the folders that its profile names. */
function lookedInto(partner: Partner, urls: Readonly<Record<string, string>>): Partner {
  const { files, views } = partner.inbound?.doors ?? {};
  if (!partner.inbound || (!files && !views)) return partner;
  const givenFor = ({ url }: { readonly url: string }): string | undefined => {
    const scheme = url.slice(0, url.indexOf(":"));
    return [urls[`${partner.partner}.${scheme}`], urls[partner.partner]].find((one) => one?.startsWith(`${scheme}:`));
  };
  const moved = files?.map((door) => {
    const given = givenFor(door);
    if (given === undefined) return door;
    const url = new URL(given);
    url.pathname = new URL(door.url).pathname;
    return { ...door, url: url.toString() };
  });
  const seen = views?.map((door) => ({ ...door, url: givenFor(door) ?? door.url }));
  const doors = {
    ...partner.inbound.doors,
    ...(moved === undefined ? {} : { files: moved }),
    ...(seen === undefined ? {} : { views: seen }),
  };
  return { ...partner, inbound: { ...partner.inbound, doors } };
}

/** Calls that the profile would reverse though the region does not offer it. A call is named after its transaction: `call-2207`. */
function notReversible(partner: Partner, { reversal }: RegionDocument): readonly string[] {
  const wanted = partner.destination?.reversal?.of ?? [];
  const transactions = new Set(reversal.offered ? reversal.transactions : []);
  return wanted.filter((message) => !transactions.has(message.slice(message.lastIndexOf("-") + 1).toUpperCase()));
}

/**
 * Puts the constants of its region under a partner's own. A vendor that has regions wants every one of its partners to name one that is there: a profile that
 * does not is refused, because its calls would be checked against another region's rules.
 */
export function withRegions(
  partners: ReadonlyMap<string, Partner>,
  checks: ReadonlyMap<string, VendorChecks>,
): ReadonlyMap<string, Partner> {
  const problems: string[] = [];
  const all = new Map<string, Partner>();
  for (const [name, partner] of partners) {
    const regions = checks.get(partner.vendor)?.regions;
    const wanted = partner.constants.region ?? "";
    const region = regions?.get(wanted);
    if (regions && regions.size > 0 && !region) {
      const known = [...regions.keys()].join(", ");
      problems.push(`partners/${name}.json/constants/region: ${wanted || "absent"} is none of ${known} / 地区须为其中之一`);
    }
    const undone = region === undefined ? [] : notReversible(partner, region);
    if (undone.length > 0)
      problems.push(
        `partners/${name}.json/destination/reversal: region ${wanted} does not reverse ${undone.join(", ")} / 该地区不提供这些交易的冲正`,
      );
    all.set(name, region ? { ...partner, constants: { ...region.constants, ...partner.constants } } : partner);
  }
  if (problems.length > 0) throw new PartnersRefused(`Partners refused / 伙伴档案有误:\n- ${problems.join("\n- ")}`);
  return all;
}

/** What bin/start made, or what production brings: keys and AMQP accounts, never in partners/. */
export interface Credentials {
  readonly token: string;
  readonly partners: Readonly<
    Record<string, { readonly key: string; readonly amqpUser: string; readonly secrets?: Readonly<Record<string, string>> }>
  >;
  readonly observer?: { readonly amqpUser: string };
  /** What the audit is sealed with; a file without it refuses the start (platform/audit/keys.ts). */
  readonly audit?: AuditCredentials;
}

export function loadCredentials(file: string): Credentials {
  const given = JSON.parse(readFileSync(file, "utf8")) as Partial<Credentials>;
  if (typeof given.token !== "string" || given.token.length < 16 || typeof given.partners !== "object") {
    throw new PartnersRefused(`${file}: needs a token of at least 16 characters and partners / 需要不少于 16 个字符的 token 与 partners`);
  }
  return given as Credentials;
}

/**
 * The key with which Node-RED encrypts credentials of nodes, derived from the operator's token: nothing more to keep secret. Undefined when the file cannot
 * be read; the engine then refuses to start, and says why.
 */
export function credentialSecretOf(file: string): string | undefined {
  try {
    const { token } = JSON.parse(readFileSync(file, "utf8")) as Partial<Credentials>;
    return typeof token === "string" ? createHash("sha256").update(`node-red ${token}`).digest("hex") : undefined;
  } catch {
    return undefined;
  }
}
