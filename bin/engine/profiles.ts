/**
 * Destination profiles as this process follows them: seeded at start, watched by version, checked before they count, with the certificates they name. A profile that does
 * not hold here (a certificate that this machine has not) is not sent by: its destination waits, and the log says why.
 */
import { readFileSync } from "node:fs";
import { Value } from "typebox/value";
import { Destination, type Partner } from "../../domain/partners/profile.ts";
import { PROFILE_WATCH_MS, type ProfileProblem, type ProfileRules } from "../../domain/partners/profiles.ts";
import { allSchemaTexts } from "../../domain/partners/schema-texts.ts";
import { policyOf } from "../../domain/writeback/policy.ts";
import type { EngineLog } from "../../platform/log.ts";
import type { Pool } from "../../platform/postgres/pool.ts";
import { changedProfiles, seedProfiles } from "../../platform/postgres/profiles.ts";
import { partnerProblems } from "../../platform/safety.ts";
import type { CourierTls } from "../../platform/transports/http/courier.ts";

export interface ProfileBookDeps {
  /** The partners as everybody reads them; destinations in it are replaced as their profiles change. */
  readonly partners: Map<string, Partner>;
  /** As the files have them, with no address of the settings in them. */
  readonly seeds: ReadonlyMap<string, Partner>;
  /** Addresses of the settings. */
  readonly urls: Readonly<Record<string, string>>;
  readonly profile: "development" | "production";
  /** Whether a vendor has this outbound message. */
  readonly hasOutbound: (vendor: string, message: string) => boolean;
}

export interface ProfileBook extends ProfileRules {
  /** True while the destination's profile does not hold in this process. */
  broken(destination: string): boolean;
  /** For the courier: certificates of an origin. */
  readonly tls: (origin: string) => CourierTls | undefined;
  /** Takes a stored profile for what counts in this process from now on; false: it does not hold here, and its destination is stopped here. */
  apply(destination: string, version: number, stored: unknown, log: Pick<EngineLog, "error">): boolean;
  /** Seeds, reads, and watches from then on. Rejects while the database is away. */
  open(deps: { readonly pool: Pool; readonly log: EngineLog; readonly changed: (destination: string) => void }): Promise<() => void>;
}

/** `origin` itself is "null" for every scheme that browsers do not know. */
function originOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { origin, protocol, host } = new URL(url);
  return origin === "null" ? `${protocol}//${host}` : origin;
}

const NAMES_ITS_USER = /^(?:sftp|ftps?):$/;

function urlProblems(url: string): readonly ProfileProblem[] {
  if (!URL.canParse(url)) return [];
  const { protocol, username, password, search, hash } = new URL(url);
  const problems: ProfileProblem[] = [];
  // Whom a file server knows us as is no secret, and it has no other place; its password is one.
  if (password !== "" || (username !== "" && !NAMES_ITS_USER.test(protocol)))
    problems.push({
      at: "/url",
      zh: "地址中不得含账号口令：凭据另行存放",
      en: "no account belongs into the address: credentials are kept elsewhere",
    });
  if (search !== "" || hash !== "")
    problems.push({
      at: "/url",
      zh: "地址不得含查询串：报文路径会接在其后",
      en: "no query belongs into the address: a message's path is added to it",
    });
  return problems;
}

/** Reads the files that a profile names. Contents never leave this process. */
function certificatesOf(tls: Destination["tls"]): { readonly tls?: CourierTls; readonly problems: readonly ProfileProblem[] } {
  if (tls === undefined) return { problems: [] };
  const problems: ProfileProblem[] = [];
  const read = (part: "ca" | "cert" | "key"): string | undefined => {
    const file = tls[part];
    if (file === undefined) return undefined;
    try {
      return readFileSync(file, "utf8");
    } catch (error) {
      const why = (error as NodeJS.ErrnoException).code ?? "unreadable";
      problems.push({ at: `/tls/${part}`, zh: `文件不可读（${why}）：${file}`, en: `the file cannot be read (${why}): ${file}` });
      return undefined;
    }
  };
  if ((tls.cert === undefined) !== (tls.key === undefined))
    problems.push({ at: "/tls", zh: "证书与私钥须同时给出", en: "a certificate needs its key, and a key its certificate" });
  const [ca, cert, key] = [read("ca"), read("cert"), read("key")];
  const { serverName } = tls;
  return {
    problems,
    tls: {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(serverName === undefined ? {} : { serverName }),
    },
  };
}

