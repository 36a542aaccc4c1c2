/**
 * Telling the engine by HTTP: until it has taken the message or refused it for good, under one key, each attempt a line of the ledger. Faults strike it, too: drop-reply (the first answer
 * is not heard, so it is sent again), duplicate (sent once more after it was taken).
 */
import type { LedgerLine } from "./ledger.ts";
import type { Premises } from "./partner.ts";
import { OrderRefused } from "./told.ts";

export interface Telling {
  /** `POST <gateway>/partners/<name>/messages/<message>`. */
  readonly message: string;
  /** The message's own identity, sent as Idempotency-Key; the ledger line's key. */
  readonly id: string;
  readonly body: string | Buffer;
  readonly contentType: string;
  readonly order: string | null;
  readonly amount: bigint | null;
  readonly serial?: string;
  /** The text of the body, where it is no UTF-8. */
  readonly raw?: string;
  /** Whose client this is, where a partner runs another's (a HIS that calls an insurer's DLL). */
  readonly as?: string;
  /** Fen that insurance and patient bear, where the message tells a settlement. */
  readonly insured?: NonNullable<LedgerLine["insured"]>;
}

export interface Told {
  readonly status: number;
  readonly text: string;
}

const TRIES = 60;
const RETRY_MS = 500;
const TIMEOUT_MS = 10_000;
/** Statuses after which the same message is sent again: the engine is busy or stopping, or somebody before it is. */
const AGAIN = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Resolves once taken (2xx) or refused (4xx). Throws OrderRefused when the engine's address is not known, or when nobody answers for half a minute. */
export async function tellByGateway(premises: Premises, telling: Telling): Promise<Told> {
  const name = telling.as ?? premises.name;
  const key = premises.engine()?.partners?.[name]?.key;
  const gateway = premises.engine()?.gateway;
  if (gateway === undefined || key === undefined) throw new OrderRefused(`${name} was not told the engine's gateway and its key`);
  const line = (answer: string, effect: boolean): Promise<void> =>
    premises.record({
      key: telling.id,
      kind: telling.message,
      order: telling.order,
      amount: telling.amount === null ? null : telling.amount.toString(),
      effect,
      answer,
      raw: telling.raw ?? telling.body.toString(),
      ...(telling.serial === undefined ? {} : { serial: telling.serial }),
      ...(telling.insured === undefined ? {} : { insured: telling.insured }),
      sent: true,
      ...(telling.as === undefined || telling.as === premises.name ? {} : { as: telling.as }),
    });
  const plan = premises.faults.plan({ scope: "write-back", bill: telling.order, kind: telling.message });
  let why = "";
  for (let left = TRIES; left > 0; left -= 1) {
    // Addresses may change while it tries: the engine was started again.
    const at = premises.engine();
    const told = await once(at?.gateway ?? gateway, at?.partners?.[name]?.key ?? key, name, telling);
    const unheard = typeof told !== "string" && plan["drop-reply"] !== undefined && left === TRIES;
    if (unheard) {
      // The answer was lost on its way: the sender cannot know, and sends the same again.
      await line("none", false);
      continue;
    }
    if (typeof told !== "string") {
      const taken = told.status >= 200 && told.status < 300;
      await line(String(told.status), taken);
      if (taken && plan.duplicate !== undefined) await once(at?.gateway ?? gateway, at?.partners?.[name]?.key ?? key, name, telling);
      if (taken || !AGAIN.has(told.status)) return told;
      why = `HTTP ${told.status}`;
    } else {
      await line("none", false);
      why = told;
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  throw new OrderRefused(`${telling.message} ${telling.id} was not taken: ${why}`);
}

async function once(gateway: string, key: string, name: string, telling: Telling): Promise<Told | string> {
  try {
    const answer = await fetch(`${gateway}/partners/${name}/messages/${telling.message}`, {
      method: "POST",
      headers: { "x-api-key": key, "content-type": telling.contentType, "idempotency-key": telling.id },
      body: typeof telling.body === "string" ? telling.body : new Uint8Array(telling.body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return { status: answer.status, text: await answer.text() };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
