/** How a partner's HL7 v2 messages come in over MLLP. */
import { Type } from "typebox";

const Milliseconds = (fallback: number, description: string) =>
  Type.Integer({ minimum: 100, maximum: 3_600_000, default: fallback, description });

export const MllpDoor = Type.Object(
  {
    port: Type.Integer({ minimum: 0, maximum: 65_535, description: "0 picks a free one / 0 为自动选取" }),
    from: Type.Array(Type.String({ minLength: 2, maxLength: 64 }), {
      minItems: 1,
      maxItems: 50,
      description: "addresses it may come from, CIDR too; a client certificate counts besides / 允许的来源地址",
    }),
    application: Type.Optional(Type.String({ minLength: 1, maxLength: 60, description: "MSH-3 must say this / MSH-3 须为此值" })),
    charset: Type.Optional(
      Type.Union([Type.Literal("utf-8"), Type.Literal("gbk"), Type.Literal("gb18030")], {
        description:
          "what its bytes are, where its MSH-18 says otherwise; absent = MSH-18, else the vendor's / 实际字符集（与 MSH-18 不符时）",
      }),
    ),
    processing: Type.Array(Type.String({ pattern: "^[A-Z]$" }), {
      minItems: 1,
      maxItems: 5,
      default: ["P"],
      description: "values of MSH-11 that are taken / 接受的处理标识",
    }),
    answer: Type.Union([Type.Literal("journal"), Type.Literal("settlement")], {
      default: "settlement",
      description: "original mode: AA once the message is journaled, or once its flow has ended (AE when refused) / 何时应答 AA",
    }),
    waitMs: Milliseconds(10_000, "longest wait for the flow before AA says that the message is ours / 等待流程结束的最长时间"),
    frameMs: Milliseconds(30_000, "a frame once begun must end within / 一帧的最长接收时间"),
    idleMs: Milliseconds(600_000, "a connection that says nothing is closed after / 空闲连接的关闭时间"),
    connectionsMax: Type.Integer({ minimum: 1, maximum: 1_000, default: 32, description: "connections at once / 同时连接数上限" }),
    unansweredMax: Type.Integer({
      minimum: 1,
      maximum: 256,
      default: 32,
      description: "messages of one connection under way at once; more wait in the socket / 单连接同时处理数",
    }),
    tls: Type.Optional(
      Type.Object(
        {
          cert: Type.String({ minLength: 1, description: "file of our certificate (PEM) / 本方证书文件" }),
          key: Type.String({ minLength: 1, description: "file of our private key (PEM) / 本方私钥文件" }),
          ca: Type.Optional(
            Type.String({ minLength: 1, description: "client certificates of this authority are asked for / 要求此 CA 签发的客户端证书" }),
          ),
          names: Type.Optional(
            Type.Array(Type.String({ minLength: 1, maxLength: 253 }), {
              minItems: 1,
              maxItems: 20,
              description: "common names that its certificate may bear; absent = any of the authority's / 允许的证书名",
            }),
          ),
        },
        { additionalProperties: false, description: "TLS 1.2 or later / 加密传输" },
      ),
    ),
  },
  { additionalProperties: false, description: "HL7 v2 over MLLP; the message kind is MSH-9 as dft-p03 / HL7 v2 MLLP 接入" },
);
