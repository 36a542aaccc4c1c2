/** What a sender who waits for the flow would read, in bytes, by the door that his message came through: for the editor's trial of an answer. */
import type { SenderAnswer } from "../../domain/flows/trial-deps.ts";
import type { Verdict } from "../../domain/journal/intake.ts";
import type { JournaledMessage } from "../../domain/journal/ports.ts";
import { charsetOf } from "../../domain/mapping/charset.ts";
import { charsetOfMsh18, headerOf } from "../../domain/mapping/hl7-header.ts";
import { verdictBody } from "../../platform/transports/amqp/door.ts";
import type { Dialect } from "../../platform/transports/http/gateway.ts";
import { acknowledgement, applicationAck } from "../../platform/transports/mllp/ack.ts";

export interface SenderAnswerDeps {
  readonly dialect: Pick<Dialect, "answer">;
  /** Whether the sender waits until the flow has ended; of AMQP every sender with a reply-to does. */
  readonly waits: (message: JournaledMessage) => boolean;
  readonly charsetOf: (partner: string) => string | undefined;
  readonly nowMs: () => number;
}

const utf8 = new TextEncoder();

function ofMllp(deps: SenderAnswerDeps, message: JournaledMessage, verdict: Verdict): SenderAnswer | undefined {
  const header = headerOf(message.raw);
  if (header === undefined) return undefined;
  const charset =
    charsetOf(message.charset ?? "") ?? charsetOfMsh18(header.charset) ?? charsetOf(deps.charsetOf(message.partner) ?? "") ?? "utf-8";
  const body = acknowledgement(header, applicationAck(verdict), deps.nowMs(), charset);
  return { contentType: `application/hl7-v2; charset=${charset}`, body };
}

/** Undefined: nobody waits at that door, or not for the flow. */
export function createSenderAnswers(deps: SenderAnswerDeps): (message: JournaledMessage, verdict: Verdict) => SenderAnswer | undefined {
  return (message, verdict) => {
    if (message.door === "amqp") return { contentType: "application/json; charset=utf-8", body: verdictBody(verdict) };
    if (!deps.waits(message)) return undefined;
    if (message.door === "mllp") return ofMllp(deps, message, verdict);
    const { partner, kind, charset } = message;
    const told = deps.dialect.answer(partner, kind, { kind: "verdict", verdict }, charset);
    if (told === undefined) return undefined;
    const body = typeof told.body === "string" ? utf8.encode(told.body) : told.body;
    return { status: told.status, contentType: told.contentType, body };
  };
}
