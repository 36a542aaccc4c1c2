/** How a modality's DICOM services come in. */
import { Type } from "typebox";

const AeTitle = Type.String({ pattern: "^[ -\\[\\]-~]{1,16}$" });

export const DicomDoor = Type.Object(
  {
    port: Type.Integer({ minimum: 0, maximum: 65_535, description: "0 picks a free one / 0 为自动选取" }),
    from: Type.Array(Type.String({ minLength: 2, maxLength: 64 }), {
      minItems: 1,
      maxItems: 50,
      description: "addresses it may come from, CIDR too / 允许的来源地址",
    }),
    calledAe: AeTitle,
    callingAe: Type.Array(AeTitle, { minItems: 1, maxItems: 50, description: "AE titles it may call itself / 允许的主叫 AE" }),
    charset: Type.Optional(
      Type.Union([Type.Literal("GB18030"), Type.Literal("GBK"), Type.Literal("ISO_IR 192"), Type.Literal("ISO_IR 100")], {
        description: "how texts are read where a device names no character set; absent = ASCII only / 设备未声明字符集时按此解码",
      }),
    ),
    attributes: Type.Optional(
      Type.Array(Type.String({ pattern: "^(?:[A-Z][A-Za-z0-9]{1,63}|[0-9A-F]{8})$" }), {
        maxItems: 50,
        description: "keywords or tags that mappings are given beside the standard's / 另外交给映射的属性",
      }),
    ),
  },
  { additionalProperties: false, description: "MPPS N-CREATE/N-SET, C-ECHO, C-STORE (metadata only) / DICOM 接入" },
);
