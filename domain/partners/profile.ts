/**
 * A partner: one outside system with its address, credential and policy; it names the vendor whose dialect it speaks (design.md section 2).
 * `partners/<partner>.json` is the seed; credentials never stand in it.
 */
import { type Static, Type } from "typebox";
import { Doors } from "./doors/index.ts";
import { PATTERN } from "../subscribers/pattern.ts";

const Id = Type.String({ pattern: "^[a-z][a-z0-9-]{0,31}$", description: "kebab-case name, the same everywhere / 全局统一的短横线名称" });
const Text = Type.String({ minLength: 1, maxLength: 200 });

/** What a partner may send us and how much. */
const Inbound = Type.Object(
  {
    bytesMax: Type.Integer({
      minimum: 1,
      maximum: 16_777_216,
      default: 1_048_576,
      description: "largest message in bytes / 单条报文字节上限",
    }),
    perSecond: Type.Integer({
      minimum: 1,
      maximum: 100_000,
      default: 5_000,
      description: "messages a second over HTTP before 429 / 每秒报文上限",
    }),
    kinds: Type.Optional(
      Type.Array(Id, {
        maxItems: 200,
        description: "message kinds it may send; absent = every inbound kind of its vendor / 允许的报文种类",
      }),
    ),
    doors: Type.Optional(Doors),
  },
  { additionalProperties: false },
);

/** HH:mm. */
const TIME_OF_DAY = "^(?:[01]\\d|2[0-3]):[0-5]\\d$";

