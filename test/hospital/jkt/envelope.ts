/** 健康通 V3.3 envelopes as the platform makes them (the interface's own words): AES-128-ECB, PKCS5, base64; MD5 over the sorted fields and KEY. */
import { createCipheriv, createDecipheriv, createHash } from "node:crypto";

export interface Keys {
  readonly aes: string;
  readonly sign: string;
  readonly user: string;
}

export const encrypted = (text: string, { aes }: Keys): string => {
  const cipher = createCipheriv("aes-128-ecb", aes, null);
  return cipher.update(text, "utf8", "base64") + cipher.final("base64");
};

export function decrypted(text: string, { aes }: Keys): string | null {
  const cipher = createDecipheriv("aes-128-ecb", aes, null);
  try {
    return cipher.update(text, "base64", "utf8") + cipher.final("utf8");
  } catch {
    return null; // padding that is none: another key, or a cut text
  }
}

const md5 = (text: string): string => createHash("md5").update(text, "utf8").digest("hex");
export const signOfRequest = (fun: string, enc: string, keys: Keys): string =>
  md5(`FUN_CODE=${fun}&REQ_ENCRYPTED=${enc}&USER_ID=${keys.user}&KEY=${keys.sign}`);
export const signOfAnswer = (code: string, text: string, enc: string, keys: Keys): string =>
  md5(`RES_ENCRYPTED=${enc}&RETURN_CODE=${code}&RETURN_MSG=${text}&KEY=${keys.sign}`);

const field = (name: string, value: string): string => `<${name}><![CDATA[${value}]]></${name}>`;

/** What the platform sends. `spoil`: what a broken or dishonest sender would. */
export function requestOf(fun: string, inner: string, keys: Keys, spoil?: "signature" | "cipher" | "user"): string {
  const enc = spoil === "cipher" ? "AAAAAAAAAAAAAAAAAAAAAA==" : encrypted(inner, keys);
  const user = spoil === "user" ? "SOMEBODY" : keys.user;
  const sign = signOfRequest(fun, enc, { ...keys, user });
  const shown = spoil === "signature" ? sign.replace(/^./, (first) => (first === "0" ? "1" : "0")) : sign;
  return `<ROOT>${field("FUN_CODE", fun)}${field("USER_ID", user)}${field("SIGN_TYPE", "MD5")}${field("SIGN", shown)}${field("REQ_ENCRYPTED", enc)}</ROOT>`;
}

export function answerOf(code: string, text: string, inner: string, keys: Keys): string {
  const enc = encrypted(inner, keys);
  return `<ROOT>${field("RETURN_CODE", code)}${field("RETURN_MSG", text)}${field("SIGN_TYPE", "MD5")}${field("SIGN", signOfAnswer(code, text, enc, keys))}${field("RES_ENCRYPTED", enc)}</ROOT>`;
}

/** The value of an element, in CDATA or not; null where there is none. */
export function textIn(xml: string, name: string): string | null {
  const found = new RegExp(`<${name}>(?:<!\\[CDATA\\[([\\s\\S]*?)\\]\\]>|([^<]*))</${name}>`).exec(xml);
  return found === null ? null : (found[1] ?? found[2] ?? "");
}

/** `<REQ>` or `<RES>` of these fields. */
export const innerOf = (root: string, fields: Readonly<Record<string, string>>): string =>
  `<${root}>${Object.entries(fields)
    .map(([name, value]) => field(name, value))
    .join("")}</${root}>`;
