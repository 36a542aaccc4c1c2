/** The broker's floor: consumes a quorum queue and acknowledges each message, nothing else. */
import amqp from "amqplib";

export const FLOOR_EXCHANGE = "huiliu-bench.floor";
const FLOOR_QUEUE = "huiliu-bench.floor.his";
/** As the engine's door has it. */
const PREFETCH = 100;

/** Go: answer when `count` messages have been acknowledged, with the time of the last (ms since 1970). */
export async function consume(options: {
  readonly url: string;
}): Promise<(go: { readonly count: number }) => Promise<{ readonly endedMs: number }>> {
  const connection = await amqp.connect(options.url);
  const channel = await connection.createChannel();
  await channel.assertExchange(FLOOR_EXCHANGE, "topic", { durable: true });
  await channel.assertQueue(FLOOR_QUEUE, { durable: true, arguments: { "x-queue-type": "quorum", "x-delivery-limit": 20 } });
  await channel.bindQueue(FLOOR_QUEUE, FLOOR_EXCHANGE, "#");
  await channel.prefetch(PREFETCH);
  let seen = 0;
  let wanted = Number.POSITIVE_INFINITY;
  let finish = (): void => undefined;
  await channel.consume(FLOOR_QUEUE, (message) => {
    if (message === null) throw new Error("the broker cancelled the consumer");
    channel.ack(message);
    seen += 1;
    if (seen >= wanted) finish();
  });
  return ({ count }) =>
    new Promise((resolve) => {
      finish = () => {
        wanted = Number.POSITIVE_INFINITY;
        seen = 0;
        resolve({ endedMs: Date.now() });
      };
      wanted = count;
      if (seen >= wanted) finish();
    });
}