/** How we write to a partner. */
export const Destination = Type.Object(
  {
    url: Type.String({
      pattern: "^(https?|dlls?|mllps?|sftp|ftps?|file)://",
      maxLength: 500,
      description: "base address; a message's path is added / 基础地址",
    }),
    connectTimeoutMs: Type.Integer({ minimum: 50, maximum: 60_000, default: 3_000 }),
    replyTimeoutMs: Type.Integer({ minimum: 50, maximum: 300_000, default: 15_000, description: "must stay below leaseMs / 必须小于租约" }),
    leaseMs: Type.Integer({ minimum: 1_000, maximum: 600_000, default: 30_000 }),
    parallel: Type.Integer({ minimum: 1, maximum: 1_000, default: 16, description: "lanes in flight at once / 同时在途的队列数" }),
    duplicates: Type.Union([Type.Literal("by-key"), Type.Literal("by-reference"), Type.Literal("inquiry"), Type.Literal("none")], {
      description: "how it treats the same write-back sent twice (design.md decision 8) / 对重复回写的处理",
    }),
    trustNotFoundAfterMs: Type.Integer({
      minimum: 0,
      maximum: 86_400_000,
      default: 60_000,
      description: "an inquiry's “not found” counts only this long after the last possible send / 查询无记录的可信时间",
    }),
    retry: Type.Object(
      {
        firstMs: Type.Integer({ minimum: 10, maximum: 600_000, default: 1_000 }),
        maxMs: Type.Integer({ minimum: 100, maximum: 3_600_000, default: 60_000 }),
      },
      { additionalProperties: false, default: { firstMs: 1_000, maxMs: 60_000 } },
    ),
    messages: Type.Record(Id, Type.String({ pattern: "^[a-z][a-z0-9-]*$" }), {
      description: "write-back kind → outbound message of the vendor, e.g. payment-confirm → payment-confirm-soap / 回写种类对应的报文",
    }),
    duplicatesLifetimeMs: Type.Optional(
      Type.Integer({
        minimum: 60_000,
        maximum: 34_560_000_000,
        description:
          "by-key only: how long the partner remembers a key; past half of it we ask first, or park where it cannot be asked; absent = for ever / 对方记住幂等键的时长",
      }),
    ),
    ratePerSecond: Type.Optional(
      Type.Number({
        minimum: 0.1,
        maximum: 100_000,
        description: "ceiling of calls a second, all workers together; absent = none / 每秒调用上限",
      }),
    ),
    quietHours: Type.Optional(
      Type.Array(
        Type.Object(
          { from: Type.String({ pattern: TIME_OF_DAY }), to: Type.String({ pattern: TIME_OF_DAY }) },
          { additionalProperties: false },
        ),
        { maxItems: 8, description: "China time; nothing is sent between from and to, past midnight too / 静默时段" },
      ),
    ),
    lane: Type.Optional(
      Type.Union([Type.Literal("order"), Type.Literal("patient")], {
        description: "which key keeps order unless the write-back node says otherwise; absent = order / 按单据或按患者排队",
      }),
    ),
    parkedHead: Type.Optional(
      Type.Union([Type.Literal("block"), Type.Literal("skip")], {
        description: "what a parked head does to its lane; absent = block / 停放的回写是否阻塞其后",
      }),
    ),
    alarms: Type.Optional(
      Type.Object(
        {
          warnAgeMs: Type.Optional(Type.Integer({ minimum: 1_000, maximum: 86_400_000, description: "absent = 5 min / 预警时长" })),
          pageAgeMs: Type.Optional(Type.Integer({ minimum: 1_000, maximum: 86_400_000, description: "absent = 15 min / 告警时长" })),
          backlog: Type.Optional(
            Type.Integer({ minimum: 1, maximum: 10_000_000, description: "absent = no alarm on numbers / 积压笔数告警" }),
          ),
        },
        { additionalProperties: false },
      ),
    ),
    deferredMs: Type.Optional(
      Type.Integer({
        minimum: 1_000,
        maximum: 604_800_000,
        description: "how long a deferred answer may take before we ask, resend or park; absent = 30 min / 延后应答的最长等待",
      }),
    ),
    tls: Type.Optional(
      Type.Object(
        {
          ca: Type.Optional(Type.String({ minLength: 1, description: "file of trusted authorities (PEM) / 信任的CA证书文件" })),
          cert: Type.Optional(Type.String({ minLength: 1, description: "file of our certificate (PEM) / 本方证书文件" })),
          key: Type.Optional(Type.String({ minLength: 1, description: "file of our private key (PEM) / 本方私钥文件" })),
          serverName: Type.Optional(Type.String({ minLength: 1, maxLength: 253 })),
        },
        { additionalProperties: false, description: "mutual TLS; files, never contents / 双向TLS" },
      ),
    ),
    exchanges: Type.Optional(
      Type.Record(Id, Id, {
        description:
          "outbound message → kind under which the call and its reply are journaled as an exchange of this partner / 调用与应答作为交易对入库的种类",
      }),
    ),
    inquiry: Type.Optional(Type.String({ description: "outbound message that asks what became of a key / 查询报文" })),
    perMessage: Type.Optional(
      Type.Record(
        Id,
        Type.Object(
          {
            duplicates: Type.Optional(
              Type.Union([Type.Literal("by-key"), Type.Literal("by-reference"), Type.Literal("inquiry"), Type.Literal("none")]),
            ),
            inquiry: Type.Optional(Id),
          },
          { additionalProperties: false },
        ),
        {
          description:
            "outbound message → its own duplicates policy and inquiry, where they differ from the destination's (a question may simply be repeated) / 个别报文的重复策略与查询报文",
        },
      ),
    ),
    reversal: Type.Optional(
      Type.Object(
        {
          message: Id,
          of: Type.Array(Id, { minItems: 1, maxItems: 50, description: "outbound messages that it may undo / 可被冲正的报文" }),
        },
        {
          additionalProperties: false,
          description:
            "outbound message that undoes an unclear write-back, once the inquiry was believed to find nothing; absent = it is sent again / 查询无记录后的冲正",
        },
      ),
    ),
    ping: Type.Optional(Type.String({ pattern: "^/", description: "path of a harmless GET / 探测路径" })),
    probe: Type.Optional(
      Type.Object(
        {
          firstMs: Type.Integer({ minimum: 50, maximum: 600_000, default: 5_000 }),
          maxMs: Type.Integer({ minimum: 50, maximum: 600_000, default: 30_000 }),
        },
        { additionalProperties: false, description: "pauses between probes while it does not answer; absent = 5 s to 30 s / 探测间隔" },
      ),
    ),
  },
  { additionalProperties: false },
);

export const Partner = Type.Object(
  {
    $schema: Type.Optional(Type.String()),
    partner: Id,
    vendor: Id,
    name: Type.Object({ zh: Text, en: Text }, { additionalProperties: false }),
    constants: Type.Record(Type.String({ pattern: "^[a-z][A-Za-z0-9]*$" }), Type.String({ maxLength: 500 }), {
      description: "named constants that mappings may use / 映射可引用的常量",
      default: {},
    }),
    inbound: Type.Optional(Inbound),
    destination: Type.Optional(Destination),
    subscription: Type.Optional(
      Type.Object(
        {
          events: Type.Array(Type.String({ pattern: PATTERN, maxLength: 100 }), {
            minItems: 1,
            maxItems: 50,
            description: "event types it reads from its queue huiliu.events.<partner>, * and # as in AMQP / 订阅的事件类型",
          }),
        },
        { additionalProperties: false, description: "events it reads; the engine declares the queue and answers for it / 事件订阅" },
      ),
    ),
  },
  { additionalProperties: false, $id: "partner" },
);

export type Partner = Static<typeof Partner>;
export type Destination = Static<typeof Destination>;
