/** How rows of a partner's database view come in (LIS and PACS vendors offer nothing else). */
import { Type } from "typebox";

export const ViewDoor = Type.Object(
  {
    url: Type.String({ pattern: "^(postgres|mariadb)://", maxLength: 500, description: "without a password: that is a secret / 不含口令" }),
    view: Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_.]{0,127}$" }),
    watermark: Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_]{0,63}$", description: "column that only grows / 单调递增列" }),
    key: Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_]{0,63}$", description: "column that names a row / 行主键列" }),
    columns: Type.Array(Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_]{0,63}$" }), { minItems: 1, maxItems: 200 }),
    message: Type.String(),
    everyMs: Type.Integer({ minimum: 100, maximum: 86_400_000, default: 5_000 }),
    rowsMax: Type.Integer({ minimum: 1, maximum: 10_000, default: 500, description: "rows of one poll / 每次行数" }),
  },
  { additionalProperties: false, description: "a view polled by watermark / 数据库视图轮询" },
);
