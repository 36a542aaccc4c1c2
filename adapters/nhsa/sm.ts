/** SM2, SM3 and SM4 as the mobile payment platform uses them (domain.md 1.9; GB/T 32918, 32905, 32907). Keys are lower-case hex, never logged. */
import { sm2, sm3, sm4 } from "sm-crypto-v2";

/** Handed in by the caller: as many random bytes as asked for. */
export type Random = (bytes: number) => Uint8Array;

/** User id that goes into every SM2 signature of the platform. */
const SM2_USER_ID = "1234567812345678";
/** Order of the curve sm2p256v1. */
const ORDER = 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123n;
const KEY_BYTES = 32;
/** r and s. */
const SIGNATURE_BYTES = 64;
/** A random number outside the curve's order comes once in four thousand million times. */
const TRIES_MAX = 16;

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

export const sm3Hex = (bytes: Uint8Array): string => sm3(bytes);

/** A private key or a nonce: uniform below the order, by rejection (a nonce with a bias gives the key away). */
function scalar(random: Random): bigint {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const value = BigInt(`0x${hexOf(random(KEY_BYTES))}`);
    if (value > 0n && value < ORDER) return value;
  }
  throw new RangeError("the randomness handed in is none");
}
const scalarHex = (value: bigint): string => value.toString(16).padStart(2 * KEY_BYTES, "0");

/** base64(r‖s) over SM3(Z ‖ text). Throws on a private key that is none. */
export function sm2Sign(text: string, privateKey: string, random: Random): string {
  const k = scalar(random);
  const x1 = BigInt(`0x${sm2.getPublicKeyFromPrivateKey(scalarHex(k)).slice(2, 2 + 2 * KEY_BYTES)}`);
  const hex = sm2.doSignature(new TextEncoder().encode(text), privateKey, { hash: true, userId: SM2_USER_ID, pointPool: [{ k, x1 }] });
  return Buffer.from(hex, "hex").toString("base64");
}

/** Total: false for whatever is no signature of this text by this key. */
export function sm2Verify(text: string, signature: string, publicKey: string): boolean {
  const bytes = Buffer.from(signature, "base64");
  if (bytes.length !== SIGNATURE_BYTES || bytes.toString("base64") !== signature) return false;
  try {
    return sm2.doVerifySignature(new TextEncoder().encode(text), bytes.toString("hex"), publicKey, { hash: true, userId: SM2_USER_ID });
  } catch {
    return false; // a key or a number off the curve
  }
}

export function sm2PublicOf(privateKey: string): string {
  return sm2.getPublicKeyFromPrivateKey(privateKey);
}

/** SM4-ECB-PKCS7 as upper-case hex; the key's 16 bytes as hex. */
export const sm4Encrypt = (text: string, keyHex: string): string =>
  sm4.encrypt(new TextEncoder().encode(text), keyHex, { mode: "ecb", padding: "pkcs#7" }).toUpperCase();

/** The text; undefined when it is no whole cipher text under this key (cut, padding broken, not UTF-8). */
export function sm4Decrypt(hex: string, keyHex: string): string | undefined {
  if (hex.length === 0 || hex.length % 32 !== 0 || !/^[0-9A-Fa-f]+$/.test(hex)) return undefined;
  try {
    const padded = sm4.decrypt(hex, keyHex, { mode: "ecb", padding: "none", output: "array" });
    const pad = padded.at(-1) ?? 0;
    if (pad < 1 || pad > 16 || !padded.subarray(-pad).every((byte) => byte === pad)) return undefined;
    return new TextDecoder("utf-8", { fatal: true }).decode(padded.subarray(0, -pad));
  } catch {
    return undefined; // not UTF-8
  }
}

/** sm4Key = UPPERHEX(SM4-ECB-PKCS7(key = appId[0..16], appSecret))[0..16], used as 16 ASCII bytes; here as hex. Undefined: the app id has no 16 ASCII characters. */
export function mobileKeyOf(appId: string, appSecret: string): string | undefined {
  if (!/^[\x21-\x7e]{16,}$/.test(appId)) return undefined;
  const derived = sm4Encrypt(appSecret, Buffer.from(appId.slice(0, 16), "ascii").toString("hex")).slice(0, 16);
  return Buffer.from(derived, "ascii").toString("hex");
}
