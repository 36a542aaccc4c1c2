/**
 * A stored test made of a stored message (issue 4, "make a test from this message"): what came in, as it is shown to people (masked), and what came of it, as what is
 * expected from now on. Replies of partners are the stored ones, with the key that they answered for put in by the test. Pure.
 */
import type { MessageDetail } from "../operations/views.ts";
import type { ExpectedWriteBack, FlowTest, Given, ScriptedReply } from "./document.ts";

/** Values of an event that are asserted: the first ones that are short and were not masked. */
export const DRAFT_FIELDS_MAX = 12;
const VALUE_MAX = 64;
const DEPTH_MAX = 5;
/** A destination that gave no reply is not reached in the test either, however often it is tried. */
const UNREACHED: ScriptedReply = { fails: "refused", times: 1_000 };
const OUTCOMES: ReadonlySet<string> = new Set(["acknowledged", "parked", "held", "queued", "waiting", "deferred", "resolved"]);

/** Why no test can be made of it. */
export type NoDraft = "gone" | "too-long" | "unreadable";

const escaped = (key: string): string => key.replaceAll("~", "~0").replaceAll("/", "~1");

/** Short texts of the event's data, by place. What was masked is somebody's, and would be masked again otherwise. */
function fieldsOf(event: Readonly<Record<string, unknown>>): Record<string, string> {
  const fields: Record<string, string> = {};
  const walk = (value: unknown, place: string, depth: number): void => {
    if (Object.keys(fields).length >= DRAFT_FIELDS_MAX || depth > DEPTH_MAX) return;
    if (typeof value === "string") {
      if (value !== "" && value.length <= VALUE_MAX && !value.includes("*") && !value.includes("…")) fields[place] = value;
    } else if (typeof value === "object" && value !== null)
      for (const [key, member] of Object.entries(value)) walk(member, `${place}/${escaped(key)}`, depth + 1);
  };
  walk(event.data, "/data", 0);
  return fields;
}

/** `2026-11-20T09:30:00+08:00` of a moment with or without milliseconds. */
const second = (moment: string): string => moment.replace(/\.\d+/, "");

function givenOf({ message, contentType, raw, reply, returnValue }: MessageDetail): Given | NoDraft {
  if (raw === undefined) return "gone";
  if (raw.text === undefined) return "unreadable";
  if (raw.cut || reply?.cut === true) return "too-long";
  const charset = (bytes: typeof raw) => (bytes.charset === undefined ? {} : { charset: bytes.charset });
  return {
    partner: message.partner,
    kind: message.kind,
    at: second(message.receivedAt),
    text: raw.text,
    ...charset(raw),
    ...(contentType === undefined ? {} : { contentType }),
    ...(reply?.text === undefined ? {} : { reply: { text: reply.text, ...charset(reply) } }),
    ...(returnValue === undefined ? {} : { returnValue }),
  };
}

/** The last reply that a write-back got, to be given again. */
function replyOf({ writeBack, attempts }: MessageDetail["writeBacks"][number]): ScriptedReply {
  const answered = attempts.findLast((attempt) => attempt.reply?.text !== undefined && !attempt.reply.cut);
  const { reply, status } = answered ?? {};
  if (reply?.text === undefined) return UNREACHED;
  return {
    text: reply.text.replaceAll(writeBack.key, "{key}"),
    ...(reply.charset === undefined ? {} : { charset: reply.charset }),
    ...(status === undefined ? {} : { status }),
  };
}

/** The test document, or why there can be none. */
export function draftOf(
  detail: MessageDetail,
): { readonly ok: true; readonly test: FlowTest } | { readonly ok: false; readonly why: NoDraft } {
  const given = givenOf(detail);
  if (typeof given === "string") return { ok: false, why: given };
  const { message } = detail;
  const replies: Record<string, ScriptedReply[]> = {};
  for (const one of detail.writeBacks) {
    const { destination } = one.writeBack;
    replies[destination] = [...(replies[destination] ?? []), replyOf(one)];
  }
  const writeBacks = detail.writeBacks.map(
    ({ writeBack: { destination, kind, amount, state } }): ExpectedWriteBack => ({
      destination,
      kind,
      ...(amount === undefined ? {} : { amount }),
      outcome: OUTCOMES.has(state) ? (state as ExpectedWriteBack["outcome"]) : "waiting",
    }),
  );
  const told = detail.events.filter(({ type, published }) => published && type !== "message.parked" && !type.startsWith("writeback."));
  const events = told.map(({ type, subject, event }) => ({
    type,
    source: message.partner,
    ...(subject === undefined || subject.includes("*") ? {} : { subject }),
    fields: fieldsOf(event),
  }));
  const parked = message.state === "parked" ? [{ message: 1, code: message.parked?.code ?? "NOT_TRANSLATABLE" }] : [];
  const what = `${message.partner}.${message.kind}`;
  const title = { zh: `报文 ${what}（${message.id.slice(0, 8)}，已脱敏）`, en: `Message ${what} (${message.id.slice(0, 8)}, masked)` };
  return {
    ok: true,
    test: {
      version: 1,
      title,
      clock: second(message.receivedAt),
      given: [given],
      ...(Object.keys(replies).length === 0 ? {} : { replies }),
      expect: { events, writeBacks, parked },
    },
  };
}
