/**
 * The key that releases of flows are signed with (ed25519), and the public keys that production trusts. Whoever can change files on the production machine's disk can
 * make a checksum anew, not a signature (reference/reliability.md A51). Nobody has to make a key: the first start or the first release does.
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const FOLDER_MODE = 0o700;
const KEY_MODE = 0o600;
/** Characters of a fingerprint that people compare in a list; the whole is shown by `huiliu flow key`. */
export const FINGERPRINT_SHOWN = 16;
/** Public keys in one file: the present one, those of other integrators, and those that are being replaced. */
const TRUSTED_MAX = 50;

/** Where the keys are. */
export interface ReleaseKeyPlaces {
  readonly dataDir: string;
  /** HUILIU_RELEASE_KEY_FILE: the private key; `<dataDir>/release/signing-key.pem` when absent. */
  readonly releaseKeyFile?: string;
  /** HUILIU_RELEASE_TRUSTED_FILE: public keys, PEM one after the other; the public half of this machine's own key when absent. */
  readonly releaseTrustedFile?: string;
}

export interface ReleaseSigner {
  /** SHA-256 of the public key, hex. */
  readonly key: string;
  readonly publicPem: string;
  /** Base64. */
  sign(text: string): string;
}

export interface ReleaseTrust {
  readonly keys: ReadonlySet<string>;
  /** Whether the key with this fingerprint signed the text; false for one that is not trusted. */
  verifies(key: string, text: string, signature: string): boolean;
}

export class ReleaseKeyRefused extends Error {
  override readonly name = "ReleaseKeyRefused";
}

export const signingKeyFile = ({ dataDir, releaseKeyFile }: ReleaseKeyPlaces): string =>
  releaseKeyFile ?? join(dataDir, "release", "signing-key.pem");

const fingerprintOf = (key: KeyObject): string =>
  createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest("hex");

function ed25519(make: () => KeyObject, at: string): KeyObject {
  try {
    const key = make();
    if (key.asymmetricKeyType === "ed25519") return key;
  } catch {
    // Told below, without what the file holds.
  }
  throw new ReleaseKeyRefused(`${at}: no ed25519 key in PEM / 不是 PEM 格式的 ed25519 密钥`);
}

function signerFrom(file: string): ReleaseSigner {
  const key = ed25519(() => createPrivateKey(readFileSync(file, "utf8")), file);
  const publicKey = createPublicKey(key);
  return {
    key: fingerprintOf(publicKey),
    publicPem: publicKey.export({ type: "spki", format: "pem" }).toString(),
    sign: (text) => sign(null, Buffer.from(text), key).toString("base64"),
  };
}

/** The key that this machine signs with; it is made where there is none, unless a setting names it. Throws ReleaseKeyRefused when it is none. */
export function releaseSigner(places: ReleaseKeyPlaces): ReleaseSigner {
  const file = signingKeyFile(places);
  if (!existsSync(file)) {
    if (places.releaseKeyFile !== undefined) throw new ReleaseKeyRefused(`${file}: there is no such file / 没有这个文件`);
    mkdirSync(dirname(file), { recursive: true, mode: FOLDER_MODE });
    const pem = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    try {
      writeFileSync(file, pem, { mode: KEY_MODE, flag: "wx" });
    } catch (error) {
      // Another process was quicker: its key is the one.
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
  }
  return signerFrom(file);
}

const PUBLIC_PEM = /-----BEGIN PUBLIC KEY-----[\s\S]*?-----END PUBLIC KEY-----/g;

/** The keys that releases may be signed with here. None: nothing is trusted, and every flow is refused by name. Throws ReleaseKeyRefused when a file holds something else. */
export function releaseTrust(places: ReleaseKeyPlaces): ReleaseTrust {
  const { releaseTrustedFile: file } = places;
  const keys = new Map<string, KeyObject>();
  if (file !== undefined) {
    if (!existsSync(file)) throw new ReleaseKeyRefused(`${file}: there is no such file / 没有这个文件`);
    const all = readFileSync(file, "utf8").match(PUBLIC_PEM) ?? [];
    if (all.length === 0 || all.length > TRUSTED_MAX)
      throw new ReleaseKeyRefused(`${file}: 1 to ${TRUSTED_MAX} public keys in PEM / 须有 1 至 ${TRUSTED_MAX} 个 PEM 公钥`);
    for (const pem of all) {
      const key = ed25519(() => createPublicKey(pem), file);
      keys.set(fingerprintOf(key), key);
    }
  } else if (existsSync(signingKeyFile(places))) {
    const signer = signerFrom(signingKeyFile(places));
    keys.set(signer.key, createPublicKey(signer.publicPem));
  }
  return {
    keys: new Set(keys.keys()),
    verifies: (key, text, signature) => {
      const known = keys.get(key);
      return known !== undefined && verify(null, Buffer.from(text), known, Buffer.from(signature, "base64"));
    },
  };
}
