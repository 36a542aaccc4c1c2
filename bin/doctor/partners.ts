/** Partners' addresses: somebody listens there, and the certificates that speak for them do not run out unseen. */
import { readdirSync, readFileSync } from "node:fs";
import { X509Certificate } from "node:crypto";
import { connect } from "node:net";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { partnerProblems } from "../../platform/safety.ts";
import { type Check, type Finding, fine, lineOf, type Patient, wrong } from "./finding.ts";

const CONNECT_MS = 3_000;
const DAY_MS = 86_400_000;
/** F29: told this long before. */
const EXPIRY_WARN_DAYS = 30;
const TLS = new Set(["https:", "mllps:", "ftps:"]);
const PORTS: Readonly<Record<string, number>> = {
  "http:": 80,
  "https:": 443,
  "mllp:": 2575,
  "mllps:": 2575,
  "sftp:": 22,
  "ftp:": 21,
  "ftps:": 990,
  "postgres:": 5432,
  "mariadb:": 3306,
};

interface Seed {
  readonly partner: string;
  readonly url: string | undefined;
  readonly profile: unknown;
}

export const partners: Check = async (patient) => {
  const seeds = readdirSync(join(patient.root, "partners"))
    .filter((name) => name.endsWith(".json"))
    .map((name): Seed | Finding => {
      try {
        const profile = JSON.parse(readFileSync(join(patient.root, "partners", name), "utf8")) as { destination?: { url?: string } };
        const partner = name.slice(0, -5);
        return { partner, profile, url: patient.partnerUrls[partner] ?? profile.destination?.url };
      } catch (error) {
        return wrong("partners", "bad", `partners/${name}`, [lineOf(error), lineOf(error)], ["修正该文件", "mend the file"]);
      }
    });
  const found = await Promise.all(seeds.map((seed) => ("check" in seed ? [seed] : lookAt(seed, patient))));
  return found.flat();
};

async function lookAt({ partner, url, profile }: Seed, patient: Patient): Promise<readonly Finding[]> {
  const files = certificatesOf(profile).map((file) => fileExpiry(partner, join(patient.root, file), patient.nowMs()));
  if (url === undefined || !URL.canParse(url)) return files;
  const [placeholder] = partnerProblems({ partners: [{ partner, url }] });
  if (placeholder?.code === "PARTNER_PLACEHOLDER")
    return [
      ...files,
      wrong(
        "partners",
        patient.profile === "production" ? "bad" : "warn",
        partner,
        [placeholder.zh, placeholder.en],
        [placeholder.nextZh, placeholder.nextEn],
      ),
    ];
  const address = new URL(url);
  const port = Number(address.port) || PORTS[address.protocol];
  if (port === undefined) return files; // a folder, a library: nobody listens
  const host = address.hostname.replace(/^\[|\]$/g, "");
  return [
    ...files,
    ...(TLS.has(address.protocol) ? await overTls(partner, host, port, patient.nowMs()) : [await overTcp(partner, host, port)]),
  ];
}

const away = (partner: string, host: string, port: number, why: string): Finding =>
  wrong(
    "partners",
    "bad",
    partner,
    [`${host}:${port} 连不上：${why}`, `${host}:${port} cannot be reached: ${why}`],
    [
      "请对方确认服务与防火墙；地址在 partners/ 或 HUILIU_PARTNER_URLS",
      "ask the partner about its server and firewall; the address is in partners/ or HUILIU_PARTNER_URLS",
    ],
  );

function overTcp(partner: string, host: string, port: number): Promise<Finding> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_MS });
    const end = (finding: Finding): void => {
      socket.destroy();
      resolve(finding);
    };
    socket.once("connect", () => end(fine("partners", partner, `${host}:${port} 可连接`, `${host}:${port} answers`)));
    socket.once("timeout", () => end(away(partner, host, port, `${CONNECT_MS} ms`)));
    socket.once("error", (error) => end(away(partner, host, port, lineOf(error))));
  });
}

/** Who they are is checked at every call; here only whether somebody answers and how long the certificate lasts. */
function overTls(partner: string, host: string, port: number, nowMs: number): Promise<readonly Finding[]> {
  return new Promise((resolve) => {
    const socket = connectTls({ host, port, servername: host, rejectUnauthorized: false, timeout: CONNECT_MS });
    const end = (...findings: Finding[]): void => {
      socket.destroy();
      resolve(findings);
    };
    socket.once("secureConnect", () => {
      const until = Date.parse(socket.getPeerCertificate().valid_to ?? "");
      end(fine("partners", partner, `${host}:${port} 可连接`, `${host}:${port} answers`), expiry(partner, `${host}:${port}`, until, nowMs));
    });
    socket.once("timeout", () => end(away(partner, host, port, `${CONNECT_MS} ms`)));
    socket.once("error", (error) => end(away(partner, host, port, lineOf(error))));
  });
}

function expiry(partner: string, at: string, untilMs: number, nowMs: number): Finding {
  const days = Math.floor((untilMs - nowMs) / DAY_MS);
  if (Number.isNaN(days))
    return wrong(
      "partners",
      "warn",
      partner,
      [`${at} 证书有效期读不出`, `${at}: its certificate does not say until when it is valid`],
      ["查看该证书", "look at the certificate"],
    );
  if (days >= EXPIRY_WARN_DAYS)
    return fine("partners", partner, `${at} 证书还有 ${days} 天`, `${at}: its certificate lasts ${days} more days`);
  return wrong(
    "partners",
    days < 0 ? "bad" : "warn",
    partner,
    [
      `${at} 证书${days < 0 ? "已过期" : `还剩 ${days} 天`}`,
      `${at}: its certificate ${days < 0 ? "has run out" : `lasts ${days} more days`}`,
    ],
    ["更换证书", "have it renewed"],
  );
}

/** Every PEM file that a profile names, wherever it names it. */
export function certificatesOf(profile: unknown): readonly string[] {
  if (typeof profile === "string") return /\.(?:crt|cer|pem)$/i.test(profile) && !/key/i.test(profile) ? [profile] : [];
  if (Array.isArray(profile)) return profile.flatMap(certificatesOf);
  return typeof profile === "object" && profile !== null ? Object.values(profile).flatMap(certificatesOf) : [];
}

function fileExpiry(partner: string, file: string, nowMs: number): Finding {
  try {
    return expiry(partner, file, Date.parse(new X509Certificate(readFileSync(file)).validTo), nowMs);
  } catch (error) {
    return wrong(
      "partners",
      "bad",
      partner,
      [`${file}：${lineOf(error)}`, `${file}: ${lineOf(error)}`],
      ["放上证书，或修正档案中的路径", "put the certificate there, or mend the path in the profile"],
    );
  }
}
