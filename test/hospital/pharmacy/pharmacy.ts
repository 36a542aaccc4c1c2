/**
 * The simulated pharmacy: it is told of paid prescriptions (JSON over HTTP, mappings/pharmacy/README.md), hands medicine out, refuses, and takes it back.
 * It never hands out what it was not told is paid.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { bodyOf } from "../body.ts";
import { chinaTime } from "../clock.ts";
import { listOf, maybeTextOf, type Order, textOf } from "../fields.ts";
import { tellByGateway } from "../gateway.ts";
import { createListener } from "../listener.ts";
import { openPremises, type PartnerOptions, type Premises, type RunningPartner } from "../partner.ts";
import { type Answered, strike } from "../strike.ts";
import { OrderRefused } from "../told.ts";
import { type Book, createBook, type Known, readPaid } from "./book.ts";

const HOSPITAL = "H001";
const JSON_TYPE = "application/json; charset=UTF-8";
const PHARMACIST = { no: "Y011", name: "测试药师" };

/** Starts a pharmacy. Its orders (`send`) are in README.md. */
export async function startPharmacy(options: PartnerOptions): Promise<RunningPartner> {
  const premises = await openPremises(options);
  const book = createBook();
  for await (const line of premises.past()) book.replay(line);
  const counters = { requests: 0, paid: 0, inquiries: 0, dispensed: 0, refused: 0, returned: 0 };
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    counters.requests += 1;
    route(premises, book, counters, request, response).catch((error: unknown) => {
      process.stderr.write(`the pharmacy failed on a request: ${error instanceof Error ? (error.stack ?? "") : String(error)}\n`);
      response.destroy();
    });
  };
  const listener = await createListener(options.port, premises.faults, handle);
  const control = await premises.open({
    counters: () => counters,
    changed: () => listener.apply(),
    listening: listener.listening,
    send: (order) => send(premises, book, counters, order),
  });
  return {
    url: listener.url,
    ledger: premises.file,
    faults: control.faultsUrl,
    ledgerUrl: control.ledgerUrl,
    async close() {
      await listener.close();
      await premises.close();
    },
  };
}

type Counters = Record<"requests" | "paid" | "inquiries" | "dispensed" | "refused" | "returned", number>;

async function route(
  premises: Premises,
  book: Book,
  counters: Counters,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method === "GET" && request.url === "/ping") {
    const plan = premises.faults.plan({ scope: "ping", bill: null, kind: null });
    const work = async (): Promise<Answered> => ({ status: 200, contentType: "text/plain; charset=UTF-8", body: Buffer.from("pong") });
    return strike({ plan, timers: premises.timers, response, undone: async () => undefined, work });
  }
  if (request.method !== "POST" || request.url !== "/prescriptions") {
    response.writeHead(404).end();
    return;
  }
  const body = await bodyOf(request);
  if (body === "aborted") return;
  if (body === "too-large") {
    response.writeHead(413, { connection: "close" }).end();
    return;
  }
  const raw = body.toString("utf8");
  const asked = readAsk(raw, request.headers["idempotency-key"]);
  if (typeof asked === "string") {
    await premises.record({ key: null, kind: "unreadable", order: null, amount: null, effect: false, answer: "E900", raw });
    response.writeHead(400, { "content-type": JSON_TYPE }).end(JSON.stringify({ code: "E900", text: asked }));
    return;
  }
  await (asked.op === "inquiry"
    ? inquire(premises, book, counters, asked.key, raw, response)
    : take(premises, book, counters, raw, response));
}

