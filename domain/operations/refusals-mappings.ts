/** What the operators' side refuses about mappings that are tried and examples that are made of messages. */
import type { OperationRefusalText } from "./refusals.ts";

export type MappingRefusal =
  | "UNKNOWN_MAPPING"
  | "NOT_INBOUND"
  | "NOT_OUTBOUND"
  | "EVENT_NOT_STORED"
  | "UNKNOWN_EXAMPLE"
  | "MAPPINGS_READ_ONLY"
  | "EXAMPLE_EXISTS"
  | "EXAMPLE_CHANGED"
  | "EXAMPLE_SEALED";

export const MAPPING_REFUSAL: Readonly<Record<MappingRefusal, OperationRefusalText>> = {
  UNKNOWN_MAPPING: {
    http: 404,
    zh: "没有这份映射",
    en: "There is no such mapping",
    next: { zh: "用 GET /api/v1/mappings 查看名称", en: "See GET /api/v1/mappings for the names" },
  },
  NOT_INBOUND: {
    http: 409,
    zh: "这份映射写出报文，不读入报文",
    en: "This mapping writes messages, it reads none",
    next: {
      zh: "在一笔回写、一个事件或示例上试写：POST /api/v1/mappings/<厂商>/<报文>/write",
      en: "Run it on a write-back, an event or an example: POST /api/v1/mappings/<vendor>/<message>/write",
    },
  },
  NOT_OUTBOUND: {
    http: 409,
    zh: "这份映射读入报文，不写出报文",
    en: "This mapping reads messages, it writes none",
    next: { zh: "在一条已存报文上试译", en: "Try it on a stored message" },
  },
  EVENT_NOT_STORED: {
    http: 404,
    zh: "没有这个事件，或其内容已过保留期",
    en: "There is no such event, or its content is past its retention",
    next: { zh: "用 GET /api/v1/events 查看事件与其报文编号", en: "See GET /api/v1/events for events and the ids of their messages" },
  },
  UNKNOWN_EXAMPLE: {
    http: 404,
    zh: "没有这个示例",
    en: "There is no such example",
    next: { zh: "用 GET /api/v1/mappings/<厂商>/<报文> 查看示例", en: "See GET /api/v1/mappings/<vendor>/<message> for the examples" },
  },
  MAPPINGS_READ_ONLY: {
    http: 409,
    zh: "生产环境的映射与示例只读",
    en: "Mappings and examples are read-only in production",
    next: { zh: "在开发环境保存，经评审后发布", en: "Save it in development and release it after review" },
  },
  EXAMPLE_EXISTS: {
    http: 409,
    zh: "已有同名示例",
    en: "An example of this name exists already",
    next: { zh: "换一个名称", en: "Give it another name" },
  },
  EXAMPLE_CHANGED: {
    http: 409,
    zh: "隐去个人信息后，报文的译读结果变了，不能作为示例",
    en: "With personal data taken out the message is read differently: it would be an example of something else",
    next: {
      zh: "手工改写该报文后用 npx huiliu mapping check --record 记录",
      en: "Rewrite the message by hand and record it with npx huiliu mapping check --record",
    },
  },
  EXAMPLE_SEALED: {
    http: 409,
    zh: "报文是签名或加密的，隐去个人信息后签名不再成立",
    en: "The message is signed or encrypted: with personal data taken out its signature no longer holds",
    next: { zh: "用对方提供的样例制作示例", en: "Make the example of a sample that the partner gives" },
  },
};
