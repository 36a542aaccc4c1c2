/** What becomes of one frame: journaled, and what its sender is told when. Original and enhanced mode (HL7 v2 chapter 2, 2.9). */
import { failpoint } from "../../../domain/failpoint.ts";
import type { Intake, Verdict } from "../../../domain/journal/intake.ts";
import { type Journaled, JournalBusy, JournalGone, type ParkReason } from "../../../domain/journal/ports.ts";
import { inboundOf, plain } from "../../../domain/journal/sender.ts";
import type { Log } from "../../../domain/log.ts";
import { type Charset, charsetOf } from "../../../domain/mapping/charset.ts";
import { charsetOfMsh18, type Hl7Header, headerOf } from "../../../domain/mapping/hl7-header.ts";
import type { RateGate } from "../../../domain/partners/rates.ts";
import { refusal } from "../../../domain/refusals.ts";
import { acknowledgement, applicationAck, isAsked, isRejected, type Told } from "./ack.ts";
import { COMMIT_NAK } from "./framing.ts";

export interface AnswererOptions {
  readonly partner: string;
  /** MSH-3 must say this. */
  readonly application?: string;
  /** What the bytes are, whatever MSH-18 says. */
  readonly charset?: Charset;
  /** Values of MSH-11 that are taken. */
  readonly processing: readonly string[];
  readonly answer: "journal" | "settlement";
  readonly waitMs: number;
  readonly intake: Intake;
  readonly log: Log;
  /** The partner's `inbound.perSecond`, all workers together; absent: no limit but the journal's. */
  readonly rates?: RateGate;
  /** Epoch milliseconds. */
  readonly nowMs: () => number;
}

/** Bytes to answer with, at two moments; undefined: nothing is asked for. Neither ever rejects. */
export interface Answers {
  readonly first: Promise<Uint8Array | undefined>;
  readonly later: Promise<Uint8Array | undefined>;
}

export interface Answerer {
  take(frame: Buffer, from: string): Answers;
  /** For a frame that was not read to its end. Undefined: it has no header to answer to. */
  tooLarge(head: Buffer): Uint8Array | undefined;
  /** Waits for no flow any more: what is journaled is ours. */
  stop(): void;
}

/** A kind nobody can declare: the journal keeps bytes under it that are no HL7. */
const UNREADABLE = "unreadable";
/** Beyond what the partner may send in a second: nothing of it is kept, and it is told so. */
class TooFast extends Error {}

const NOTHING: Promise<undefined> = Promise.resolve(undefined);
const MEDIA_TYPE = "application/hl7-v2";

/** `dft-p03` from MSH-9. */
const kindOf = ({ code, trigger }: Pick<Hl7Header, "code" | "trigger">): string =>
  [code, trigger]
    .filter((part) => part !== "")
    .join("-")
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, "_");

