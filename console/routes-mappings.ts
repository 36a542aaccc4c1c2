/** Mappings at the console (issue 4): the documents, a trial on a stored message, an example made of it. */
import { Type } from "typebox";
import { DOCUMENT_CHARS_MAX } from "../domain/operations/mapping-bench.ts";
import * as views from "../domain/operations/views-mappings.ts";
import { closed, deed, given, ID, maybe, type Route } from "./route.ts";

const part = Type.String({ pattern: "^[a-z][a-z0-9-]{0,31}$" });
const which = closed({ vendor: part, message: part });
const idOf = (params: Readonly<Record<string, string>>): string => `${params.vendor}/${params.message}`;

export const MAPPING_ROUTES: readonly Route[] = [
  {
    id: "listMappings",
    method: "GET",
    right: "mapping",
    path: "/mappings",
    zh: "全部映射",
    en: "All mappings",
    answer: views.MappingList,
    handle: (operations) => operations.mappings.list(),
  },
  {
    id: "getMapping",
    method: "GET",
    right: "mapping",
    path: "/mappings/:vendor/:message",
    zh: "一份映射文档",
    en: "One mapping document",
    params: which,
    answer: views.MappingText,
    handle: (operations, { params }) => operations.mappings.read(idOf(params)),
  },
  {
    id: "tryMapping",
    method: "POST",
    right: "mapping",
    path: "/mappings/:vendor/:message/try",
    zh: "在一条已存报文上试译；不改变任何东西",
    en: "Run a document on a stored message; changes nothing",
    params: which,
    body: closed({
      messageId: Type.String({ pattern: ID }),
      document: maybe(
        Type.String({ maxLength: DOCUMENT_CHARS_MAX, description: "the document as JSON text; as stored when absent / 文档" }),
      ),
      by: deed.by,
    }),
    answer: views.MappingTrial,
    handle: (operations, { params, body }) =>
      operations.mappings.tryOn({
        id: idOf(params),
        messageId: String(body.messageId),
        ...(typeof body.document === "string" ? { document: body.document } : {}),
      }),
  },
  {
    id: "saveMappingExample",
    method: "POST",
    right: "mapping",
    path: "/mappings/:vendor/:message/examples",
    zh: "用一条已存报文制作示例，隐去个人信息",
    en: "Make an example of a stored message, without personal data",
    params: which,
    body: closed({
      messageId: Type.String({ pattern: ID }),
      name: Type.String({ pattern: "^[a-z][a-z0-9-]{0,62}$", description: "kebab-case" }),
      ...deed,
    }),
    answer: views.SavedExample,
    handle: (operations, { params, body }) =>
      operations.mappings.saveExample(
        { id: idOf(params), messageId: String(body.messageId), name: String(body.name) },
        given(body, "by", "reason"),
      ),
  },
];
