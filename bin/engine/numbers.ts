/**
 * Numbers by which partners know our calls (msgid): made by the partner's adapter, stored under the call's slot before the call. The same write-back has the same number
 * for ever, at whatever worker and however often it is sent.
 */
import type { Adapter } from "../../domain/partners/adapter.ts";
import type { Partner } from "../../domain/partners/profile.ts";
import type { CallNumbers } from "../../domain/writeback/ports.ts";
import type { CallStore } from "../../platform/postgres/calls.ts";

export interface NumbersDeps {
  readonly store: Pick<CallStore, "findNumber" | "putNumber" | "numberOver">;
  readonly partner: (name: string) => Partner | undefined;
  readonly adapterOf: (vendor: string) => Adapter | undefined;
  readonly nowMs: () => number;
}

/** Candidates tried for one call; more in one second than a partner's format can tell apart. */
const TRIES_MAX = 200;

export function createNumbers({ store, partner, adapterOf, nowMs }: NumbersDeps): CallNumbers {
  return {
    of: async (destination, slot) => {
      const profile = partner(destination);
      const adapter = adapterOf(profile?.vendor ?? "");
      if (!profile || adapter?.number === undefined) return undefined;
      const known = await store.findNumber(destination, slot);
      if (known !== undefined) return { number: known, first: false };
      for (let tries = 0; tries < TRIES_MAX; tries += 1) {
        const number = adapter.number({ partner: destination, constants: profile.constants, nowMs: nowMs(), key: slot }, tries);
        if (await store.putNumber(destination, slot, number)) return { number, first: true };
        const other = await store.findNumber(destination, slot);
        if (other !== undefined) return { number: other, first: false };
      }
      throw new Error(`no free number after ${TRIES_MAX} tries`);
    },
    over: (destination, slot) => store.numberOver(destination, slot),
  };
}