export function createAnswerer(options: AnswererOptions): Answerer {
  const { partner, intake, log } = options;
  let stopped: () => void = () => undefined;
  const stopping = new Promise<undefined>((resolve) => {
    stopped = () => resolve(undefined);
  });

  const charsetFor = (header: Hl7Header): Charset =>
    options.charset ?? charsetOfMsh18(header.charset) ?? charsetOf(intake.policy(partner)?.charset ?? "") ?? "utf-8";
  const answer = (header: Hl7Header, told: Told): Uint8Array => acknowledgement(header, told, options.nowMs(), charsetFor(header));

  /** What is wrong with a message before its content is looked at. */
  const refused = (header: Hl7Header): ParkReason | undefined => {
    if (options.application !== undefined && header.application !== options.application) return refusal("SENDER_MISMATCH");
    const wrong = (zh: string, en: string): ParkReason => refusal("BAD_REQUEST", { zh, en });
    if (header.controlId === "") return wrong("没有消息控制号 MSH-10", "there is no control id (MSH-10)");
    if (header.code === "") return wrong("没有消息类型 MSH-9", "there is no message type (MSH-9)");
    if (!options.processing.includes(header.processing))
      return wrong("处理标识 MSH-11 不符", "the processing id (MSH-11) is not taken here");
    if (!/^2\.\d/.test(header.version)) return wrong("不支持的版本 MSH-12", "the version (MSH-12) is not supported");
    return undefined;
  };

  const journal = async (frame: Buffer, from: string, header: Hl7Header | undefined): Promise<Journaled> => {
    const allowed = intake.policy(partner)?.perSecond;
    if (options.rates !== undefined && allowed !== undefined && !(await options.rates.take(partner, allowed)).ok) throw new TooFast();
    const wrong = header ? refused(header) : refusal("BAD_REQUEST", { zh: "不以 MSH 段开头", en: "does not begin with an MSH segment" });
    const inbound = inboundOf(
      {
        door: "mllp",
        partner,
        kind: header && header.code !== "" ? kindOf(header) : UNREADABLE,
        ...(header && header.controlId !== "" ? { identity: `${header.application}|${header.controlId}` } : {}),
        contentType: options.charset === undefined ? MEDIA_TYPE : `${MEDIA_TYPE}; charset=${options.charset}`,
        headers: header
          ? { "msh-3": header.application, "msh-9": `${header.code}^${header.trigger}`, "msh-10": header.controlId, from }
          : { from },
        body: frame,
      },
      intake.policy(partner),
      wrong,
    );
    failpoint("mllp-door.before-journal");
    return intake.accept(inbound);
  };

  /** Undefined: we are stopping, and nobody knows yet. */
  const verdictOf = (journaled: Journaled): Promise<Verdict | undefined> =>
    Promise.race([intake.verdict(journaled, options.waitMs), stopping]);

  /** Busy is told in the sender's protocol, and never as AA. */
  const failed = (error: unknown, header: Hl7Header, enhanced: boolean): Uint8Array => {
    const known =
      error instanceof JournalBusy
        ? "JOURNAL_BUSY"
        : error instanceof JournalGone
          ? "JOURNAL_GONE"
          : error instanceof TooFast
            ? "TOO_MANY"
            : "INTERNAL";
    if (known === "INTERNAL") log.error({ partner, error: String(error) }, "an MLLP message could not be journaled");
    const next = refusal(known);
    const reason = { ...next, zh: `${next.zh}：请稍后用相同的消息控制号重发`, en: `${next.en}: send the same message again later` };
    return answer(header, { code: enhanced ? "CE" : "AR", reason });
  };

  const original = async (work: Promise<Journaled>, header: Hl7Header): Promise<Uint8Array> => {
    try {
      const journaled = await work;
      failpoint("mllp-door.before-answer");
      if (options.answer === "journal") return answer(header, applicationAck(await intake.verdict(journaled, 0)));
      // Journaled and not refused by now: it is ours, whatever its flow still does.
      return answer(header, applicationAck((await verdictOf(journaled)) ?? { verdict: "accepted", messageId: "" }));
    } catch (error) {
      return failed(error, header, false);
    }
  };

  const accepted = async (work: Promise<Journaled>, header: Hl7Header): Promise<Uint8Array | undefined> => {
    try {
      const journaled = await work;
      failpoint("mllp-door.before-answer");
      const told = commitOf(journaled);
      return isAsked(header.acceptAck, told.code) ? answer(header, told) : undefined;
    } catch (error) {
      // Without MSH-15 the sender hears of it in the only acknowledgement that it asked for.
      return failed(error, header, header.acceptAck !== "" && header.acceptAck !== "NE");
    }
  };

  const applied = async (work: Promise<Journaled>, header: Hl7Header): Promise<Uint8Array | undefined> => {
    try {
      const journaled = await work;
      if (commitOf(journaled).code !== "CA" && isAsked(header.acceptAck, "CR")) return undefined;
      const verdict = await verdictOf(journaled);
      const told = verdict === undefined ? undefined : applicationAck(verdict);
      return told !== undefined && isAsked(header.applicationAck, told.code) ? answer(header, told) : undefined;
    } catch {
      return undefined; // told in the first answer
    }
  };

  return {
    take: (frame, from) => {
      const header = headerOf(frame);
      if (!header || (header.controlId === "" && header.code === "")) {
        log.warn({ partner, from, bytes: frame.length }, "an MLLP frame is no HL7 message");
        const first = journal(frame, from, undefined).then(
          () => Buffer.of(COMMIT_NAK),
          () => Buffer.of(COMMIT_NAK),
        );
        return { first, later: NOTHING };
      }
      // An acknowledgement is never acknowledged, or two systems would go on for ever.
      if (header.code === "ACK" || header.code === "MCF") {
        log.debug({ partner, from, of: plain(header.controlId, 60) }, "an acknowledgement came in over MLLP and is let pass");
        return { first: NOTHING, later: NOTHING };
      }
      const work = journal(frame, from, header);
      if (header.acceptAck === "" && header.applicationAck === "") return { first: original(work, header), later: NOTHING };
      const waits = header.applicationAck !== "" && header.applicationAck !== "NE";
      return { first: accepted(work, header), later: waits ? applied(work, header) : NOTHING };
    },
    tooLarge: (head) => {
      const header = headerOf(head);
      const enhanced = header !== undefined && (header.acceptAck !== "" || header.applicationAck !== "");
      return header && answer(header, { code: enhanced ? "CR" : "AR", reason: refusal("TOO_LARGE") });
    },
    stop: () => stopped(),
  };
}

/** What an accept acknowledgement says of what the journal did. */
function commitOf(journaled: Journaled): Told {
  if (journaled.kind === "conflict") return { code: "CR", reason: refusal("IDENTITY_CONFLICT") };
  if (journaled.kind === "parked") return { code: "CR", reason: journaled.reason };
  if (journaled.kind === "duplicate" && journaled.reason && isRejected(journaled.reason)) return { code: "CR", reason: journaled.reason };
  return { code: "CA" };
}
