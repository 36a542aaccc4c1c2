/**
 * The simulated 12320/健康通 platform: sends enveloped messages of its own accord (`send`), and takes our calls 3003 and 6001 with their inquiries 3004 and 6002 at
 * `POST /jkt`. It verifies every signature, ours too, and signs what it says.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { bodyOf } from "../body.ts";
import { maybeTextOf, objectOf, type Order, textOf } from "../fields.ts";
import { tellByGateway } from "../gateway.ts";
import { createListener } from "../listener.ts";
import { openPremises, type PartnerOptions, type Premises, type RunningPartner } from "../partner.ts";
import { type Answered, strike } from "../strike.ts";
import { OrderRefused } from "../told.ts";
import { answerOf, decrypted, innerOf, type Keys, requestOf, signOfAnswer, signOfRequest, textIn } from "./envelope.ts";

/** What the hospital was told on paper. */
export const KEYS: Keys = { aes: "0123456789abcdef", sign: "TESTKEY", user: "TEST01" };
const XML = "application/xml; charset=UTF-8";
const HOSPITAL = "1001";

/** What was done, by function and business number: order for payments, the hospital's refund number for refunds. */
interface Deed {
  readonly no: string;
  readonly fen: string;
  readonly receipt: string;
}

type Counters = Record<"requests" | "deeds" | "inquiries" | "sent", number>;

export async function startJkt(options: PartnerOptions): Promise<RunningPartner> {
  const premises = await openPremises(options);
  const deeds = new Map<string, Deed>();
  for await (const line of premises.past())
    if (line.effect && line.serial !== undefined && line.receiptNo !== undefined && line.amount !== null)
      deeds.set(`${line.kind} ${line.serial}`, { no: line.serial, fen: line.amount, receipt: line.receiptNo });
  const counters: Counters = { requests: 0, deeds: 0, inquiries: 0, sent: 0 };
  const listener = await createListener(options.port, premises.faults, (request, response) => {
    counters.requests += 1;
    route(premises, deeds, counters, request, response).catch((error: unknown) => {
      process.stderr.write(`the platform failed on a request: ${error instanceof Error ? (error.stack ?? "") : String(error)}\n`);
      response.destroy();
    });
  });
  const control = await premises.open({
    counters: () => counters,
    changed: () => listener.apply(),
    listening: listener.listening,
    send: (order) => send(premises, counters, order),
  });
  return {
    url: listener.url,
    ledger: premises.file,
    faults: control.faultsUrl,
    ledgerUrl: control.ledgerUrl,
    secrets: { aesKey: KEYS.aes, signKey: KEYS.sign },
    async close() {
      await listener.close();
      await premises.close();
    },
  };
}

const say = (code: string, text: string, fields: Readonly<Record<string, string>> = {}): Answered => ({
  status: 200,
  contentType: XML,
  body: Buffer.from(answerOf(code, text, innerOf("RES", fields), KEYS)),
});

/** Function code and inside of a request whose signature holds, or the platform's code for what is wrong. */
function opened(raw: string): { readonly fun: string; readonly inner: string } | { readonly code: string; readonly text: string } {
  const [fun, user, sign, enc] = ["FUN_CODE", "USER_ID", "SIGN", "REQ_ENCRYPTED"].map((name) => textIn(raw, name));
  if (fun == null || enc == null) return { code: "2", text: "请求字符串格式错误" };
  if (user !== KEYS.user) return { code: "4", text: "用户不存在" };
  if (sign !== signOfRequest(fun, enc, KEYS)) return { code: "7", text: "签名错误" };
  const inner = decrypted(enc, KEYS);
  return inner === null ? { code: "9", text: "解密失败" } : { fun, inner };
}

/** What each function calls its business number, its bill, its amount. */
const CALLS: Readonly<Record<string, { readonly kind: string; readonly no: string; readonly fen: string }>> = {
  "3003": { kind: "payment-confirm", no: "ORDER_ID", fen: "PAY_ACTUAL_FEE" },
  "6001": { kind: "refund-notice", no: "HOSP_REFUND_ID", fen: "REFUND_FEE" },
};

async function route(
  premises: Premises,
  deeds: Map<string, Deed>,
  counters: Counters,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method === "GET" && request.url === "/ping") {
    response.writeHead(200).end("pong");
    return;
  }
  const body = request.method === "POST" && request.url === "/jkt" ? await bodyOf(request) : "too-large";
  if (body === "aborted") return;
  if (body === "too-large") {
    response.writeHead(404, { connection: "close" }).end();
    return;
  }
  const raw = body.toString("utf8");
  const read = opened(raw);
  if ("code" in read) {
    await premises.record({ key: null, kind: "unreadable", order: null, amount: null, effect: false, answer: read.code, raw });
    const { status, contentType, body: answer } = say(read.code, read.text);
    response.writeHead(status, { "content-type": contentType }).end(answer);
    return;
  }
  const call = CALLS[read.fun];
  await (call === undefined
    ? inquire(premises, deeds, counters, read, raw, response)
    : work(premises, deeds, counters, { ...read, ...call }, raw, response));
}

