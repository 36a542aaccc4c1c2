/**
 * What our own journal knows of a write-back's sends: a worker may die, or lose the database, between journaling a reply as an exchange and settling the attempt. Flows may
 * have acted on that exchange already, so neither an inquiry nor a reversal may say otherwise.
 */
import type { Partner } from "../../domain/partners/profile.ts";
import type { SendRecord } from "../../domain/writeback/deliver.ts";
import type { CallStore } from "../../platform/postgres/calls.ts";
import { exchangeIdentity, REPLY_TYPE } from "./couriers.ts";

export interface RecordDeps {
  readonly store: Pick<CallStore, "journaledReply">;
  readonly partner: (name: string) => Partner | undefined;
}

/** So many of a write-back's last attempts are looked for. */
const ATTEMPTS_MAX = 200;

export function createRecord({ store, partner }: RecordDeps): SendRecord {
  return async ({ destination, key, attempt, mapping }) => {
    const { exchanges = {} } = partner(destination)?.destination ?? {};
    if (attempt < 2 || exchanges[mapping.slice(mapping.indexOf("/") + 1)] === undefined) return undefined;
    const identities = Array.from({ length: attempt - 1 }, (_, index) => exchangeIdentity(key, index + 1, mapping)).slice(-ATTEMPTS_MAX);
    const found = await store.journaledReply(destination, identities);
    if (found === undefined) return undefined;
    const { status = "200", [REPLY_TYPE]: contentType } = found.headers;
    return { status: Number(status), body: found.reply, ...(contentType === undefined ? {} : { contentType }) };
  };
}
