/** From an AMQP message to what the journal is given. Pure: the door does the talking. */
import type { ConsumeMessage } from "amqplib";
import type { DoorPolicy } from "../../../domain/journal/intake.ts";
import type { Inbound } from "../../../domain/journal/ports.ts";
import { inboundOf, plain } from "../../../domain/journal/sender.ts";
import { refusal } from "../../../domain/refusals.ts";
import type { Names } from "../../rabbit/topology.ts";

/** Of longer bodies only the beginning is journaled, with the reason; the whole goes to the dead-letter queue. The bound per partner is `bytesMax`. */
const BODY_HARD_MAX = 16 * 1024 * 1024;
/** How much of such a body is journaled, so that a person sees what it was. */
const OVERSIZED_KEPT = 64 * 1024;
const NOBODY = "unknown";
const PARTNER_NAME = /^[a-z][a-z0-9-]{0,31}$/;

export interface ReadOptions {
  readonly names: Pick<Names, "inbound" | "isOurs">;
  /** Whose queue it came from; undefined: the queue of unrouted messages. */
  readonly partner: string | undefined;
  readonly policy: (partner: string) => DoorPolicy | undefined;
  /** Whether the AMQP user that the broker vouches for (the user-id property) may speak for a partner. */
  readonly maySpeakFor: (user: string, partner: string) => boolean;
}

/** Longer than anything the journal stores. */
export const isOversized = ({ content }: ConsumeMessage): boolean => content.length > BODY_HARD_MAX;

const textOr = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

/**
 * The way a message came, when it is not the straight one. The broker checks whose routing keys a user may write only where the user publishes: a partner that
 * declares an exchange of its own and binds it to ours, names ours as its alternate, or dead-letters into ours from a queue of its own, writes any key at all
 * (RabbitMQ 3.10 and 4.x). The first two keep the name of the exchange published to; the third leaves the queue's name in x-death. Undefined: it came straight.
 */
function detourOf({ fields, properties }: ConsumeMessage, names: ReadOptions["names"]): string | undefined {
  if (fields.exchange !== names.inbound) return `exchange ${fields.exchange}`;
  const deaths: unknown = (properties.headers as Readonly<Record<string, unknown>> | undefined)?.["x-death"];
  for (const death of Array.isArray(deaths) ? (deaths as unknown[]) : []) {
    const queue = typeof death === "object" && death !== null ? (death as { readonly queue?: unknown }).queue : undefined;
    if (typeof queue === "string" && !names.isOurs(queue)) return `queue ${queue}`;
  }
  return undefined;
}

/**
 * A routing key proves nothing (decision 19): the partner is the owner of the queue, and the key's first word must agree. The rest of the key is the kind.
 * Messages of the queue of unrouted ones name nobody we know; the first word is kept, where it could be a name, so that a person can see who was meant. While a wiped
 * broker is being rebuilt the exchange stands before the partners' queues are bound to it: a known partner's message that came straight, under a key that the broker
 * lets only this partner write, is its message all the same.
 */
export function readMessage(message: ConsumeMessage, options: ReadOptions): Inbound {
  const { fields, properties, content } = message;
  const dot = fields.routingKey.indexOf(".");
  const first = dot === -1 ? fields.routingKey : fields.routingKey.slice(0, dot);
  const kind = dot === -1 ? "" : fields.routingKey.slice(dot + 1);
  const partner = options.partner ?? (PARTNER_NAME.test(first) ? first : NOBODY);
  const policy = options.policy(partner);
  const user = textOr(properties.userId);
  const keyDiffers = options.partner !== undefined && first !== options.partner;
  const userDiffers = policy !== undefined && user !== undefined && user !== "" && !options.maySpeakFor(user, partner);
  const detour = detourOf(message, options.names);
  const mismatch =
    detour !== undefined
      ? refusal("SENDER_MISMATCH", { zh: `经由 ${plain(detour, 150)}`, en: `by way of ${plain(detour, 150)}` })
      : keyDiffers
        ? refusal("SENDER_MISMATCH", { zh: `路由键 ${plain(fields.routingKey, 100)}`, en: `routing key ${plain(fields.routingKey, 100)}` })
        : userDiffers
          ? refusal("SENDER_MISMATCH", { zh: `AMQP 账号 ${plain(user, 100)}`, en: `AMQP user ${plain(user, 100)}` })
          : undefined;
  const oversized = isOversized(message)
    ? refusal("TOO_LARGE", {
        zh: `共 ${content.length} 字节，仅存开头 ${OVERSIZED_KEPT} 字节；全文在死信队列`,
        en: `${content.length} bytes, of which the first ${OVERSIZED_KEPT} are kept; the whole is in the dead-letter queue`,
      })
    : undefined;
  return inboundOf(
    {
      door: "amqp",
      partner,
      kind: kind === "" ? NOBODY : kind,
      identity: textOr(properties.messageId),
      contentType: textOr(properties.contentType),
      contentEncoding: textOr(properties.contentEncoding),
      headers: properties.headers ?? {},
      body: oversized ? content.subarray(0, OVERSIZED_KEPT) : content,
    },
    policy,
    mismatch ?? oversized,
  );
}