/** What is asked, or what is wrong with it. */
function readAsk(raw: string, header: string | string[] | undefined): { readonly op: "paid" | "inquiry"; readonly key: string } | string {
  let value: { op?: unknown; key?: unknown };
  try {
    value = JSON.parse(raw) as typeof value;
  } catch (error) {
    return `no JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
  const { op, key } = value;
  if (op !== "paid" && op !== "inquiry") return "op is paid or inquiry";
  if (typeof key !== "string" || key === "") return "key is missing";
  if (op === "inquiry") return { op, key };
  const paid = readPaid(value);
  if (typeof paid === "string") return paid;
  return header === key ? { op, key } : "the header Idempotency-Key differs from the body's key";
}

const answerOf = (code: string, text: string, key: string, known?: Known): Answered => ({
  status: 200,
  contentType: JSON_TYPE,
  body: Buffer.from(
    JSON.stringify({
      code,
      text,
      key,
      ...(known === undefined ? {} : { prescription: known.paid.prescription, fen: known.paid.fen, slip: known.slip }),
    }),
  ),
});

async function take(premises: Premises, book: Book, counters: Counters, raw: string, response: ServerResponse): Promise<void> {
  const paid = readPaid(JSON.parse(raw));
  if (typeof paid === "string") throw new Error(paid);
  counters.paid += 1;
  const { key, bill, fen, prescription } = paid;
  const plan = premises.faults.plan({ scope: "write-back", bill, kind: "prescription-paid" });
  const fault = Object.keys(plan).join("+");
  const line = { key, kind: "prescription-paid", order: bill, amount: fen, raw, serial: prescription, ...(fault === "" ? {} : { fault }) };
  await strike({
    plan,
    timers: premises.timers,
    response,
    undone: (answer) => premises.record({ ...line, effect: false, answer }),
    async work() {
      if (plan.reject !== undefined) {
        const { code = "E404", text = "无此处方" } = plan.reject;
        await premises.record({ ...line, effect: false, answer: code });
        return answerOf(code, text, key);
      }
      const { code, known, effect } = book.decide(paid, premises.mode() === "strict");
      const said = plan.duplicate === undefined ? code : "DONE";
      await premises.record({ ...line, effect, answer: said, receiptNo: known.slip });
      return answerOf(
        said,
        said === "OK" ? "已收" : said === "DONE" ? "已收过" : "内容与已收不一致",
        key,
        said === "E409" ? undefined : known,
      );
    },
  });
}

async function inquire(
  premises: Premises,
  book: Book,
  counters: Counters,
  key: string,
  raw: string,
  response: ServerResponse,
): Promise<void> {
  counters.inquiries += 1;
  const plan = premises.faults.plan({ scope: "inquiry", bill: null, kind: null });
  const known = book.byKey(key);
  const line = { key, kind: "inquiry", order: known?.paid.bill ?? null, amount: known?.paid.fen ?? null, effect: false, raw };
  const code = known === undefined ? "NONE" : "OK";
  await strike({
    plan,
    timers: premises.timers,
    response,
    undone: (answer) => premises.record({ ...line, answer }),
    async work() {
      await premises.record({ ...line, answer: code });
      return answerOf(code, known === undefined ? "没有" : "已收", key, known);
    },
  });
}

/** `dispensing` (with `refuse`: a reason, instead of handing out) and `return` (with `items`: `{line, quantity, fen}`). */
async function send(premises: Premises, book: Book, counters: Counters, order: Order): Promise<unknown> {
  const prescription = textOf(order, "prescription");
  const known = book.byPrescription(prescription);
  if (known === undefined) throw new OrderRefused(`${prescription} is not paid, as far as the pharmacy was told`);
  const message = textOf(order, "message");
  if (message === "dispensing") return dispense(premises, counters, known, maybeTextOf(order, "refuse"), maybeTextOf(order, "at"));
  if (message === "return") return takeBack(premises, counters, known, order);
  throw new OrderRefused("message is dispensing or return");
}

function about({ paid }: Known, at: string): Record<string, unknown> {
  return {
    sentAt: at,
    hospital: HOSPITAL,
    patient: { no: paid.patient, ...(paid.patientName === undefined ? {} : { name: paid.patientName }) },
    visit: { no: paid.visit, kind: "O" },
    bill: paid.bill,
    prescription: paid.prescription,
    at,
    pharmacist: PHARMACIST,
    counter: "门诊药房",
  };
}

async function dispense(
  premises: Premises,
  counters: Counters,
  known: Known,
  refuse: string | undefined,
  given?: string,
): Promise<unknown> {
  const { paid } = known;
  const at = given ?? chinaTime(premises.clock.now());
  const no = `${refuse === undefined ? "FY" : "JF"}${paid.prescription}`;
  if (refuse === undefined) counters.dispensed += 1;
  else counters.refused += 1;
  const refusal = {
    result: "refused",
    reason: refuse,
    refundRequest: `TY${no}`,
    items: paid.items.map((item) => ({ ...item, line: item.no })),
  };
  const body = {
    msgId: `YF${no}`,
    kind: "dispensing",
    ...about(known, at),
    no,
    ...(refuse === undefined ? { result: "dispensed" } : refusal),
    totalFen: paid.fen,
  };
  return tell(premises, known, "dispensing", body, BigInt(paid.fen), no);
}

async function takeBack(premises: Premises, counters: Counters, known: Known, order: Order): Promise<unknown> {
  const { paid } = known;
  const no = textOf(order, "no");
  const items = listOf(order, "items").map((one, index) => {
    const item = paid.items.find(({ no: line }) => line === textOf(one, "line"));
    if (item === undefined) throw new OrderRefused(`${paid.prescription} has no line ${textOf(one, "line")}`);
    const { code, name } = item;
    return { no: String(index + 1), line: item.no, code, name, quantity: textOf(one, "quantity"), fen: textOf(one, "fen") };
  });
  const total = items.reduce((sum, item) => sum + BigInt(item.fen), 0n);
  counters.returned += 1;
  const body = {
    msgId: `YF${no}`,
    kind: "return",
    ...about(known, maybeTextOf(order, "at") ?? chinaTime(premises.clock.now())),
    no,
    reason: maybeTextOf(order, "reason") ?? "未拆封退药",
    items,
    totalFen: total.toString(),
    paidFen: paid.fen,
  };
  return tell(premises, known, "return", body, total, no);
}

async function tell(
  premises: Premises,
  { paid }: Known,
  message: string,
  body: { readonly msgId: string },
  amount: bigint,
  serial: string,
) {
  const told = await tellByGateway(premises, {
    message,
    id: body.msgId,
    body: JSON.stringify(body),
    contentType: JSON_TYPE,
    order: paid.bill,
    amount,
    serial,
  });
  return { id: body.msgId, status: told.status, answer: told.text };
}
