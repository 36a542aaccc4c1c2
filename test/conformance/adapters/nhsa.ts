/** The insurance platform: the front machine behind each gateway (its replies carry no signature), and the mobile platform with SM2 and SM4. */
import { sm2PublicOf } from "../../../adapters/nhsa/sm.ts";
import { bytes, type StandIn, seeded } from "./stand-in.ts";

const OUR_KEY = `${"0".repeat(63)}1`;
const PLATFORM_KEY = `${"0".repeat(63)}2`;

const contextOf = (gateway: string, message: string) => ({
  partner: gateway === "mobile" ? "nhsa-mobile" : "nhsa",
  message,
  constants: {
    ...{ gateway, fixmedinsCode: "H99990100001", fixmedinsName: "示例市第一人民医院", mdtrtareaAdmvs: "990101", recerSysCode: "HPIE" },
    ...{
      infver: "1.0.0",
      signtype: "SM2",
      opterType: "1",
      opter: "OP0001",
      opterName: "测试收费员",
      mac: "00-00-5E-00-53-01",
      ip: "192.0.2.11",
    },
    appId: "SYNTHETICAPPID000000000000000001",
  },
  secrets: {
    ...{ accessKey: "AKTEST0000000001", secretKey: "SKTEST0000000001", paasId: "PAASTEST01", token: "TOKENTEST0001" },
    ...{ appSecret: "SYNTHETICSECRET00000000000000001", privateKey: OUR_KEY, publicKey: sm2PublicOf(PLATFORM_KEY) },
  },
  nowMs: Date.parse("2026-11-20T09:22:00+08:00"),
  random: seeded(7),
  key: "k",
  number: "H99990100001202611200922000009",
  session: { signNo: "990101202611200001" },
});

const CALL = { infno: "2207", insuplc_admdvs: "990102", input: { data: { psn_no: "99010100000000000000000001", medfee_sumamt: 188.5 } } };
const REPLY = {
  ...{ infcode: 0, inf_refmsgid: "990101202611200922000000000001", refmsg_time: "20261120092200350", respond_time: "20261120092200530" },
  ...{ err_msg: "", output: { setlinfo: { setl_id: "SE1", medfee_sumamt: 188.5 } } },
};

export const standIns: readonly StandIn[] = [
  ...["csb", "x-tif", "none"].map((gateway): StandIn => {
    const context = contextOf(gateway, "call-2207");
    return {
      use: gateway,
      context,
      plain: { headers: { "content-type": "text/plain; charset=UTF-8" }, body: bytes(JSON.stringify(CALL)) },
      reply: { opening: { body: bytes(JSON.stringify(REPLY)), contentType: "application/json" }, signed: false },
    };
  }),
  {
    use: "mobile",
    context: contextOf("mobile", "ask-6301"),
    plain: { headers: {}, body: bytes(JSON.stringify({ infno: "6301", input: { payOrdId: "ORD1", payToken: "T1" } })) },
  },
];
