/** What the API tells of the audit's chain. */
import { type Static, Type } from "typebox";
import { TAMPERINGS, type Tampering } from "../audit/verify.ts";

const closed = <P extends import("typebox").TProperties>(properties: P) => Type.Object(properties, { additionalProperties: false });
const text = Type.String();

export const AuditFinding = closed({
  kind: Type.Unsafe<Tampering>({ type: "string", enum: [...TAMPERINGS] }),
  n: Type.String({ description: "place in the chain; - : outside of it / 链中序号" }),
  to: Type.Optional(Type.String({ description: "the last one's place, of several / 至" })),
  entry: Type.Optional(Type.String({ description: "the record's own number / 记录号" })),
  zh: text,
  en: text,
});

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
  checkedAt: text,
  tookMs: Type.Integer(),
});
export type AuditVerification = Static<typeof AuditVerification>;
export type AuditFinding = Static<typeof AuditFinding>;
