import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { PartnersRefused, withRegions } from "./partners.ts";
import type { RegionDocument } from "../../domain/checks/documents.ts";
import type { Partner } from "../../domain/partners/profile.ts";
import type { Problem } from "../../domain/problem.ts";
import { loadChecks, withRegionalFields } from "../../platform/catalogue/checks.ts";
import { loadMappings } from "../../platform/catalogue/mappings.ts";
import { loadEventRegistry } from "../../platform/catalogue-events.ts";

const ROOT = join(import.meta.dirname, "../..");

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

test("a region reads its own replies: fields beside are ignored with its name, or read by its rules; other regions and messages stay as they are", async () => {
  const { checks } = await load({ "fields/1.json": FIELDS, "fields/dictionaries.json": DICTIONARIES, "regions/there.json": REGION });
  const profile = checks?.regions.get("there");
  assert.ok(profile);
  const fields = [{ to: "a", from: "reply:/output/a" }];
  const document = {
    direction: "inbound",
    parts: {},
    ignored: [{ from: "reply:/output/b", because: "没有用处" }],
    cases: [{ events: [{ type: "e.f", fields }] }],
  };
  interface Changed {
    readonly ignored: readonly { readonly from: readonly string[]; readonly because: string }[];
    readonly cases: readonly { readonly events: readonly { readonly fields: readonly unknown[] }[] }[];
  }
  const changed = withRegionalFields(document, "settle", "there", profile) as Changed;
  assert.deepEqual(
    changed.ignored.map(({ from }) => from),
    [["reply:/output/b"], ["reply:/output/gift"]],
  );
  assert.match(changed.ignored[1]?.because ?? "", /there（某地）/);
  assert.deepEqual(changed.cases[0]?.events[0]?.fields, fields);
  const sum = { to: "a", sum: ["reply:/output/gift", "reply:/output/b"], as: "yuan" };
  const ruled = withRegionalFields(document, "settle", "there", {
    ...profile,
    rules: { settle: { "e.f": [sum, { to: "c", value: "1" }] } },
  }) as Changed;
  assert.deepEqual(ruled.ignored, []);
  assert.deepEqual(ruled.cases[0]?.events[0]?.fields, [sum, { to: "c", value: "1" }]);
  assert.equal(withRegionalFields(document, "other", "there", profile), undefined);
});

test("a region's rule changes what its own partners' replies mean, and nobody else's; a rule that leads nowhere is an error of its file", async () => {
  const root = await mkdtemp(join(folder, "regional-"));
  await cp(join(ROOT, "mappings/nhsa"), join(root, "mappings/nhsa"), { recursive: true });
  const file = join(root, "mappings/nhsa/regions/jiangxi.json");
  const jiangxi = JSON.parse(await readFile(file, "utf8")) as RegionDocument;
  const gift = "reply:/output/setlinfo/local_aid";
  const rule = { to: "amounts.hospitalBorne", sum: ["reply:/output/setlinfo/hosp_part_amt", gift], as: "yuan" };
  const events = await loadEventRegistry();
  const write = (rules: unknown) =>
    writeFile(file, JSON.stringify({ ...jiangxi, rules: { "settle-2304": { "insurance.settled": [rules] } } }));
  await write(rule);
  const { mappings, problems } = await loadMappings(root, events);
  assert.deepEqual(problems, []);
  const mapping = mappings.get("nhsa/settle-2304");
  assert.equal(mapping?.direction, "inbound");
  if (mapping?.direction !== "inbound") return;
  const example = join(ROOT, "mappings/nhsa/settle-2304/examples/sample");
  const reply = JSON.parse(await readFile(join(example, "reply.json"), "utf8")) as { output: { setlinfo: Record<string, unknown> } };
  const { setlinfo } = reply.output;
  // One yuan that the region tells in a field of its own is missing in the patient's cash.
  setlinfo.local_aid = "1.00";
  setlinfo.psn_cash_pay = Number(setlinfo.psn_cash_pay) - 1;
  setlinfo.psn_part_amt = Number(setlinfo.psn_part_amt) - 1;
  setlinfo.hosp_part_amt = setlinfo.hosp_part_amt ?? 0;
  const input = {
    raw: new Uint8Array(await readFile(join(example, "request.json"))),
    reply: new TextEncoder().encode(JSON.stringify(reply)),
    returnValue: "0",
  };
  const read = (region: string) => mapping.translate({ ...input, constants: { institution: "H001", region } });
  const there = read("jiangxi");
  assert.ok(there.ok, JSON.stringify(there));
  assert.equal(
    (there.events[0]?.data.amounts as { hospitalBorne: string } | undefined)?.hospitalBorne,
    String(Math.round(Number(setlinfo.hosp_part_amt) * 100) + 100),
  );
  const elsewhere = read("hunan");
  assert.ok(!elsewhere.ok && elsewhere.problems.some((one) => one.code === "unmapped"));
  await write({ ...rule, constant: "nowhere" });
  assert.ok((await loadMappings(root, events)).problems.some((one) => one.file === "mappings/nhsa/regions/jiangxi.json"));
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
