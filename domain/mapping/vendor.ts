/**
 * A vendor: whose dialect a partner speaks. `mappings/<vendor>/vendor.json` holds what all its messages share: names, default charset, the constants that
 * a partner profile must give, and how its systems want to be answered over HTTP.
 */
import Type, { type Static } from "typebox";
import { BothLanguages, CLOSED, says } from "./document.ts";

const Answer = Type.Object(
  {
    status: Type.Integer({ minimum: 200, maximum: 599 }),
    body: Type.String({
      maxLength: 4_000,
      ...says("模板：{{messageId}} {{code}} {{own}} {{text}}", "template with {{messageId}} {{code}} {{own}} {{text}}"),
    }),
  },
  CLOSED,
);
export const Answers = Type.Object(
  {
    contentType: Type.String({ ...says("不含字符集；应答用请求的字符集", "without charset: the answer uses that of the request") }),
    escape: Type.Union([Type.Literal("xml"), Type.Literal("json"), Type.Literal("none")]),
    after: Type.Union([Type.Literal("journal"), Type.Literal("settlement")], {
      ...says("入库后即答，或流程结束后再答", "answer once the bytes are journaled, or once the flow has ended"),
    }),
    codes: Type.Optional(
      Type.Record(Type.String({ pattern: "^(?:[A-Z_]+|\\*)$" }), Type.String({ maxLength: 40 }), {
        ...says(
          "我方代码 → 对方方言的代码，用于 {{own}}；* 为其余",
          "our refusal codes → codes of the partner's dialect, for {{own}}; * for all others",
        ),
      }),
    ),
    accepted: Answer,
    duplicate: Answer,
    refused: Answer,
    busy: Answer,
  },
  CLOSED,
);

/** An acknowledgement that comes on its own way, as a message or an HTTP callback; read by the reply contract of what it acknowledges. */
const LaterAcknowledgement = Type.Object(
  {
    title: BothLanguages,
    acknowledges: Type.String({ pattern: "^[a-z][a-z0-9-]{0,31}$", ...says("出站报文", "outbound message of this vendor") }),
    by: Type.Union([Type.Literal("key"), Type.Literal("serial"), Type.Literal("reference")], {
      ...says("凭什么对应：回写键、业务流水号、对方受理号", "what names the write-back: its key, its serial, the partner's own reference"),
    }),
  },
  CLOSED,
);
export type LaterAcknowledgement = Static<typeof LaterAcknowledgement>;

export const VendorDocument = Type.Object(
  {
    $schema: Type.Optional(Type.String()),
    name: BothLanguages,
    charset: Type.Union([Type.Literal("utf-8"), Type.Literal("gbk"), Type.Literal("gb18030")], says("缺省字符集", "default charset")),
    adapter: Type.Optional(
      Type.String({
        pattern: "^[a-z][a-z0-9-]{0,31}$",
        ...says("adapters/ 下的适配器", "the folder of adapters/ that closes and opens its envelopes"),
      }),
    ),
    exchanges: Type.Array(Type.String(), { ...says("以入参、出参成对到达的报文", "message kinds that come as exchanges") }),
    constants: Type.Record(Type.String({ pattern: "^[a-z][A-Za-z0-9]*$" }), BothLanguages, {
      ...says("伙伴档案须给出的常量", "constants that a partner profile must give"),
    }),
    cutOff: Type.Optional(
      Type.String({
        pattern: "^(?:[01][0-9]|2[0-3]):[0-5][0-9]$",
        ...says("业务日切点，缺省 23:00", "business day cut-off, 23:00 by default"),
      }),
    ),
    answers: Type.Optional(Answers),
    acknowledgements: Type.Optional(
      Type.Record(Type.String({ pattern: "^[a-z][a-z0-9-]{0,31}$" }), LaterAcknowledgement, {
        ...CLOSED,
        ...says(
          "另行到达的回写确认：报文种类 → 它确认哪个出站报文",
          "acknowledgements that come on their own: message kind → the outbound message it acknowledges",
        ),
      }),
    ),
  },
  CLOSED,
);
export type VendorDocument = Static<typeof VendorDocument>;
export const VendorSchema = {
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "汇流厂商文档 · Huiliu vendor document",
  ...VendorDocument,
} as const;

export type AnswerKind = "accepted" | "duplicate" | "refused" | "busy";

const ESCAPE: Readonly<Record<"xml" | "json" | "none", (text: string) => string>> = {
  xml: (text) =>
    text
      .replace(/[^\t\n\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, " ")
      .replace(/&/g, "&amp;")
      .replace(/</g, "&lt;")
      .replace(/>/g, "&gt;")
      .replace(/"/g, "&quot;"),
  json: (text) => JSON.stringify(text).slice(1, -1),
  none: (text) => text,
};

/** The answer to a sender in the vendor's own dialect; undefined when the vendor declares none (the gateway's own JSON is used). */
export function renderAnswer(
  vendor: VendorDocument,
  kind: AnswerKind,
  values: { readonly messageId: string; readonly code: string; readonly text: string; readonly own?: string },
): { readonly status: number; readonly contentType: string; readonly text: string; readonly after: "journal" | "settlement" } | undefined {
  const answers = vendor.answers;
  if (!answers) return undefined;
  const escaped = ESCAPE[answers.escape];
  const { status, body } = answers[kind];
  const own = values.own ?? answers.codes?.[values.code] ?? answers.codes?.["*"] ?? values.code;
  const said = { ...values, own };
  const text = body.replace(/\{\{(messageId|code|own|text)\}\}/g, (_, name: "messageId" | "code" | "own" | "text") => escaped(said[name]));
  return { status, contentType: answers.contentType, text, after: answers.after };
}