export function createProfileBook(deps: ProfileBookDeps): ProfileBook {
  const versions = new Map<string, number>();
  const broken = new Set<string>();
  /** Destination → its certificates, and at which origin. */
  const certificates = new Map<string, { readonly origin: string; readonly tls: CourierTls }>();
  let refresh: () => Promise<void> = async () => undefined;

  const filesProblems = (name: string, destination: Destination): readonly ProfileProblem[] => {
    const vendor = deps.seeds.get(name)?.vendor ?? "";
    const missing = (at: string, message: string): ProfileProblem[] =>
      deps.hasOutbound(vendor, message)
        ? []
        : [{ at, zh: `mappings/${vendor}/${message} 不是出站报文`, en: `mappings/${vendor}/${message} is no outbound message` }];
    return [
      ...Object.entries(destination.messages).flatMap(([kind, message]) => missing(`/messages/${kind}`, message)),
      ...(destination.inquiry === undefined ? [] : missing("/inquiry", destination.inquiry)),
    ];
  };

  /** Two destinations at one address are one connection: they cannot show different certificates. */
  const sharedOrigin = (name: string, destination: Destination): readonly ProfileProblem[] => {
    const origin = originOf(destination.url);
    const other = [...deps.partners.values()].find(
      (one) =>
        one.partner !== name &&
        one.destination !== undefined &&
        originOf(one.destination.url) === origin &&
        JSON.stringify(one.destination.tls) !== JSON.stringify(destination.tls),
    );
    if (!other) return [];
    return [
      {
        at: "/tls",
        zh: `与 ${other.partner} 地址相同，证书设置也须相同`,
        en: `${other.partner} has the same address: its tls must be the same`,
      },
    ];
  };

  const check: ProfileRules["check"] = (name, given) => {
    const partner = deps.seeds.get(name);
    if (!partner) return { ok: false, problems: [{ at: "", zh: `没有 partners/${name}.json`, en: `there is no partners/${name}.json` }] };
    const filled = Value.Default(Destination, structuredClone(given));
    const wrong = allSchemaTexts([...Value.Errors(Destination, filled)]);
    if (wrong.length > 0) return { ok: false, problems: wrong };
    const profile = filled as Destination;
    const policy = policyOf({ ...partner, destination: profile });
    const unsafe = deps.profile === "production" ? partnerProblems({ partners: [{ partner: name, url: profile.url }] }) : [];
    const problems = [
      ...(policy && !policy.ok ? policy.problems.map((one) => ({ ...one, at: one.at.replace(/^\/destination/, "") })) : []),
      ...urlProblems(profile.url),
      ...unsafe.map(({ zh, en, nextZh, nextEn }) => ({ at: "/url", zh: `${zh}：${nextZh}`, en: `${en}: ${nextEn}` })),
      ...filesProblems(name, profile),
      ...sharedOrigin(name, profile),
      ...certificatesOf(profile.tls).problems,
    ];
    return problems.length > 0 ? { ok: false, problems } : { ok: true, profile };
  };

  const apply: ProfileBook["apply"] = (name, version, stored, log) => {
    versions.set(name, version);
    const partner = deps.partners.get(name);
    if (!partner) return false;
    const url = deps.urls[name];
    // An address of the settings is the person's own who started it: the profile's is not looked at.
    const given = typeof stored === "object" && stored !== null && url !== undefined ? { ...stored, url } : stored;
    const checked = check(name, given);
    if (!checked.ok) {
      broken.add(name);
      log.error(
        { destination: name, version, problems: checked.problems },
        "the destination's profile does not hold here: nothing is sent to it",
      );
      return false;
    }
    broken.delete(name);
    const { tls } = certificatesOf(checked.profile.tls);
    const origin = originOf(checked.profile.url);
    if (tls && origin) certificates.set(name, { origin, tls });
    else certificates.delete(name);
    deps.partners.set(name, { ...partner, destination: checked.profile });
    return true;
  };

  return {
    check,
    apply,
    seed: (name) => deps.seeds.get(name)?.destination,
    override: (name) => deps.urls[name],
    refresh: () => refresh(),
    broken: (name) => broken.has(name),
    tls: (origin) => [...certificates.values()].find((one) => one.origin === origin)?.tls,
    open: async ({ pool, log, changed }) => {
      const seeds = new Map([...deps.seeds].flatMap(([name, one]) => (one.destination ? [[name, one.destination] as const] : [])));
      for (const name of await seedProfiles({ pool, log }, seeds)) {
        log.warn(
          { destination: name },
          "partners/*.json changed since, and so did the profile: the profile stays (GET /destinations/:id tells the differences)",
        );
      }
      const read = async (first: boolean): Promise<void> => {
        for (const { name, version, profile } of await changedProfiles(pool, versions)) {
          const held = apply(name, version, profile, log);
          if (first || !held) continue;
          log.info({ destination: name, version }, "profile changed");
          changed(name);
        }
      };
      await read(true);
      const failed = (error: unknown): void => log.warn({ error: String(error) }, "reading the destinations' profiles failed; tried again");
      let reading: Promise<void> | undefined;
      const once = (): Promise<void> => {
        reading ??= read(false)
          .catch(failed)
          .finally(() => {
            reading = undefined;
          });
        return reading;
      };
      // Whoever changed it must not be answered by a reading that began before.
      refresh = async () => {
        await reading;
        await once();
      };
      const timer = setInterval(() => void once(), PROFILE_WATCH_MS);
      return () => clearInterval(timer);
    },
  };
}
