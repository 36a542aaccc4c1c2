/**
 * What partners send in envelopes of their own (signatures, ciphers): the adapter's look at the door, the opening for the mapping, and our answer put into the same
 * envelope. The journal keeps the bytes as they came; adapters are pure, so secrets, time and randomness are handed in here.
 */
import { randomBytes } from "node:crypto";
import type { DoorPolicy } from "../../domain/journal/intake.ts";
import type { JournaledMessage } from "../../domain/journal/ports.ts";
import type { Adapter, AdapterContext, Opening } from "../../domain/partners/adapter.ts";
import type { Partner } from "../../domain/partners/profile.ts";
import { type Problem, problem } from "../../domain/problem.ts";

export interface EnvelopesDeps {
  readonly partner: (name: string) => Partner | undefined;
  readonly adapterOf: (vendor: string) => Adapter | undefined;
  readonly secretsOf: (partner: string) => Readonly<Record<string, string>>;
  readonly nowMs: () => number;
}

/** A message as its mapping reads it. */
export type Opened =
  | {
      readonly ok: true;
      readonly raw: Uint8Array;
      readonly reply?: Uint8Array;
      readonly charset?: string;
      readonly contentType?: string;
    }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export interface Envelopes {
  /** For the doors; undefined: messages of this partner have no envelope. */
  receiverOf(partner: string): DoorPolicy["receive"];
  /** For the mapping. What an operator edited by hand is read as it stands where no envelope is around it: nobody can sign for the partner. */
  open(message: JournaledMessage): Opened;
  /** Our answer to what the partner sent. */
  answer(partner: string, kind: string, plain: Opening): Opening;
}

/** Calls of our own (`exchange`) were opened by the courier before they were journaled. */
const OPENED_ALREADY = "exchange";

export function createEnvelopes(deps: EnvelopesDeps): Envelopes {
  const adapterOf = (partner: string): Adapter | undefined => deps.adapterOf(deps.partner(partner)?.vendor ?? "");
  const contextOf = (partner: string, message: string, nowMs: number, again: boolean): AdapterContext => ({
    partner,
    message,
    constants: deps.partner(partner)?.constants ?? {},
    secrets: deps.secretsOf(partner),
    nowMs,
    random: (bytes) => new Uint8Array(randomBytes(bytes)),
    ...(again ? { again: true as const } : {}),
  });

  return {
    receiverOf: (partner) => {
      const adapter = adapterOf(partner);
      if (adapter?.receive === undefined) return undefined;
      return ({ kind, ...message }) => {
        const told = adapter.receive?.(message, contextOf(partner, kind, deps.nowMs(), false));
        if (told === undefined || !told.ok) return told ?? { ok: true };
        return told.kind === undefined ? { ok: true } : { ok: true, kind: told.kind };
      };
    },
    open: (message) => {
      const { raw, reply, charset, contentType } = message;
      const asItIs: Opened = {
        ok: true,
        raw,
        ...(reply === undefined ? {} : { reply }),
        ...(charset === undefined ? {} : { charset }),
        ...(contentType === undefined ? {} : { contentType }),
      };
      const adapter = adapterOf(message.partner);
      if (adapter?.receive === undefined || message.door === OPENED_ALREADY) return asItIs;
      const context = contextOf(message.partner, message.kind, Date.parse(message.receivedAt), true);
      const opened = [raw, ...(reply === undefined ? [] : [reply])].map((body) =>
        adapter.receive?.({ body, headers: message.headers, ...(contentType === undefined ? {} : { contentType }) }, context),
      );
      const wrong = opened.find((one) => one?.ok === false);
      if (wrong?.ok === false) {
        if (message.door === "replay") return asItIs;
        return { ok: false, problems: [problem("envelope", "", { zh: wrong.zh, en: wrong.en })] };
      }
      const [first, second] = opened.map((one) => (one?.ok === true ? one.opened : undefined));
      if (first === undefined) return asItIs;
      return {
        ok: true,
        raw: first.body,
        ...(second === undefined ? {} : { reply: second.body }),
        // What the adapter says of the inside holds; the sender's charset was that of the envelope.
        ...(first.contentType === undefined ? (charset === undefined ? {} : { charset }) : { contentType: first.contentType }),
      };
    },
    answer: (partner, kind, plain) => adapterOf(partner)?.answer?.(plain, contextOf(partner, kind, deps.nowMs(), false)) ?? plain,
  };
}
