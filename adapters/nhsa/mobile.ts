/** The mobile payment platform's envelope (domain.md 1.9): SM4 cipher text, SM2 signature over the sorted clear text, both ways; 6302 comes in and is answered in the same. */
import type { AdapterContext, Envelope, Fallible, Opening } from "../../domain/partners/adapter.ts";
import { plainOf } from "./envelope.ts";
import { bytesOf, type JsonObject, objectOf, parseObject, sortedWithoutEmpty, textOf } from "./json.ts";
import { mobileKeyOf, type Random, sm2Sign, sm2Verify, sm4Decrypt, sm4Encrypt } from "./sm.ts";

const VERSION = "2.0.1";
const ENC_TYPE = "SM4";
const SIGN_TYPE = "SM2";
const JSON_TYPE = "application/json; charset=UTF-8";
/** Hex digits of cipher text: a reply of more is none (6201 with five hundred lines has a quarter of it). */
const CIPHER_MAX = 4_194_304;

export interface MobileKeys {
  readonly appId: string;
  readonly appSecret: string;
  readonly privateKey: string;
  readonly publicKey: string;
}

const refused = (zh: string, en: string) => ({ ok: false, zh, en }) as const;

function keysOf({ constants, secrets }: AdapterContext): Fallible<{ readonly keys: MobileKeys; readonly sm4Key: string }> {
  const appId = constants.appId ?? "";
  const { appSecret = "", privateKey = "", publicKey = "" } = secrets;
  for (const [name, value] of Object.entries({ appSecret, privateKey, publicKey }))
    if (value === "") return refused(`缺少密钥 ${name}`, `the secret ${name} is missing`);
  const sm4Key = mobileKeyOf(appId, appSecret);
  return sm4Key === undefined
    ? refused("应用标识 appId 不足 16 位", "the appId has fewer than 16 characters")
    : { ok: true, keys: { appId, appSecret, privateKey, publicKey }, sm4Key };
}

/** What is signed, both ways: `data` is the clear text with its keys sorted and empty values dropped; left out where there is none. */
export function mobileStringToSign(
  keys: Pick<MobileKeys, "appId" | "appSecret">,
  timestamp: string,
  version: string,
  data: JsonObject | undefined,
): string {
  const clear = data === undefined ? "" : `data=${JSON.stringify(sortedWithoutEmpty(data))}&`;
  return `appId=${keys.appId}&${clear}encType=${ENC_TYPE}&signType=${SIGN_TYPE}&timestamp=${timestamp}&version=${version}&key=${keys.appSecret}`;
}

/** The wrapper around clear data. `more`: members beside it that the signature does not cover (success, code, message of an answer). */
export function wrapped(
  data: JsonObject,
  about: { readonly keys: MobileKeys; readonly sm4Key: string; readonly nowMs: number; readonly random: Random },
): { readonly wrapper: JsonObject; readonly clear: JsonObject } {
  const { keys, sm4Key, nowMs, random } = about;
  const signData = sm2Sign(mobileStringToSign(keys, String(nowMs), VERSION, data), keys.privateKey, random);
  const common = { encType: ENC_TYPE, signType: SIGN_TYPE, signData, timestamp: nowMs, version: VERSION };
  return {
    wrapper: { appId: keys.appId, encData: sm4Encrypt(JSON.stringify(data), sm4Key), ...common },
    clear: { appId: keys.appId, ...common, data },
  };
}

export function sealMobile(plain: Envelope, context: AdapterContext): Fallible<{ readonly sealed: Envelope }> {
  const read = plainOf(plain, context.message);
  if (!read.ok) return read;
  const found = keysOf(context);
  if (!found.ok) return found;
  const about = read.body.original === undefined ? {} : { original: read.body.original };
  const { wrapper, clear } = wrapped(read.input, { ...found, nowMs: context.nowMs, random: context.random });
  return { ok: true, sealed: { ...plain, body: bytesOf(wrapper), clear: bytesOf({ infno: read.infno, ...clear, ...about }) } };
}

/** Verifies and deciphers a wrapper; `data` in place of `encData`. */
export function openMobile(given: Opening, context: AdapterContext): Fallible<{ readonly opened: Opening }> {
  const found = keysOf(context);
  if (!found.ok) return found;
  const { keys, sm4Key } = found;
  const wrapper = objectOf(given.body);
  if (!wrapper) return refused("不是 JSON 对象", "it is no JSON object");
  const { encData, data: _unsealed, ...rest } = wrapper;
  const [appId, encType, signType] = [textOf(rest.appId), textOf(rest.encType), textOf(rest.signType)];
  if (appId !== keys.appId) return refused("应用标识不是本方的", "the appId is not ours");
  if (signType !== SIGN_TYPE || encType !== ENC_TYPE)
    return refused("加密或签名方式不是 SM4、SM2", "it is not enciphered and signed by SM4 and SM2");
  const cipher = textOf(encData);
  if (cipher.length > CIPHER_MAX) return refused("密文过长", "the cipher text is too long");
  const clear = cipher === "" ? undefined : sm4Decrypt(cipher, sm4Key);
  const data = clear === undefined ? undefined : parseObject(clear);
  if (cipher !== "" && data === undefined) return refused("密文不完整或密钥不符", "the cipher text is cut short, or of another key");
  const signed = mobileStringToSign(keys, textOf(rest.timestamp), textOf(rest.version), data);
  if (!sm2Verify(signed, textOf(rest.signData), keys.publicKey)) return refused("签名不符", "the signature does not hold");
  return { ok: true, opened: { body: bytesOf({ ...rest, ...(data === undefined ? {} : { data }) }), contentType: JSON_TYPE } };
}

/** Our answer to 6302: `{"success":…,"message":…}` enciphered and signed; in clear when the keys are not there (nothing was taken then). */
export function answerMobile(plain: Opening, context: AdapterContext): Opening {
  const found = keysOf(context);
  const data = objectOf(plain.body);
  if (!found.ok || data === undefined) return plain;
  const { wrapper } = wrapped(data, { ...found, nowMs: context.nowMs, random: context.random });
  const code = data.success === true ? 0 : -1;
  return { body: bytesOf({ success: data.success === true, code, message: textOf(data.message), ...wrapper }), contentType: JSON_TYPE };
}
