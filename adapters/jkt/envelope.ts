/**
 * The 12320/健康通 envelope, V3.3 (reference/domain.md 3.1): the inside is AES-128-ECB with PKCS#5 padding in base64, encrypted first and signed then:
 * MD5 in lower-case hex over the sorted fields and the key. Pure.
 */
import { createCipheriv, createDecipheriv, createHash, timingSafeEqual } from "node:crypto";
import type { Tree } from "../../domain/mapping/tree.ts";
import { readXml } from "../../domain/mapping/xml.ts";

/** Bytes of an AES-128 key; the platform gives it as so many characters. */
const KEY_BYTES = 16;

const bytesOfKey = (key: string): Buffer => Buffer.from(key, "utf8");
const CIPHER_TEXT = /^[A-Za-z0-9+/]+={0,2}$/;

/** Base64 of the cipher text. */
export function encrypt(plain: Uint8Array, aesKey: string): string {
  const cipher = createCipheriv("aes-128-ecb", bytesOfKey(aesKey), null);
  return Buffer.concat([cipher.update(plain), cipher.final()]).toString("base64");
}

/** Undefined when it is no cipher text of this key. */
export function decrypt(text: string, aesKey: string): Uint8Array | undefined {
  const bare = text.replace(/[\r\n\t ]/g, "");
  if (!CIPHER_TEXT.test(bare) || bytesOfKey(aesKey).length !== KEY_BYTES) return undefined;
  try {
    const cipher = createDecipheriv("aes-128-ecb", bytesOfKey(aesKey), null);
    return new Uint8Array(Buffer.concat([cipher.update(Buffer.from(bare, "base64")), cipher.final()]));
  } catch {
    return undefined; // a wrong key or a cut text shows in the padding, and is reported by throwing
  }
}

/** The text that is signed: fields by name, `KEY` last. Absent and empty ones stand with nothing behind the equals sign. */
export const textToSign = (fields: Readonly<Record<string, string>>, signKey: string): string =>
  [
    ...Object.keys(fields)
      .sort()
      .map((name) => `${name}=${fields[name]}`),
    `KEY=${signKey}`,
  ].join("&");

export const sign = (fields: Readonly<Record<string, string>>, signKey: string): string =>
  createHash("md5").update(textToSign(fields, signKey), "utf8").digest("hex");

/** Compares in constant time; letters in either case. */
export function verifies(given: string, fields: Readonly<Record<string, string>>, signKey: string): boolean {
  const [left, right] = [Buffer.from(given.trim().toLowerCase(), "utf8"), Buffer.from(sign(fields, signKey), "utf8")];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** The envelope's fields by name; undefined when it is none: each at most once, leaves only. */
export function rootOf(text: string): Readonly<Record<string, string>> | undefined {
  const bare = text.trim();
  if (!/^<(?:\?xml|ROOT)[\s>]/.test(bare)) return undefined; // no need to read on
  const read = readXml(bare);
  const root: Tree | undefined = read.ok ? read.root.children[0] : undefined;
  if (root?.name !== "ROOT") return undefined;
  const fields: Record<string, string> = {};
  for (const { name, text: value, children } of root.children) {
    if (children.length > 0 || Object.hasOwn(fields, name)) return undefined;
    fields[name] = value;
  }
  return fields;
}

const cdata = (value: string): string => `<![CDATA[${value.replaceAll("]]>", "]]]]><![CDATA[>")}]]>`;

/** Writes an envelope; values in CDATA, as the platform does. */
export const rootText = (fields: readonly (readonly [string, string])[]): string =>
  `<ROOT>${fields.map(([name, value]) => `<${name}>${cdata(value)}</${name}>`).join("")}</ROOT>`;
