/**
 * What the HIS sends by itself: its own messages, and the exchanges of the insurers' DLLs that its windows call (`from`). The message is made from a case
 * (messages/cases.ts) that the order carries, so that one bill's charge, settlement, payment and refund tell one story.
 */
import amqp from "amqplib";
import { fenOf, listOf, objectOf, type Order, textOf } from "../fields.ts";
import { tellByGateway } from "../gateway.ts";
import type { Case, CaseLine } from "../messages/cases.ts";
import { GENERATORS } from "../messages/index.ts";
import type { Premises } from "../partner.ts";
import { piecesOf } from "../send.ts";
import { OrderRefused } from "../told.ts";

const EXCHANGE = "huiliu.inbound";
const TRIES = 40;
const RETRY_MS = 500;
const CONNECT_MS = 5_000;
const BIGINTS = ["total", "drugs", "fund", "account", "cash", "partialSelf"] as const;

/** A case as it travels in JSON: amounts as decimal strings. */
function caseOf(order: Order): Case {
  const amounts = Object.fromEntries(BIGINTS.map((name) => [name, fenOf(order, name)]));
  const lines = listOf(order, "lines").map((line) => ({
    ...line,
    quantity: BigInt(textOf(line, "quantity")),
    price: BigInt(textOf(line, "price")),
    amount: fenOf(line, "amount"),
  })) as unknown as readonly CaseLine[];
  return { ...(order as unknown as Case), ...amounts, lines, ...(order.back === undefined ? {} : { back: fenOf(order, "back") }) };
}

export interface Tellings {
  send(order: Order): Promise<unknown>;
  close(): Promise<void>;
}

/** `{"message","from"?: whose client it is (default the HIS), "via"?: "http"|"amqp","case"}`. */
export function createTellings(premises: Premises, count: () => void): Tellings {
  const channel = createPublisher(premises);
  return {
    async send(order) {
      const message = textOf(order, "message");
      const from = order.from === undefined ? premises.name : textOf(order, "from");
      const via = order.via === undefined ? "http" : textOf(order, "via");
      const generator = GENERATORS[`${from}.${message}`];
      if (generator === undefined) throw new OrderRefused(`the HIS sends no ${message} as ${from}`);
      const one = caseOf(objectOf(order, "case"));
      const made = generator.make(one, generator.charset);
      const exchange = made.body.type === "exchange";
      const [piece] = piecesOf(made, { partner: from, message }, true);
      if (piece === undefined) throw new OrderRefused("nothing to send");
      const { serial, amount } = made.expect[0] ?? {};
      const line = {
        message,
        id: made.id,
        body: piece.bytes,
        contentType: piece.contentType,
        order: one.bill,
        amount: amount === undefined ? one.total : BigInt(amount),
        raw: made.body.type === "document" ? made.body.text : `${made.body.request}\n${made.body.reply}`,
        ...(serial === undefined ? {} : { serial }),
        ...(exchange ? { insured: { fund: one.fund.toString(), account: one.account.toString(), cash: one.cash.toString() } } : {}),
      };
      count();
      if (via === "http") return tellByGateway(premises, { ...line, as: from });
      return { status: await channel.publish(from, line) };
    },
    close: () => channel.close(),
  };
}

type Line = Parameters<typeof tellByGateway>[1];

/** One connection for each partner whose client runs at the HIS, opened when it is needed, opened again when it breaks. */
function createPublisher(premises: Premises) {
  type Opened = Awaited<ReturnType<typeof open>>;
  const opened = new Map<string, Promise<Opened>>();
  const open = async (as: string) => {
    const url = premises.engine()?.partners?.[as]?.amqp;
    if (url === undefined) throw new OrderRefused(`the HIS was not told the broker's address for ${as}`);
    const connection = await amqp.connect(url, { timeout: CONNECT_MS });
    const forget = (): void => void opened.delete(as);
    connection.on("error", forget).on("close", forget);
    const channel = await connection.createConfirmChannel();
    channel.on("error", forget);
    return { connection, channel };
  };
  const openedFor = (as: string): Promise<Opened> => {
    const known = opened.get(as) ?? open(as);
    opened.set(as, known);
    known.catch(() => opened.delete(as));
    return known;
  };
  const once = async (as: string, line: Line): Promise<void> => {
    const { channel } = await openedFor(as);
    await new Promise<void>((resolve, reject) => {
      const properties = { persistent: true, mandatory: true, messageId: line.id, contentType: line.contentType };
      channel.publish(EXCHANGE, `${as}.${line.message}`, Buffer.from(line.body), properties, (error: unknown) =>
        error ? reject(error instanceof Error ? error : new Error(String(error))) : resolve(),
      );
    });
  };
  return {
    async publish(as: string, line: Line): Promise<string> {
      const record = (answer: string, effect: boolean): Promise<void> =>
        premises.record({
          key: line.id,
          kind: line.message,
          order: line.order,
          amount: line.amount === null ? null : line.amount.toString(),
          effect,
          answer,
          raw: line.raw ?? "",
          ...(line.serial === undefined ? {} : { serial: line.serial }),
          ...(line.insured === undefined ? {} : { insured: line.insured }),
          sent: true,
          as,
        });
      for (let left = TRIES; ; left -= 1) {
        try {
          await once(as, line);
          await record("confirmed", true);
          return "confirmed";
        } catch (error) {
          if (error instanceof OrderRefused || left === 1) throw new OrderRefused(`not confirmed: ${String(error)}`);
          await record("none", false);
          await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        }
      }
    },
    async close(): Promise<void> {
      for (const one of opened.values()) {
        await one
          .then(
            ({ connection }) => connection.close(),
            () => undefined, // it was never open
          )
          .catch(() => undefined); // it broke meanwhile
      }
    },
  };
}
