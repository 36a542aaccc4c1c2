import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { maskName, maskNumber, maskText, maskValue } from "./masking.ts";

describe("masking", () => {
  const texts: readonly (readonly [what: string, given: string, wanted: string])[] = [
    ["an identity number", "证件 990101199001010019。", "证件 990*************19。"],
    ["an identity number that ends in X", "|11010519491231002X|", "|110*************2X|"],
    ["a phone number", "tel 13800138000", "tel 138****8000"],
    ["a phone number with dashes", "138-0013-8000", "138******8000"],
    ["full-width digits", "电话１３８００１３８０００", "电话１３８****８０００"],
    ["a UnionPay card", "|6200000000000000011|", "|6200***********0011|"],
    ["a card with a good check digit", "4111 1111 1111 1111", "4111***********1111"],
    ["a serial number is no card", "20261120092200-00200002-0001", "20261120092200-00200002-0001"],
    ["a transaction number of 28 digits", "4200009900202611200000000002", "4200009900202611200000000002"],
    ["a bill number with letters", "DJ2026112000001", "DJ2026112000001"],
    ["a name as a whole field", "D0001|990|张三丰|1", "D0001|990|张**|1"],
    ["a compound family name", "^欧阳锋^", "^欧阳*^"],
    ["a test person", "1^测试患者甲|1", "1^测****|1"],
    ["words of a receipt stay", "1|成功|支付成功|查询", "1|成功|支付成功|查询"],
    ["a diagnosis stays", "|急性上呼吸道感染|", "|急性上呼吸道感染|"],
    ["XML by its element", "<PATIENT_NAME>李四</PATIENT_NAME><TOTAL>10</TOTAL>", "<PATIENT_NAME>李*</PATIENT_NAME><TOTAL>10</TOTAL>"],
    ["XML in CDATA", "<PAY_ACCOUNT><![CDATA[oTESTOPENID01]]></PAY_ACCOUNT>", "<PAY_ACCOUNT><![CDATA[oT*******ID01]]></PAY_ACCOUNT>"],
    ["XML with a prefix", "<ns:psn_name>Smith</ns:psn_name>", "<ns:psn_name>S****</ns:psn_name>"],
    ["an attribute", '<p card_no="A1234567890"/>', '<p card_no="A1*****7890"/>'],
    ["a JSON member", '{"psn_name":"王五","total":"10"}', '{"psn_name":"王*","total":"10"}'],
    ["a label", "姓名：赵六 金额：10", "姓名：赵* 金额：10"],
    ["a partner's sentence", "患者王小明余额不足", "患者王**余额不足"],
    ["a name between spaces", "张三 13800138000", "张* 138****8000"],
    ["nothing", "", ""],
  ];
  for (const [what, given, wanted] of texts) test(`text: ${what}`, () => assert.equal(maskText(given), wanted));

  test("masking again changes nothing", () => {
    for (const [, given] of texts) assert.equal(maskText(maskText(given)), maskText(given));
  });

  test("names and numbers by themselves", () => {
    assert.equal(maskName(""), "");
    assert.equal(maskName("王"), "王*");
    assert.equal(maskNumber("12345"), "*****");
    assert.equal(maskNumber("1234567"), "12*4567");
  });

  test("values: members by name and by place, our own names stay", () => {
    const given = {
      patient: { no: "P1", name: "张三" },
      operator: { name: "收费员甲" },
      partner: { name: { zh: "东软医保" } },
      node: { name: "译" },
      idCard: "990101199001010019",
      password: "p",
      lines: [{ text: "电话 13800138000" }],
      amountFen: 1650n,
      raw: new Uint8Array(3),
      at: new Date(0),
      absent: undefined,
      nothing: null,
    };
    assert.deepEqual(maskValue(given), {
      patient: { no: "P1", name: "张*" },
      operator: { name: "收***" },
      partner: { name: { zh: "东软医保" } },
      node: { name: "译" },
      idCard: "99************0019",
      password: "***",
      lines: [{ text: "电话 138****8000" }],
      amountFen: "1650",
      raw: "3 bytes",
      at: "1970-01-01T00:00:00.000Z",
      absent: undefined,
      nothing: null,
    });
  });

  test("what an account paid is an amount, its number is not", () => {
    const xml = (value: string): string => `<Account>${value}</Account>`;
    assert.equal(maskText(xml("20.00")), xml("20.00"));
    assert.equal(maskText(xml("6217000010000001")), xml("62**********0001"));
    assert.deepEqual(maskValue({ account: "1234.50", payAccount: "12345678" }), { account: "1234.50", payAccount: "12**5678" });
  });

  test("values: a cycle ends", () => {
    const round: Record<string, unknown> = {};
    round.self = round;
    assert.match(JSON.stringify(maskValue(round)), /…/);
  });

  test("texts a partner may have made long do not take long", () => {
    const since = process.threadCpuUsage();
    for (const text of ["<a>".repeat(20_000), '"a":"'.repeat(20_000), "6".repeat(60_000), "张".repeat(60_000), "6 ".repeat(30_000)])
      maskText(text);
    const { user, system } = process.threadCpuUsage(since);
    assert.ok(user + system < 2_000_000, `${user + system} µs`);
  });
});

