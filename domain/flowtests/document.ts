/**
 * A test stored with a flow: `flows/<flow>/tests/<name>.json`. What partners send, what they reply when we write to them, and everything that must come of it.
 * Plain documents throughout: envelopes (signatures, ciphers, framing) are taken off before a flow sees anything, and have tests of their own.
 */
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";

const Both = Type.Object({ zh: Type.String({ minLength: 1, maxLength: 200 }), en: Type.String({ minLength: 1, maxLength: 200 }) });
const Name = Type.String({ pattern: "^[a-z0-9][a-z0-9-]{0,63}$" });
const Moment = Type.String({
  pattern: "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\+08:00$",
  description: "中国时间 · China time",
});
/** Values by JSON pointer; null = must be absent. Numbers are written as the text they have there. */
const Fields = Type.Record(
  Type.String({ pattern: "^/" }),
  Type.Union([Type.String({ maxLength: 4000 }), Type.Boolean(), Type.Number(), Type.Null()]),
  {
    description: "按位置断言；null 为必须没有 · values by their place; null = must be absent",
  },
);

/** Bytes: a file of the project, a text in a charset, or base64. */
const CONTENT = {
  file: Type.Optional(
    Type.String({
      pattern: "^(mappings|flows|examples)/[A-Za-z0-9_./-]+$",
      maxLength: 300,
      description: "项目内文件 · a file of the project",
    }),
  ),
  text: Type.Optional(Type.String({ maxLength: 200_000 })),
  base64: Type.Optional(Type.String({ pattern: "^[A-Za-z0-9+/=\\s]*$", maxLength: 400_000 })),
  charset: Type.Optional(
    Type.String({
      pattern: "^[a-z0-9-]{3,20}$",
      description: "text 按此字符集编码，file 以此声明 · the text is encoded in it; of a file it is declared",
    }),
  ),
  replace: Type.Optional(
    Type.Record(Type.String({ minLength: 1 }), Type.String(), {
      description: "每一处都必须出现 · each must occur; all its occurrences are replaced",
    }),
  ),
};
const Content = Type.Object(CONTENT, { additionalProperties: false });
export type Content = Static<typeof Content>;

const DOORS = ["amqp", "http", "soap", "mllp", "dicom", "file", "view"] as const;
const Given = Type.Object(
  {
    ...CONTENT,
    partner: Name,
    kind: Name,
    at: Type.Optional(Moment),
    door: Type.Optional(
      Type.Unsafe<(typeof DOORS)[number]>(
        Type.Union(
          DOORS.map((door) => Type.Literal(door)),
          { description: "缺省 amqp · amqp where absent" },
        ),
      ),
    ),
    identity: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    contentType: Type.Optional(Type.String({ maxLength: 200 })),
    headers: Type.Optional(Type.Record(Type.String(), Type.String())),
    reply: Type.Optional(Content),
    returnValue: Type.Optional(Type.String({ maxLength: 200 })),
  },
  { additionalProperties: false, description: "伙伴发来的一条报文；DLL 交易另有 reply 与 returnValue · what a partner sends" },
);
export type Given = Static<typeof Given>;

const Reply = Type.Object(
  {
    ...CONTENT,
    to: Type.Optional(
      Type.String({
        pattern: "^[a-z0-9][a-z0-9-]{0,63}$",
        description: "只答这种请求（出站映射名）；缺省任何请求 · answers calls of this outbound mapping only",
      }),
    ),
    times: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
    status: Type.Optional(Type.Integer({ minimum: 100, maximum: 599 })),
    contentType: Type.Optional(Type.String({ maxLength: 200 })),
    returnValue: Type.Optional(Type.String({ maxLength: 200 })),
    ms: Type.Optional(Type.Integer({ minimum: 0, maximum: 600_000 })),
    fails: Type.Optional(
      Type.Union([Type.Literal("refused"), Type.Literal("timeout"), Type.Literal("cut")], {
        description:
          "refused 未连上，timeout 发出后无应答，cut 应答中断 · refused: nothing left us; timeout, cut: sent, and no whole reply came",
      }),
    ),
  },
  {
    additionalProperties: false,
    description:
      "伙伴对一次请求的应答；{key}、{number}、{sent:/位置} 取自请求 · {key}, {number} and {sent:/place} are taken from what was sent",
  },
);
export type ScriptedReply = Static<typeof Reply>;

