/** docs/openapi.json (`npm run docs`): the operators' API from its own table of routes, and the gateway that partners push messages to. */
import type { TSchema } from "typebox";
import { OPERATION_REFUSAL, type OperationCode } from "../domain/operations/refusals.ts";
import * as views from "../domain/operations/views.ts";
import * as replayViews from "../domain/operations/views-replay.ts";
import { REFUSALS, type RefusalCode } from "../domain/refusals.ts";
import { API, type Route } from "./route.ts";
import { ROUTES } from "./routes.ts";

const VERSION = "1";
const JSON_TYPE = "application/json";

/** Codes that any route of the operators' API may answer. */
const EVERY: readonly OperationCode[] = ["UNAUTHORIZED", "WRONG_HOST", "BAD_REQUEST", "TOO_SLOW", "STORE_GONE", "INTERNAL"];
/** Codes that the gateway may answer. */
const GATEWAY: readonly RefusalCode[] = [
  "UNAUTHORIZED",
  "UNKNOWN_PARTNER",
  "UNKNOWN_MESSAGE",
  "TOO_LARGE",
  "TOO_MANY",
  "EMPTY_BODY",
  "BAD_IDENTITY",
  "BAD_EXCHANGE",
  "BAD_CHARSET",
  "UNSUPPORTED_ENCODING",
  "IDENTITY_CONFLICT",
  "JOURNAL_BUSY",
  "JOURNAL_GONE",
  "STOPPING",
  "BAD_REQUEST",
  "REQUEST_TIMEOUT",
  "INTERNAL",
];

const errorSchema = (codes: readonly string[]) => ({
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["code", "zh", "en", "next"],
      properties: {
        code: { type: "string", enum: [...codes] },
        zh: { type: "string" },
        en: { type: "string" },
        next: {
          type: "object",
          required: ["zh", "en"],
          properties: { zh: { type: "string" }, en: { type: "string" } },
          description: "下一步 · what to do next",
        },
        state: { type: "string", description: "该行现在的状态 · the row's present state, where that is why" },
        problems: {
          type: "array",
          items: { type: "object", properties: { at: { type: "string" }, zh: { type: "string" }, en: { type: "string" } } },
        },
      },
    },
  },
});

/** TypeBox leaves markers of its own on schemas; what is published is plain JSON. */
const plain = (schema: TSchema): object => JSON.parse(JSON.stringify(schema)) as object;
const json = (schema: object) => ({ content: { [JSON_TYPE]: { schema } } });

/** One answer a status, with the codes it may carry. */
function failures(codes: readonly (readonly [string, number])[]): Record<string, object> {
  const byStatus = Map.groupBy(codes, ([, status]) => String(status));
  return Object.fromEntries(
    [...byStatus].map(([status, list]) => {
      const names = list.map(([code]) => code);
      return [status, { description: names.join(", "), ...json(errorSchema(names)) }];
    }),
  );
}

/** Answers of the operators' API that are no success, said once. */
const OPERATOR_FAILURES = failures(Object.entries(OPERATION_REFUSAL).map(([code, { http }]) => [code, http]));
const failuresOf = (codes: readonly OperationCode[]): Record<string, object> =>
  Object.fromEntries(
    [...new Set(codes.map((code) => OPERATION_REFUSAL[code].http))]
      .sort()
      .map((http) => [String(http), { $ref: `#/components/responses/${http}` }]),
  );

/** Answers of success by name, said once; several routes answer the same. */
const ANSWERS: Readonly<Record<string, TSchema>> = {
  MessagePage: views.MessagePage,
  MessageDetail: views.MessageDetail,
  EventPage: views.EventPage,
  WriteBackPage: views.WriteBackPage,
  WriteBackDetail: views.WriteBackDetail,
  EventDeliveryList: views.EventDeliveryList,
  AuditPage: views.AuditPage,
  DestinationList: views.DestinationList,
  Totals: views.Totals,
  PartnerList: views.PartnerList,
  PartnerView: views.PartnerView,
  Status: views.Status,
  Done: views.Done,
  ReplayJob: replayViews.ReplayJob,
  Edit: replayViews.Edit,
  FailureGroup: replayViews.FailureGroup,
};
const answerOf = (route: Route): object => {
  const name = Object.entries(ANSWERS).find(([, schema]) => schema === route.answer)?.[0];
  return name === undefined ? plain(route.answer) : { $ref: `#/components/schemas/${name}` };
};

interface Properties {
  readonly properties?: Readonly<Record<string, object>>;
  readonly required?: readonly string[];
}

/** The members of a schema as parameters. */
const parametersOf = (schema: TSchema | undefined, place: "path" | "query"): object[] => {
  const { properties = {}, required = [] } = schema === undefined ? {} : (plain(schema) as Properties);
  return Object.entries(properties).map(([name, one]) => {
    const { description, ...rest } = one as { readonly description?: string };
    return {
      name,
      in: place,
      required: place === "path" || required.includes(name),
      ...(description === undefined ? {} : { description }),
      schema: rest,
    };
  });
};