test("credentials of any form are hidden by what stands around them; what an account pays is no account", () => {
  const request = {
    claim: { credential: { type: "03", no: "A1B2C3D4" }, certificate: { type: "08", no: "E12345678" } },
    refunds: { payOrder: "ORD1", token: "EC0001", payToken: "PT0001", account: "5000" },
    amounts: { total: "18850", account: "5000" },
    account: "5000",
  };
  assert.deepEqual(maskValue(request), {
    claim: { credential: { type: "03", no: "A1**C3D4" }, certificate: { type: "08", no: "E1***5678" } },
    refunds: { payOrder: "ORD1", token: "***", payToken: "***", account: "5000" },
    amounts: { total: "18850", account: "5000" },
    account: "****",
  });
  assert.equal(
    maskText('{"payToken":"PT0001","ecToken":"EC0001","payAuthNo":"AUTH1"}'),
    '{"payToken":"***","ecToken":"***","payAuthNo":"***"}',
  );
});

test("names in Latin letters are hidden where names stand, and words are left", () => {
  const hidden: readonly (readonly [string, string])[] = [
    ['<Patient no="P1" name="喆堃犇镕"/>', "堃犇镕"],
    ["<Patient><No>P1</No><Name>喆堃犇镕</Name></Patient>", "堃犇镕"],
    ['{"patient": {"no": "P1", "name": "喆堃犇镕"}}', "堃犇镕"],
    ['<Patient no="P1" name="Zhang Weiguo"/>', "Weiguo"],
    ["<Patient><No>1</No><Name>Smith John</Name></Patient>", "Smith"],
    ['{"patient":{"no":"1","name":"O\'Brien Mary"}}', "Brien"],
    ["患者 Johnson Peter 余额不足", "Johnson"],
    ["patient name: Johnson, Peter", "Peter"],
    ["MSH|^~\\&|HIS\rPID|1||P1^^^H||ZHANG^WEIGUO||19800101|M\rPV1|1|O|||||D1^CHEN^MING", "WEIGUO"],
    ["MSH|^~\\&|HIS\rPID|1||P1^^^H||ZHANG^WEIGUO||19800101|M\rPV1|1|O||||D1^CHEN^MING", "MING"],
    ["<V>Wang Xiaoming</V>", "Xiaoming"],
    ['"OUYANG NANA"', "NANA"],
  ];
  for (const [text, name] of hidden) assert.ok(!maskText(text).includes(name), maskText(text));
  for (const text of [
    "the reply cannot be read: the bytes are not UTF-8",
    '<Line no="1" name="Amoxicillin Capsule"/>',
    "MSH|^~\\&|HIS|H1|ENGINE|H1|20261120||ADT^A01|1|P|2.4",
    "Payment Confirm",
    "writeback.resolved of a superseded write-back could not be sealed",
    "a name is required",
  ])
    assert.equal(maskText(text), text);
});
