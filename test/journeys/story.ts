/** What journeys tell and see: messages of invented visits, pushed as their partners write them, and the effects found in the HIS's ledger. */
import iconv from "iconv-lite";
import type { LedgerLine } from "../hospital/ledger.ts";
import { type Case, makeCase } from "../hospital/messages/cases.ts";
import { GENERATORS } from "../hospital/messages/index.ts";
import type { Made } from "../hospital/messages/made.ts";
import type { Client, Verdict } from "./client.ts";
import { type Huiliu, until } from "./harness.ts";

export const DATE = "2026-11-20";

export type Payer = "self" | "insured";

export interface Story {
  caseOf(ordinal: number, payer?: Payer): Case;
  make(name: string, ordinal: number, payer?: Payer, charset?: string): Made;
  /** Pushes a message that was made, in its own charset unless another is given; resolves with the verdict. */
  push(name: string, made: Made, charset?: string): Promise<Verdict>;
  /** Ledger lines that changed the HIS's books. */
  effects(): Promise<LedgerLine[]>;
  /** Nothing is on its way any more: no message open, no event unpublished, no write-back to be sent. */
  quiet(ms?: number): Promise<void>;
}

const ON_ITS_WAY = `select 'message' what, state from message where state = 'received'
  union all select 'event', 'unpublished' from outbox
  union all select 'write-back', state || ' ' || coalesce(last_outcome, '') || ' ' || coalesce(last_why, '') from write_back
   where state in ('queued', 'waiting', 'sending', 'deferred')`;

export function createStory(huiliu: () => Huiliu, client: () => Client, seed: number): Story {
  const generatorOf = (name: string) => {
    const generator = GENERATORS[name];
    if (generator === undefined) throw new RangeError(`no message ${name}`);
    return generator;
  };
  const caseOf = (ordinal: number, payer: Payer = "self"): Case => makeCase({ seed, date: DATE, payer }, ordinal);
  return {
    caseOf,
    make: (name, ordinal, payer = generatorOf(name).payer, charset = generatorOf(name).charset) =>
      generatorOf(name).make(caseOf(ordinal, payer), charset),
    push: (name, made, charset = generatorOf(name).charset) => {
      const [partner = "", kind = ""] = name.split(".");
      const { body } = made;
      if (body.type === "document") {
        const contentType = `${body.media}; charset=${charset}`;
        return client().ask({ partner, kind, body: iconv.encode(body.text, charset), contentType, messageId: made.id });
      }
      const [request, reply] = [iconv.encode(body.request, charset), iconv.encode(body.reply, charset)];
      return client().exchange({ partner, kind, id: made.id, request, reply, returned: body.returned, charset });
    },
    effects: async () => (await huiliu().ledger()).filter((line) => line.effect),
    quiet: async (ms = 10_000) => {
      await until(
        "nothing is on its way",
        async () => (await huiliu().sql(ON_ITS_WAY)).length === 0,
        ms,
        async () => (await huiliu().sql(ON_ITS_WAY)).slice(0, 10),
      );
    },
  };
}

/** The text of a document; for messages that a test spoils. */
export function textOf(made: Made): string {
  if (made.body.type !== "document") throw new TypeError("an exchange has two texts");
  return made.body.text;
}