async function work(
  premises: Premises,
  deeds: Map<string, Deed>,
  counters: Counters,
  call: { readonly fun: string; readonly inner: string; readonly kind: string; readonly no: string; readonly fen: string },
  raw: string,
  response: ServerResponse,
): Promise<void> {
  const no = textIn(call.inner, call.no) ?? "";
  const fen = textIn(call.inner, call.fen) ?? "";
  const bill = textIn(call.inner, "HOSP_SEQUENCE");
  const line = { key: no, kind: call.kind, order: bill, amount: fen, raw, serial: no };
  const plan = premises.faults.plan({ scope: "write-back", bill, kind: call.kind });
  await strike({
    plan,
    timers: premises.timers,
    response,
    undone: (answer) => premises.record({ ...line, effect: false, answer }),
    async work() {
      if (plan.reject !== undefined) {
        await premises.record({ ...line, effect: false, answer: "300301" });
        return say("300301", "缴费订单不存在");
      }
      const known = deeds.get(`${call.kind} ${no}`);
      if (known !== undefined && premises.mode() === "strict") {
        const code = call.fun === "3003" ? "300302" : "10";
        await premises.record({ ...line, effect: false, answer: code, receiptNo: known.receipt });
        return say(code, "已处理");
      }
      const receipt = `${call.fun === "3003" ? "HIS" : "TK"}${no}`;
      deeds.set(`${call.kind} ${no}`, { no, fen, receipt });
      counters.deeds += 1;
      await premises.record({ ...line, effect: true, answer: "0", receiptNo: receipt });
      return say("0", "成功", call.fun === "3003" ? { HOSP_ORDER_ID: receipt, RECEIPT_ID: `FP${no}` } : { REFUND_ID: receipt });
    },
  });
}

async function inquire(
  premises: Premises,
  deeds: Map<string, Deed>,
  counters: Counters,
  asked: { readonly fun: string; readonly inner: string },
  raw: string,
  response: ServerResponse,
): Promise<void> {
  counters.inquiries += 1;
  const isPayment = asked.fun === "3004";
  const no = textIn(asked.inner, isPayment ? "ORDER_NO" : "HOSP_REFUND_ID") ?? "";
  const known = deeds.get(`${isPayment ? "payment-confirm" : "refund-notice"} ${no}`);
  const plan = premises.faults.plan({ scope: "inquiry", bill: null, kind: null });
  const line = { key: no, kind: "inquiry", order: null, amount: known?.fen ?? null, effect: false, raw };
  await strike({
    plan,
    timers: premises.timers,
    response,
    undone: (answer) => premises.record({ ...line, answer }),
    async work() {
      await premises.record({ ...line, answer: known === undefined ? "none" : "0" });
      if (asked.fun === "6002")
        return known === undefined
          ? say("600201", "订单不存在")
          : say("0", "成功", {
              TOTAL_FEE: known.fen,
              REFUND_FEE: known.fen,
              REFUND_ID: known.receipt,
              REFUND_COUNT: "1",
              REFUND_STATUS: "1",
            });
      if (asked.fun !== "3004") return say("5", "功能号不存在");
      const row =
        known === undefined
          ? ""
          : innerOf("ORDER_LIST", { ORDER_NO: known.no, REAL_FEE: known.fen, ORDER_STATUS: "1", RECEIPT_ID: `FP${known.no}` });
      const inner = `<RES><COUNT>${known === undefined ? 0 : 1}</COUNT>${row}</RES>`;
      return { status: 200, contentType: XML, body: Buffer.from(answerOf("0", "成功", inner, KEYS)) };
    },
  });
}

/**
 * `{"fun": "3003", "fields": {…}}`: what stands in REQ; HOS_ID is added. `spoil`: `signature`, `cipher` or `user` wrong, as from somebody else. Tells the HTTP status and the code of
 * the signed answer; `verified` says whether its signature held.
 */
async function send(premises: Premises, counters: Counters, order: Order): Promise<unknown> {
  const fun = textOf(order, "fun");
  const given = objectOf(order, "fields");
  const fields = Object.fromEntries(Object.keys(given).map((name) => [name, typeof given[name] === "string" ? given[name] : ""]));
  const spoil = maybeTextOf(order, "spoil");
  if (spoil !== undefined && spoil !== "signature" && spoil !== "cipher" && spoil !== "user")
    throw new OrderRefused("spoil is signature, cipher or user");
  const fen = fields.PAY_ACTUAL_FEE ?? fields.PAY_FEE ?? fields.REFUND_FEE;
  counters.sent += 1;
  const id = maybeTextOf(order, "id") ?? `JKT${fun}${String(premises.clock.now())}${counters.sent}`;
  const told = await tellByGateway(premises, {
    message: "envelope",
    id,
    body: requestOf(fun, innerOf("REQ", { HOS_ID: HOSPITAL, ...fields }), KEYS, spoil),
    contentType: XML,
    order: fields.HOSP_SEQUENCE ?? fields.HOSP_ORDER_ID ?? fields.ORDER_ID ?? null,
    amount: fen === undefined ? null : BigInt(fen),
  });
  const [code = "", text = "", enc = ""] = ["RETURN_CODE", "RETURN_MSG", "RES_ENCRYPTED"].map((name) => textIn(told.text, name) ?? "");
  return { id, status: told.status, code, text, verified: textIn(told.text, "SIGN") === signOfAnswer(code, text, enc, KEYS) };
}
