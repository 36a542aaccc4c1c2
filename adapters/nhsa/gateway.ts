/** What both gateways of the insurance platform want in the headers (domain.md 1.1): CSB (`_api_*`, HMAC-SHA1) and x-tif (SHA-256 over time, token and nonce). */
import { createHash, createHmac } from "node:crypto";

/** The gateways a partner's constant `gateway` may name: `none` behind a private line, `mobile` the mobile payment platform (mobile.ts). */
const GATEWAYS = ["csb", "x-tif", "none", "mobile"] as const;
export type Gateway = (typeof GATEWAYS)[number];

/** Undefined: the constant names no gateway. */
export const gatewayOf = (name: string | undefined): Gateway | undefined => GATEWAYS.find((one) => one === name);

export interface CsbRequest {
  readonly accessKey: string;
  readonly secretKey: string;
  /** Name of the service: the infno, or one name for all. */
  readonly apiName: string;
  /** Milliseconds. The gateway allows 30 minutes. */
  readonly nowMs: number;
}

const API_VERSION = "1.0.0";

/** What is signed: the other headers in natural order. */
export const csbStringToSign = ({ accessKey, apiName, nowMs }: CsbRequest): string =>
  `_api_access_key=${accessKey}&_api_name=${apiName}&_api_timestamp=${nowMs}&_api_version=${API_VERSION}`;

/** Headers of the CSB gateway: base64(HMAC-SHA1(SK, headers in natural order)). Vector: samples/vectors.json nhsa_gateway_hmac_sha1. */
export function csbHeaders(request: CsbRequest): Readonly<Record<string, string>> {
  return {
    _api_name: request.apiName,
    _api_version: API_VERSION,
    _api_timestamp: String(request.nowMs),
    _api_access_key: request.accessKey,
    _api_signature: createHmac("sha1", request.secretKey).update(csbStringToSign(request)).digest("base64"),
  };
}

export interface TifRequest {
  readonly paasId: string;
  readonly token: string;
  readonly nonce: string;
  /** Seconds. The gateway allows 180. */
  readonly nowSeconds: number;
}

/** UPPERHEX(SHA256(timestamp + token + nonce + timestamp)). */
export const tifSignature = ({ token, nonce, nowSeconds }: Omit<TifRequest, "paasId">): string =>
  createHash("sha256").update(`${nowSeconds}${token}${nonce}${nowSeconds}`).digest("hex").toUpperCase();

/** Headers of the x-tif gateway. Vector: samples/vectors.json xtif_sha256. */
export function tifHeaders(request: TifRequest): Readonly<Record<string, string>> {
  return {
    "x-tif-paasid": request.paasId,
    "x-tif-timestamp": String(request.nowSeconds),
    "x-tif-nonce": request.nonce,
    "x-tif-signature": tifSignature(request),
  };
}
