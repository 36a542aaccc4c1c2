import { randomBytes } from "node:crypto";
import { existsSync, globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { AuditCredentials } from "../../platform/audit/keys.ts";
import { makeAuditCredentials } from "../../platform/audit/make-keys.ts";
import { readState, writeAtomically } from "../../platform/services/processes.ts";
import type { RabbitUser } from "../../platform/services/rabbit.ts";

/** What proves a partner: an HTTP key, and an AMQP account of its own. */
export interface PartnerCredentials {
  readonly key: string;
  readonly amqpUser: string;
  readonly amqpPassword: string;
  /** What its adapter or its wire needs: app secrets, private keys, passwords. Kept as it is. */
  readonly secrets?: Readonly<Record<string, string>>;
}

/** `.data/credentials.json` (0600): the development profile makes it; production brings its own through HUILIU_CREDENTIALS_FILE. */
export interface Credentials {
  /** The operator's token for the API. */
  readonly token: string;
  readonly partners: Readonly<Record<string, PartnerCredentials>>;
  /** Account of outside observers: reads events through queues of its own and publishes as any partner. */
  readonly observer: { readonly amqpUser: string; readonly amqpPassword: string };
  /** What the audit is sealed with (docs/decisions/018-audit-chain.md). */
  readonly audit: AuditCredentials;
}

const SECRET_BYTES = 24;
const INBOUND = "huiliu.inbound";
const EVENTS = "huiliu.events";

function secret(prefix: string): string {
  return `${prefix}_${randomBytes(SECRET_BYTES).toString("base64url")}`;
}

/** The partners that have a seed under partners/. */
export function listPartners(root: string): string[] {
  return globSync("*.json", { cwd: join(root, "partners") })
    .map((file) => basename(file, ".json"))
    .sort();
}

/** Reads the credentials, adds what is missing (a new partner, a first start) and keeps the rest as it was. */
export function ensureCredentials(file: string, partners: readonly string[]): Credentials {
  const known = readState<Credentials>(file);
  const credentials: Credentials = {
    token: known.token ?? secret("operator"),
    partners: Object.fromEntries(
      partners.map((partner) => [
        partner,
        known.partners?.[partner] ?? { key: secret("key"), amqpUser: partner, amqpPassword: secret("amqp") },
      ]),
    ),
    observer: known.observer ?? { amqpUser: "observer", amqpPassword: secret("amqp") },
    audit: known.audit ?? makeAuditCredentials(),
  };
  const text = `${JSON.stringify(credentials, null, 2)}\n`;
  if (!existsSync(file) || readFileSync(file, "utf8") !== text) writeAtomically(file, text);
  return credentials;
}

/** Adds what vendors handed over: secrets of these names are replaced, others stay. Partners without credentials get none. */
export function addSecrets(file: string, secrets: Readonly<Record<string, Readonly<Record<string, string>>>>): void {
  if (Object.keys(secrets).length === 0) return;
  const known = readState<Credentials>(file);
  const partners = Object.fromEntries(
    Object.entries(known.partners ?? {}).map(([name, proof]) => [
      name,
      secrets[name] === undefined ? proof : { ...proof, secrets: { ...proof.secrets, ...secrets[name] } },
    ]),
  );
  writeAtomically(file, `${JSON.stringify({ ...known, partners }, null, 2)}\n`);
}

function quoted(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/**
 * A partner writes to huiliu.inbound with routing keys of its own name only, and reads the verdicts from queues named
 * `reply.<partner>.…` or named by the broker. It sees nothing else.
 */
function partnerAccount(partner: string, { amqpUser, amqpPassword }: PartnerCredentials): RabbitUser {
  const replies = `reply\\.${quoted(partner)}\\..*|amq\\.gen.*`;
  return {
    name: amqpUser,
    password: amqpPassword,
    permissions: {
      configure: `^(${replies})$`,
      write: `^(${quoted(INBOUND)}|${replies})$`,
      read: `^(${replies}|${quoted(EVENTS)}\\.${quoted(partner)})$`, // the queue of its subscription, which the engine declares
    },
    topicPermissions: [{ exchange: INBOUND, write: `^${quoted(partner)}\\.`, read: "^$" }],
  };
}

/** Observers bind queues of their own to huiliu.events, read subscribers' queues and publish to huiliu.inbound; the engine's other queues (huiliu.…) are closed to them. */
function observerAccount({ amqpUser, amqpPassword }: Credentials["observer"]): RabbitUser {
  const own = "(?!huiliu\\.|amq\\.(?!gen)).*";
  return {
    name: amqpUser,
    password: amqpPassword,
    permissions: { configure: `^(${own})$`, write: `^(${quoted(INBOUND)}|${own})$`, read: `^(${quoted(EVENTS)}(\\..+)?|${own})$` },
    topicPermissions: [
      { exchange: INBOUND, write: ".*", read: "^$" },
      { exchange: EVENTS, write: "^$", read: ".*" },
    ],
  };
}

/** The broker's accounts that the credentials stand for. */
export function brokerAccounts(credentials: Credentials): RabbitUser[] {
  return [
    ...Object.entries(credentials.partners).map(([partner, proof]) => partnerAccount(partner, proof)),
    observerAccount(credentials.observer),
  ];
}
