/** Sign-in's settings: by which names and where people reach the console, and the hospital's identity provider. Read from the environment's values, refused by name. */
import { ROLES, type Role } from "../../domain/access/rights.ts";

/** What a value of the claim gives. */
export interface Granted {
  readonly roles: readonly Role[];
  readonly partners: "*" | readonly string[];
}

export interface OidcSettings {
  readonly issuer: string;
  readonly clientId: string;
  readonly secretFile: string;
  /** What the page's button says. */
  readonly label: string;
  /** Of the ID token: a text or a list of texts. */
  readonly claim: string;
  /** The claim that holds the staff number; absent: none does. */
  readonly staffClaim?: string;
  /** Value of the claim → what it gives. */
  readonly roles: Readonly<Record<string, Granted>>;
}

export interface AccessSettings {
  /** Names beside loopback's by which the console is reached. */
  readonly hosts: readonly string[];
  /** Where it listens for other machines. */
  readonly secure?: {
    readonly host: string;
    readonly port: number;
    readonly certFile: string | undefined;
    readonly keyFile: string | undefined;
  };
  readonly oidc?: OidcSettings;
  /** Whether every account must have a staff number (HUILIU_STAFF_NUMBERS). */
  readonly staffNumbers?: "optional" | "required";
  /** HUILIU_ACCOUNT_REST_HOURS; see ACCOUNT_REST_MS of domain/access/limits.ts. */
  readonly restHours?: number;
}

const SECURE_PORT_DEFAULT = 8443;
const HOSTS_MAX = 20;
const REST_HOURS_MAX = 720;
const GROUPS_MAX = 100;
const HOST = /^[a-z0-9](?:[a-z0-9.:-]{0,251}[a-z0-9])?$/i;
const CLAIM_DEFAULT = "groups";
const LABEL_DEFAULT = "统一身份认证 · Single sign-on";

type Values = Readonly<Record<string, string | undefined>>;

const isGranted = (value: unknown): value is { readonly roles: readonly Role[]; readonly partners?: "*" | readonly string[] } => {
  if (typeof value !== "object" || value === null) return false;
  const { roles, partners = "*" } = value as { readonly roles?: unknown; readonly partners?: unknown };
  const named = Array.isArray(roles) && roles.length > 0 && roles.every((one) => (ROLES as readonly unknown[]).includes(one));
  return named && (partners === "*" || (Array.isArray(partners) && partners.every((one) => typeof one === "string")));
};

function rolesOf(text: string): OidcSettings["roles"] | undefined {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof given !== "object" || given === null || Array.isArray(given)) return undefined;
  const entries = Object.entries(given);
  if (entries.length === 0 || entries.length > GROUPS_MAX || !entries.every((entry) => isGranted(entry[1]))) return undefined;
  return Object.fromEntries(
    entries.map(([group, granted]) => {
      const { roles, partners = "*" } = granted as { readonly roles: readonly Role[]; readonly partners?: "*" | readonly string[] };
      return [group, { roles, partners }];
    }),
  );
}

/** The settings, and what is wrong with them. Nothing set: loopback alone, local accounts alone. */
export function readAccessSettings(env: Values): { readonly settings: AccessSettings; readonly problems: readonly string[] } {
  const value = (name: string): string | undefined => env[name]?.trim() || undefined;
  const problems: string[] = [];
  const hosts = (value("HUILIU_CONSOLE_HOSTS") ?? "")
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
  if (hosts.length > HOSTS_MAX || hosts.some((one) => !HOST.test(one)))
    problems.push(`HUILIU_CONSOLE_HOSTS: at most ${HOSTS_MAX} host names or addresses, separated by commas / 主机名或地址，逗号分隔`);
  const host = value("HUILIU_CONSOLE_HOST");
  const port = value("HUILIU_CONSOLE_TLS_PORT") ?? String(SECURE_PORT_DEFAULT);
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535)
    problems.push("HUILIU_CONSOLE_TLS_PORT is no port / HUILIU_CONSOLE_TLS_PORT 不是端口");
  const oidc = oidcOf(value, problems);
  const staffNumbers = value("HUILIU_STAFF_NUMBERS") ?? "optional";
  if (staffNumbers !== "optional" && staffNumbers !== "required")
    problems.push("HUILIU_STAFF_NUMBERS is optional or required / HUILIU_STAFF_NUMBERS 须为 optional 或 required");
  const rest = value("HUILIU_ACCOUNT_REST_HOURS");
  if (rest !== undefined && (!/^\d{1,3}$/.test(rest) || Number(rest) < 1 || Number(rest) > REST_HOURS_MAX))
    problems.push(`HUILIU_ACCOUNT_REST_HOURS: 1 to ${REST_HOURS_MAX} hours / 1 至 ${REST_HOURS_MAX} 小时`);
  return {
    problems,
    settings: {
      hosts,
      ...(staffNumbers === "required" ? { staffNumbers } : {}),
      ...(rest === undefined ? {} : { restHours: Number(rest) }),
      ...(host === undefined
        ? {}
        : { secure: { host, port: Number(port), certFile: value("HUILIU_CONSOLE_TLS_CERT"), keyFile: value("HUILIU_CONSOLE_TLS_KEY") } }),
      ...(oidc === undefined ? {} : { oidc }),
    },
  };
}

function oidcOf(value: (name: string) => string | undefined, problems: string[]): OidcSettings | undefined {
  const issuer = value("HUILIU_OIDC_ISSUER");
  if (issuer === undefined) return undefined;
  const url = URL.canParse(issuer) ? new URL(issuer) : undefined;
  const local = url !== undefined && /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(url.hostname);
  if (url === undefined || (url.protocol !== "https:" && !local))
    problems.push("HUILIU_OIDC_ISSUER is no https address / HUILIU_OIDC_ISSUER 不是 https 地址");
  const [clientId, secretFile] = [value("HUILIU_OIDC_CLIENT_ID"), value("HUILIU_OIDC_SECRET_FILE")];
  if (clientId === undefined) problems.push("HUILIU_OIDC_CLIENT_ID is not set / 未设置 HUILIU_OIDC_CLIENT_ID");
  if (secretFile === undefined) problems.push("HUILIU_OIDC_SECRET_FILE is not set / 未设置 HUILIU_OIDC_SECRET_FILE");
  const staffClaim = value("HUILIU_OIDC_STAFF_CLAIM");
  const roles = rolesOf(value("HUILIU_OIDC_ROLES") ?? "");
  if (roles === undefined)
    problems.push(
      'HUILIU_OIDC_ROLES is not {"<group>": {"roles": ["operator"], "partners": "*"}} / HUILIU_OIDC_ROLES 须为 组→角色与伙伴 的 JSON',
    );
  return {
    issuer,
    clientId: clientId ?? "",
    secretFile: secretFile ?? "",
    label: value("HUILIU_OIDC_LABEL") ?? LABEL_DEFAULT,
    claim: value("HUILIU_OIDC_CLAIM") ?? CLAIM_DEFAULT,
    ...(staffClaim === undefined ? {} : { staffClaim }),
    roles: roles ?? {},
  };
}
