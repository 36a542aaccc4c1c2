/** How rows of a partner's database view come in (LIS and PACS vendors offer nothing else). */
import { type Static, Type } from "typebox";

export const ViewDoor = Type.Object(
  {
    url: Type.String({ pattern: "^(postgres|mariadb)://", maxLength: 500, description: "without a password: that is a secret / 不含口令" }),
    view: Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_.]{0,127}$" }),
    watermark: Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_]{0,63}$", description: "column that only grows / 单调递增列" }),
    key: Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_]{0,63}$", description: "column that names a row / 行主键列" }),
    columns: Type.Array(Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_]{0,63}$" }), { minItems: 1, maxItems: 200 }),
    message: Type.String(),
    everyMs: Type.Integer({ minimum: 100, maximum: 86_400_000, default: 5_000 }),
    rowsMax: Type.Integer({
      minimum: 1,
      maximum: 10_000,
      default: 500,
      description: "rows of one page; a poll reads all pages / 每页行数",
    }),
    overlapMs: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 86_400_000,
        description:
          "rows that their transactions commit late are still found when they come this long after later ones; absent = 60 s / 迟提交行的回看时间",
      }),
    ),
    secret: Type.Optional(
      Type.String({
        pattern: "^[a-z][A-Za-z0-9]*$",
        description: "name of the secret that holds the password; absent = viewPassword / 口令的密钥名",
      }),
    ),
    tls: Type.Optional(
      Type.Object(
        { ca: Type.Optional(Type.String({ minLength: 1, description: "file of trusted authorities (PEM) / 信任的CA证书文件" })) },
        { additionalProperties: false, description: "the server's certificate is checked / 校验服务器证书" },
      ),
    ),
  },
  { additionalProperties: false, description: "a view polled by watermark / 数据库视图轮询" },
);

export type ViewDoor = Static<typeof ViewDoor>;
