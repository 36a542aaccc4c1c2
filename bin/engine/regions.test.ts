import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { PartnersRefused, withRegions } from "./partners.ts";
import type { RegionDocument } from "../../domain/checks/documents.ts";
import type { Partner } from "../../domain/partners/profile.ts";
import type { Problem } from "../../domain/problem.ts";
import { loadChecks, withRegionalFields } from "../../platform/catalogue/checks.ts";

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "checks-"));
});
after(() => rm(folder, { recursive: true }));

const WORDS = { zh: "某地", en: "Somewhere" };
const REGION: RegionDocument = {
  version: 1,
  name: WORDS,
  source: ["invented"],
  constants: { infver: "9.9", gateway: "none" },
  reversal: { offered: false, transactions: [] },
  msgid: { format: "any", length: 30 },
  dates: { date: "yyyy-MM-dd", dateTime: "yyyy-MM-dd HH:mm:ss" },
  dictionaries: {},
  fields: {},
  replies: { settle: ["/output/gift"] },
  quirks: [],
};
const FIELDS = {
  version: 1,
  title: WORDS,
  source: "invented",
  nodes: [{ at: "/input", fields: [{ name: "a", zh: "甲", type: "C", dictionary: "d" }] }],
};
const DICTIONARIES = { version: 1, source: "invented", dictionaries: { d: { zh: "字典", codes: { "1": "一" } } } };

async function load(files: Readonly<Record<string, unknown>>) {
  const root = await mkdtemp(join(folder, "vendor-"));
  for (const [file, value] of Object.entries(files)) {
    await mkdir(dirname(join(root, file)), { recursive: true });
    await writeFile(join(root, file), typeof value === "string" ? value : JSON.stringify(value));
  }
  const found: { file: string; problem: Problem }[] = [];
  const checks = await loadChecks(root, (file, problem) => found.push({ file, problem }));
  return { checks, found: found.map(({ file, problem }) => `${file} ${problem.at}`) };
}

test("a vendor without fields and regions has no checks", async () => {
  await mkdir(join(folder, "bare"), { recursive: true });
  assert.equal(await loadChecks(join(folder, "bare"), () => assert.fail()), undefined);
});

test("a folder loads, and everything wrong in it is told with its file", async () => {
  const good = await load({ "fields/1.json": FIELDS, "fields/dictionaries.json": DICTIONARIES, "regions/there.json": REGION });
  assert.deepEqual(good.found, []);
  assert.deepEqual([...(good.checks?.regions.keys() ?? [])], ["there"]);
  const wrong = await load({
    "fields/1.json": FIELDS,
    "fields/2.json": "{",
    "fields/dictionaries.json": { ...DICTIONARIES, dictionaries: {} },
    "regions/there.json": { ...REGION, fields: { "3": [] } },
    "regions/broken.json": { ...REGION, version: 0 },
  });
  assert.deepEqual(wrong.found, [
    "fields/2.json ",
    "regions/broken.json /version",
    "fields/1.json /nodes/0/a",
    "regions/there.json /fields/3",
  ]);
});

test("fields that a region's replies have beside are ignored, with the region as reason; other messages stay as they are", async () => {
  const { checks } = await load({ "fields/1.json": FIELDS, "fields/dictionaries.json": DICTIONARIES, "regions/there.json": REGION });
  const document = { direction: "inbound", parts: {}, ignored: [] };
  const changed = withRegionalFields(document, "settle", checks) as { ignored: readonly { from: readonly string[]; because: string }[] };
  assert.deepEqual(changed.ignored[0]?.from, ["reply:/output/gift"]);
  assert.match(changed.ignored[0]?.because ?? "", /there（某地）/);
  assert.equal(withRegionalFields(document, "other", checks), document);
  assert.equal(withRegionalFields(document, "settle", undefined), document);
});

test("a partner of a vendor with regions names one that is there, and its own constants have the last word", async () => {
  const { checks } = await load({ "fields/1.json": FIELDS, "fields/dictionaries.json": DICTIONARIES, "regions/there.json": REGION });
  assert.ok(checks);
  const partner = (constants: Record<string, string>): ReadonlyMap<string, Partner> =>
    new Map([["p", { partner: "p", vendor: "v", name: WORDS, constants }]]);
  const all = new Map([["v", checks]]);
  assert.deepEqual(withRegions(partner({ region: "there", infver: "1.0" }), all).get("p")?.constants, {
    region: "there",
    infver: "1.0",
    gateway: "none",
  });
  for (const constants of [{}, { region: "atlantis" }] as Record<string, string>[])
    assert.throws(() => withRegions(partner(constants), all), PartnersRefused);
  assert.deepEqual(withRegions(partner({}), new Map()).get("p")?.constants, {});
});

test("what a region does not reverse, no partner's profile reverses", async () => {
  const region = { ...REGION, reversal: { offered: true, transactions: ["2207"] } };
  const { checks } = await load({ "fields/1.json": FIELDS, "fields/dictionaries.json": DICTIONARIES, "regions/there.json": region });
  assert.ok(checks);
  const partner = (of: readonly string[]): ReadonlyMap<string, Partner> => {
    const destination = { reversal: { message: "reverse-2601", of: [...of] } } as unknown as NonNullable<Partner["destination"]>;
    return new Map([["p", { partner: "p", vendor: "v", name: WORDS, constants: { region: "there" }, destination }]]);
  };
  assert.ok(withRegions(partner(["call-2207"]), new Map([["v", checks]])).has("p"));
  assert.throws(() => withRegions(partner(["call-2207", "call-2208"]), new Map([["v", checks]])), /2208/);
});
