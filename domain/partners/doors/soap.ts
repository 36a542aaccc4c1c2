/** How a partner calls us by SOAP: `POST /partners/<partner>/soap`, its WSDL at `?wsdl`. */
import { Type } from "typebox";

const Name = Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_]{0,63}$" });

export const SoapDoor = Type.Object(
  {
    namespace: Type.String({ minLength: 1, maxLength: 200 }),
    service: Name,
    operations: Type.Array(
      Type.Object(
        {
          name: Name,
          /** Parameter that holds the message as a string; further parameters are declared headers. */
          parameter: Name,
          also: Type.Optional(Type.Array(Name, { maxItems: 10 })),
          message: Type.String({ description: "message kind, or {parameter} to take it from one / 报文种类" }),
        },
        { additionalProperties: false },
      ),
      { minItems: 1, maxItems: 50 },
    ),
  },
  { additionalProperties: false, description: "SOAP 1.1 and 1.2 with an XML string inside / SOAP 接入" },
);
