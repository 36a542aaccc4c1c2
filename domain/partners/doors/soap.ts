/** How a partner calls us by SOAP: `POST /partners/<partner>/soap`, its WSDL at `?wsdl`. */
import { type Static, Type } from "typebox";

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
          message: Type.String({
            pattern: "^(?:[a-z][a-z0-9-]{0,31}|\\{[A-Za-z_][A-Za-z0-9_]{0,63}\\})$",
            description:
              "message kind; {parameter} takes it from one of `also`; `envelope` where the partner's adapter reads it inside / 报文种类，或 {参数}，或 envelope（由适配器读出）",
          }),
          kinds: Type.Optional(
            Type.Record(Type.String({ maxLength: 64 }), Type.String({ pattern: "^[a-z][a-z0-9-]{0,31}$" }), {
              description: "with {parameter}: its value → message kind / 参数值对应的报文种类",
            }),
          ),
        },
        { additionalProperties: false },
      ),
      { minItems: 1, maxItems: 50 },
    ),
  },
  { additionalProperties: false, description: "SOAP 1.1 and 1.2 with an XML string inside / SOAP 接入" },
);

export type SoapDoor = Static<typeof SoapDoor>;
