/** What the operators' side refuses about mappings that are tried and examples that are made of messages. */
import type { OperationRefusalText } from "./refusals.ts";

export type MappingRefusal =
  | "UNKNOWN_MAPPING"
  | "NOT_INBOUND"
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
    next: { zh: "用 npx huiliu mapping try <映射> <事件文件> 试写", en: "Try it with npx huiliu mapping try <mapping> <event file>" },
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
