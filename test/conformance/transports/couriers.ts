/** Couriers that speak TCP to a partner: each can be called against any peer, so each is examined with the same hostile ones. */
import type { CallRequest, Courier } from "../../../domain/writeback/ports.ts";
import { createCourier } from "../../../platform/transports/http/courier.ts";
import { createMllpCourier } from "../../../platform/transports/mllp/courier.ts";

export interface Couriered {
  create(): Courier;
  urlOf(port: number): string;
  readonly body: Uint8Array;
  /** A whole reply in this wire's words; the exam sends parts and multiples of it. */
  readonly reply: Buffer;
}

const HL7 = "MSH|^~\\&|HUILIU|PAY|RIS|RAD|20261120||ORM^O01|K1|P|2.5.1\rPID|1\r";
const ACK = "MSH|^~\\&|RIS|RAD|HUILIU|PAY|20261120||ACK|R1|P|2.5.1\rMSA|AA|K1\r";

export const COURIERS: Readonly<Record<string, Couriered>> = {
  http: {
    create: () => createCourier(),
    urlOf: (port) => `http://127.0.0.1:${port}/x`,
    body: Buffer.from("<a/>"),
    reply: Buffer.from("HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: 4\r\n\r\n<a/>"),
  },
  mllp: {
    create: () => createMllpCourier(),
    urlOf: (port) => `mllp://127.0.0.1:${port}/`,
    body: Buffer.from(HL7),
    reply: Buffer.from(`\v${ACK}\x1c\r`),
  },
};

export const requestOf = ({ urlOf, body }: Couriered, port: number, more: Partial<CallRequest> = {}): CallRequest => ({
  url: urlOf(port),
  method: "POST",
  headers: { "content-type": "text/plain" },
  body,
  connectTimeoutMs: 5_000,
  replyTimeoutMs: 1_200,
  replyBytesMax: 65_536,
  ...more,
});