const ExpectedAnswer = Type.Object(
  {
    message: Type.Integer({ minimum: 1 }),
    verdict: Type.Union([Type.Literal("accepted"), Type.Literal("duplicate"), Type.Literal("refused")]),
    text: Type.Optional(Type.String()),
    code: Type.Optional(Type.String()),
  },
  { additionalProperties: false },
);
const ExpectedEvent = Type.Object(
  { type: Type.String(), source: Type.Optional(Name), subject: Type.Optional(Type.String()), fields: Type.Optional(Fields) },
  { additionalProperties: false },
);
const OUTCOMES = ["acknowledged", "parked", "held", "queued", "waiting", "deferred", "resolved"] as const;
const ExpectedWriteBack = Type.Object(
  {
    destination: Name,
    kind: Name,
    key: Type.Optional(Type.String()),
    lane: Type.Optional(Type.String()),
    amount: Type.Optional(Type.String({ pattern: "^-?\\d+$", description: "分 · fen" })),
    body: Type.Optional(Fields),
    contains: Type.Optional(Type.Array(Type.String({ minLength: 1 }))),
    calls: Type.Optional(
      Type.Array(Type.Union([Type.Literal("send"), Type.Literal("ask")]), {
        description: "每次尝试做了什么 · what each attempt did",
      }),
    ),
    attempts: Type.Optional(Type.Integer({ minimum: 0 })),
    outcome: Type.Unsafe<(typeof OUTCOMES)[number]>(Type.Union(OUTCOMES.map((one) => Type.Literal(one)))),
    code: Type.Optional(
      Type.String({ description: "parked 的原因代码，acknowledged 的伙伴代码 · why it is parked; of a receipt, the partner's code" }),
    ),
  },
  { additionalProperties: false },
);
const ExpectedParked = Type.Object(
  {
    message: Type.Optional(Type.Integer({ minimum: 1 })),
    partner: Type.Optional(Name),
    kind: Type.Optional(Name),
    code: Type.String(),
    node: Type.Optional(Type.String()),
    at: Type.Optional(Type.String({ description: "映射所说的位置之一 · one of the places that the mapping names" })),
  },
  { additionalProperties: false },
);
export type ExpectedAnswer = Static<typeof ExpectedAnswer>;
export type ExpectedEvent = Static<typeof ExpectedEvent>;
export type ExpectedWriteBack = Static<typeof ExpectedWriteBack>;
export type ExpectedParked = Static<typeof ExpectedParked>;

export const FlowTestSchema = Type.Object(
  {
    $schema: Type.Optional(Type.String()),
    version: Type.Literal(1),
    title: Both,
    clock: Moment,
    hours: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: 48,
        description: "最多推演多久（虚拟小时，缺省 4） · how long it is played at most, in hours that take milliseconds",
      }),
    ),
    given: Type.Array(Given, { minItems: 1, maxItems: 50 }),
    replies: Type.Optional(Type.Record(Name, Type.Array(Reply, { minItems: 1, maxItems: 100 }))),
    expect: Type.Object(
      {
        answers: Type.Optional(Type.Array(ExpectedAnswer)),
        events: Type.Array(ExpectedEvent, {
          description: "发布的业务事件，数目须一致 · published events of the business, as many as are listed",
        }),
        writeBacks: Type.Array(ExpectedWriteBack, { description: "欠下的回写，数目须一致 · write-backs owed, as many as are listed" }),
        parked: Type.Array(ExpectedParked, { description: "挂起的报文，数目须一致 · parked messages, as many as are listed" }),
      },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
);
export type FlowTest = Static<typeof FlowTestSchema>;

/** Hours that a test is played at most, where it does not say. */
export const HOURS = 4;

/** What is wrong with a test file, by place. */
export interface DocumentProblem {
  readonly at: string;
  readonly zh: string;
  readonly en: string;
}

/** Reads a test document. Refuses what the schema does not know, and content that is given twice or not at all. */
export function checkFlowTest(
  value: unknown,
): { readonly ok: true; readonly test: FlowTest } | { readonly ok: false; readonly problems: readonly DocumentProblem[] } {
  const problems: DocumentProblem[] = [...Value.Errors(FlowTestSchema, value)].map((error) => ({
    at: error.instancePath || "/",
    zh: `不合测试文件的格式：${error.message}`,
    en: `does not have the form of a flow test: ${error.message}`,
  }));
  if (problems.length > 0) return { ok: false, problems: problems.slice(0, 20) };
  const test = value as FlowTest;
  const content = (one: Content, at: string, needed: boolean): void => {
    const given = [one.file, one.text, one.base64].filter((each) => each !== undefined).length;
    if (given > 1 || (needed && given === 0))
      problems.push({ at, zh: "file、text、base64 须恰有其一", en: "exactly one of file, text and base64 is needed" });
    if (one.file?.split("/").includes("..")) problems.push({ at, zh: "file 不可含 ..", en: "a file's path has no .." });
  };
  for (const [index, one] of test.given.entries()) {
    content(one, `/given/${index}`, true);
    if (one.reply) content(one.reply, `/given/${index}/reply`, true);
  }
  for (const [destination, replies] of Object.entries(test.replies ?? {}))
    for (const [index, one] of replies.entries()) content(one, `/replies/${destination}/${index}`, false);
  for (const [list, at] of [
    [test.expect.answers ?? [], "answers"],
    [test.expect.parked, "parked"],
  ] as const)
    for (const [index, one] of list.entries())
      if ((one.message ?? 1) > test.given.length)
        problems.push({
          at: `/expect/${at}/${index}/message`,
          zh: `given 只有 ${test.given.length} 条`,
          en: `given has ${test.given.length} messages only`,
        });
  return problems.length > 0 ? { ok: false, problems } : { ok: true, test };
}
