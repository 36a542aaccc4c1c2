/** The published schema of a whole event: the CloudEvents envelope around the data of its type. What subscribers check against. */
import Type, { type TSchema } from "typebox";
import { dateTime, no, says } from "../schema/pieces.ts";
import { dataSchemaUri, ENVELOPE_TEXT_MAX, type EventDefinition } from "./event.ts";

/** JSON Schema draft of everything we publish: the one that editors and validators all know. */
export const SCHEMA_DRAFT = "http://json-schema.org/draft-07/schema#";

const line = (zh: string, en: string) => Type.String({ ...says(zh, en), minLength: 1, maxLength: ENVELOPE_TEXT_MAX });

/** The envelope's schema, without `$schema` and `$id`. */
export function envelopeSchema(definition: EventDefinition): TSchema {
  const uri = dataSchemaUri(definition.type, definition.version);
  return Type.Object(
    {
      specversion: Type.Literal("1.0", says("CloudEvents 版本", "Version of CloudEvents")),
      id: Type.String({
        ...says("事件编号：同一事实永远同一编号，订阅方凭此去重", "The same fact has the same id for ever: subscribers dedupe by it"),
        minLength: 1,
        maxLength: ENVELOPE_TEXT_MAX,
      }),
      type: Type.Literal(definition.type, says("事件类型，也是路由键", "Event type and routing key")),
      source: line("来源伙伴", "The partner"),
      subject: line("通道键，如 bill:单据号；同键事件有序", "Lane key, e.g. bill:<no>; events of one lane are in order"),
      time: dateTime("发生时间（对方时钟），等于 data.occurredAt", "When it happened, = data.occurredAt"),
      datacontenttype: Type.Literal("application/json", says("数据格式", "Format of data")),
      dataschema: Type.Literal(uri, says("数据规范及版本", "Schema of data with its version")),
      traceparent: Type.Optional(no("W3C 链路追踪", "W3C trace context")),
      data: Type.Object(definition.data.properties, {
        ...definition.data,
        $id: uri,
        ...says(definition.meaning.zh, definition.meaning.en),
      }),
    },
    {
      title: `${definition.title.zh} · ${definition.title.en}`,
      description: `${definition.meaning.zh} · ${definition.meaning.en}`,
      additionalProperties: false,
    },
  );
}
