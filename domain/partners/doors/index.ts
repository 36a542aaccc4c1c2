/** The wires by which a partner's messages come in beside AMQP and HTTP, which every partner with `inbound` has. One file each. */
import { Type } from "typebox";
import { DicomDoor } from "./dicom.ts";
import { FileDoor } from "./files.ts";
import { MllpDoor } from "./mllp.ts";
import { SoapDoor } from "./soap.ts";
import { ViewDoor } from "./views.ts";

export const Doors = Type.Object(
  {
    soap: Type.Optional(SoapDoor),
    mllp: Type.Optional(MllpDoor),
    dicom: Type.Optional(DicomDoor),
    files: Type.Optional(Type.Array(FileDoor, { minItems: 1, maxItems: 10 })),
    views: Type.Optional(Type.Array(ViewDoor, { minItems: 1, maxItems: 20 })),
  },
  { additionalProperties: false },
);
