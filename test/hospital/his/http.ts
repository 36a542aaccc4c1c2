/** The HIS's HTTP: bodies in, answers out, in the charset and the confusion that the faults ask for. */
import type { IncomingMessage, ServerResponse } from "node:http";
import iconv from "iconv-lite";
import { charsetOf, GARBAGE } from "../body.ts";
import type { Plan } from "../faults.ts";
import { type Answer, type Ask, type AskResult, readAsk, type Spelling, writeAnswer, writeSoapFault } from "./wire.ts";

/** What is written down of a request, whatever becomes of it. */
export interface Asked {
  readonly raw: string;
  readonly rawEncoding?: "base64";
  readonly result: AskResult;
}

/** Decodes and reads a body; nothing undecodable gets further than its bytes. */
export function readBody(request: IncomingMessage, spelling: Spelling, body: Buffer): Asked {
  const charset = charsetOf(request.headers["content-type"] ?? "", body);
  let raw: string;
  try {
    raw = new TextDecoder(charset, { fatal: true }).decode(body);
  } catch {
    // Neither an unknown charset nor bytes that are none of its text can be read; the bytes are kept as they came.
    return {
      raw: body.toString("base64"),
      rawEncoding: "base64",
      result: { ok: false, problem: `the body is no text in ${charset}` },
    };
  }
  if (spelling === "soap" && !/^"?(WriteBack|Inquiry)"?$/.test(String(request.headers.soapaction ?? ""))) {
    return { raw, result: { ok: false, problem: "SOAPAction must be WriteBack" } };
  }
  const result = readAsk(spelling, raw);
  const header = request.headers["idempotency-key"];
  if (result.ok && result.ask.type === "write-back" && header !== result.ask.key) {
    return {
      raw,
      result: { ok: false, problem: `the header Idempotency-Key (${String(header ?? "absent")}) differs from the body's key` },
    };
  }
  return { raw, result };
}

function contentType(spelling: Spelling, charset: string): string {
  return `${spelling === "json" ? "application/json" : "text/xml"}; charset=${charset}`;
}

/** Tells that the request could not be read: HTTP 400, or a SOAP fault with 500. */
export function sendProblem(response: ServerResponse, spelling: Spelling, problem: string): void {
  const text =
    spelling === "soap"
      ? writeSoapFault(problem, "UTF-8")
      : writeAnswer(spelling, "write-back", { code: "E900", text: `报文有误：${problem}` }, "UTF-8", false);
  response.writeHead(spelling === "soap" ? 500 : 400, { "content-type": contentType(spelling, "UTF-8") }).end(text);
}

/** Sends an answer with HTTP 200, in GBK, garbled or doubled where the plan says so. */
export function sendAnswer(response: ServerResponse, spelling: Spelling, type: Ask["type"], answer: Answer, plan: Plan): void {
  const charset = plan.gbk === undefined ? "UTF-8" : "GBK";
  const how = plan.duplicate?.how;
  let text = writeAnswer(spelling, type, answer, charset, how === "fields");
  if (how === "answer") text += text;
  let bytes = charset === "GBK" ? iconv.encode(text, "gbk") : Buffer.from(text);
  if (plan.garble !== undefined) bytes = Buffer.concat([bytes.subarray(0, bytes.length >> 1), GARBAGE]);
  response.writeHead(200, { "content-type": contentType(spelling, charset), "content-length": bytes.length });
  response.end(bytes);
}
