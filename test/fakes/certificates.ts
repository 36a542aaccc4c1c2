/** Certificates for tests, made on the spot: an authority and what it signs (X.509 v3, P-256, ECDSA with SHA-256). No tool is needed and no key lies about. */
import { createSign, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";

const der = (tag: number, ...parts: readonly Uint8Array[]): Buffer => {
  const body = Buffer.concat(parts);
  const { length } = body;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
};
const SEQUENCE = 0x30;
const oid = (...bytes: readonly number[]): Buffer => der(0x06, Buffer.from(bytes));
const ECDSA_SHA256 = der(SEQUENCE, oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
const name = (common: string): Buffer =>
  der(SEQUENCE, der(0x31, der(SEQUENCE, oid(0x55, 0x04, 0x03), der(0x0c, Buffer.from(common, "utf8")))));
const time = (atMs: number): Buffer =>
  der(0x17, Buffer.from(`${new Date(atMs).toISOString().replaceAll(/[-:T]/g, "").slice(2, 14)}Z`, "ascii"));
const extension = (id: Buffer, critical: boolean, value: Buffer): Buffer =>
  der(SEQUENCE, id, ...(critical ? [der(0x01, Buffer.from([0xff]))] : []), der(0x04, value));
const pem = (label: string, bytes: Buffer): string =>
  `-----BEGIN ${label}-----\n${bytes
    .toString("base64")
    .replaceAll(/(.{64})/g, "$1\n")
    .trimEnd()}\n-----END ${label}-----\n`;

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}
export interface Authority extends Certificate {
  /** Signs a certificate for these host names. */
  sign(...hosts: readonly string[]): Certificate;
}

const DAY_MS = 86_400_000;

interface Issuer {
  readonly common: string;
  readonly key: KeyObject;
}

function issue(common: string, hosts: readonly string[], by: Issuer | undefined): Certificate & { readonly privateKey: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const alternatives = der(SEQUENCE, ...hosts.map((host) => der(0x82, Buffer.from(host, "ascii"))));
  const extensions =
    by === undefined
      ? [extension(oid(0x55, 0x1d, 0x13), true, der(SEQUENCE, der(0x01, Buffer.from([0xff]))))]
      : [extension(oid(0x55, 0x1d, 0x11), false, alternatives)];
  const now = Date.now();
  const content = der(
    SEQUENCE,
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ECDSA_SHA256,
    name(by?.common ?? common),
    der(SEQUENCE, time(now - DAY_MS), time(now + DAY_MS)),
    name(common),
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, der(SEQUENCE, ...extensions)),
  );
  const signature = createSign("sha256")
    .update(content)
    .sign(by?.key ?? privateKey);
  const whole = der(SEQUENCE, content, ECDSA_SHA256, der(0x03, Buffer.from([0]), signature));
  return { cert: pem("CERTIFICATE", whole), key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(), privateKey };
}

/** An authority of its own: nobody trusts it who was not told. */
export function createAuthority(common: string): Authority {
  const { cert, key, privateKey } = issue(common, [], undefined);
  return {
    cert,
    key,
    sign: (...hosts) => {
      const { cert: signed, key: own } = issue(hosts[0] ?? "client", hosts, { common, key: privateKey });
      return { cert: signed, key: own };
    },
  };
}
