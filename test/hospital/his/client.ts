/** A client of the simulated HIS for its tests: plain node:http, so that every socket error is seen as it is. */
import http from "node:http";
import type { HospitalProcess } from "../process.ts";

export type Spelling = "xml" | "soap" | "json";
export interface Reply {
  readonly status: number;
  readonly type: string;
  readonly bytes: Buffer;
  readonly text: string;
}
export interface WriteBackOptions {
  readonly bill?: string;
  readonly fen?: number;
  readonly no?: string;
  readonly spelling?: Spelling;
  readonly timeoutMs?: number;
}
export interface HisClient {
  /** One request (GET when the body is ""); rejects with the socket's error code, SILENCE after the timeout. */
  post(path: string, body: string | Buffer, headers: Record<string, string>, timeoutMs?: number): Promise<Reply>;
  writeBack(key: string, options?: WriteBackOptions): Promise<Reply>;
  inquiry(key: string, spelling?: Spelling): Promise<Reply>;
  close(): void;
}

const DEFAULT_TIMEOUT_MS = 5_000;

/** The payment confirm in XML. */
export const xmlOf = (key: string, bill: string, fen: number, no: string): string =>
  `<WriteBack kind="payment-confirm" key="${key}"><BillNo>${bill}</BillNo><Serial>${no}</Serial><Amount>${(fen / 100).toFixed(2)}</Amount></WriteBack>`;

/** The code of an answer in any spelling. */
export const codeOf = (reply: Reply): string | undefined => /(?:<|&lt;|")[Cc]ode(?:>|&gt;|":")(\w+)/.exec(reply.text)?.[1];

function wrap(operation: string, xml: string): string {
  const escaped = xml.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const call = `<${operation} xmlns="http://his.test/"><xml>${escaped}</xml></${operation}>`;
  return `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>${call}</soap:Body></soap:Envelope>`;
}

/** A keep-alive client of the hospital as it is at each call (tests restart it). */
export function createHisClient(hospital: () => HospitalProcess): HisClient {
  const agent = new http.Agent({ keepAlive: true });

  const post: HisClient["post"] = (path, body, headers, timeoutMs = DEFAULT_TIMEOUT_MS) =>
    new Promise((resolve, reject) => {
      const options = { method: body === "" ? "GET" : "POST", headers, agent, timeout: timeoutMs };
      const request = http.request(hospital().his.url + path, options, (response) => {
        const pieces: Buffer[] = [];
        response.on("data", (piece: Buffer) => pieces.push(piece));
        response.on("error", reject);
        response.on("end", () => {
          const bytes = Buffer.concat(pieces);
          resolve({ status: response.statusCode ?? 0, type: response.headers["content-type"] ?? "", bytes, text: bytes.toString("utf8") });
        });
      });
      request.on("timeout", () => request.destroy(Object.assign(new Error("silence"), { code: "SILENCE" })));
      request.on("error", reject);
      request.end(body);
    });

  return {
    post,
    writeBack(key, { bill = "DJ1", fen = 1650, no = "ZF1", spelling = "xml", timeoutMs = DEFAULT_TIMEOUT_MS } = {}) {
      const headers: Record<string, string> = { "idempotency-key": key, "content-type": "text/xml; charset=UTF-8" };
      if (spelling === "xml") return post("/xml", xmlOf(key, bill, fen, no), headers, timeoutMs);
      if (spelling === "soap")
        return post("/soap", wrap("WriteBack", xmlOf(key, bill, fen, no)), { ...headers, soapaction: '"WriteBack"' }, timeoutMs);
      const json = JSON.stringify({ kind: "payment-confirm", key, billNo: bill, serial: no, amountFen: String(fen) });
      return post("/json", json, { ...headers, "content-type": "application/json; charset=UTF-8" }, timeoutMs);
    },
    inquiry(key, spelling = "xml") {
      const xml = `<Inquiry key="${key}"/>`;
      if (spelling === "json") return post("/json", JSON.stringify({ kind: "inquiry", key }), { "content-type": "application/json" });
      if (spelling === "soap") return post("/soap", wrap("Inquiry", xml), { "content-type": "text/xml", soapaction: '"Inquiry"' });
      return post("/xml", xml, { "content-type": "text/xml" });
    },
    close: () => agent.destroy(),
  };
}
