/** Mappings at the console (issue 4): the documents, a trial on a stored message, an example made of it. */
import { Type } from "typebox";
import { DOCUMENT_CHARS_MAX, type OutboundFrom, type StoredFrom } from "../domain/operations/mapping-bench.ts";
import { refused } from "../domain/operations/refusals.ts";
import * as views from "../domain/operations/views-mappings.ts";
import { closed, deed, given, ID, maybe, type Route } from "./route.ts";

const part = Type.String({ pattern: "^[a-z][a-z0-9-]{0,31}$" });
const which = closed({ vendor: part, message: part });
const idOf = (params: Readonly<Record<string, string>>): string => `${params.vendor}/${params.message}`;

const id = Type.String({ pattern: ID });
const eventId = Type.String({ minLength: 1, maxLength: 200 });
const exampleName = Type.String({ pattern: "^[a-z][a-z0-9-]{0,62}$", description: "kebab-case" });
const document = maybe(
  Type.String({ maxLength: DOCUMENT_CHARS_MAX, description: "the document as JSON text; as stored when absent / 文档" }),
);

/** What of the store an outbound document is run on; undefined where the body names nothing, or more than one. */
function storedFrom({ writeBackId, messageId, eventId }: Readonly<Record<string, unknown>>): StoredFrom | undefined {
  if (typeof writeBackId === "string") return messageId === undefined && eventId === undefined ? { writeBackId } : undefined;
  return typeof messageId === "string" && typeof eventId === "string" ? { messageId, eventId } : undefined;
}
function outboundFrom(body: Readonly<Record<string, unknown>>): OutboundFrom | undefined {
  const stored = storedFrom(body);
  if (typeof body.example !== "string") return stored;
  return body.writeBackId === undefined && body.messageId === undefined && body.eventId === undefined
    ? { example: body.example }
    : undefined;
}

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
      messageId: id,
      document,
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
    id: "writeMapping",
    method: "POST",
    right: "mapping",
    path: "/mappings/:vendor/:message/write",
    zh: "在一笔回写、一个事件或一个示例上试写；不发出，也不改变任何东西",
    en: "Run an outbound document on a write-back, an event or an example; sends and changes nothing",
    params: which,
    body: closed({
      writeBackId: maybe(id),
      messageId: maybe(id),
      eventId: maybe(eventId),
      example: maybe(exampleName),
      document,
      by: deed.by,
    }),
    answer: views.OutboundTrial,
    handle: async (operations, { params, body }) => {
      const from = outboundFrom(body);
      if (from === undefined) return refused("BAD_REQUEST");
      const given = typeof body.document === "string" ? { document: body.document } : {};
      return operations.mappings.write({ id: idOf(params), from, ...given });
    },
  },
  {
    id: "saveMappingExample",
    method: "POST",
    right: "mapping",
    path: "/mappings/:vendor/:message/examples",
    zh: "用一条已存报文（写出的映射：一笔回写或一个事件）制作示例，隐去个人信息",
    en: "Make an example of a stored message (of an outbound document: a write-back or an event), without personal data",
    params: which,
    body: closed({ messageId: maybe(id), eventId: maybe(eventId), writeBackId: maybe(id), name: exampleName, ...deed }),
    answer: views.SavedExample,
    handle: async (operations, { params, body }) => {
      const [asked, signed] = [{ id: idOf(params), name: String(body.name) }, given(body, "by", "reason")];
      const from = storedFrom(body);
      if (from !== undefined) return operations.mappings.saveWritten({ ...asked, from }, signed);
      if (typeof body.messageId !== "string" || body.eventId !== undefined || body.writeBackId !== undefined) return refused("BAD_REQUEST");
      return operations.mappings.saveExample({ ...asked, messageId: body.messageId }, signed);
    },
  },
];