const operationOf = (route: Route): object => {
  const codes = route.method === "POST" || route.params !== undefined ? (Object.keys(OPERATION_REFUSAL) as OperationCode[]) : EVERY;
  return {
    operationId: route.id,
    summary: `${route.zh} · ${route.en}`,
    security: [{ token: [] }],
    ...(route.params === undefined && route.query === undefined
      ? {}
      : { parameters: [...parametersOf(route.params, "path"), ...parametersOf(route.query, "query")] }),
    ...(route.body === undefined ? {} : { requestBody: { required: true, ...json(plain(route.body)) } }),
    responses: {
      "200": { description: "好 · done", ...json(answerOf(route)) },
      ...failuresOf(codes),
    },
  };
};

const machine = (id: string, summary: string, responses: object): object => ({ get: { operationId: id, summary, responses } });

const gatewayAnswer = {
  type: "object",
  required: ["messageId", "state"],
  properties: { messageId: { type: "string" }, state: { type: "string" }, duplicate: { type: "boolean" }, with: { type: "string" } },
};

const gateway = {
  servers: [{ url: "http://127.0.0.1:{port}", description: "gateway of .data/run.json", variables: { port: { default: "0" } } }],
  post: {
    operationId: "pushMessage",
    summary: "推送一条报文（原样字节） · Push one message, its bytes as they are",
    description:
      "落库后才应答；厂商声明了应答格式的，按该厂商的格式应答 · Answers after the commit, never before; in the partner's own dialect where its vendor declares one. " +
      "A DLL exchange is two messages under one huiliu-exchange, or one JSON body {request, reply, return}.",
    security: [{ partnerKey: [] }, { partnerApiKey: [] }],
    parameters: [
      { name: "partner", in: "path", required: true, schema: { type: "string" } },
      { name: "message", in: "path", required: true, schema: { type: "string" }, description: "报文种类 · kind of message" },
      {
        name: "Idempotency-Key",
        in: "header",
        required: false,
        schema: { type: "string", maxLength: 255 },
        description: "消息标识 · the message's identity",
      },
      {
        name: "huiliu-exchange",
        in: "header",
        required: false,
        schema: { type: "string" },
        description: "同一次 DLL 调用的编号 · the same on both parts of an exchange",
      },
      { name: "huiliu-part", in: "header", required: false, schema: { type: "string", enum: ["request", "reply"] } },
      {
        name: "huiliu-return",
        in: "header",
        required: false,
        schema: { type: "string" },
        description: "函数返回值 · return value, on the reply only",
      },
    ],
    requestBody: { required: true, content: { "*/*": { schema: { type: "string", format: "binary" } } } },
    responses: {
      "200": { description: "同一报文再次收到 · the same message again", ...json(gatewayAnswer) },
      "202": { description: "已落库 · committed", ...json(gatewayAnswer) },
      ...failures(GATEWAY.map((code) => [code, REFUSALS[code].http])),
    },
  },
};

/** The document, the same for the same code. */
export function openApi(): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of ROUTES) {
    const path = `${API}${route.path.replace(/:([a-z]+)/gi, "{$1}")}`;
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) };
  }
  const ready = {
    type: "object",
    required: ["ready", "missing"],
    properties: { ready: { type: "boolean" }, missing: { type: "array", items: { type: "object" } } },
  };
  return {
    openapi: "3.1.0",
    info: {
      title: "汇流 · Huiliu",
      version: VERSION,
      description:
        "运维接口与报文网关。金额为分的十进制字符串，时间为北京时间。 · Operators' API and the gateway. Amounts are decimal strings of fen, times China time. " +
        "Loopback only; a request that names another host is refused.",
    },
    servers: [{ url: "http://127.0.0.1:{port}", description: "console of .data/run.json", variables: { port: { default: "0" } } }],
    paths: {
      ...paths,
      "/healthz": machine("isAlive", "进程在运行 · the process is alive", { "200": { description: "ok" } }),
      "/readyz": machine("isReady", "可以工作 · the engine is ready, or what is missing", {
        "200": { description: "ready", ...json(ready) },
        "503": { description: "not ready", ...json(ready) },
      }),
      "/metrics": machine("metrics", "Prometheus", {
        "200": { description: "text format", content: { "text/plain": { schema: { type: "string" } } } },
      }),
      "/partners/{partner}/messages/{message}": gateway,
    },
    components: {
      schemas: Object.fromEntries(Object.entries(ANSWERS).map(([name, schema]) => [name, plain(schema)])),
      responses: OPERATOR_FAILURES,
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "token of .data/run.json" },
        partnerKey: { type: "http", scheme: "bearer", description: "partners.<partner>.key of .data/run.json" },
        partnerApiKey: { type: "apiKey", in: "header", name: "x-api-key" },
      },
    },
  };
}
