/** The partners as the day's play sees them: their control doors, and their ledgers as far as they were read. Nothing of the engine is asked. */
import type { LedgerLine } from "../ledger.ts";
import { parseLedgerLine } from "../ledger.ts";
import type { Addresses } from "../told.ts";

export class PartnerRefused extends Error {}

export interface Stage {
  /** Partners that are there. */
  readonly names: ReadonlySet<string>;
  /** Orders a partner to send; rejects with PartnerRefused and its words. */
  send(partner: string, order: object): Promise<unknown>;
  /** Sets faults, mode or clock. */
  control(partner: string, order: object): Promise<Readonly<Record<string, unknown>>>;
  /** Every line of every ledger up to now. */
  read(): Promise<ReadonlyMap<string, readonly LedgerLine[]>>;
}

const TIMEOUT_MS = 120_000;

const body = (value: object): string => JSON.stringify(value, (_name, one: unknown) => (typeof one === "bigint" ? one.toString() : one));

export function createStage(partners: Readonly<Record<string, Partial<Addresses>>>): Stage {
  const ledgers = new Map<string, { lines: LedgerLine[]; next: number }>();
  const doorOf = (partner: string): string => {
    const door = partners[partner]?.faults;
    if (door === undefined) throw new PartnerRefused(`${partner} is not in the hospital`);
    return door;
  };
  const control: Stage["control"] = async (partner, order) => {
    let answer: Response;
    try {
      answer = await fetch(doorOf(partner), { method: "POST", body: body(order), signal: AbortSignal.timeout(TIMEOUT_MS) });
    } catch (error) {
      throw new PartnerRefused(`${partner}: ${error instanceof Error ? error.message : String(error)}`);
    }
    const told = (await answer.json()) as Readonly<Record<string, unknown>>;
    if (!answer.ok) throw new PartnerRefused(`${partner}: ${String(told.error)}`);
    return told;
  };
  const readOne = async (partner: string): Promise<void> => {
    const at = ledgers.get(partner) ?? { lines: [], next: 0 };
    ledgers.set(partner, at);
    const url = partners[partner]?.ledgerUrl ?? doorOf(partner).replace(/\/faults$/, "/ledger");
    for (;;) {
      const answer = await fetch(`${url}?since=${at.next}`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      const { next, lines } = (await answer.json()) as { next: number; lines: unknown[] };
      for (const one of lines) at.lines.push(parseLedgerLine(JSON.stringify(one), at.lines.length + 1));
      if (next === at.next || lines.length === 0) return;
      at.next = next;
    }
  };
  return {
    names: new Set(Object.keys(partners)),
    send: async (partner, order) => (await control(partner, { send: order })).sent,
    control,
    async read() {
      await Promise.all(Object.keys(partners).map(readOne));
      return new Map([...ledgers].map(([name, { lines }]) => [name, lines]));
    },
  };
}
