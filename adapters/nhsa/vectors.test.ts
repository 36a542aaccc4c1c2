/** Published vectors of SM2, SM3 and SM4 (GM/T 0003.5, 0004, 0002), and those of samples/vectors.json that the insurance platform's gateways and its mobile payment need. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { sm4 } from "sm-crypto-v2";
import { csbHeaders, csbStringToSign, tifHeaders, tifSignature } from "./gateway.ts";
import { parseObject } from "./json.ts";
import { mobileStringToSign } from "./mobile.ts";
import { mobileKeyOf, sm2PublicOf, sm2Sign, sm2Verify, sm3Hex, sm4Decrypt, sm4Encrypt } from "./sm.ts";

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));

describe("S0-36 published vectors", () => {
  test("SM3: abc, and abcd sixteen times", () => {
    assert.equal(sm3Hex(ascii("abc")), "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
    assert.equal(sm3Hex(ascii("abcd".repeat(16))), "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732");
  });
  test("SM4: the standard's example, and what is no whole text", () => {
    const key = "0123456789abcdeffedcba9876543210";
    assert.equal(sm4.encrypt(bytes(key), key, { mode: "ecb", padding: "none" }), "681edf34d206965e86b3e94f536e4246");
    assert.equal(sm4Decrypt("681EDF34D206965E86B3E94F536E4246", key), undefined, "a block without padding is no text of ours");
    assert.equal(sm4Decrypt(sm4Encrypt("汇流 0.10", key), key), "汇流 0.10");
  });
  test("SM2: signature of the standard's example, with its own random number", () => {
    const privateKey = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8";
    const publicKey = sm2PublicOf(privateKey);
    assert.equal(
      publicKey,
      "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13",
    );
    const k = bytes("59276e27d506861a16680f3ad9c02dccef3cc1fa3cdbe4ce6d54b80deac1bc21");
    const signature = sm2Sign("message digest", privateKey, () => k);
    assert.equal(
      Buffer.from(signature, "base64").toString("hex"),
      "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa",
    );
    assert.equal(sm2Verify("message digest", signature, publicKey), true);
    assert.equal(sm2Verify("message digesT", signature, publicKey), false);
  });
  test("a random number outside the curve's order is not taken; randomness that is none is refused", () => {
    const told = [
      new Uint8Array(32).fill(0xff),
      new Uint8Array(32),
      bytes("59276e27d506861a16680f3ad9c02dccef3cc1fa3cdbe4ce6d54b80deac1bc21"),
    ];
    const privateKey = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8";
    const signature = sm2Sign("message digest", privateKey, () => told.shift() ?? new Uint8Array(32));
    assert.equal(Buffer.from(signature, "base64").toString("hex").slice(0, 8), "f5a03b06");
    assert.throws(() => sm2Sign("x", privateKey, () => new Uint8Array(32)), RangeError);
  });
});

describe("samples/vectors.json", () => {
  test("nhsa_gateway_hmac_sha1", () => {
    const request = { accessKey: "AKTEST0000000001", secretKey: "SKTEST0000000001", apiName: "2207", nowMs: 1_763_776_800_000 };
    assert.equal(
      csbStringToSign(request),
      "_api_access_key=AKTEST0000000001&_api_name=2207&_api_timestamp=1763776800000&_api_version=1.0.0",
    );
    assert.deepEqual(csbHeaders(request), {
      _api_name: "2207",
      _api_version: "1.0.0",
      _api_timestamp: "1763776800000",
      _api_access_key: "AKTEST0000000001",
      _api_signature: "hbeEd+VseUDbaTIWTLvW0hsJhPk=",
    });
  });
  test("xtif_sha256", () => {
    const request = { paasId: "P", token: "TOKENTEST0001", nonce: "abc123nonce", nowSeconds: 1_763_776_800 };
    assert.equal(tifSignature(request), "CC5824314073F79BBEB1F2753E7916E330502565400D9CD8A3B097716EF9DFB4");
    assert.deepEqual(Object.keys(tifHeaders(request)), ["x-tif-paasid", "x-tif-timestamp", "x-tif-nonce", "x-tif-signature"]);
  });
  test("nhsa_mobile_sm: key, cipher text, string to sign, signature", () => {
    const keys = { appId: "SYNTHETICAPPID000000000000000001", appSecret: "SYNTHETICSECRET00000000000000001" };
    const key = mobileKeyOf(keys.appId, keys.appSecret) ?? "";
    assert.equal(Buffer.from(key, "hex").toString("ascii"), "11191C2748F592B2");
    const plain = '{"orgCodg":"H00000000001","payOrdId":"ORD000001"}';
    const cipher =
      "CE3C45179EE9CA5BC6EBEDDA2BE8421D03DFFB4604A3561D2944A247312C0FFF43043BF20ADE95D7EEB485A46B321366E55183EC9662C8D600FAD319C45B32F4";
    assert.equal(sm4Encrypt(plain, key), cipher);
    assert.equal(sm4Decrypt(cipher, key), plain);
    const signed = mobileStringToSign(keys, "1763776800000", "2.0.1", parseObject(plain));
    assert.equal(
      signed,
      `appId=${keys.appId}&data=${plain}&encType=SM4&signType=SM2&timestamp=1763776800000&version=2.0.1&key=${keys.appSecret}`,
    );
    const publicKey =
      "0432c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0";
    assert.equal(sm2PublicOf(`${"0".repeat(63)}1`), publicKey);
    const signature = "uBq3lTO0VBNd2ujQGIZxs0A9gAO7OwVILT4D4Mj6md23wvN2fTSmWMJ592F3NFgYUM157SWO81bjm/MKEPRfzQ==";
    assert.equal(sm2Verify(signed, signature, publicKey), true);
    assert.equal(sm2Verify(`${signed} `, signature, publicKey), false);
  });
});
