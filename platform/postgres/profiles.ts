/** Destination profiles in PostgreSQL (domain/partners/profiles.ts). A change and its audit row are one transaction; the audit is the history. */
import { createHash } from "node:crypto";
import { failpoint } from "../../domain/failpoint.ts";
import { PAGE_DEFAULT, READ_TIMEOUT_MS, type Deed } from "../../domain/operations/ports.ts";
import { type Answered, answered, type OperationRefused, refused } from "../../domain/operations/refusals.ts";
import { signed } from "../../domain/operations/rules.ts";
import type { Done } from "../../domain/operations/views.ts";
import type { DestinationProfile, ProfileChange } from "../../domain/operations/views-lanes.ts";
import type { Destination } from "../../domain/partners/profile.ts";
import { canonical, differences, type Profiles, seeding, type StoredProfile } from "../../domain/partners/profiles.ts";
import { createOutcomes } from "./destination-outcomes.ts";
import { commit, type Tx } from "./group-commit.ts";
import { doing, note } from "./operations-deeds.ts";
import type { OperationsDeps } from "./operations-deps.ts";
import { moment, reading } from "./operations-sql.ts";
import { ENGINE } from "./overtaken.ts";
import type { Log, Pool } from "./pool.ts";
import { run } from "./sql.ts";

/** Actions of the audit that change a profile. */
const ACTIONS = ["seed-profile", "set-profile", "revert-profile"];

const ROW = "select d.version, d.profile, d.seed_hash from destination d where d.name = $1";
const LOCK = `${ROW} for update`;
const INSERT = "insert into destination (name, profile, seed_hash) values ($1, $2::jsonb, $3) on conflict do nothing returning version";
const TAKE = "update destination set profile = $2::jsonb, seed_hash = $3, version = version + 1 where name = $1 returning version";
const ADOPT = "update destination set seed_hash = $2 where name = $1";
const SET = "update destination set profile = $2::jsonb, version = version + 1 where name = $1 returning version";
const VERSIONS = "select d.name, d.version from destination d where d.seed_hash <> ''";
const READ = "select d.name, d.version, d.profile from destination d where d.name = any($1::text[]) and d.seed_hash <> ''";
const HISTORY = `select o.id::text as id, ${moment("o.at")} as at, o.who, o.action, o.reason, o.before, o.after from operator_action o
  where o.target_kind = 'destination' and o.target_id = $1 and o.action = any($2::text[]) and o.id < $3::bigint order by o.id desc limit $4`;
/** As it was at a version: pausing moves the version too, and changes no profile. */
const AT_VERSION = `select o.after from operator_action o where o.target_kind = 'destination' and o.target_id = $1 and o.action = any($2::text[])
  and (o.after->>'version')::bigint <= $3::bigint order by o.id desc limit 1`;
const MAX_ID = "9223372036854775807";

interface Row {
  readonly version: bigint;
  readonly profile: unknown;
  readonly seed_hash: string;
}
interface Kept {
  readonly version: number;
  readonly profile: unknown;
}

const hashOf = (profile: unknown): string => createHash("sha256").update(canonical(profile)).digest("hex");

/**
 * Makes the rows of the destinations at start, and takes changed files over where nobody changed the profile. Answers the names of those whose file and profile were both
 * changed. Several workers at once do it once.
 */
export async function seedProfiles(
  deps: { readonly pool: Pool; readonly log: Log },
  seeds: ReadonlyMap<string, Destination>,
): Promise<readonly string[]> {
  const differing: string[] = [];
  for (const [name, seed] of seeds) {
    const hash = hashOf(seed);
    const text = JSON.stringify(seed);
    const worked = await commit({ ...deps, name: "seed-profiles" }, async (tx) => {
      const made = await run<{ version: bigint }>(tx.client, "profile_insert", INSERT, [name, text, hash]);
      const [row] = await run<Row>(tx.client, "profile_lock", LOCK, [name]);
      const what = made.length > 0 || !row ? "take" : seeding({ rowHash: hashOf(row.profile), seedHash: row.seed_hash }, hash);
      if (made.length === 0 && what === "take" && row && hashOf(row.profile) === hash) {
        await run(tx.client, "profile_adopt", ADOPT, [name, hash]);
      } else if (what === "take") {
        const [now] = made.length > 0 ? made : await run<{ version: bigint }>(tx.client, "profile_take", TAKE, [name, text, hash]);
        const seeded = made.length > 0 || row?.seed_hash === "";
        await note(tx, {
          who: ENGINE,
          action: "seed-profile",
          targetKind: "destination",
          targetId: name,
          reason: seeded
            ? `partners/${name}.json`
            : `partners/${name}.json 已变更，无人修改过档案 · the file changed and nobody had changed the profile`,
          ...(seeded || !row ? {} : { before: { version: Number(row.version), profile: row.profile } }),
          after: { version: Number(now?.version ?? 1n), profile: seed },
        });
      }
      failpoint("profile.before-commit");
      return { answers: [what] };
    });
    worked.committed?.();
    if (worked.answers[0] === "differs") differing.push(name);
  }
  return differing;
}

