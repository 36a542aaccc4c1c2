import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { checksProblems, compileChecks, type VendorChecks } from "./checks.ts";
import type { DictionariesDocument, FieldsDocument, RegionDocument } from "./documents.ts";

const NHSA = new URL("../../mappings/nhsa/", import.meta.url);
const json = (path: string): unknown => JSON.parse(readFileSync(new URL(path, NHSA), "utf8"));
const named = (folder: string): readonly string[] => readdirSync(new URL(`${folder}/`, NHSA)).map((file) => file.slice(0, -5));

const nhsa: VendorChecks = {
  fields: new Map(
    named("fields").flatMap((name) => (name === "dictionaries" ? [] : [[name, json(`fields/${name}.json`) as FieldsDocument]])),
  ),
  regions: new Map(named("regions").map((name) => [name, json(`regions/${name}.json`) as RegionDocument])),
  dictionaries: (json("fields/dictionaries.json") as DictionariesDocument).dictionaries,
};
const check = (infno: string) => {
  const compiled = compileChecks(infno, nhsa);
  assert.ok(compiled, infno);
  return compiled;
};
const sample = (kind: string): { input: { data: Record<string, unknown> } } => json(`${kind}/examples/sample/request.json`) as never;
const settle = (change: Record<string, unknown>) => {
  const { input } = sample("settle-2207");
  return { input: { data: { ...input.data, ...change } } };
};

test("the shipped documents name only what is there; 26 transactions, two regions", () => {
  assert.deepEqual(checksProblems(nhsa), []);
  assert.ok(nhsa.fields.size >= 26, `${nhsa.fields.size}`);
  assert.deepEqual([...nhsa.regions.keys()].sort(), ["hunan", "jiangxi"]);
});

test("C-4 the sample calls pass, in every region", () => {
  for (const [kind, infno] of [
    ["settle-2207", "2207"],
    ["presettle-2206", "2206"],
    ["cancel-2208", "2208"],
    ["fees-2204", "2204"],
    ["visit-2203", "2203"],
    ["person-1101", "1101"],
    ["reversed-2601", "2601"],
    ["total-3201", "3201"],
    ["sign-9001", "9001"],
    ["settle-2304", "2304"],
  ] as const)
    for (const region of [undefined, "hunan", "jiangxi"])
      assert.deepEqual(
        check(infno)(sample(kind), region).map((one) => one.zh),
        [],
        `${kind} ${region}`,
      );
});

const WRONG: readonly { readonly what: string; readonly change: Record<string, unknown>; readonly says: readonly string[] }[] = [
  { what: "required and empty", change: { psn_no: "", certno: undefined }, says: ["missing 人员编号 psn_no", "missing 证件号码 certno"] },
  { what: "too long", change: { chrg_bchno: "9".repeat(31) }, says: ["too-long 收费批次号 chrg_bchno"] },
  { what: "characters, not bytes", change: { mdtrt_cert_no: "证".repeat(50) }, says: [] },
  { what: "three decimals", change: { medfee_sumamt: "188.505" }, says: ["bad-number 医疗费总额 medfee_sumamt"] },
  { what: "trailing zeros are no decimals", change: { medfee_sumamt: "188.5000" }, says: [] },
  { what: "an exponent", change: { medfee_sumamt: 1e21 }, says: ["bad-number 医疗费总额 medfee_sumamt"] },
  { what: "too many digits", change: { medfee_sumamt: "123456789012345.00" }, says: ["too-long 医疗费总额 medfee_sumamt"] },
  {
    what: "outside the dictionary",
    change: { insutype: "999", acct_used_flag: "9" },
    says: ["not-in-table 险种类型 insutype", "not-in-table 个人账户使用标志 acct_used_flag"],
  },
  { what: "a card without its serial", change: { mdtrt_cert_type: "03" }, says: ["missing 卡识别码 card_sn"] },
  { what: "zero is a value", change: { fulamt_ownpay_amt: 0 }, says: [] },
  { what: "an object for a value", change: { psn_no: { a: 1 } }, says: ["schema 人员编号 psn_no"] },
  { what: "a field that nobody knows", change: { gift_amt: 1 }, says: ["unmapped gift_amt"] },
];
for (const { what, change, says } of WRONG)
  test(`C-4 a call is held against its fields: ${what}`, () => {
    const found = check("2207")(settle(change), "hunan");
    assert.deepEqual(
      found.map((one) => `${one.code} ${one.place}`),
      says,
    );
  });

test("C-4 every row of a node is looked at, and all problems are told at once", () => {
  const { input } = sample("fees-2204") as unknown as { input: { feedetail: Record<string, unknown>[] } };
  const rows = input.feedetail.map((row, index) => (index === 1 ? { ...row, cnt: "x", fee_ocur_time: "2026-02-30 00:00:00" } : row));
  const found = check("2204")({ input: { feedetail: rows } }, "hunan");
  assert.deepEqual(
    found.map((one) => `${one.code} ${one.place}`),
    ["bad-date 第2行费用发生时间 fee_ocur_time", "bad-number 第2行数量 cnt"],
  );
  assert.deepEqual(
    check("2204")({ input: {} }, "hunan").map((one) => one.code),
    ["missing"],
  );
  assert.deepEqual(
    check("2204")(undefined, "hunan").map((one) => one.code),
    ["missing"],
  );
  assert.deepEqual(check("2207")({ input: { data: [{}, {}] } }, "hunan")[0]?.code, "too-many");
});

test("regions differ: a code of theirs passes there only, and a region that nobody wrote down is refused", () => {
  const registration = settle({ med_type: "12" });
  assert.deepEqual(check("2207")(registration, "hunan"), []);
  assert.deepEqual(
    check("2207")(registration, undefined).map((one) => one.place),
    ["医疗类别 med_type"],
  );
  assert.deepEqual(
    check("2207")(settle({}), "atlantis").map((one) => one.code),
    ["unknown-constant"],
  );
  const region = nhsa.regions.get("hunan");
  assert.ok(region);
  const strict: VendorChecks = {
    ...nhsa,
    regions: new Map([
      [
        "strict",
        {
          ...region,
          dictionaries: { insutype: { replace: true, add: { "310": "职工" } } },
          fields: {
            "2207": [
              { at: "/input/data", field: { name: "exp_content", zh: "字段扩展", type: "C", length: 10, required: true } },
              { at: "/input/data", field: { name: "trum_flag", zh: "外伤标志", type: "C", length: 1, required: true } },
            ],
          },
        },
      ],
    ]),
  };
  const found = compileChecks("2207", strict)?.(settle({ insutype: "390" }), "strict") ?? [];
  assert.deepEqual(found.map((one) => `${one.code} ${one.place}`).sort(), [
    "missing 外伤标志 trum_flag",
    "missing 字段扩展 exp_content",
    "not-in-table 险种类型 insutype",
  ]);
});

test("documents that name what is not there are told of", () => {
  const region = nhsa.regions.get("hunan");
  assert.ok(region);
  const broken: VendorChecks = {
    ...nhsa,
    regions: new Map([
      [
        "broken",
        {
          ...region,
          dictionaries: { nothing: {} },
          fields: { "9999": [{ at: "/input/data", field: { name: "a", zh: "甲", type: "C", dictionary: "none" } }] },
        },
      ],
    ]),
  };
  assert.deepEqual(
    checksProblems(broken).map((one) => one.at),
    ["/dictionaries/nothing", "/fields/9999", "/fields/9999/0"],
  );
});
