/**
 * Adapters as stored tests use them: requests get their real envelope, under secrets that are worth nothing; a reply that a test writes down in clear is taken as what stands
 * inside one, because nobody can sign for the partner. Sign-ins are left out. Envelopes have tests of their own (adapters/).
 */
import type { Adapter } from "../../domain/partners/adapter.ts";

/** A key pair that everybody knows: private 1, public the base point of SM2's curve. */
const KEYS: Readonly<Record<string, string>> = {
  privateKey: `${"0".repeat(63)}1`,
  publicKey:
    "0432c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0",
};
const OTHER = "SYNTHETIC-SECRET";

/** A value for every secret that the adapter declares. */
export const syntheticSecrets = (adapter: Adapter | undefined): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.keys(adapter?.secrets ?? {}).map((name) => [name, KEYS[name] ?? OTHER]));

/** The adapter without its sign-in, whose replies may stand in clear. */
export function playedAdapter(adapter: Adapter | undefined): Adapter | undefined {
  if (adapter === undefined) return undefined;
  const { session: _session, ...rest } = adapter;
  return {
    ...rest,
    open: (reply, context) => {
      const opened = adapter.open?.(reply, context);
      return opened?.ok === true
        ? opened
        : { ok: true, opened: { body: reply.body, ...(reply.contentType === undefined ? {} : { contentType: reply.contentType }) } };
    },
  };
}
