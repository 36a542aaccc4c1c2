/** What the API tells of the audit's chain. */
import { type Static, Type } from "typebox";
import { TAMPERINGS, type Tampering } from "../audit/verify.ts";

const closed = <P extends import("typebox").TProperties>(properties: P) => Type.Object(properties, { additionalProperties: false });
const text = Type.String();

const AuditFinding = closed({
  kind: Type.Unsafe<Tampering>({ type: "string", enum: [...TAMPERINGS] }),
  n: Type.String({ description: "place in the chain; - : outside of it / 链中序号" }),
  to: Type.Optional(Type.String({ description: "the last one's place, of several / 至" })),
  entry: Type.Optional(Type.String({ description: "the record's own number / 记录号" })),
  zh: text,
  en: text,
});

const place = closed({ n: text, hash: text });
const Break = {
  hash: Type.String({ description: "of everything the break leaves unconfirmed; an acceptance names it / 断点的哈希" }),
  kept: Type.Object(place.properties, {
    additionalProperties: false,
    description: "the last head before it that the chain confirms / 断点前最后得到印证的链首",
  }),
  from: Type.String({ description: "the first entry that may be missing / 首条可能缺失的序号" }),
  last: closed({ ...place.properties, at: Type.String({ description: "the last head seen outside / 库外最后所见链首" }) }),
  heads: Type.Integer({ description: "heads outside that it leaves unconfirmed / 未得印证的库外链首数" }),
};
const About = {
  entry: Type.String({ description: "the record's own number / 记录号" }),
  n: Type.String({ description: "its place in the chain / 链中序号" }),
  by: text,
  reason: text,
  at: text,
};
export const AuditBreak = closed({ ...Break, asked: Type.Optional(closed({ ...About, account: Type.Optional(text) })) });
const AcceptedAuditBreak = closed({ ...Break, ...About, approvedBy: text, zh: text, en: text });

export const AuditVerification = closed({
  intact: Type.Boolean({ description: "nothing was found / 完好" }),
  entries: Type.Integer({ description: "entries looked at / 核对条数" }),
  upTo: Type.String({ description: "the chain's last place / 链尾序号" }),
  head: Type.Optional(closed({ n: text, hash: text, at: text, key: Type.String({ description: "which key signed it / 签名密钥" }) })),
  outside: Type.Union([Type.Literal("read"), Type.Literal("empty"), Type.Literal("missing")], {
    description: "the file of signed heads outside of the database / 库外签名文件",
  }),
  findings: Type.Array(AuditFinding),
  more: Type.Integer({ description: "findings that are not listed / 未列出的" }),
  accepted: Type.Array(AcceptedAuditBreak, {
    description: "breaks of a restored database that two people accepted; told by name for ever / 两人已认可的断点（数据库恢复）",
  }),
  breaks: Type.Array(AuditBreak, {
    description: "breaks that a restored backup leaves and two people could accept / 可由两人认可的断点",
  }),
  checkedAt: text,
  tookMs: Type.Integer(),
});
export type AuditVerification = Static<typeof AuditVerification>;
export type AuditBreak = Static<typeof AuditBreak>;
export type AuditFinding = Static<typeof AuditFinding>;
