/** The mobile platform's wrapper: SM4 cipher text, SM2 signature over the clear text with sorted keys (reference/domain.md 1.9). */
import { sm2, sm4 } from "sm-crypto-v2";

export type Data = Readonly<Record<string, unknown>>;

/** Synthetic, as in samples/vectors.json: the hospital's private key is 1, the platform's 2. */
export const APP_ID = "SYNTHETICAPPID000000000000000001";
export const APP_SECRET = "SYNTHETICSECRET00000000000000001";
export const HOSPITAL_PRIVATE = "1".padStart(64, "0");
const PLATFORM_PRIVATE = "2".padStart(64, "0");
export const PLATFORM_PUBLIC = sm2.getPublicKeyFromPrivateKey(PLATFORM_PRIVATE);
const HOSPITAL_PUBLIC = sm2.getPublicKeyFromPrivateKey(HOSPITAL_PRIVATE);
const USER_ID = "1234567812345678";
const VERSION = "2.0.1";

const hex = (text: string): string => Buffer.from(text).toString("hex");
const cipher = (text: string, key: string): string => sm4.encrypt(text, hex(key), { mode: "ecb", padding: "pkcs#7" }).toUpperCase();
const KEY = cipher(APP_SECRET, APP_ID.slice(0, 16)).slice(0, 16);

const isData = (value: unknown): value is Data => typeof value === "object" && value !== null && !Array.isArray(value);
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isData(value)) return value;
  const kept = Object.entries(value).filter(([, one]) => one !== "" && one !== null && one !== undefined);
  return Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, one]) => [name, sorted(one)]));
}
const toSign = (timestamp: string, data: Data | undefined): string =>
  `appId=${APP_ID}&${data === undefined ? "" : `data=${JSON.stringify(sorted(data))}&`}encType=SM4&signType=SM2&timestamp=${timestamp}&version=${VERSION}&key=${APP_SECRET}`;

/** What the platform sends: deciphered by the hospital's SM4 key, signed by the platform. */
export function seal(data: Data | undefined, nowMs: number, more: Data = {}): string {
  const signature = sm2.doSignature(toSign(String(nowMs), data), PLATFORM_PRIVATE, { hash: true, userId: USER_ID });
  return JSON.stringify({
    ...more,
    appId: APP_ID,
    ...(data === undefined ? {} : { encData: cipher(JSON.stringify(data), KEY) }),
    encType: "SM4",
    signType: "SM2",
    signData: Buffer.from(signature, "hex").toString("base64"),
    timestamp: nowMs,
    version: VERSION,
  });
}

/** What the hospital sent; a text says why it is not believed. */
export function open(raw: string): Data | string {
  let wrapper: unknown;
  try {
    wrapper = JSON.parse(raw);
  } catch {
    return "报文不是 JSON";
  }
  if (!isData(wrapper) || wrapper.appId !== APP_ID) return "应用未注册";
  try {
    const data: unknown = JSON.parse(sm4.decrypt(String(wrapper.encData), hex(KEY), { mode: "ecb", padding: "pkcs#7" }));
    if (!isData(data)) return "解密失败";
    const signature = Buffer.from(String(wrapper.signData), "base64").toString("hex");
    const holds = sm2.doVerifySignature(toSign(String(wrapper.timestamp), data), signature, HOSPITAL_PUBLIC, {
      hash: true,
      userId: USER_ID,
    });
    return holds ? data : "验签失败";
  } catch {
    return "解密失败";
  }
}
