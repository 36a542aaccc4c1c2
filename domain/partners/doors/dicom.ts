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
  },
  { additionalProperties: false, description: "MPPS N-CREATE/N-SET, C-ECHO, C-STORE (metadata only) / DICOM 接入" },
);