/** The profiles whose version is not the one given. */
export async function changedProfiles(pool: Pool, known: ReadonlyMap<string, number>): Promise<readonly StoredProfile[]> {
  const versions = await run<{ name: string; version: bigint }>(pool, "profile_versions", VERSIONS, []);
  const changed = versions.filter((row) => known.get(row.name) !== Number(row.version)).map((row) => row.name);
  if (changed.length === 0) return [];
  const rows = await run<{ name: string; version: bigint; profile: unknown }>(pool, "profiles_read", READ, [changed]);
  return rows.map((row) => ({ ...row, version: Number(row.version) }));
}

export function createProfiles(deps: OperationsDeps): Profiles {
  const known = (name: string): OperationRefused | undefined => {
    const partner = deps.partners().find((one) => one.partner === name);
    if (!partner) return refused("UNKNOWN_PARTNER");
    return partner.destination ? undefined : refused("NOT_A_DESTINATION");
  };

  const get = async (name: string): Promise<Answered<DestinationProfile>> => {
    const no = known(name);
    if (no) return no;
    return reading(deps.reads, READ_TIMEOUT_MS, async (client) => {
      const row = (await client.query<Row>(ROW, [name])).rows[0];
      if (!row || row.seed_hash === "") return refused("NOT_A_DESTINATION");
      const seed = deps.profiles.seed(name);
      const override = deps.profiles.override(name);
      return answered({
        destination: name,
        version: Number(row.version),
        profile: row.profile as Destination,
        fromSeed: seed === undefined ? [] : [...differences(seed, row.profile)],
        seedChanged: seed !== undefined && hashOf(seed) !== row.seed_hash,
        ...(override === undefined ? {} : { override }),
      });
    });
  };

  /** One change under the row's lock: the version as given, the profile checked, the audit in the same transaction. */
  const change = async (
    name: string,
    deed: Deed & { readonly version: number },
    action: "set-profile" | "revert-profile",
    wanted: (tx: Tx) => Promise<{ readonly ok: true; readonly profile: unknown } | OperationRefused>,
  ): Promise<Answered<Done>> => {
    const sign = signed(deed);
    if (!sign.ok) return sign;
    const no = known(name);
    if (no) return no;
    const done = await doing(deps, async (tx) => {
      const [row] = await run<Row>(tx.client, "profile_lock", LOCK, [name]);
      if (!row || row.seed_hash === "") return refused("NOT_A_DESTINATION");
      const present = Number(row.version);
      if (present !== deed.version) {
        const problem = {
          at: "/version",
          zh: `给出的版本 ${deed.version}，现在的版本 ${present}`,
          en: `version ${deed.version} was given, the present one is ${present}`,
        };
        return refused("VERSION_CHANGED", { state: String(present), problems: [problem] });
      }
      const given = await wanted(tx);
      if (!given.ok) return given;
      const checked = deps.profiles.check(name, given.profile);
      if (!checked.ok) return refused("PROFILE_REFUSED", { problems: checked.problems });
      const [now] = await run<{ version: bigint }>(tx.client, "profile_set", SET, [name, JSON.stringify(checked.profile)]);
      const version = Number(now?.version ?? 0n);
      const auditId = await note(tx, {
        who: sign.by,
        action,
        targetKind: "destination",
        targetId: name,
        reason: sign.reason,
        before: { version: present, profile: row.profile },
        after: { version, profile: checked.profile },
      });
      failpoint("profile.before-commit");
      return { ok: true, done: { id: name, kind: "destination", state: String(version), action, auditId } };
    });
    // This worker obeys before the person is answered; the others within half a second.
    if (done.ok) await deps.profiles.refresh();
    return done;
  };

  const check: Profiles["check"] = async (name, profile) => {
    const present = await get(name);
    if (!present.ok) return present;
    const checked = deps.profiles.check(name, profile);
    if (!checked.ok) return answered({ problems: [...checked.problems], changes: [...differences(present.value.profile, profile)] });
    return answered({ problems: [], changes: [...differences(present.value.profile, checked.profile)] });
  };

  const history: Profiles["history"] = async (name, filter) => {
    const no = known(name);
    if (no) return no;
    const limit = filter.limit ?? PAGE_DEFAULT;
    return reading(deps.reads, READ_TIMEOUT_MS, async (client) => {
      const found = await client.query<{
        id: string;
        at: string;
        who: string;
        action: string;
        reason: string;
        before: Kept | null;
        after: Kept;
      }>(HISTORY, [name, ACTIONS, filter.after ?? MAX_ID, limit + 1]);
      const items = found.rows.slice(0, limit).map(
        (row): ProfileChange => ({
          version: row.after.version,
          at: row.at,
          by: row.who,
          action: row.action,
          reason: row.reason,
          auditId: row.id,
          changes: row.before === null ? [] : [...differences(row.before.profile, row.after.profile)],
        }),
      );
      const last = items.at(-1);
      return answered({ items, ...(found.rows.length > limit && last !== undefined ? { after: last.auditId } : {}) });
    });
  };

  return {
    get,
    check,
    outcomes: createOutcomes(deps),
    set: (name, deed) => change(name, deed, "set-profile", async () => ({ ok: true, profile: deed.profile })),
    history,
    revert: (name, deed) =>
      change(name, deed, "revert-profile", async (tx) => {
        if (deed.to >= deed.version) return refused("UNKNOWN_VERSION");
        const [row] = await run<{ after: Kept }>(tx.client, "profile_at_version", AT_VERSION, [name, ACTIONS, deed.to]);
        return row ? { ok: true, profile: row.after.profile } : refused("UNKNOWN_VERSION");
      }),
  };
}
