/** Trials of the nodes around the events: what a partner would be asked, what the sender would read, what a look-up finds, what an operator reads of a parked message. */
import type { Found } from "../delivery/engine.ts";
import { problemsReason } from "../delivery/node-calls.ts";
import type { Verdict } from "../journal/intake.ts";
import type { ParkReason } from "../journal/ports.ts";
import { encodeText } from "../mapping/charset.ts";
import { maskText } from "../operations/masking.ts";
import { answered, refused } from "../operations/refusals.ts";
import { nextOf, refusal } from "../refusals.ts";
import type { Reading } from "../writeback/dialect.ts";
import { whyOf } from "../writeback/why.ts";
import { textOf } from "./drawing.ts";
import type { AnswerSeen, FoundSeen, QuestionSeen, ReadingSeen } from "./trial.ts";
import type { Outcome, Question, ReplyExample, SenderAnswer, TrialDeps, TrialOf, Tried } from "./trial-deps.ts";
import { bodySeen, charsetIn, masked, notTranslated, problemsSeen, said } from "./trial-seen.ts";

/** Hits of a look-up; as the node itself. */
const FOUND_MAX = 100;
/** Bytes of an answer shown as hex. */
const HEX_BYTES_MAX = 512;

/** What a park node without a reason of its own says of a message that nothing is wrong with. */
const ON_PURPOSE = said("流程主动挂起 (parked by the flow)", "流程主动挂起 (parked by the flow)");

const eventsIn = ({ translated }: Tried): readonly unknown[] | undefined =>
  translated?.result.ok === true
    ? translated.result.events.map((sealed) => JSON.parse(JSON.stringify(sealed.event)) as unknown)
    : undefined;

/** The output of the node, by what the reply proves: as nodes/ask-partner does it. */
const outputOf = (outcome: Reading["outcome"]): string =>
  outcome === "acknowledged" || outcome === "rejected" || outcome === "not-found" ? outcome : "unclear";

const FIELDS = ["how", "claims", "code", "text", "receiptNo", "invoiceNo", "remark", "amountFen", "serial", "reference"] as const;

function fieldsOf(reading: Reading): ReadingSeen["fields"] {
  return Object.fromEntries(
    FIELDS.flatMap((name) => {
      const value = reading[name];
      return value === undefined ? [] : [[name, maskText(String(value))]];
    }),
  );
}

/** The question as it would go out, and how a reply would be read. Nobody is asked. */
export const asks: TrialOf = async (deps, tried) => {
  const { asked, config, translated } = tried;
  if (translated?.result.ok === false) return answered(notTranslated(translated.result));
  const [partner, kind] = [textOf(config.partner), textOf(config.kind)];
  const event = translated?.result.ok === true ? translated.result.events[0]?.event : undefined;
  const question = deps.question({ partner, kind }, event);
  if (!question.ok) return answered({ said: masked(question.reason), problems: problemsSeen(question.reason) });
  const replies = await deps.replies(question.mapping);
  const seen: QuestionSeen = {
    partner,
    mapping: question.mapping,
    method: question.method,
    url: question.url,
    headers: Object.fromEntries(Object.entries(question.headers).map(([name, value]) => [name, maskText(value)])),
    contentType: question.contentType,
    key: question.sent.key,
    body: bodySeen(question.body, question.charset),
    examples: replies.map(({ name }) => name),
  };
  if (asked.reply === undefined && asked.example === undefined)
    return answered({
      open: true,
      said: said(`会这样询问“${partner}”；试运行没有发出任何字节`, `“${partner}” would be asked this; the trial has sent nothing`),
      question: seen,
    });
  const reply = replyOf(asked, question, replies);
  if (reply === undefined) return refused("BAD_REQUEST");
  return answered({ ...readBy(deps, question, reply), question: seen });
};

/** The stored example, read against what it answers; or the typed one, read against this very question. */
function replyOf(
  { example, reply }: Tried["asked"],
  question: Question,
  replies: readonly ReplyExample[],
): ({ readonly name?: string } & Omit<ReplyExample, "name">) | undefined {
  if (reply === undefined) return replies.find(({ name }) => name === example);
  const contentType = reply.contentType ?? question.contentType;
  const body = encodeText(reply.text.replaceAll("{key}", question.sent.key), charsetIn(contentType, question.charset));
  if (body === undefined) return undefined;
  const { status, returnValue } = reply;
  return { reply: { status, contentType, body, ...(returnValue === undefined ? {} : { returnValue }) }, sent: question.sent };
}

function readBy(
  deps: TrialDeps,
  question: Question,
  { name, reply, sent }: { readonly name?: string } & Omit<ReplyExample, "name">,
): Outcome {
  const reading = deps.interpret(question.mapping, reply, sent);
  const why = masked(whyOf(reading.why));
  return {
    to: outputOf(reading.outcome),
    said: said(`这样的应答读作：${why.zh}`, `such a reply is read as: ${why.en}`),
    reading: {
      ...(name === undefined ? {} : { example: name }),
      status: reply.status,
      body: bodySeen(reply.body, charsetIn(reply.contentType, question.charset)),
      outcome: reading.outcome,
      why,
      fields: fieldsOf(reading),
    },
  };
}

