/** How a partner's HL7 v2 messages come in over MLLP. */
import { Type } from "typebox";

export const MllpDoor = Type.Object(
  {
    port: Type.Integer({ minimum: 0, maximum: 65_535, description: "0 picks a free one / 0 为自动选取" }),
    from: Type.Array(Type.String({ minLength: 2, maxLength: 64 }), {
      minItems: 1,
      maxItems: 50,
      description: "addresses it may come from, CIDR too; a client certificate counts besides / 允许的来源地址",
    }),
    application: Type.Optional(Type.String({ maxLength: 60, description: "MSH-3 must say this / MSH-3 须为此值" })),
    tls: Type.Optional(
      Type.Object(
        {
          cert: Type.String(),
          key: Type.String(),
          ca: Type.Optional(Type.String({ description: "client certificates are asked for / 要求客户端证书" })),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false, description: "HL7 v2 over MLLP; the message kind is MSH-9 as dft-p03 / HL7 v2 MLLP 接入" },
);