/** The very bytes that the sender would read, where somebody waits at the message's door. */
export const answers: TrialOf = (deps, tried) => {
  const { message, config, translated } = tried;
  const [verdict, text] = [textOf(config.verdict), textOf(config.text)];
  if (verdict !== "accepted" && verdict !== "refused") return answered({ said: said("未选择答复", "no verdict is chosen") });
  const events = translated?.result.ok === true ? translated.result.events.map((sealed) => sealed.event.id) : [];
  const told: Verdict = { verdict, messageId: message.id, events, ...(text === "" ? {} : { text }) };
  const wire = deps.answer(message, told);
  const answer: AnswerSeen = { door: message.door, verdict, ...(wire === undefined ? {} : { wire: wireOf(wire) }) };
  const silent = said(
    `会记下答复；但从“${message.door}”来的这条报文，发送方不等流程的结果`,
    `the answer would be recorded; but the sender of this message, which came by “${message.door}”, does not wait for the flow`,
  );
  const spoken = said("整条报文完成后，发送方读到这些字节", "once the whole message has settled the sender reads these bytes");
  return answered({ to: "answered", said: wire === undefined ? silent : spoken, answer });
};

function wireOf({ status, contentType, body }: SenderAnswer): NonNullable<AnswerSeen["wire"]> {
  const charset = charsetIn(contentType);
  const text = bodySeen(body, charset);
  const shown = encodeText(text, charset) ?? new Uint8Array(0);
  const hex = [...shown.subarray(0, HEX_BYTES_MAX)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return { ...(status === undefined ? {} : { status }), contentType, bytes: body.length, text, hex };
}

/** A property of a message by its path (`payload[0].data.bills[0].no`); undefined where there is none. Own members only. */
export function propertyOf(message: unknown, path: string): unknown {
  let here = message;
  for (const [, bare, single, double] of path.matchAll(/([^.[\]'"]+)|\[(?:'([^']*)'|"([^"]*)")\]/g)) {
    const name = bare ?? single ?? double ?? "";
    if (typeof here !== "object" || here === null || !Object.hasOwn(here, name)) return undefined;
    here = (here as Readonly<Record<string, unknown>>)[name];
  }
  return here;
}

/** The key's value as the flow would find it: in the list that translate sends on, in one event of it, in what feeds the flow; or as it was typed in. */
function keyOf(tried: Tried): Pick<FoundSeen, "value" | "from"> | undefined {
  const { asked, config, message } = tried;
  if (asked.value !== undefined && asked.value !== "") return { value: asked.value, from: "typed" };
  const { id, partner, kind } = message;
  const rest = { topic: `${partner}.${kind}`, huiliu: { messageId: id, partner, kind } };
  const events = eventsIn(tried) ?? [];
  const tries = [
    { from: "events" as const, payload: events },
    ...events.map((payload) => ({ from: "event" as const, payload })),
    { from: "feed" as const, payload: { messageId: id, partner, kind } },
  ];
  for (const { from, payload } of tries) {
    const value = propertyOf({ ...rest, payload }, textOf(config.property));
    if (typeof value === "string" && value !== "") return { value, from };
  }
  return undefined;
}

/** What the look-up would find now. It only reads; hits of partners that the asker may not see are left out. */
export const finds: TrialOf = async (deps, tried) => {
  const { config, sees } = tried;
  const keyKind = textOf(config.keyKind);
  if (keyKind === "") return answered({ said: said("未选择业务号种类", "no kind of business key is chosen") });
  const key = keyOf(tried);
  if (key === undefined)
    return answered({
      said: said(
        `在这条报文上，msg.${textOf(config.property)} 不是文本：可在下面填入业务号再试`,
        `with this message msg.${textOf(config.property)} is not a text: type a value below and try again`,
      ),
    });
  const limit = Math.min(Math.max(Number(config.limit) || FOUND_MAX, 1), FOUND_MAX);
  const hits: Found = await deps.find(keyKind, key.value, limit);
  const found: FoundSeen = {
    keyKind,
    from: key.from,
    value: maskText(key.value),
    messages: hits.messages
      .filter((one) => sees(one.partner))
      .map(({ messageId, partner, kind, state }) => ({ id: messageId, partner, kind, state })),
    events: hits.events.filter((one) => sees(one.source)).map(({ id, type, source }) => ({ id, type, source })),
    writeBacks: hits.writeBacks
      .filter((one) => sees(one.destination))
      .map(({ id, destination, kind, state }) => ({ id, destination, kind, state })),
  };
  const count = hits.messages.length + hits.events.length + hits.writeBacks.length;
  const nothing = said("没有找到：从“没有”输出", "nothing is found: it leaves by “nothing”");
  const some = said(`找到 ${count} 项：从“找到”输出`, `${count} are found: it leaves by “found”`);
  return answered({ to: count > 0 ? "found" : "nothing", said: count > 0 ? some : nothing, found });
};

/** The code and the sentences under which the message would wait for a person. */
export const parks: TrialOf = (_deps, tried) => {
  const { config, translated } = tried;
  const own = textOf(config.reason);
  const wrong: ParkReason | undefined =
    translated === undefined ? refusal("UNKNOWN_MESSAGE") : translated.result.ok ? undefined : problemsReason(translated.result.problems);
  // A reason given in the editor stands alone; without one the engine's refusal is kept (nodes/park).
  const reason = own === "" && wrong !== undefined ? wrong : refusal("PARKED_BY_FLOW", own === "" ? ON_PURPOSE : { zh: own, en: own });
  const next = nextOf(reason);
  return answered({
    to: "parked",
    said: said(
      "报文会挂起：它的意图一个也不提交，等人处理",
      "the message would be parked: none of its intents is committed, a person must look",
    ),
    problems: reason.problems === undefined ? [] : problemsSeen(reason),
    parked: { state: "parked", code: reason.code, reason: masked(reason), ...(next === undefined ? {} : { next }) },
  });
};
